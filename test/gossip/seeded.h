/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * libsodium with randomness from a seed, so that tests and vectors repeat; and hexadecimal for the
 * vectors.
 */
#pragma once

#include <stdbool.h>

#include "gossip/base/rng.h"
#include "gossip/trust/crypto.h"

struct seeded {
	struct gossip_crypto table;
	struct rng rng;
	uint64_t verified, agreed; /* costly calls so far: signatures checked, X25519, ... */
	uint64_t hashed;           /* ... and hashes */
};

/* The table is valid as long as seeded stays where it is. */
const struct gossip_crypto *seeded_init(struct seeded *seeded, uint64_t seed);

/* Ed25519 pair number n of this crypto, the same in every run. */
void seeded_pair(const struct gossip_crypto *crypto, uint8_t n, uint8_t pub[SIGN_PUB_BYTES],
		 uint8_t sec[SIGN_SEC_BYTES]);

/* True when the bytes are those of the hexadecimal text; prints them otherwise. */
bool vector_fits(const char *name, const char *hex, const void *bytes, size_t len);
