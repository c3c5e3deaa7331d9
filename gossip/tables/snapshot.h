/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What the store gets in the background: foreign facts and member rows soon, other foreign rows
 * every SNAPSHOT_MS or when somebody waits for them, and what to forget. A restart starts from it;
 * the owners remain the truth, so what failed is only tried again.
 */
#pragma once

#include "drops.h"
#include "gossip/core/member.h"
#include "receive.h"
#include "watermark.h"

#define SNAPSHOT_MS 30000

struct tables;

/* A member row on its way to disk. */
struct snapshot_flight {
	uint64_t token;
	uint32_t slot;
};

struct snapshot {
	struct vec urgent; /* uint32_t slots, dirty: facts and member rows */
	struct drops drops;
	struct vec tokens; /* uint64_t: commits under way */
	struct vec flying; /* struct snapshot_flight: what of these is worth knowing */
	uint32_t dirty;    /* foreign rows that the store lacks */
	uint32_t cursor;   /* slot where a pass goes on; NONE: no pass */
	bool is_wanted;    /* somebody waits for a pass that is to begin, ... */
	bool is_awaited;   /* ... for the one under way, ... */
	uint64_t awaited;  /* ... or for the commits up to this token */
	uint64_t own_last; /* token of the last commit with what this node signed, or drops of it */
	struct mono due;
};

void snapshot_init(struct snapshot *snapshot, struct core *core);
void snapshot_close(struct snapshot *snapshot);

/* A row came into this slot. */
void snapshot_note(struct tables *tables, uint32_t slot, enum row_path path);

/* The row of this slot is about to go. */
void snapshot_drop(struct tables *tables, uint32_t slot);

/* The store has a row that these tables never had, or have no more. */
void snapshot_forget(struct tables *tables, const struct row_view *row);

/* The store has another row, perhaps of a higher version, in the place of this own one. */
void snapshot_replace(struct tables *tables, uint32_t slot, struct version stored);
void snapshot_durable(struct tables *tables, uint64_t token, bool ok);
void snapshot_tick(struct tables *tables);

/* Is this member row, as it is now, durable? */
bool snapshot_has(const struct tables *tables, uint32_t slot);

/* Somebody waits until all foreign rows that are here now are durable; are they? */
void snapshot_want(struct tables *tables);
bool snapshot_is_whole(const struct tables *tables);

/* All that is worth a commit of its own is durable; what this node signed and others showed is. */
bool snapshot_is_done(const struct tables *tables);
bool snapshot_has_own(const struct tables *tables);
struct mono snapshot_deadline(const struct tables *tables);
void snapshot_check(const struct tables *tables);
