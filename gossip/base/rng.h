/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Reproducible randomness for choices that need no secrecy (whom to probe, when to retell):
 * xoshiro256** seeded from the configuration. Keys and ids come from gossip_crypto instead.
 */
#pragma once

#include <stdint.h>

struct rng {
	uint64_t s[4];
};

void rng_init(struct rng *rng, uint64_t seed);
uint64_t rng_u64(struct rng *rng);

/* Uniform in [0, bound); bound > 0. */
uint64_t rng_below(struct rng *rng, uint64_t bound);
