/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The inside of ipamdb: what its modules share. Each module has a header of its own; the flow is
 *
 *   ipamdb.c (events) -> row.c (what others wrote) -> net.c, claim.c (who owns what)
 *                     -> request.c, lease.c (who leases what) -> ask.c (space from others)
 *                     -> donor.c, accept.c, tidy.c, witness.c, handover.c, parting.c, closure.c
 *                        (ranges change hands)
 *   all write through flight.c: one group, one token, one continuation when it is durable
 */
#pragma once

#include "closing.h"
#include "gossip/base/check.h"
#include "gossip/base/fifo.h"
#include "gossip/base/map.h"
#include "gossip/base/rng.h"
#include "gossip/base/scratch.h"
#include "handover.h"
#include "ipamdb.h"
#include "nets.h"
#include "parting.h"
#include "query.h"

#define RETRY_MS 500 /* after a commit that failed, or what was waited for is not there */

/* How this node stands, as its host said last. */
enum standing { STANDING_NONE = 0, STANDING_ACTIVE, STANDING_FENCED };

struct peer {
	struct id id;
	char name[NAME_BYTES];
	bool known;   /* a member, not only somebody who was synced with */
	bool present; /* alive or suspect */
	bool gone;    /* left or removed */
	bool synced;  /* a whole sync with it was completed since the start */
	char mark;    /* by which the view counts it, 0: not at all */
	char told;    /* the mark by its member row, 0: there is none */
	char stored;  /* the mark by that row as it is on this node's disk */
	bool is_cut;  /* it named more than this node remembers */
	struct mono gone_at;
	uint64_t left_epoch, left_sequence; /* of the record by which it left */
};

struct ipamdb {
	struct ipamdb_config config;
	struct heap heap;
	struct rng rng;
	uint64_t map_seed;
	struct id self;
	struct mono now;
	struct wall wall;
	enum standing standing;
	bool guarded;
	bool started;
	bool met;             /* a whole sync was completed since the start */
	bool introduced;      /* its admitter knows this node, see accept.c; on the disk */
	struct id admitter;   /* zero: nobody */
	struct map peers;     /* id -> struct peer */
	struct vec nets;      /* struct net *, by id */
	struct vec tended;    /* those of them that there may be something to do in, likewise */
	struct map ended;     /* ids of the networks whose end was seen */
	struct map authors;   /* id -> struct author */
	struct map leases;    /* network, address -> struct lease_entry */
	struct map endpoints; /* endpoint id -> struct endpoint_leases */
	struct fifo cooling;  /* struct cooling, by due */
	uint64_t lease_sequence;
	uint64_t lease_sequence_durable; /* numbers up to here may be used */
	struct vec waiters;              /* struct waiter *, first come first served */
	struct vec asks;                 /* struct ask * */
	struct map flights;              /* token -> struct flight_entry */
	struct closing closing;
	struct handover handover;
	struct partings parting;
	uint64_t next_token, next_tag;
	struct mono chores_at; /* accept, tidy, closures and reclaims are looked at then */
	struct mono started_at;
	struct mono rests_due; /* a rest ends then */
	bool passed_over;      /* rows in networks that nobody made were, some time (author.h) */
	bool unread;           /* such rows of a network are to be read, ... */
	struct mono read_at;   /* ... or go on being read, not before then */
	struct ipam_reading reading;
	struct vec gathered; /* struct gathered *, of the portion that is being read */
	bool serve;          /* waiters may find what they wait for */
	struct ipam_update update;
	struct scratch scratch; /* values of the update's rows and writes */
};

/* Is this node a member, and not fenced? 0, or the code with err saying why not. */
int db_may_act(const struct ipamdb *db, struct weft_err *err);

/* May it lease and grant: does it wait for no sync either? 0, or the code with err saying why. */
int db_may_lease(const struct ipamdb *db, struct weft_err *err);

struct peer *peer_find(const struct ipamdb *db, const struct id *id);
struct peer *peer_intern(struct ipamdb *db, const struct id *id);

/* For messages to people: the name of a node, or the beginning of its id. */
void peer_name(const struct ipamdb *db, const struct id *id, char out[NAME_BYTES]);

/* An answer to a request of the host; NULL when the update is full. */
struct ipam_answer *db_answer(struct ipamdb *db, uint64_t tag);

/* Is there room for a group with so many rows and writes, and an answer? */
bool db_has_room(const struct ipamdb *db, size_t rows, size_t writes);

/* Chores are due at this time at the latest; or, where the update had no room, in the next step. */
void db_chores_by(struct ipamdb *db, struct mono at);
void db_chores_again(struct ipamdb *db);
void db_trace(const struct ipamdb *db, enum trace_event event, const struct id *node,
	      const struct id *network, const struct inet *address, uint64_t value);
