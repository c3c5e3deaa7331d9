/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The registry of members: everyone whose admission chain was checked, in order of id, with the
 * state that the membership protocol gives them. One table for the whole core; nobody keeps a
 * second copy. Members are never forgotten by time.
 */
#pragma once

#include "core.h"

struct member {
	struct id id;
	struct rec_member rec; /* as last published; chain included */
	bool has_record;       /* false: known only by a state or a removal */
	enum member_state state;
	uint64_t incarnation;
	uint64_t epoch;              /* highest seen in certificate or row */
	struct hostport addr;        /* confirmed; where datagrams go */
	struct hostport provisional; /* unconfirmed new source, port 0: none */
	struct mono heard;
	struct mono state_since;
	int64_t srtt_ns, rttvar_ns;
	bool is_admin;
	uint32_t swim;    /* slot of the membership protocol, its own */
	uint32_t session; /* slot of the sealing layer, its own */
};

struct member_table {
	struct core *core;
	struct map by_id;   /* id -> struct member * */
	struct vec ordered; /* struct member *, by id, this node included */
	size_t alive_count; /* alive and suspect, this node included */
};

void member_table_init(struct member_table *table, struct core *core);
void member_table_close(struct member_table *table);

/* Borrowed; members stay at their address until the table is closed. NULL when unknown. */
struct member *member_find(const struct member_table *table, const struct id *id);

/* The member, made when missing; NULL at the cap of members. */
struct member *member_intern(struct member_table *table, const struct id *id);

/* Takes a checked member record (chain verified by the caller); reports a change of the member. */
void member_apply_record(struct member_table *table, struct member *member,
			 const struct rec_member *rec, uint64_t epoch);

/* Changes a state and reports it; the only place where member states change. */
void member_set_state(struct member_table *table, struct member *member, enum member_state state);

/* A uniformly chosen alive member other than this node and those in skip; NULL when none. */
struct member *member_pick(struct member_table *table, const struct id *skip, size_t skip_count);

/* Counts how many members have this name and are not left or removed. */
size_t member_count_named(const struct member_table *table, const char *name,
			  const struct id *except);

bool member_is_present(const struct member *member); /* alive or suspect */
