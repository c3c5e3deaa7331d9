/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Cryptography for the simulator: cheap and reproducible stand-ins that keep the shape of the real
 * thing (any changed bit is noticed, pairs agree on a secret, keys differ) without its strength;
 * or libsodium with randomness from the seed.
 */
#pragma once

#include "gossip/trust/crypto.h"

struct sim_crypto;

/* real: libsodium's functions, except for random. */
struct sim_crypto *sim_crypto_new(uint64_t seed, int real);
void sim_crypto_free(struct sim_crypto *crypto);
const struct gossip_crypto *sim_crypto_table(const struct sim_crypto *crypto);

/* The hash behind the stand-ins: fast, seeded, no secret. */
uint64_t sim_hash64(const void *bytes, size_t len, uint64_t seed);

/* A datagram as it is sealed by the stand-in. */
struct sim_sealed {
	const uint8_t *key, *ad, *in;
	uint64_t counter;
	size_t ad_len, len;
};

/* From now on saw is shown what is sealed, before it is; NULL: nobody. Not with real functions. */
void sim_crypto_watch(struct sim_crypto *crypto,
		      void (*saw)(void *arg, const struct sim_sealed *sealed), void *arg);
