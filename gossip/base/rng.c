/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* xoshiro256** (Blackman, Vigna: "Scrambled linear pseudorandom number generators"), its state
 * filled by SplitMix64 so that neighbouring seeds give unrelated sequences. */
#include "rng.h"

#include "check.h"

__extension__ typedef unsigned __int128 wide;

static uint64_t rotate(uint64_t x, unsigned bits)
{
	return (x << bits) | (x >> (64 - bits));
}

static uint64_t splitmix(uint64_t *state)
{
	uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

void rng_init(struct rng *rng, uint64_t seed)
{
	for (int i = 0; i < 4; i++)
		rng->s[i] = splitmix(&seed);
}

uint64_t rng_u64(struct rng *rng)
{
	uint64_t *s = rng->s;
	uint64_t value = rotate(s[1] * 5, 7) * 9;
	uint64_t shifted = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= shifted;
	s[3] = rotate(s[3], 45);
	return value;
}

/* The high half of a wide product is uniform once the few low halves that would count one time too
 * often are thrown back (Lemire: "Fast random integer generation in an interval"). */
uint64_t rng_below(struct rng *rng, uint64_t bound)
{
	wide product;

	WEFT_ASSERT(bound > 0);
	product = (wide)rng_u64(rng) * bound;
	if ((uint64_t)product < bound) {
		uint64_t surplus = (0 - bound) % bound;
		while ((uint64_t)product < surplus)
			product = (wide)rng_u64(rng) * bound;
	}
	return (uint64_t)(product >> 64);
}
