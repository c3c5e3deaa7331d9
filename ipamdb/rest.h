/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Space that cools down as a whole: see rest.c. */
#pragma once

#include "flight.h"

/* Own space that is neither leased nor granted before it is due. */
struct resting {
	struct span span;
	struct wall until; /* as its row says */
	struct mono due;   /* MONO_NEVER before ipamdb has started */
};

/* Until when what comes in now has to rest. */
struct wall rest_until(const struct ipamdb *db);

/* Own space rests, says a row; when that moment has passed, nothing happens. */
void rest_add(struct ipamdb *db, struct net *net, const struct span *span, struct wall until);

/* The row that says so was written by this process and is durable: a whole cool-down from now on,
 * wherever the wall clock was set meanwhile. */
void rest_begins(struct ipamdb *db, struct net *net, const struct span *span, struct wall until);

/* Blocks that one group lets rest. */
#define RESTS_PER_GROUP 64

_Static_assert(RESTS_PER_GROUP <= IPAM_ROWS, "a group fits an update");

/* Adds own rows over the blocks of span, each at its next generation and at least floor, which say
 * that they rest from now on, as far as the group holds more; how many addresses these are. */
uint64_t rest_span(struct ipamdb *db, struct flight *flight, struct net *net, struct span span,
		   uint64_t floor);

/* The clocks are known. */
void rests_start(struct ipamdb *db);

/* Ends the rests that are due; the next one is at db->rests_due. */
void rests_tick(struct ipamdb *db);

/* The rest that holds an address of this node's own back, or NULL. */
const struct resting *rest_find(const struct ipamdb *db, struct net *net, addr128 addr);

/* How long it goes on, in whole seconds from 1. */
long long rest_left_s(const struct ipamdb *db, const struct resting *rest);

/* IPAM_REST, and the continuation of its flight. */
void rest_submit(struct ipamdb *db, const struct ipam_request *req);
void rest_durable(struct ipamdb *db, const struct flight *flight, int code);
