/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Hashes are lanes of a multiply-and-fold hash: fast, and good enough to show damage. A signature
 * is a hash of public key and message: anybody could forge it, but nobody here does, and damage
 * shows. Key agreement multiplies odd numbers modulo 2^64, which commutes as Diffie-Hellman does.
 */
#include "sim_crypto.h"

#include <stdlib.h>
#include <string.h>

#include "gossip/base/check.h"
#include "gossip/base/rng.h"

struct sim_crypto {
	struct gossip_crypto table;
	struct rng rng;
	void (*saw)(void *arg, const struct sim_sealed *sealed);
	void *saw_arg;
};

static void sim_random(void *ctx, void *out, size_t len)
{
	struct sim_crypto *crypto = ctx;
	uint8_t *at = out;

	for (size_t i = 0; i < len; i += 8) {
		uint64_t word = rng_u64(&crypto->rng);

		memcpy(at + i, &word, len - i < 8 ? len - i : 8);
	}
}

/* Both halves of a product, folded: every bit of either factor reaches every bit of the result. */
static uint64_t fold(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t sim_hash64(const void *bytes, size_t len, uint64_t seed)
{
	const uint8_t *at = bytes;
	uint64_t sum = seed ^ UINT64_C(0x9e3779b97f4a7c15), word[2];
	size_t left = len;

	for (; left >= 16; left -= 16, at += 16) {
		memcpy(word, at, 16);
		sum = fold(word[0] ^ UINT64_C(0xa0761d6478bd642f), word[1] ^ sum);
	}
	word[0] = word[1] = 0;
	memcpy(word, at, left);
	sum = fold(word[0] ^ UINT64_C(0xa0761d6478bd642f), word[1] ^ sum);
	return fold(sum ^ UINT64_C(0xe7037ed1a0b428db), len ^ UINT64_C(0x8ebc6af09c88c6e3));
}

static void sim_hash_lanes(const void *msg, size_t len, uint64_t seed, void *out, size_t out_len)
{
	uint64_t lane = sim_hash64(msg, len, seed);

	for (size_t i = 0; i < out_len; i += 8) {
		uint64_t word = fold(lane ^ UINT64_C(0x589965cc75374cc3), seed + i + 1) ^ lane;

		memcpy((uint8_t *)out + i, &word, 8);
	}
}

static void sim_hash(void *ctx, const uint8_t *key, size_t key_len, const void *msg, size_t len,
		     uint8_t out[HASH_BYTES])
{
	(void)ctx;
	sim_hash_lanes(msg, len, key ? sim_hash64(key, key_len, 1) : 2, out, HASH_BYTES);
}

static void sim_sign_pair(void *ctx, const uint8_t seed[SEED_BYTES], uint8_t pub[SIGN_PUB_BYTES],
			  uint8_t sec[SIGN_SEC_BYTES])
{
	(void)ctx;
	sim_hash_lanes(seed, SEED_BYTES, 3, pub, SIGN_PUB_BYTES);
	memcpy(sec, seed, SEED_BYTES);
	memcpy(sec + SEED_BYTES, pub, SIGN_PUB_BYTES);
}

static void sim_mark(const uint8_t pub[SIGN_PUB_BYTES], const void *msg, size_t len,
		     uint8_t sig[SIG_BYTES])
{
	sim_hash_lanes(msg, len, sim_hash64(pub, SIGN_PUB_BYTES, 4), sig, SIG_BYTES);
}

static void sim_sign(void *ctx, const uint8_t sec[SIGN_SEC_BYTES], const void *msg, size_t len,
		     uint8_t sig[SIG_BYTES])
{
	(void)ctx;
	sim_mark(sec + SEED_BYTES, msg, len, sig);
}

static int sim_verify(void *ctx, const uint8_t pub[SIGN_PUB_BYTES], const void *msg, size_t len,
		      const uint8_t sig[SIG_BYTES])
{
	uint8_t want[SIG_BYTES];

	(void)ctx;
	sim_mark(pub, msg, len, want);
	return memcmp(want, sig, SIG_BYTES);
}

static void sim_kx_pair(void *ctx, uint8_t pub[KX_PUB_BYTES], uint8_t sec[KX_SEC_BYTES])
{
	uint64_t secret, product;

	sim_random(ctx, sec, KX_SEC_BYTES);
	sec[0] |= 1;
	memcpy(&secret, sec, 8);
	product = secret * UINT64_C(0x9e3779b97f4a7c15);
	sim_hash_lanes(&product, 8, 5, pub, KX_PUB_BYTES);
	memcpy(pub, &product, 8);
}

/* The real curve with the seed's randomness: the public key is the secret times the base point. */
static void sim_kx_pair_real(void *ctx, uint8_t pub[KX_PUB_BYTES], uint8_t sec[KX_SEC_BYTES])
{
	struct sim_crypto *crypto = ctx;
	static const uint8_t base[KX_PUB_BYTES] = {9};
	int bad;

	sim_random(ctx, sec, KX_SEC_BYTES);
	bad = crypto->table.kx(ctx, sec, base, pub);
	WEFT_ASSERT(bad == 0);
}

static int sim_kx(void *ctx, const uint8_t sec[KX_SEC_BYTES], const uint8_t pub[KX_PUB_BYTES],
		  uint8_t shared[32])
{
	uint64_t secret, point, product;

	(void)ctx;
	memcpy(&secret, sec, 8);
	memcpy(&point, pub, 8);
	product = secret * point;
	sim_hash_lanes(&product, 8, 6, shared, 32);
	return point == 0;
}

static void sim_tag(const uint8_t key[AEAD_KEY_BYTES], uint64_t counter, const void *ad,
		    size_t ad_len, const void *text, size_t len, uint8_t tag[AEAD_TAG_BYTES])
{
	uint64_t seed = sim_hash64(key, AEAD_KEY_BYTES, counter) ^ sim_hash64(ad, ad_len, 7);

	sim_hash_lanes(text, len, seed, tag, AEAD_TAG_BYTES);
}

static void sim_seal(void *ctx, const uint8_t key[AEAD_KEY_BYTES], uint64_t counter, const void *ad,
		     size_t ad_len, const void *in, size_t len, void *out)
{
	const struct sim_crypto *crypto = ctx;
	struct sim_sealed sealed = {key, ad, in, counter, ad_len, len};

	if (crypto->saw)
		crypto->saw(crypto->saw_arg, &sealed);
	memmove(out, in, len);
	sim_tag(key, counter, ad, ad_len, out, len, (uint8_t *)out + len);
}

static int sim_open(void *ctx, const uint8_t key[AEAD_KEY_BYTES], uint64_t counter, const void *ad,
		    size_t ad_len, const void *in, size_t len, void *out)
{
	uint8_t tag[AEAD_TAG_BYTES];

	(void)ctx;
	if (len < AEAD_TAG_BYTES)
		return -1;
	sim_tag(key, counter, ad, ad_len, in, len - AEAD_TAG_BYTES, tag);
	if (memcmp(tag, (const uint8_t *)in + len - AEAD_TAG_BYTES, AEAD_TAG_BYTES) != 0)
		return -1;
	memmove(out, in, len - AEAD_TAG_BYTES);
	return 0;
}

static void sim_wipe(void *ctx, void *bytes, size_t len)
{
	(void)ctx;
	memset(bytes, 0, len);
}

struct sim_crypto *sim_crypto_new(uint64_t seed, int real)
{
	struct sim_crypto *crypto = calloc(1, sizeof(*crypto));

	WEFT_ASSERT(crypto != NULL);
	rng_init(&crypto->rng, seed);
	if (real) {
		crypto->table = *gossip_crypto_sodium();
		crypto->table.random = sim_random;
		crypto->table.kx_pair = sim_kx_pair_real;
	} else {
		crypto->table = (struct gossip_crypto){
		    .random = sim_random,
		    .hash = sim_hash,
		    .sign_pair = sim_sign_pair,
		    .sign = sim_sign,
		    .verify = sim_verify,
		    .kx_pair = sim_kx_pair,
		    .kx = sim_kx,
		    .seal = sim_seal,
		    .open = sim_open,
		    .wipe = sim_wipe,
		};
	}
	crypto->table.ctx = crypto;
	return crypto;
}

void sim_crypto_free(struct sim_crypto *crypto)
{
	free(crypto);
}

void sim_crypto_watch(struct sim_crypto *crypto,
		      void (*saw)(void *arg, const struct sim_sealed *sealed), void *arg)
{
	crypto->saw = saw;
	crypto->saw_arg = arg;
}

const struct gossip_crypto *sim_crypto_table(const struct sim_crypto *crypto)
{
	return &crypto->table;
}
