/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * A network as ipamdb sees it: its pools, the claims of all holders on its ranges, what of it is
 * this node's own and free. Ownership is derived from the claims, lazily.
 */
#pragma once

#include "gossip/base/fifo.h"
#include "gossip/base/instant.h"
#include "gossip/base/record.h"
#include "runs.h"
#include "space.h"

#define LEASE_STATES 4 /* see lease.h */

struct ipamdb;

/* A ROW_RANGE (author is the holder) or a ROW_GRANT (author is the donor). */
struct claim {
	struct span span;
	uint64_t generation;
	struct id holder;
	struct id author;
	bool is_grant;
	bool is_ended;   /* the tombstone of a range: outranked, perhaps by what was not seen yet */
	bool gave_way;   /* ended, but not by its author: its row is in no table any more */
	bool is_surplus; /* ended, and more than is remembered: it goes with the next tidying */
	bool is_void;    /* a grant by a removed node; its recipient's own row counts without it */
	bool is_stored;  /* this version of somebody else's row is on this node's disk */
	bool accepting;  /* a grant to this node whose own row is on its way to disk */
	bool rests;      /* a grant: its recipient lets it cool down */
	bool recalls;    /* a grant: the word of a witness (witness.c) */
	uint64_t epoch, sequence; /* version of the row; 0 until it was seen */
	struct wall rests_until;  /* of an own range as it is handed in: when it has cooled down */
};

/* How many ranges of one author gave way in a network. */
struct goner {
	struct id author;
	size_t count;
};

/* Space that is on its way to somebody else: neither leased nor granted again. */
struct promise {
	struct span span;
	uint64_t token;
};

struct pool {
	struct rec_pool rec;
	struct span subnet, range;
	bool v4;
	addr128 cursor; /* below are no fresh addresses of ours */
};

struct attached {
	struct id node;
	uint8_t free_log2;
};

struct net {
	struct id id;
	struct id namer; /* while it is strange */
	char name[NAME_BYTES];
	bool strange; /* only rows of others speak of it */
	bool known;   /* its fact was seen */
	bool tended;  /* in db->tended */
	bool unread;  /* rows that were passed over are to be read: nothing is promised of it */
	bool reading; /* they are being read */
	bool ended;
	size_t pool_count;
	struct pool *pools; /* POOLS_MAX, NULL while it is not known */
	struct vec claims;  /* struct claim, in order */
	struct runs runs;   /* derived from claims */
	bool runs_stale;
	struct runs spent;  /* own ranges that were given up; their generations never return */
	struct runs issued; /* own rows and grants handed in, durable or not: the next is above */
	struct vec promises;
	struct vec rests; /* struct resting */
	struct vec own;   /* struct span: owned, durable, neither promised nor resting; derived */
	bool own_stale;
	struct space space;
	struct vec special;          /* addr128: never leased, busy in space */
	struct fifo rested;          /* addr128 that were leased before, the longest rested first */
	struct vec attached;         /* struct attached, by node */
	size_t reserved;             /* of the leases: without an endpoint, not cooling */
	size_t counts[LEASE_STATES]; /* leases by enum lease_state */
	size_t range_rows;           /* own rows, live */
	size_t ended_claims;         /* of claims */
	size_t gone_claims;          /* of them: those that gave way */
	struct vec goners;           /* struct goner: whose these are, by author */
	bool words_due;              /* a witness may have something to say, ... */
	struct mono words_at;        /* ... but looks no sooner */
	bool wants_accept;           /* a grant to this node may be waiting */
	struct mono tidy_at; /* when to look for rows to collect; MONO_NEVER: nothing changed */
	struct mono busy_at; /* when space was last taken or asked for */
};

/* Takes the fact; pools stay as they were first seen. */
void net_define(struct ipamdb *db, struct net *net, const struct rec_network *rec);

/* The pool that holds addr, or NULL. */
struct pool *net_pool(struct net *net, addr128 addr);
bool net_is_special(const struct net *net, addr128 addr);

/* Owners of the network's addresses, up to date. */
const struct runs *net_runs(struct net *net);

/* Spans that this node owns and may use, up to date. */
const struct vec *net_own(struct ipamdb *db, struct net *net);
bool net_owns(struct ipamdb *db, struct net *net, addr128 addr);

/* Adds to out the spans that this node owns, also those that rest. */
void net_holds(struct ipamdb *db, struct net *net, struct vec *out);

/* Is there anything of this node's own that will be free when it has cooled down? */
bool net_cools(struct ipamdb *db, struct net *net);

/* How many free addresses of this node rest within span. */
uint64_t net_resting_count(struct ipamdb *db, struct net *net, const struct span *span);
uint64_t net_free_count(struct ipamdb *db, struct net *net);

/* Takes an address of this family for a lease: one never used before, else the one that rested
 * longest. False when this node has none. */
bool net_take_any(struct ipamdb *db, struct net *net, bool v4, addr128 *addr);

/* Frees a busy address: to rest at the end of the queue, or as if it had never been used. */
void net_give(struct net *net, addr128 addr, bool fresh);

/* The generation for a new row over span: above everything known there. */
uint64_t net_next_generation(struct net *net, const struct span *span);

/* This node's id became known: what is its own is counted anew. */
void net_self_changed(struct ipamdb *db, struct net *net);

/* What this node owns changed. */
void net_own_changed(struct net *net);
void net_check(struct ipamdb *db, struct net *net);
