/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The cluster key as a file for the safe: sealed under a password (Argon2id, ChaCha20-Poly1305).
 *
 *   "weft cluster key 1" LF (19) | cluster's public key 32 | salt 16 | sealed seed 32 + 16
 *   everything before the sealed part is authenticated; the counter is 1, as each file has a key
 *   of its own
 */
#pragma once

#include "gossip/base/err.h"
#include "crypto.h"

#define KEYFILE_BYTES 115
#define KEYFILE_PASSWORD_MIN 8
#define KEYFILE_PASSWORD_MAX 1024

/* Seals a cluster seed: 0, WEFT_E_INVALID for the password, WEFT_E_UNSUPPORTED, WEFT_E_BUSY when
 * there is no memory for the password hash. */
int keyfile_seal(const struct gossip_crypto *crypto, const uint8_t seed[SEED_BYTES],
		 const char *password, uint8_t out[KEYFILE_BYTES], struct weft_err *err);

/* Opens such a file: 0 with the seed, or WEFT_E_INVALID (no key file, damaged, wrong password). */
int keyfile_open(const struct gossip_crypto *crypto, const uint8_t *bytes, size_t len,
		 const char *password, uint8_t seed[SEED_BYTES], struct weft_err *err);
