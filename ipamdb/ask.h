/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Asking other nodes for space. One ask a network and family (or named address) is under way at a
 * time; all requests that need it wait for it together.
 */
#pragma once

#include "message.h"
#include "request.h"

#define ASK_TRIES_MAX 12 /* holders, the richest first, that one request tries */

enum ask_outcome { ASK_WAIT = 0, ASK_FAILED };

struct ask {
	struct id network;
	bool v4;
	bool is_static;
	bool is_over; /* nobody could help; removed once the waiters were told */
	addr128 addr;
	uint64_t tag; /* of the message under way, 0: none */
	struct id peer;
	size_t tried_count;
	struct id tried[ASK_TRIES_MAX];
	enum refusal refusals[ASK_TRIES_MAX];
	bool granted; /* a range comes; this node's own row is on its way to disk */
};

/* Sees to it that somebody is asked. ASK_FAILED: there is nobody left to ask, err says why. */
enum ask_outcome ask_for(struct ipamdb *db, struct net *net, const struct slot *slot,
			 struct weft_err *err);

/* IPAM_EV_ANSWERED. */
void ask_answered(struct ipamdb *db, const struct ipam_event *event);

/* Drops asks that ended or that nobody waits for. */
void asks_sweep(struct ipamdb *db);

/* A range of the network became this node's own. */
void asks_granted(struct ipamdb *db, const struct net *net);
