/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "seeded.h"

#include <stdio.h>
#include <string.h>

static void seeded_random(void *ctx, void *out, size_t len)
{
	struct seeded *seeded = ctx;
	uint8_t *at = out;

	for (size_t i = 0; i < len; i++)
		at[i] = (uint8_t)rng_u64(&seeded->rng);
}

static void seeded_kx_pair(void *ctx, uint8_t pub[KX_PUB_BYTES], uint8_t sec[KX_SEC_BYTES])
{
	static const uint8_t base[KX_PUB_BYTES] = {9};

	seeded_random(ctx, sec, KX_SEC_BYTES);
	gossip_crypto_sodium()->kx(NULL, sec, base, pub);
}

static int seeded_kx(void *ctx, const uint8_t sec[KX_SEC_BYTES], const uint8_t pub[KX_PUB_BYTES],
		     uint8_t shared[32])
{
	struct seeded *seeded = ctx;

	seeded->agreed++;
	return gossip_crypto_sodium()->kx(NULL, sec, pub, shared);
}

static int seeded_verify(void *ctx, const uint8_t pub[SIGN_PUB_BYTES], const void *msg, size_t len,
			 const uint8_t sig[SIG_BYTES])
{
	struct seeded *seeded = ctx;

	seeded->verified++;
	return gossip_crypto_sodium()->verify(NULL, pub, msg, len, sig);
}

static void seeded_hash(void *ctx, const uint8_t *key, size_t key_len, const void *msg, size_t len,
			uint8_t out[HASH_BYTES])
{
	struct seeded *seeded = ctx;

	seeded->hashed++;
	gossip_crypto_sodium()->hash(NULL, key, key_len, msg, len, out);
}

const struct gossip_crypto *seeded_init(struct seeded *seeded, uint64_t seed)
{
	seeded->table = *gossip_crypto_sodium();
	seeded->table.ctx = seeded;
	seeded->table.random = seeded_random;
	seeded->table.kx_pair = seeded_kx_pair;
	seeded->table.kx = seeded_kx;
	seeded->table.verify = seeded_verify;
	seeded->table.hash = seeded_hash;
	seeded->verified = 0;
	seeded->hashed = 0;
	seeded->agreed = 0;
	rng_init(&seeded->rng, seed);
	return &seeded->table;
}

void seeded_pair(const struct gossip_crypto *crypto, uint8_t n, uint8_t pub[SIGN_PUB_BYTES],
		 uint8_t sec[SIGN_SEC_BYTES])
{
	uint8_t seed[SEED_BYTES];

	memset(seed, n, sizeof(seed));
	crypto->sign_pair(crypto->ctx, seed, pub, sec);
}

bool vector_fits(const char *name, const char *hex, const void *bytes, size_t len)
{
	const uint8_t *at = bytes;
	bool fits = strlen(hex) == 2 * len;

	for (size_t i = 0; fits && i < len; i++) {
		char two[3];
		snprintf(two, sizeof(two), "%02x", (unsigned)at[i]);
		fits = memcmp(two, hex + 2 * i, 2) == 0;
	}
	if (fits)
		return true;
	fprintf(stderr, "%s: ", name);
	for (size_t i = 0; i < len; i++)
		fprintf(stderr, "%02x", (unsigned)at[i]);
	fputc('\n', stderr);
	return false;
}
