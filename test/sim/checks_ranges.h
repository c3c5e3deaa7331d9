/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Who owns which address in the eyes of all disks together: what checks_ranges.c keeps. */
#pragma once

#include "checks_parts.h"

/* Who has an address. */
struct top {
	uint64_t generation; /* 0: nobody has it */
	struct id holder, author;
	bool taken; /* the holder's own row is durable */
};

/* A row of range or grant that became durable at its author. */
struct claim_made {
	uint32_t first, last;
	uint64_t generation;
	struct id holder, author;
	bool is_grant;
};

struct pool_seen {
	struct id network;
	struct prefix subnet;
	uint32_t count;
	bool ended, has_lies;
	struct top *tops;
	bool *lied;        /* of each address: a madman has claimed it */
	struct vec claims; /* struct claim_made */
};

#define POOLS_SEEN 32

struct range_checks {
	struct pool_seen pools[POOLS_SEEN];
	size_t count;
};

/* The pool with this address, or NULL. */
struct pool_seen *pool_find(struct sim *sim, const struct id *network, const struct inet *address);

/* The place of an address in a pool that has it. */
uint32_t pool_place(const struct pool_seen *pool, const struct inet *address);

/* Is one of these addresses such that no madman has claimed it? */
bool pool_is_honest(const struct pool_seen *pool, uint32_t first, uint32_t last);

/* The claim is the newest word on this address. */
static inline void top_set(struct top *top, const struct claim_made *made)
{
	top->generation = made->generation;
	top->holder = made->holder;
	top->author = made->author;
	top->taken = !made->is_grant;
}

/* Takes back what was only ever said on a disk that went back; false when somebody knows who has
 * this address. */
bool top_forget(struct sim *sim, struct pool_seen *pool, uint32_t place);
