/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Cryptography as the core sees it: a table of functions in the configuration. Daemons give
 * libsodium's (crypto_sodium.c); the simulator gives a keyed hash that is cheap and reproducible,
 * and the real thing for some of its seeds.
 *
 * Every hash and signature carries a domain label, so that bytes made for one purpose never pass
 * for another.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "gossip/base/addr.h"

#define HASH_BYTES 32
#define SEED_BYTES 32
#define SIGN_PUB_BYTES 32
#define SIGN_SEC_BYTES 64
#define SIG_BYTES 64
#define KX_PUB_BYTES 32
#define KX_SEC_BYTES 32
#define AEAD_KEY_BYTES 32
#define AEAD_TAG_BYTES 16
#define SALT_BYTES 16

struct gossip_crypto {
	void *ctx; /* given to every call */
	/* Unpredictable bytes (reproducible ones in the simulator). */
	void (*random)(void *ctx, void *out, size_t len);
	/* BLAKE2b-256 of msg, keyed when key is not NULL. */
	void (*hash)(void *ctx, const uint8_t *key, size_t key_len, const void *msg, size_t len,
		     uint8_t out[HASH_BYTES]);
	/* Ed25519 pair from a 32-byte seed. */
	void (*sign_pair)(void *ctx, const uint8_t seed[SEED_BYTES], uint8_t pub[SIGN_PUB_BYTES],
			  uint8_t sec[SIGN_SEC_BYTES]);
	void (*sign)(void *ctx, const uint8_t sec[SIGN_SEC_BYTES], const void *msg, size_t len,
		     uint8_t sig[SIG_BYTES]);
	/* 0 when the signature is good. */
	int (*verify)(void *ctx, const uint8_t pub[SIGN_PUB_BYTES], const void *msg, size_t len,
		      const uint8_t sig[SIG_BYTES]);
	/* Fresh X25519 pair from random(). */
	void (*kx_pair)(void *ctx, uint8_t pub[KX_PUB_BYTES], uint8_t sec[KX_SEC_BYTES]);
	/* Raw X25519; nonzero for a point of low order. */
	int (*kx)(void *ctx, const uint8_t sec[KX_SEC_BYTES], const uint8_t pub[KX_PUB_BYTES],
		  uint8_t shared[32]);
	/* ChaCha20-Poly1305 (IETF): nonce = 4 zero bytes and the counter, little-endian. out has
	 * room for len + AEAD_TAG_BYTES; in and out may be the same. */
	void (*seal)(void *ctx, const uint8_t key[AEAD_KEY_BYTES], uint64_t counter, const void *ad,
		     size_t ad_len, const void *in, size_t len, void *out);
	/* 0 and len - AEAD_TAG_BYTES bytes in out, or nonzero and out untouched in meaning. */
	int (*open)(void *ctx, const uint8_t key[AEAD_KEY_BYTES], uint64_t counter, const void *ad,
		    size_t ad_len, const void *in, size_t len, void *out);
	/* Overwrites secrets: whoever declared what holds one does so, on every way out. */
	void (*wipe)(void *ctx, void *bytes, size_t len);
	/* A key from a password, slow and memory-hard on purpose (Argon2id, 64 MiB); nonzero when
	 * the memory is not there. NULL where nobody types passwords (the simulator). */
	int (*pwhash)(void *ctx, const char *password, size_t len, const uint8_t salt[SALT_BYTES],
		      uint8_t key[AEAD_KEY_BYTES]);
};

/* libsodium's functions; aborts when libsodium cannot start. */
const struct gossip_crypto *gossip_crypto_sodium(void);

/* Hash of label, NUL and up to two byte strings, each preceded by its 32-bit length. */
void crypto_hash_label(const struct gossip_crypto *crypto, const char *label, const void *a,
		       size_t a_len, const void *b, size_t b_len, uint8_t out[HASH_BYTES]);

/* First 16 bytes of that hash. */
struct id crypto_id(const struct gossip_crypto *crypto, const char *label, const void *bytes,
		    size_t len);

/* Sixteen random bytes. */
struct id crypto_random_id(const struct gossip_crypto *crypto);
