/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * libsodium behind struct gossip_crypto; the only file that includes it. Its calls cannot fail for
 * our own inputs, so a failure there is an assertion; what depends on foreign bytes is returned.
 */
#include "crypto.h"

#include <sodium.h>
#include <string.h>

#include "gossip/base/check.h"

#define PWHASH_OPS 3
#define PWHASH_BYTES (64u * 1024u * 1024u)

_Static_assert(HASH_BYTES == crypto_generichash_BYTES, "BLAKE2b-256");
_Static_assert(SEED_BYTES == crypto_sign_SEEDBYTES, "Ed25519 seed");
_Static_assert(SIGN_PUB_BYTES == crypto_sign_PUBLICKEYBYTES, "Ed25519 public key");
_Static_assert(SIGN_SEC_BYTES == crypto_sign_SECRETKEYBYTES, "Ed25519 secret key");
_Static_assert(SIG_BYTES == crypto_sign_BYTES, "Ed25519 signature");
_Static_assert(KX_PUB_BYTES == crypto_scalarmult_BYTES, "X25519 point");
_Static_assert(KX_SEC_BYTES == crypto_scalarmult_SCALARBYTES, "X25519 scalar");
_Static_assert(AEAD_KEY_BYTES == crypto_aead_chacha20poly1305_ietf_KEYBYTES, "AEAD key");
_Static_assert(AEAD_TAG_BYTES == crypto_aead_chacha20poly1305_ietf_ABYTES, "AEAD tag");
_Static_assert(SALT_BYTES == crypto_pwhash_SALTBYTES, "Argon2 salt");

#define NONCE_BYTES crypto_aead_chacha20poly1305_ietf_NPUBBYTES

static void sodium_random(void *ctx, void *out, size_t len)
{
	(void)ctx;
	randombytes_buf(out, len);
}

static void sodium_hash(void *ctx, const uint8_t *key, size_t key_len, const void *msg, size_t len,
			uint8_t out[HASH_BYTES])
{
	int failed;

	(void)ctx;
	WEFT_ASSERT(key == NULL ? key_len == 0
				: key_len >= crypto_generichash_KEYBYTES_MIN &&
				      key_len <= crypto_generichash_KEYBYTES_MAX);
	failed = crypto_generichash(out, HASH_BYTES, msg, len, key, key_len);
	WEFT_ASSERT(failed == 0);
}

static void sodium_sign_pair(void *ctx, const uint8_t seed[SEED_BYTES], uint8_t pub[SIGN_PUB_BYTES],
			     uint8_t sec[SIGN_SEC_BYTES])
{
	int failed = crypto_sign_seed_keypair(pub, sec, seed);

	(void)ctx;
	WEFT_ASSERT(failed == 0);
}

static void sodium_sign(void *ctx, const uint8_t sec[SIGN_SEC_BYTES], const void *msg, size_t len,
			uint8_t sig[SIG_BYTES])
{
	int failed = crypto_sign_detached(sig, NULL, msg, len, sec);

	(void)ctx;
	WEFT_ASSERT(failed == 0);
}

static int sodium_verify(void *ctx, const uint8_t pub[SIGN_PUB_BYTES], const void *msg, size_t len,
			 const uint8_t sig[SIG_BYTES])
{
	(void)ctx;
	return crypto_sign_verify_detached(sig, msg, len, pub);
}

static void sodium_kx_pair(void *ctx, uint8_t pub[KX_PUB_BYTES], uint8_t sec[KX_SEC_BYTES])
{
	int failed;

	(void)ctx;
	randombytes_buf(sec, KX_SEC_BYTES);
	failed = crypto_scalarmult_base(pub, sec);
	WEFT_ASSERT(failed == 0);
}

static int sodium_kx(void *ctx, const uint8_t sec[KX_SEC_BYTES], const uint8_t pub[KX_PUB_BYTES],
		     uint8_t shared[32])
{
	(void)ctx;
	return crypto_scalarmult(shared, sec, pub);
}

static void nonce_set(uint8_t nonce[NONCE_BYTES], uint64_t counter)
{
	memset(nonce, 0, NONCE_BYTES);
	for (size_t i = 0; i < 8; i++)
		nonce[4 + i] = (uint8_t)(counter >> (8 * i));
}

static void sodium_seal(void *ctx, const uint8_t key[AEAD_KEY_BYTES], uint64_t counter,
			const void *ad, size_t ad_len, const void *in, size_t len, void *out)
{
	uint8_t nonce[NONCE_BYTES];

	(void)ctx;
	nonce_set(nonce, counter);
	crypto_aead_chacha20poly1305_ietf_encrypt(out, NULL, in, len, ad, ad_len, NULL, nonce, key);
}

static int sodium_open(void *ctx, const uint8_t key[AEAD_KEY_BYTES], uint64_t counter,
		       const void *ad, size_t ad_len, const void *in, size_t len, void *out)
{
	uint8_t nonce[NONCE_BYTES];

	(void)ctx;
	if (len < AEAD_TAG_BYTES)
		return -1;
	nonce_set(nonce, counter);
	return crypto_aead_chacha20poly1305_ietf_decrypt(out, NULL, NULL, in, len, ad, ad_len,
							 nonce, key);
}

static void sodium_wipe(void *ctx, void *bytes, size_t len)
{
	(void)ctx;
	sodium_memzero(bytes, len);
}

static int sodium_pwhash(void *ctx, const char *password, size_t len,
			 const uint8_t salt[SALT_BYTES], uint8_t key[AEAD_KEY_BYTES])
{
	(void)ctx;
	return crypto_pwhash(key, AEAD_KEY_BYTES, password, len, salt, PWHASH_OPS, PWHASH_BYTES,
			     crypto_pwhash_ALG_ARGON2ID13);
}

const struct gossip_crypto *gossip_crypto_sodium(void)
{
	static const struct gossip_crypto table = {
	    .random = sodium_random,
	    .hash = sodium_hash,
	    .sign_pair = sodium_sign_pair,
	    .sign = sodium_sign,
	    .verify = sodium_verify,
	    .kx_pair = sodium_kx_pair,
	    .kx = sodium_kx,
	    .seal = sodium_seal,
	    .open = sodium_open,
	    .wipe = sodium_wipe,
	    .pwhash = sodium_pwhash,
	};

	WEFT_ASSERT(sodium_init() >= 0);
	return &table;
}
