/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Whom a node that leaves knew: its last rows name them, so that its leaving takes no knowledge of
 * members along. See parting.c. */
#pragma once

#include "gossip/base/instant.h"
#include "gossip/base/map.h"
#include "gossip/base/record.h"

struct ipam_event;
struct ipamdb;
struct peer;
struct range_message;
struct row_view;

/* Whom those who left have named, and whom this node names when it leaves: parting.c. */
struct partings {
	struct map namings;         /* struct naming: who names nodes not known here, or this one */
	size_t naming_count;        /* nodes in them */
	struct vec named;           /* struct id: whom this node names */
	size_t written, flying;     /* how many of them are durable, and on their way */
	uint8_t view[DIGEST_BYTES]; /* when the list was made */
	bool is_listed, is_stale;   /* stale: some of the namings may be known by now */
	bool is_told;               /* the last row of the list has its version */
	bool is_seen;               /* another member has all of it */
	uint64_t epoch, sequence;
	uint64_t tag; /* of the question to a member, 0: none is open */
	struct mono ask_at, sweep_at;
	struct vec questions; /* of others that leave */
};

void parting_init(struct ipamdb *db);

/* A new leave begins. */
void parting_begin(struct ipamdb *db);

/* Names everybody whom this node knows; true when that is durable and another member has it, or
 * there is none in reach. Else it goes on by itself. */
bool parting_step(struct ipamdb *db);

/* Has it named everybody whom it knows now? */
bool parting_is_whole(struct ipamdb *db);
void parting_durable(struct ipamdb *db, int code);

/* ROW_PARTING became visible, or ROW_MEMBER: is its owner a member, and by what version did it
 * leave? */
void parting_row(struct ipamdb *db, const struct row_view *row);
void parting_member_row(struct ipamdb *db, const struct row_view *row);

/* A member asks whether its last rows are here; the answer waits for them a while. */
void parting_asked(struct ipamdb *db, uint64_t handle, const struct id *from,
		   const struct range_message *request);

/* Answers those questions that can be answered by now, or have waited too long. */
void partings_answer(struct ipamdb *db);

/* The answer to a question of this node; false when it is none of parting's. */
bool parting_answered(struct ipamdb *db, const struct ipam_event *event);

/* Has this node all that somebody who left has to say? */
bool parting_is_complete(const struct ipamdb *db, const struct peer *peer);
