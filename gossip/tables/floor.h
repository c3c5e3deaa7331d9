/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The end of tombstones. An owner that has kept a deletion for FLOOR_HOURS of its own running time
 * publishes a floor: a version of a topic below which its tombstones are gone. Everybody removes
 * them; who had not seen all below the floor is incomplete and compares that origin as a whole
 * before serving it again.
 */
#pragma once

#include "gossip/core/member.h"
#include "receive.h"
#include "watermark.h"

#define FLOOR_HOURS 24
#define FLOOR_CHECK_MS (10 * 60 * 1000)

struct tables;

struct floor_dead {
	uint32_t slot;
	struct version version;
	struct mono since;
};

struct floors {
	struct vec dead; /* struct floor_dead: own tombstones */
	struct mono due;
};

void floor_init(struct floors *floors, struct core *core);
void floor_close(struct floors *floors);

/* The floor that an owner has published for a topic; false when there is none. */
bool floor_find(const struct tables *tables, const struct id *owner, const struct id *topic,
		struct version *floor);

/* A row became visible in this slot: an own tombstone ages from now on, a floor takes effect. */
void floor_note(struct tables *tables, uint32_t slot, const struct row_view *row,
		enum row_path path);

/* Everything stored was loaded: removes tombstones that its floors had buried. */
void floor_start(struct tables *tables);

/* Removes what is dead below the floor of an origin that is complete. */
void floor_collect(struct tables *tables, uint32_t origin);
void floor_tick(struct tables *tables);
struct mono floor_deadline(const struct tables *tables);
