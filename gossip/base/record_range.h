/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What rows say about who owns which addresses: ranges, grants and closures. Encoders and decoders
 * as in record.h.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "instant.h"
#include "kinds.h"

/* The key of ROW_RANGE and ROW_GRANT; 41 bytes on the wire, big-endian, in this order. */
struct range_key {
	struct id network;
	struct prefix range; /* base is aligned to bits */
	uint64_t generation; /* from 1; the highest that covers an address owns it */
};
#define RANGE_KEY_BYTES 41

/* Of what others write: the next one is always a higher number, even if nobody believes in it. */
#define GENERATION_MAX ((uint64_t)INT64_MAX)

struct rec_grant {
	struct id to;
	bool rests; /* some of it was in use a moment ago: all cools down before it is used again */
	bool recalls; /* what the recipient's own row said that gave way: it need not be taken up */
};

struct rec_range {
	struct wall rests_until; /* by the clock of its owner; nil stands for one that does not */
};

/* A member's promise about removed nodes, see ipamdb/closure.c. */
struct rec_closure {
	uint8_t view[DIGEST_BYTES]; /* of the members and the removed nodes that it knows */
	uint64_t epoch, sequence;   /* its own ranges and grants up to here count */
	uint64_t generation;        /* the highest of what it has of nodes that are gone */
};

/* Half of what a row may have, so that who reclaims always finds a higher one. */
#define CLOSURE_GENERATION_MAX (GENERATION_MAX / 2)

int rec_grant_encode(const struct rec_grant *rec, uint8_t *out, size_t cap);
int rec_grant_decode(const uint8_t *bytes, size_t len, struct rec_grant *rec);
int rec_range_encode(const struct rec_range *rec, uint8_t *out, size_t cap);
int rec_range_decode(const uint8_t *bytes, size_t len, struct rec_range *rec);
int rec_closure_encode(const struct rec_closure *rec, uint8_t *out, size_t cap);
int rec_closure_decode(const uint8_t *bytes, size_t len, struct rec_closure *rec);

void range_key_encode(const struct range_key *key, uint8_t out[RANGE_KEY_BYTES]);
int range_key_decode(const uint8_t *bytes, size_t len, struct range_key *key);
