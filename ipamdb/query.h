/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What people and the node ask of ipamdb: pools and their sums, who holds which range and who
 * blocks a reclaim, the leases of this host, what is wrong. Everything is copied out; walks start
 * with *at = 0 and end with false, and what happens between two calls is seen or not.
 */
#pragma once

#include "gossip/base/map.h"
#include "ipamdb.h"

/* A network with sums over what this node holds of it:
 * held = leased + cooling + special + free + promised, each at most UINT64_MAX. */
struct ipam_net_info {
	struct id id;
	char name[NAME_BYTES];
	bool known; /* its fact was seen; else only rows about it */
	bool ended;
	size_t pool_count;
	struct rec_pool pools[POOLS_MAX];
	uint64_t total;     /* addresses of all pools */
	uint64_t held;      /* owned by this node, by its own durable rows */
	uint64_t leased;    /* by endpoints, reserved, or on their way to or from disk */
	uint64_t reserved;  /* of leased: without an endpoint */
	uint64_t cooling;   /* one by one, or with the range in which they came */
	uint64_t special;   /* of held: gateway, auxiliary, network and broadcast addresses */
	uint64_t free;      /* may be leased or granted now */
	uint64_t promised;  /* being granted */
	uint64_t conflicts; /* addresses that two hosts claim: nobody leases them */
	uint64_t frozen;    /* held by gone nodes, to be reclaimed */
	size_t holders;     /* nodes that hold some of it; 1 is worth a warning */
	size_t own_rows;    /* rows of ranges and grants by this node */
};

bool ipamdb_net_next(struct ipamdb *db, size_t *at, struct ipam_net_info *info);
bool ipamdb_net(struct ipamdb *db, const struct id *network, struct ipam_net_info *info);

/* Is there anything here of the network? Of one that nobody made there are rows of those only who
 * do not speak of too many such. */
bool ipamdb_has_net(const struct ipamdb *db, const struct id *network);

/* Was its end seen? */
bool ipamdb_has_ended(const struct ipamdb *db, const struct id *network);

/* A reading of the rows in the tables of all of whom some were passed over, since they spoke of
 * too many networks that nobody made: a portion at a time, since they may be very many. */
struct ipam_reading {
	bool is_up;
	struct vec owners; /* struct id: whose rows are left, ... */
	size_t left;       /* ... and how many of the last one's */
	size_t rows;       /* that were visited */
};

#define READING_PORTION 2048 /* rows: about a millisecond */
#define READING_PAUSE_MS 5   /* between two portions */

/* Visits the next portion, of a new reading where none is up. True at its end: then again is how
 * long it is to be till another one begins, for whoever has many rows passed over makes networks,
 * of which each asks for all, and is not to keep the loop busy by that. */
bool ipamdb_read_passed(struct ipamdb *db, struct ipam_reading *reading,
			void (*visit)(void *ctx, const struct row_view *row), void *ctx,
			int64_t *again_ms);

/* The bucket of this node's free space in a network for its attachment row. */
uint8_t ipamdb_free_log2(struct ipamdb *db, const struct id *network);

/* A part of a network with one owner. */
struct ipam_ring_info {
	struct inet first, last;
	uint64_t count;
	struct id holder;
	uint64_t generation;
	bool held;    /* the holder's own row was seen; else it is granted and not yet taken up */
	bool clash;   /* another node claims the same generation */
	bool removed; /* the holder was removed */
	bool left;    /* or has left, and this was not handed over */
	bool untold;  /* only the network says whose it is: of its maker no row was seen */
	uint64_t free, leased, cooling; /* of this node's own parts only */
};

/* Parts of a network in order of address. */
bool ipamdb_ring_next(struct ipamdb *db, const struct id *network, size_t *at,
		      struct ipam_ring_info *info);

/* Removed nodes in order of id. */
bool ipamdb_removed_next(struct ipamdb *db, size_t *at, struct id *removed);

/* Why what gone nodes hold is not taken back yet, as far as it lies with one member. */
enum ipam_block_why {
	IPAM_BLOCK_NONE = 0,
	IPAM_BLOCK_SILENT,   /* it has never closed: failed, fenced, or its reboot guard waits */
	IPAM_BLOCK_VIEW,     /* it closed with other members and removals than this node knows */
	IPAM_BLOCK_ROWS,     /* it has written ranges that have not come here */
	IPAM_BLOCK_PARTING,  /* it has left, and not all that it wrote has come here */
	IPAM_BLOCK_STRANGER, /* it is not known here, but to one who has left */
	IPAM_BLOCK_TURN,     /* nobody blocks, but it has the lowest id and has not done it yet */
};

struct ipam_block {
	struct id member;
	enum ipam_block_why why;
};

/* Who blocks the taking back of what a gone node (NULL: any) holds: up to cap members, this node
 * perhaps among them; how many in all. 0 also when there is nothing to take back. */
size_t ipamdb_blocks(struct ipamdb *db, const struct id *gone, struct ipam_block *out, size_t cap);

/* Is this node unknown here, but named by one who left as a member that it knew? */
bool ipamdb_is_stranger(const struct ipamdb *db, const struct id *node);

/* Leases of this host, cooling ones too, in no order. */
bool ipamdb_lease_next(const struct ipamdb *db, size_t *at, struct lease *lease);
bool ipamdb_lease(const struct ipamdb *db, const struct id *network, const struct inet *address,
		  struct lease *lease);

/* Must a node that recovers let what is free in the network rest (IPAM_REST)? was_used: something
 * of this host had an address there until now; else only what it may have forgotten before its
 * start counts. */
bool ipamdb_must_rest(struct ipamdb *db, const struct id *network, bool was_used);

/* Has this node met whoever admitted it (0), as it has to once in its life before it takes up what
 * others grant it? Else WEFT_E_TIMEOUT while the one to meet is there, WEFT_E_NO_PEER while he is
 * not; err says who, and what to do. */
int ipamdb_introduction(const struct ipamdb *db, struct weft_err *err);

/* New leases wait for a sync after a reboot. */
bool ipamdb_is_guarded(const struct ipamdb *db);

enum ipam_finding_kind {
	IPAM_FINDING_LEAK = 1,     /* a lease whose endpoint is not there */
	IPAM_FINDING_STRAY = 2,    /* a lease outside of what this node owns; other: the owner */
	IPAM_FINDING_CONFLICT = 3, /* two nodes claim the address; other: one of them */
};

struct ipam_finding {
	enum ipam_finding_kind kind;
	struct id network, endpoint, other;
	struct inet address; /* the first of several */
	bool is_disputed;    /* a stray where two nodes claim the address */
	bool is_reserved;    /* without an endpoint */
	uint64_t sequence;   /* of the lease, to release it with */
};

/* What is wrong: up to cap findings; how many in all. is_live says whether an endpoint of this host
 * exists. A leak is mended by releasing it. */
size_t ipamdb_findings(struct ipamdb *db, bool (*is_live)(void *ctx, const struct id *endpoint),
		       void *ctx, struct ipam_finding *out, size_t cap);
