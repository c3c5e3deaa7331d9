/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What the host asks of the core: itself, the members, rows, counters. A part of the door of the
 * core, gossip.h, which includes it. Pointers are borrowed until the next step.
 */
#pragma once

#include "io.h"

struct gossip;

/* Its membership has ended for good: it left or was removed. */
static inline bool member_state_is_gone(enum member_state state)
{
	return state == MEMBER_LEFT || state == MEMBER_REMOVED;
}

struct member_info {
	struct id id;
	char name[NAME_BYTES];
	bool name_shared; /* another running member has this name: show name~id4 */
	struct hostport addr;
	struct inet vtep;
	enum member_state state;
	uint64_t incarnation;
	uint64_t epoch;
	struct mono heard; /* last authenticated datagram */
	int64_t rtt_ns;    /* smoothed; 0 while unknown */
	uint8_t wire_min, wire_max;
	bool is_self;
	bool is_admin;
};

struct id gossip_self(const struct gossip *g);
bool gossip_is_admin(const struct gossip *g);

/* 0, or WEFT_E_NO_CLUSTER; name holds NAME_BYTES. */
int gossip_cluster(const struct gossip *g, struct id *id, char *name);

/* Whom a token, or an admin through any of his tokens, admitted: at most cap ids go to out; the
 * number of all of them is returned. */
size_t gossip_admitted_by(const struct gossip *g, const struct id *id, struct id *out, size_t cap);

/* Seed of the cluster key (SEED_BYTES) for keyfile_seal; NULL where it is not kept. */
const uint8_t *gossip_cluster_seed(const struct gossip *g);
bool gossip_member(const struct gossip *g, const struct id *id, struct member_info *info);

/* Who admitted this node; zero for the one that ran init, and before there is a member. */
struct id gossip_admitter(const struct gossip *g);

/* Members in order of id: *at starts at 0; false at the end. */
bool gossip_member_next(const struct gossip *g, size_t *at, struct member_info *info);

/* Tags of a member; false when it published none. */
bool gossip_tags(const struct gossip *g, const struct id *id, struct rec_tags *tags);

/* Visits live rows (not tombstones) of one topic and kind, every owner; false from visit stops. */
void gossip_rows(const struct gossip *g, const struct id *topic, uint16_t kind,
		 bool (*visit)(void *ctx, const struct row_view *row), void *ctx);

/* Visits rows of one owner in a topic, tombstones too, also while that is compared as a whole: of
 * those that came first as many as left says (SIZE_MAX: of all), beginning with the newest, and no
 * more than limit. How many are left: with that the next call goes on, and visits none too few if
 * rows came and went meanwhile, but those that came. */
size_t gossip_rows_of(const struct gossip *g, const struct id *owner, const struct id *topic,
		      size_t left, size_t limit,
		      void (*visit)(void *ctx, const struct row_view *row), void *ctx);

/* Is a version of this fact that this node wrote on its way to disk? */
bool gossip_is_writing(const struct gossip *g, uint16_t kind, const uint8_t *key, size_t key_len);

/* One row by owner (NULL for facts), topic, kind and key; false when absent or a tombstone. */
bool gossip_row(const struct gossip *g, const struct id *owner, const struct id *topic,
		uint16_t kind, const uint8_t *key, size_t key_len, struct row_view *row);

/* Has all come that the owner wrote in topic 0 up to this version, or what replaced it? */
bool gossip_has_rows(const struct gossip *g, const struct id *owner, uint64_t epoch,
		     uint64_t sequence);

struct gossip_counter {
	const char *name; /* snake_case, without prefix and unit suffix rules of Prometheus */
	const char *help;
	uint64_t value;
	bool is_gauge;
};

/* Counters by index; false past the end. Drop reasons of datagrams are among them. */
bool gossip_counter(const struct gossip *g, size_t index, struct gossip_counter *counter);

/* A hash over all tables (rows, versions, members), equal on nodes with equal tables. */
uint64_t gossip_tables_hash(const struct gossip *g);
