/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Strangers that send a lot to one of three whole nodes, in virtual time: the cluster, a tap on
 * what is answered, datagrams one at a time.
 */
#pragma once

#include "test/base/cmocka_all.h"

#include <stdio.h>
#include <string.h>

#include "test/gossip/cluster.h"
#include "gossip/gossip_impl.h"
#include "gossip/admission/join_wire.h"
#include "gossip/seal/sealing.h"

#define NODES 3
#define PER_MS 100

struct flood {
	struct cluster *c;
	struct rng rng;
	struct hostport source; /* of the datagram under way */
	size_t asked, answered; /* its bytes, and what went back there */
	uint64_t refused;       /* answers larger than what they answer */
	uint64_t bytes_back;
	struct flight recorded; /* something genuine, to start from */
	unsigned wanted;        /* type of datagram to record */
	uint64_t row;
	size_t (*make)(struct flood *f, uint8_t *bytes);
};

static inline bool tap(void *ctx, const struct flight *flight)
{
	struct flood *f = ctx;

	if ((flight->bytes[0] & 0x0f) == f->wanted &&
	    hostport_eq(&flight->to, &f->c->nodes[0].addr))
		f->recorded = *flight;
	if (f->asked == 0 || !hostport_eq(&flight->to, &f->source))
		return true;
	f->answered += flight->len;
	f->bytes_back += flight->len;
	return hostport_eq(&flight->to, &f->c->nodes[1].addr);
}

static inline int flood_setup(void **state)
{
	static struct flood flood;

	flood = (struct flood){.c = cluster_new(), .wanted = DGRAM_CERT_SEALED};
	rng_init(&flood.rng, 7);
	flood.c->watch = tap;
	flood.c->watch_ctx = &flood;
	cluster_form(flood.c, NODES);
	cluster_run(flood.c, 3000);
	*state = &flood;
	return 0;
}

static inline int flood_teardown(void **state)
{
	struct flood *flood = *state;

	cluster_free(flood->c);
	return 0;
}

static inline struct gossip *victim(struct flood *f)
{
	return f->c->nodes[0].g;
}

static inline const struct own_key *own_key(struct flood *f)
{
	return &victim(f)->seal->own[OWN_CURRENT];
}

static inline void fill(struct flood *f, void *bytes, size_t len)
{
	uint8_t *at = bytes;

	for (size_t i = 0; i < len; i++)
		at[i] = (uint8_t)rng_u64(&f->rng);
}

static inline void one(struct flood *f)
{
	uint8_t bytes[DATAGRAM_BYTES_MAX + 1];

	f->source = (struct hostport){inet_from_v4((uint32_t)rng_u64(&f->rng) | 0x20000000),
				      (uint16_t)(1024 + rng_below(&f->rng, 60000))};
	f->answered = 0;
	f->asked = f->make(f, bytes);
	cluster_deliver(f->c, 0, &f->source, bytes, f->asked);
	f->refused += f->answered > f->asked;
	f->asked = 0;
}

static inline size_t hello(struct flood *f, uint8_t *bytes)
{
	memset(bytes, 0, DATAGRAM_BYTES_MAX);
	header_write(bytes, DGRAM_HELLO, (const uint8_t[HINT_BYTES]){0}, rng_u64(&f->rng),
		     rng_u64(&f->rng));
	fill(f, bytes + WIRE_HEADER_BYTES, KX_PUB_BYTES);
	return DATAGRAM_BYTES_MAX;
}
