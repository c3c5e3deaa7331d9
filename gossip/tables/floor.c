/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * A floor is a row of topic 0 whose key is a topic and whose value is [epoch, sequence]. It lies
 * just below the lowest tombstone that is still young, so that what remains below it is alive.
 *
 * A replica that has everything up to the floor has seen each deletion below it and may forget
 * them. One that has not may hold a row whose deletion nobody remembers any more: it stops serving
 * that origin, and the repair path lists the whole of it with somebody who is complete; what is not
 * on the list goes. Floors that come back from the own store were obeyed before they were stored.
 * Frozen owners (left, removed) are never collected, nor does who leaves collect anything itself.
 */
#include "floor.h"

#include <string.h>

#include "gossip/base/pack.h"
#include "tables_state.h"

#define FLOOR_VALUE_BYTES 24

void floor_init(struct floors *floors, struct core *core)
{
	*floors = (struct floors){.due = MONO_NEVER};
	vec_init(&floors->dead, &core->heap, sizeof(struct floor_dead));
}

void floor_close(struct floors *floors)
{
	vec_close(&floors->dead);
}

static bool floor_decode(const struct row_view *row, struct version *floor)
{
	struct cursor cursor;

	cursor_init(&cursor, row->value, row->value_len);
	if (cursor_array(&cursor, 2) != 2)
		return false;
	floor->epoch = cursor_uint(&cursor, UINT64_MAX);
	floor->sequence = cursor_uint(&cursor, UINT64_MAX);
	return cursor_at_end(&cursor);
}

bool floor_find(const struct tables *tables, const struct id *owner, const struct id *topic,
		struct version *floor)
{
	struct row_view row = {.kind = ROW_FLOOR, .owner = *owner, .key_len = ID_BYTES};
	uint32_t slot;

	memcpy(row.key, topic->b, ID_BYTES);
	slot = replica_find(&tables->replica, &row);
	if (slot == NONE)
		return false;
	replica_view(&tables->replica, slot, &row);
	return !row.deleted && floor_decode(&row, floor);
}

/* The origin that a floor is about; NONE when nothing of it is here. */
static uint32_t floor_origin(const struct tables *tables, const struct row_view *row)
{
	struct id topic = row_key_id(row);

	if (row->key_len != ID_BYTES)
		return NONE;
	return replica_origin_of(&tables->replica, &row->owner,
				 replica_find_topic(&tables->replica, &topic));
}

void floor_collect(struct tables *tables, uint32_t number)
{
	struct replica *replica = &tables->replica;
	const struct origin *origin = replica_origin(replica, number);
	const struct owner *owner = replica_owner(replica, origin->owner);
	struct version floor;
	uint32_t next;

	if (owner->flags & OWNER_FROZEN ||
	    !floor_find(tables, &owner->id, &replica_topic(replica, origin->topic)->id, &floor))
		return;
	WEFT_ASSERT(!(origin->flags & ORIGIN_INCOMPLETE));
	for (uint32_t slot = origin->first; slot != NONE; slot = next) {
		const struct slot *at = replica_slot(replica, slot);
		next = at->next;
		if (!(at->flags & SLOT_DELETED) ||
		    version_cmp((struct version){at->epoch, at->sequence}, floor) > 0)
			continue;
		receive_remove(tables, slot);
		tables->counts.collected++;
	}
}

static void obey(struct tables *tables, const struct row_view *row)
{
	uint32_t number = floor_origin(tables, row);
	struct version floor;
	struct origin *origin;

	if (number == NONE || !floor_decode(row, &floor))
		return;
	origin = replica_origin(&tables->replica, number);
	if (replica_owner(&tables->replica, origin->owner)->flags & OWNER_FROZEN)
		return;
	if (version_cmp(origin->mark.upto, floor) >= 0) {
		if (!(origin->flags & ORIGIN_INCOMPLETE))
			floor_collect(tables, number);
	} else if (origin->count > 0) {
		replica_set_incomplete(&tables->replica, number, true);
		repair_soon(tables);
	} else {
		/* Nothing is here yet: what comes is what is left above and below the floor. */
	}
}

/* An own tombstone's day begins: at a restart anew, since no clock ran meanwhile. */
static void age(struct tables *tables, uint32_t slot)
{
	const struct slot *at = replica_slot(&tables->replica, slot);
	struct floor_dead dead = {slot, {at->epoch, at->sequence}, tables->core->now};

	vec_push(&tables->floors.dead, &dead);
	if (tables->floors.due.ns == MONO_NEVER.ns)
		tables->floors.due = mono_add_ms(tables->core->now, FLOOR_CHECK_MS);
}

void floor_note(struct tables *tables, uint32_t slot, const struct row_view *row,
		enum row_path path)
{
	const struct slot *at = replica_slot(&tables->replica, slot);
	struct version floor;

	if (row_is_fact(row) || path == PATH_STORE)
		return;
	if (row->deleted && id_eq(&row->owner, &tables->core->self.id))
		age(tables, slot);
	if (row->kind == ROW_FLOOR && !row->deleted)
		obey(tables, row);
	else if (row->deleted && path != PATH_OWN &&
		 !(replica_origin(&tables->replica, at->origin)->flags & ORIGIN_INCOMPLETE) &&
		 floor_find(tables, &row->owner, &row->topic, &floor) &&
		 version_cmp(replica_version(row), floor) <= 0)
		floor_collect(tables, at->origin);
}

void floor_start(struct tables *tables)
{
	struct replica *replica = &tables->replica;
	uint32_t self;

	for (uint32_t i = 1; i < replica->origins.count; i++) {
		if (!(replica_origin(replica, i)->flags & ORIGIN_INCOMPLETE))
			floor_collect(tables, i);
	}
	self = replica_find_owner(replica, &tables->core->self.id);
	for (uint32_t i = self != NONE ? replica_owner(replica, self)->origins : NONE; i != NONE;
	     i = replica_origin(replica, i)->next_of_owner) {
		for (uint32_t s = replica_origin(replica, i)->first; s != NONE;
		     s = replica_slot(replica, s)->next) {
			if (replica_slot(replica, s)->flags & SLOT_DELETED)
				age(tables, s);
		}
	}
}

/* True when the entry still names the tombstone it was made for. */
static bool is_current(const struct tables *tables, const struct floor_dead *dead)
{
	const struct slot *slot = replica_slot(&tables->replica, dead->slot);

	return slot->blob != BLOB_NONE && (slot->flags & SLOT_DELETED) &&
	       (slot->flags & SLOT_OWN) && slot->epoch == dead->version.epoch &&
	       slot->sequence == dead->version.sequence;
}

/* The highest version that leaves every young tombstone of an origin above it, and how many old
 * ones that buries. */
static size_t floor_of(const struct tables *tables, uint32_t number, struct version *floor)
{
	const struct vec *dead = &tables->floors.dead;
	int64_t age_ms_max = FLOOR_HOURS * INT64_C(3600000);
	size_t buried = 0;

	*floor = replica_origin(&tables->replica, number)->mark.upto;
	for (size_t i = 0; i < dead->count; i++) {
		const struct floor_dead *at = vec_at(dead, i);
		if (replica_slot(&tables->replica, at->slot)->origin != number ||
		    mono_diff_ms(tables->core->now, at->since) >= age_ms_max)
			continue;
		if (version_cmp(at->version, *floor) <= 0)
			*floor = (struct version){at->version.epoch, at->version.sequence - 1};
	}
	for (size_t i = 0; i < dead->count; i++) {
		const struct floor_dead *at = vec_at(dead, i);
		buried += replica_slot(&tables->replica, at->slot)->origin == number &&
			  version_cmp(at->version, *floor) <= 0;
	}
	return buried;
}

static void publish(struct tables *tables, uint32_t number, struct version floor)
{
	const struct origin *origin = replica_origin(&tables->replica, number);
	struct row_view row = {.kind = ROW_FLOOR, .key_len = ID_BYTES};
	uint8_t value[FLOOR_VALUE_BYTES];
	struct pack pack;
	uint64_t token;

	pack_init(&pack, value, sizeof(value));
	pack_array(&pack, 2);
	pack_uint(&pack, floor.epoch);
	pack_uint(&pack, floor.sequence);
	WEFT_ASSERT(pack_ok(&pack));
	memcpy(row.key, replica_topic(&tables->replica, origin->topic)->id.b, ID_BYTES);
	row.value = value;
	row.value_len = pack.len;
	/* A refusal (no room, a cap) is no harm: the next check tries again. */
	(void)tables_put(tables, 0, &row, 1, &token, NULL);
}

void floor_tick(struct tables *tables)
{
	struct floors *floors = &tables->floors;
	struct replica *replica = &tables->replica;
	size_t kept = 0;
	uint32_t self;

	if (!mono_is_due(floors->due, tables->core->now))
		return;
	for (size_t i = 0; i < floors->dead.count; i++) {
		struct floor_dead dead = *(struct floor_dead *)vec_at(&floors->dead, i);
		if (is_current(tables, &dead))
			*(struct floor_dead *)vec_at(&floors->dead, kept++) = dead;
	}
	floors->dead.count = kept;
	floors->due = kept > 0 ? mono_add_ms(tables->core->now, FLOOR_CHECK_MS) : MONO_NEVER;
	self = replica_find_owner(replica, &tables->core->self.id);
	if (!tables->started || self == NONE || tables->core->self.phase != NODE_ACTIVE ||
	    tables->farewell.stage != FAREWELL_NONE)
		return;
	for (uint32_t i = replica_owner(replica, self)->origins; i != NONE;
	     i = replica_origin(replica, i)->next_of_owner) {
		struct version floor;
		if (floor_of(tables, i, &floor) > 0)
			publish(tables, i, floor);
	}
}

struct mono floor_deadline(const struct tables *tables)
{
	return tables->floors.due;
}
