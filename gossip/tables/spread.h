/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The fast path: every node tells a new row to a few random peers of its topic as soon as it sees
 * it, then again a few times, slower. One queued entry a live row at most; a newer version takes
 * the place of the older one.
 */
#pragma once

#include "gossip/core/member.h"

struct tables;

enum spread_list {
	SPREAD_EAGER, /* not told yet */
	SPREAD_OWN,   /* own rows to tell again */
	SPREAD_ROW,   /* others to tell again */
	SPREAD_FREE,
	SPREAD_LISTS
};

struct spread_entry {
	uint32_t slot;
	uint32_t next, prev;
	uint32_t from;    /* owner number of who told us, NONE: nobody */
	uint32_t last;    /* owner number of whom we told last */
	struct mono told; /* when */
	uint8_t sends;    /* left */
	uint8_t list;     /* enum spread_list */
	bool own;
};

struct spread {
	struct vec entries; /* element 0 is unused */
	uint32_t head[SPREAD_LISTS], tail[SPREAD_LISTS];
	uint32_t count; /* entries in use */
	struct mono eager_at, retell_at;
};

void spread_init(struct spread *spread, struct core *core);
void spread_close(struct spread *spread);

/* A row became visible; from (a member id or NULL) needs not be told. */
void spread_add(struct tables *tables, uint32_t slot, const struct id *from);

/* The slot goes away. */
void spread_remove(struct tables *tables, uint32_t slot);

/* How often a row is sent by each node among this many present ones. */
unsigned spread_sends(size_t present);
size_t spread_fill(struct tables *tables, const struct member *to, uint8_t *out, size_t cap);
void spread_tick(struct tables *tables);
struct mono spread_deadline(const struct tables *tables);
void spread_check(const struct tables *tables);
