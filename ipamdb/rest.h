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

/* Own space rests; once a moment that has passed was meant, nothing happens. */
void rest_add(struct ipamdb *db, struct net *net, const struct span *span, struct wall until);

/* The clocks are known. */
void rests_start(struct ipamdb *db);

/* Ends the rests that are due; when to look again. */
void rests_tick(struct ipamdb *db);
struct mono rests_deadline(const struct ipamdb *db);

/* The rest that holds an address of this node's own back, or NULL. */
const struct resting *rest_find(const struct ipamdb *db, struct net *net, addr128 addr);

/* How long it goes on, in whole seconds from 1. */
long long rest_left_s(const struct ipamdb *db, const struct resting *rest);

/* IPAM_REST, and the continuation of its flight. */
void rest_submit(struct ipamdb *db, const struct ipam_request *req);
void rest_durable(struct ipamdb *db, const struct flight *flight, int code);
