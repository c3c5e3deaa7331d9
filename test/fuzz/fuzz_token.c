/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Token text. The first byte says whether the rest is the text as people type it, or what a token
 * encodes: then it gets the checksum and the letters that belong to it, and the reader behind the
 * checksum sees it.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "gossip/trust/token.h"
#include "input.h"
#include "test/gossip/seeded.h"

#define CHECKSUM_BYTES 6
#define PREFIX "weft1-"
#define PREFIX_BYTES (sizeof(PREFIX) - 1)

static void parse(const struct gossip_crypto *crypto, const char *text)
{
	struct weft_err err = {0};
	char again[TOKEN_TEXT_MAX];
	struct token token;
	int rc = token_parse(crypto, text, &token, &err);

	FUZZ_MUST(rc == 0 || (rc == WEFT_E_TOKEN_INVALID && err.message[0] != '\0'));
	if (rc == 0)
		FUZZ_MUST(token_format(crypto, &token, again, &err) > 0);
}

static char *encoded(const struct gossip_crypto *crypto, const uint8_t *body, size_t len)
{
	size_t cap = sodium_base64_encoded_len(len + CHECKSUM_BYTES,
					       sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	uint8_t *bytes = malloc(len + CHECKSUM_BYTES);
	char *text = malloc(PREFIX_BYTES + cap);
	uint8_t hash[HASH_BYTES];

	FUZZ_MUST(bytes != NULL && text != NULL);
	crypto_hash_label(crypto, "weft token text", body, len, NULL, 0, hash);
	memcpy(bytes, body, len);
	memcpy(bytes + len, hash, CHECKSUM_BYTES);
	memcpy(text, PREFIX, PREFIX_BYTES);
	sodium_bin2base64(text + PREFIX_BYTES, cap, bytes, len + CHECKSUM_BYTES,
			  sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	free(bytes);
	return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct seeded seeded;
	const struct gossip_crypto *crypto = seeded_init(&seeded, 1);
	struct input in = {data, size};
	bool is_text = input_number(&in, 1) % 2 == 0;
	char *text;

	/* Longer ones end at the reader's own limit whatever they say. */
	if (in.len > 2 * TOKEN_TEXT_MAX || (!is_text && in.len > TOKEN_TEXT_MAX * 3 / 4))
		return 0;
	if (is_text) {
		text = malloc(in.len + 1);
		FUZZ_MUST(text != NULL);
		memcpy(text, in.at, in.len);
		text[in.len] = '\0';
	} else {
		text = encoded(crypto, in.at, in.len);
	}
	parse(crypto, text);
	free(text);
	return 0;
}
