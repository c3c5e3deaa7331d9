/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Labelled hashes over whatever cryptography the configuration names. The input is laid out so
 * that no two different pairs of strings give the same bytes: label, NUL, length of a, a, length
 * of b, b.
 */
#include "crypto.h"

#include <string.h>

#include "gossip/base/check.h"
#include "gossip/core/wire.h"

#define LABEL_BYTES_MAX 32
#define HASH_INPUT_MAX 2048

static size_t put_string(uint8_t *at, const void *bytes, size_t len)
{
	wire_put(at, len, 4);
	if (len > 0)
		memcpy(at + 4, bytes, len);
	return 4 + len;
}

void crypto_hash_label(const struct gossip_crypto *crypto, const char *label, const void *a,
		       size_t a_len, const void *b, size_t b_len, uint8_t out[HASH_BYTES])
{
	uint8_t input[HASH_INPUT_MAX];
	size_t len = strlen(label) + 1;

	WEFT_ASSERT(len <= LABEL_BYTES_MAX);
	WEFT_ASSERT(a_len <= HASH_INPUT_MAX && b_len <= HASH_INPUT_MAX);
	WEFT_ASSERT(len + 8 + a_len + b_len <= HASH_INPUT_MAX);
	memcpy(input, label, len);
	len += put_string(input + len, a, a_len);
	len += put_string(input + len, b, b_len);
	crypto->hash(crypto->ctx, NULL, 0, input, len, out);
}

struct id crypto_id(const struct gossip_crypto *crypto, const char *label, const void *bytes,
		    size_t len)
{
	uint8_t hash[HASH_BYTES];
	struct id id;

	crypto_hash_label(crypto, label, bytes, len, NULL, 0, hash);
	memcpy(id.b, hash, ID_BYTES);
	return id;
}

struct id crypto_random_id(const struct gossip_crypto *crypto)
{
	struct id id;

	do
		crypto->random(crypto->ctx, id.b, ID_BYTES);
	while (id_is_zero(&id));
	return id;
}
