/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The registry of members: everyone whose record was believed, and whoever is known by less (a
 * removal, a state, an admission here), in order of id, with the state that the membership protocol
 * gives them. One table for the whole core; nobody keeps a second copy. Members are never forgotten
 * by time.
 */
#pragma once

#include "core.h"

struct member {
	struct id id;
	/* As last published, chain included; never NULL: interned in the host's store, which all
	 * of its nodes share. */
	const struct rec_member *rec;
	uint32_t rec_blob;
	bool has_record; /* false: known only by a state, a removal or its key */
	bool has_key;    /* rec.pubkey is known: by its record, or by its admission here */
	bool spoke;      /* it sent what only members are sent, in this run (refusal_note.c) */
	enum member_state state;
	uint64_t incarnation;
	uint64_t epoch;              /* highest seen in certificate or row */
	struct hostport addr;        /* confirmed; where datagrams go */
	struct hostport provisional; /* unconfirmed new source, port 0: none */
	struct mono heard;
	struct mono state_since;
	int64_t srtt_ns, rttvar_ns;
	bool is_admin;
	bool refuses;              /* it does not believe our admission, it says */
	bool compared;             /* its tables were found equal with ours, in this run, or since
				      it left */
	bool doubted;              /* in member_table.doubted */
	uint32_t swim;             /* slot of the membership protocol, its own */
	uint32_t session;          /* slot of the sealing layer, its own */
	bool name_shared;          /* a present member of lower id has the same name */
	bool change_pending;       /* in member_table.changed */
	enum member_state told;    /* state in the last reported change */
	struct member *next_named; /* others of this name hash, in no order */
};

/* A member that begins to count: its record was applied first, it came back from leaving, or it
 * answered again after it had failed. */
struct member_arrival {
	struct member *member;
	bool healed;
};

#define MEMBER_BUCKETS 16

struct member_table {
	struct core *core;
	struct map by_id;     /* id -> struct member * */
	struct vec ordered;   /* struct member *, by id, this node included */
	size_t present_count; /* alive and suspect, this node included */
	size_t state_count[MEMBER_REMOVED + 1];
	uint64_t turns; /* how often a state or a record changed */
	/* A hash of who failed and of the incarnations, for the members of each bucket: equal where
	 * two nodes know the same. */
	uint32_t liveness[MEMBER_BUCKETS];
	struct map by_name;  /* hash of a name -> struct member *, chained by next_named */
	struct vec changed;  /* struct member *: changes to report, one slot a member */
	struct vec arrivals; /* struct member_arrival, taken by the core in the same step */
	struct vec doubted;  /* struct member *: to be probed, taken likewise */
};

void member_table_init(struct member_table *table, struct core *core);
void member_table_close(struct member_table *table);

/* Borrowed; members stay at their address until the table is closed. NULL when unknown. */
struct member *member_find(const struct member_table *table, const struct id *id);

/* Member i (< ordered.count) in order of id. */
struct member *member_at(const struct member_table *table, size_t i);

/* Where that is; false when the id is unknown. */
bool member_place(const struct member_table *table, const struct id *id, size_t *at);

/* The member, made when missing; NULL at the cap of members. */
struct member *member_intern(struct member_table *table, const struct id *id);

/* Takes a checked member record (chain verified by the caller); reports a change of the member. */
void member_apply_record(struct member_table *table, struct member *member,
			 const struct rec_member *rec, uint64_t epoch);

/* This node admitted it, and its record is on its way: so far it is a key that may speak from an
 * address, and no member. Nothing is reported. */
void member_vouch(struct member_table *table, struct member *member,
		  const uint8_t pubkey[SIGN_PUB_BYTES], const struct hostport *addr);

/* Changes a state and reports it; the only place where member states change. */
void member_set_state(struct member_table *table, struct member *member, enum member_state state);

/* The highest incarnation heard of; the only place where it changes. Nothing is reported. */
void member_set_incarnation(struct member_table *table, struct member *member,
			    uint64_t incarnation);

/* The place of a member in member_table.liveness. */
size_t member_bucket(const struct id *id);

/* Reports pending changes while the update has room; true when all were reported. */
bool member_flush(struct member_table *table);

/* A change of address or of what else member_info shows: reported like a state. */
void member_touch(struct member_table *table, struct member *member);

/* This member was asked something at that instant and its answer is overdue: when nothing of it was
 * heard since, it is probed at once. */
void member_doubt(struct member_table *table, struct member *member, struct mono asked);

/* The next present member after this id in the ring of ids, other than this node; NULL if none. */
struct member *member_successor(const struct member_table *table, const struct id *id);

/* A uniformly chosen alive member other than this node and those in skip; NULL when none. */
struct member *member_pick(struct member_table *table, const struct id *skip, size_t skip_count);

bool member_is_present(const struct member *member); /* alive or suspect */

/* Is it one of the others that make up the cluster, there or not: with a record and not gone? */
bool member_counts(const struct member_table *table, const struct member *member);
void member_check(const struct member_table *table);
