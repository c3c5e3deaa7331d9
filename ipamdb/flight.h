/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Groups on their way to disk. A flight remembers what a group will change, so that the change
 * takes effect when it is durable, and only then; when the commit failed, nothing has happened.
 */
#pragma once

#include "claim.h"
#include "lease.h"

struct waiter;

enum flight_kind {
	FLIGHT_LEASE = 1, /* leases of a request */
	FLIGHT_RELEASE,
	FLIGHT_FORGET,   /* cooled leases leave the store */
	FLIGHT_GRANT,    /* a range is granted: promised until durable */
	FLIGHT_ACCEPT,   /* own rows for ranges that were granted to this node */
	FLIGHT_TIDY,     /* rows are merged and collected */
	FLIGHT_HANDOVER, /* grants of a leave */
	FLIGHT_PARTING,  /* whom this node knew when it leaves */
	FLIGHT_CLOSURE,
	FLIGHT_RECLAIM,
	FLIGHT_REST, /* own ranges anew that cool down */
	FLIGHT_INTRODUCED,
	FLIGHT_KEEP, /* rows and removals by others that this node goes by */
};

/* An own row of a range or grant that is written, or collected. */
struct claim_change {
	struct claim claim;
	bool drop;
};

enum kept_kind { KEPT_CLAIM = 1, KEPT_MEMBER, KEPT_REMOVAL };

/* Something by somebody else that FLIGHT_KEEP makes durable here. */
struct kept {
	enum kept_kind kind;
	struct claim claim; /* KEPT_CLAIM */
	struct id node;     /* KEPT_MEMBER, KEPT_REMOVAL: whose */
	char mark;          /* KEPT_MEMBER: how the view counts it by that row */
};

struct flight {
	uint64_t token, tag;
	enum flight_kind kind;
	struct id network; /* of changes, and of claims that are kept */
	struct id peer;    /* FLIGHT_GRANT: to whom */
	uint64_t message;  /* FLIGHT_GRANT: the request to answer, 0: nobody waits */
	struct waiter *waiter;
	struct vec changes; /* struct claim_change */
	struct vec kept;    /* FLIGHT_KEEP: struct kept */
	bool has_sequence;  /* it carries a block of lease numbers */
	size_t lease_count;
	struct lease_key leases[ENDPOINT_ADDRS_MAX];
};

void flights_init(struct ipamdb *db);

/* Opens a group in the update; there must be room (db_has_room). */
struct flight *flight_begin(struct ipamdb *db, enum flight_kind kind, uint64_t tag);

/* Adds to the group opened last. */
void flight_write(struct ipamdb *db, struct flight *flight, const struct write *write);
void flight_row(struct ipamdb *db, struct flight *flight, const struct row_view *row,
		const uint8_t *value, size_t len);

/* Writes (or with drop collects) an own row of a range or grant. */
void flight_claim(struct ipamdb *db, struct flight *flight, struct net *net,
		  const struct claim *claim, bool drop);

/* Asks the host to commit somebody else's range: with the group the claim is stored. */
void flight_keep_claim(struct ipamdb *db, struct flight *flight, const struct net *net,
		       const struct claim *claim);

/* The same for the removal of a node, and for a member's row. */
void flight_keep_removal(struct ipamdb *db, struct flight *flight, const struct id *removed);
void flight_keep_member(struct ipamdb *db, struct flight *flight, const struct peer *peer);

/* IPAM_EV_DURABLE: code 0, or why the commit failed. */
void flight_durable(struct ipamdb *db, uint64_t token, int code);

/* Is a group of this kind under way for the network (or NULL: any)? */
bool flight_is_up(const struct ipamdb *db, enum flight_kind kind, const struct id *network);

/* Is any group under way for the network? */
bool flights_name(const struct ipamdb *db, const struct id *network);

/* Does a group under way write this own range, which rests until then? */
bool flight_lets_rest(const struct ipamdb *db, const struct net *net, const struct claim *claim,
		      struct wall until);
