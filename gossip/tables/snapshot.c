/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Order matters in one place: a floor must not be stored before the rows it buried are forgotten,
 * or a restart would bring them back above their floor. So drops go first in every commit, and
 * again when it failed; and a floor stays unwritten while its origin is still incomplete, or a drop
 * from it is in a commit before.
 */
#include "snapshot.h"

#include <string.h>

#include "batch.h"
#include "tables_state.h"

#define STEP_WRITES 64
#define ROW_WRITES 2 /* at most: a row, and the record of who signed it */
#define PACE_MS 10
#define URGENT_MS 20

void snapshot_init(struct snapshot *snapshot, struct core *core)
{
	*snapshot = (struct snapshot){.due = MONO_NEVER};
	vec_init(&snapshot->urgent, &core->heap, sizeof(uint32_t));
	drops_init(&snapshot->drops, core);
	vec_init(&snapshot->tokens, &core->heap, sizeof(uint64_t));
	vec_init(&snapshot->flying, &core->heap, sizeof(struct snapshot_flight));
}

void snapshot_close(struct snapshot *snapshot)
{
	vec_close(&snapshot->urgent);
	drops_close(&snapshot->drops);
	vec_close(&snapshot->tokens);
	vec_close(&snapshot->flying);
}

static void wake(struct tables *tables, int64_t ms)
{
	tables->snapshot.due = mono_min(tables->snapshot.due, mono_add_ms(tables->core->now, ms));
}

static void mark_dirty(struct tables *tables, uint32_t slot)
{
	struct slot *at = replica_slot(&tables->replica, slot);

	if (at->flags & SLOT_DIRTY)
		return;
	at->flags |= SLOT_DIRTY;
	if (at->origin != NONE)
		tables->snapshot.dirty++;
	/* Who the others are and where is worth a commit: without it a restart finds nobody. So is
	 * what this node once wrote and its disk forgot. */
	if (at->origin == NONE || at->kind == ROW_MEMBER || (at->flags & SLOT_OWN)) {
		vec_push(&tables->snapshot.urgent, &slot);
		wake(tables, URGENT_MS);
	} else {
		wake(tables, SNAPSHOT_MS);
	}
}

static void clean(struct tables *tables, struct slot *at)
{
	if (!(at->flags & SLOT_DIRTY))
		return;
	at->flags &= (uint16_t)~SLOT_DIRTY;
	if (at->origin != NONE) {
		WEFT_ASSERT(tables->snapshot.dirty > 0);
		tables->snapshot.dirty--;
	}
}

void snapshot_note(struct tables *tables, uint32_t slot, enum row_path path)
{
	struct slot *at = replica_slot(&tables->replica, slot);
	bool own = at->origin != NONE &&
		   id_eq(&replica_owner(&tables->replica,
					replica_origin(&tables->replica, at->origin)->owner)
			      ->id,
			 &tables->core->self.id);

	if (own || path == PATH_OWN)
		at->flags |= SLOT_OWN;
	else
		at->flags &= (uint16_t)~SLOT_OWN;
	if (path == PATH_OWN || path == PATH_STORE) {
		at->flags |= SLOT_STORED;
		clean(tables, at);
	} else {
		mark_dirty(tables, slot);
	}
}

/* The row of this slot goes; the store may have one of this version in its place. */
static void drop_add(struct tables *tables, uint32_t slot, struct version stored)
{
	struct row_view row;

	replica_view(&tables->replica, slot, &row);
	drops_add(&tables->snapshot.drops, &row,
		  (replica_slot(&tables->replica, slot)->flags & SLOT_OWN) != 0, stored);
	wake(tables, URGENT_MS);
}

/* Rows that are stored besides, before this node says that it took them in (IPAM's keeps). */
static bool is_kept(uint16_t kind)
{
	return kind == ROW_RANGE || kind == ROW_GRANT || kind == ROW_MEMBER;
}

void snapshot_drop(struct tables *tables, uint32_t slot)
{
	struct slot *at = replica_slot(&tables->replica, slot);

	WEFT_ASSERT(at->origin != NONE);
	clean(tables, at);
	if (at->flags & SLOT_STORED || is_kept(at->kind))
		drop_add(tables, slot, (struct version){at->epoch, at->sequence});
}

void snapshot_forget(struct tables *tables, const struct row_view *row)
{
	drops_add(&tables->snapshot.drops, row, id_eq(&row->owner, &tables->core->self.id),
		  replica_version(row));
	wake(tables, URGENT_MS);
}

void snapshot_replace(struct tables *tables, uint32_t slot, struct version stored)
{
	struct slot *at = replica_slot(&tables->replica, slot);

	at->flags = (uint16_t)((at->flags | SLOT_OWN) & ~SLOT_STORED);
	drop_add(tables, slot, stored);
	mark_dirty(tables, slot);
}

/* One step's writes; its persist group is opened by the first of them. */
struct pass {
	struct tables *tables;
	uint64_t token;
	size_t budget;
};

static void commit(struct pass *pass, const struct write *write)
{
	WEFT_ASSERT(pass->budget > 0);
	if (pass->token == 0) {
		pass->token = core_persist_begin(pass->tables->core, 0);
		WEFT_ASSERT(pass->token != 0);
		vec_push(&pass->tables->snapshot.tokens, &pass->token);
	}
	if (id_eq(&write->row.owner, &pass->tables->core->self.id))
		pass->tables->snapshot.own_last = pass->token;
	core_persist_write(pass->tables->core, write);
	pass->budget--;
}

static void write_one(struct pass *pass, uint32_t slot)
{
	struct tables *tables = pass->tables;
	struct slot *at = replica_slot(&tables->replica, slot);
	struct write write = {.kind = at->origin == NONE     ? WRITE_FACT
				      : at->flags & SLOT_OWN ? WRITE_OWN_ROW
							     : WRITE_SNAPSHOT};
	size_t len;
	const uint8_t *bytes = blob_bytes(tables->core->blobs, at->blob, &len);
	uint8_t *kept = scratch_take(&tables->core->scratch, len);

	memcpy(kept, bytes, len);
	row_known(kept, len, &write.row);
	write.bytes = kept;
	write.len = len;
	commit(pass, &write);
	clean(tables, at);
	at->flags |= SLOT_STORED;
	if (at->kind == ROW_MEMBER) {
		struct snapshot_flight flight = {pass->token, slot};
		vec_push(&tables->snapshot.flying, &flight);
	}
}

/* Is this member row in the commit that is being made? */
static bool goes_along(const struct pass *pass, uint32_t slot)
{
	const struct vec *flying = &pass->tables->snapshot.flying;

	for (size_t i = 0; i < flying->count && pass->token != 0; i++) {
		const struct snapshot_flight *flight = vec_at(flying, i);
		if (flight->token == pass->token && flight->slot == slot)
			return true;
	}
	return false;
}

static void write_slot(struct pass *pass, uint32_t slot)
{
	struct tables *tables = pass->tables;
	struct row_view row, key = {.kind = ROW_MEMBER};
	uint32_t record;

	WEFT_ASSERT(pass->budget >= ROW_WRITES);
	replica_view(&tables->replica, slot, &row);
	key.owner = row.owner;
	record = replica_find(&tables->replica, &key);
	if (record != NONE && record != slot && !id_eq(&row.owner, &tables->core->self.id) &&
	    !snapshot_has(tables, record) && !goes_along(pass, record))
		write_one(pass, record);
	write_one(pass, slot);
}

/* A floor waits while the rows below it are in doubt: for the commits that drop some of them, ...
 */
static bool waits_for_drops(const struct pass *pass, const struct slot *slot, uint32_t number)
{
	struct row_view row;
	struct id topic;

	if (slot->kind != ROW_FLOOR)
		return false;
	replica_view(&pass->tables->replica, number, &row);
	topic = row_key_id(&row);
	return drops_has(&pass->tables->snapshot.drops, &row.owner, &topic, pass->token);
}

/* ... and in memory until what it buries is known. */
static bool may_store(const struct pass *pass, const struct slot *slot, uint32_t number)
{
	const struct tables *tables = pass->tables;
	struct row_view row;
	struct id topic;
	uint32_t origin;

	if (slot->kind != ROW_FLOOR)
		return true;
	if (waits_for_drops(pass, slot, number))
		return false;
	replica_view(&tables->replica, number, &row);
	topic = row_key_id(&row);
	origin = replica_origin_of(&tables->replica, &row.owner,
				   replica_find_topic(&tables->replica, &topic));
	return origin == NONE ||
	       !(replica_origin(&tables->replica, origin)->flags & ORIGIN_INCOMPLETE);
}

/* A newer version of the fact, this node's own, or another row in the place of this own one, will
 * be on the disk in a moment. */
static bool is_overtaken(const struct tables *tables, const struct slot *slot, uint32_t number)
{
	struct row_view row;

	if (slot->origin != NONE && !(slot->flags & SLOT_OWN))
		return false;
	replica_view(&tables->replica, number, &row);
	if (slot->origin != NONE)
		return batch_has_row(tables, &row);
	return batch_has_fact(tables, row.kind, row.key, row.key_len);
}

/* Dirty rows from the cursor on, while the budget lasts; the pass ends at the last slot. */
static void write_rows(struct pass *pass)
{
	struct tables *tables = pass->tables;
	struct snapshot *snapshot = &tables->snapshot;

	while (snapshot->cursor < tables->replica.slots.count && pass->budget >= ROW_WRITES) {
		uint32_t number = snapshot->cursor++;
		const struct slot *slot = replica_slot(&tables->replica, number);
		if (slot->blob == BLOB_NONE || slot->origin == NONE ||
		    !(slot->flags & SLOT_DIRTY) || !may_store(pass, slot, number) ||
		    is_overtaken(tables, slot, number))
			continue;
		write_slot(pass, number);
	}
	if (snapshot->cursor < tables->replica.slots.count)
		return;
	snapshot->cursor = NONE;
	if (snapshot->is_awaited)
		snapshot->awaited = tables->core->next_token - 1;
	snapshot->is_awaited = false;
}

/* What has the place of the row that is dropped goes along: another text of its version is not
 * stored before the drop. */
static void write_drop(struct pass *pass, size_t at, const struct drop *drop, uint32_t slot)
{
	struct write write = {.kind = drop->own ? WRITE_ROW_DROP : WRITE_SNAPSHOT_DROP,
			      .row = drops_key(drop)};

	commit(pass, &write);
	drops_hand_in(&pass->tables->snapshot.drops, at, pass->token);
	if (slot != NONE && may_store(pass, replica_slot(&pass->tables->replica, slot), slot))
		write_slot(pass, slot);
}

/* Is the row in the place of what is dropped not on the disk? One of no higher version was passed
 * over there, if it was written before the drop. */
static bool is_to_follow(const struct slot *slot, const struct drop *drop)
{
	struct version version = {slot->epoch, slot->sequence};

	return (slot->flags & SLOT_DIRTY) != 0 || version_cmp(version, drop->version) <= 0;
}

static void write_drops(struct pass *pass)
{
	struct tables *tables = pass->tables;
	struct drops *drops = &tables->snapshot.drops;

	for (size_t i = drops->waiting.count; i-- > 0 && pass->budget > ROW_WRITES;) {
		const struct drop *drop = vec_at(&drops->waiting, i);
		struct row_view key = drops_key(drop);
		uint32_t slot = replica_find(&tables->replica, &key);

		if (batch_has_row(tables, &key))
			continue; /* if that is stored, nothing is left to be dropped */
		if (slot == NONE || is_to_follow(replica_slot(&tables->replica, slot), drop))
			write_drop(pass, i, drop, slot);
		else
			drops_remove(drops, i); /* it was written anew since */
	}
}

static void write_urgent(struct pass *pass)
{
	struct vec *urgent = &pass->tables->snapshot.urgent;

	for (size_t i = urgent->count; i-- > 0 && pass->budget >= ROW_WRITES;) {
		uint32_t slot = *(uint32_t *)vec_at(urgent, i);
		const struct slot *at = replica_slot(&pass->tables->replica, slot);
		/* Its own write may have overtaken it, or another row has the slot. */
		if (at->blob != BLOB_NONE && (at->flags & SLOT_DIRTY)) {
			if (is_overtaken(pass->tables, at, slot) || waits_for_drops(pass, at, slot))
				continue;
			if (may_store(pass, at, slot))
				write_slot(pass, slot);
		}
		vec_remove(urgent, i);
	}
}

static bool has_work(const struct snapshot *snapshot)
{
	return snapshot->drops.waiting.count > 0 || snapshot->urgent.count > 0 ||
	       snapshot->cursor != NONE || snapshot->is_wanted;
}

void snapshot_want(struct tables *tables)
{
	tables->snapshot.is_wanted = true;
	wake(tables, 0);
}

bool snapshot_is_whole(const struct tables *tables)
{
	const struct snapshot *snapshot = &tables->snapshot;

	for (size_t i = 0; i < snapshot->tokens.count; i++)
		if (*(uint64_t *)vec_at(&snapshot->tokens, i) <= snapshot->awaited)
			return false;
	return !snapshot->is_wanted && !snapshot->is_awaited;
}

void snapshot_tick(struct tables *tables)
{
	struct snapshot *snapshot = &tables->snapshot;
	struct core *core = tables->core;
	struct pass pass = {.tables = tables, .budget = STEP_WRITES};

	if (!mono_is_due(snapshot->due, core->now))
		return;
	snapshot->due = mono_add_ms(core->now, PACE_MS);
	if (snapshot->cursor == NONE && (snapshot->dirty > 0 || snapshot->is_wanted) &&
	    snapshot->urgent.count == 0 && snapshot->drops.waiting.count == 0) {
		snapshot->cursor = 1;
		snapshot->is_awaited = snapshot->is_wanted;
		snapshot->is_wanted = false;
	}
	if (has_work(snapshot) && core_has_room(core, 0, STEP_WRITES, 0)) {
		write_drops(&pass);
		if (snapshot->drops.waiting.count == 0)
			write_urgent(&pass);
		if (snapshot->drops.waiting.count == 0 && snapshot->cursor != NONE)
			write_rows(&pass);
	}
	if (!has_work(snapshot))
		snapshot->due =
		    snapshot->dirty > 0 ? mono_add_ms(core->now, SNAPSHOT_MS) : MONO_NEVER;
}

static void flights_end(struct snapshot *snapshot, uint64_t token)
{
	for (size_t i = snapshot->flying.count; i-- > 0;) {
		const struct snapshot_flight *flight = vec_at(&snapshot->flying, i);
		if (flight->token == token)
			vec_remove(&snapshot->flying, i);
	}
}

void snapshot_durable(struct tables *tables, uint64_t token, bool ok)
{
	struct vec *tokens = &tables->snapshot.tokens;

	flights_end(&tables->snapshot, token);
	drops_end(&tables->snapshot.drops, token, ok);
	for (size_t i = 0; i < tokens->count; i++) {
		if (*(uint64_t *)vec_at(tokens, i) != token)
			continue;
		vec_remove(tokens, i);
		if (ok)
			return;
		/* Which rows it held is not remembered: all are written again. */
		if (tables->snapshot.is_awaited || token <= tables->snapshot.awaited)
			tables->snapshot.is_wanted = true;
		for (uint32_t s = 1; s < tables->replica.slots.count; s++) {
			const struct slot *slot = replica_slot(&tables->replica, s);
			if (slot->blob != BLOB_NONE &&
			    (!(slot->flags & SLOT_OWN) || tables->core->self.cloned))
				mark_dirty(tables, s);
		}
		tables->snapshot.due = mono_add_ms(tables->core->now, SNAPSHOT_MS);
		return;
	}
}

bool snapshot_has(const struct tables *tables, uint32_t slot)
{
	const struct slot *at = replica_slot(&tables->replica, slot);
	const struct vec *flying = &tables->snapshot.flying;

	WEFT_ASSERT(at->kind == ROW_MEMBER && at->blob != BLOB_NONE);
	for (size_t i = 0; i < flying->count; i++)
		if (((const struct snapshot_flight *)vec_at(flying, i))->slot == slot)
			return false;
	return (at->flags & (SLOT_DIRTY | SLOT_STORED)) == SLOT_STORED;
}

bool snapshot_is_done(const struct tables *tables)
{
	const struct snapshot *snapshot = &tables->snapshot;

	return drops_is_empty(&snapshot->drops) && snapshot->urgent.count == 0 &&
	       snapshot->tokens.count == 0;
}

bool snapshot_has_own(const struct tables *tables)
{
	const struct snapshot *snapshot = &tables->snapshot;

	if (snapshot->drops.own > 0)
		return false;
	for (size_t i = 0; i < snapshot->urgent.count; i++) {
		uint32_t slot = *(uint32_t *)vec_at(&snapshot->urgent, i);
		struct row_view row;
		if (replica_slot(&tables->replica, slot)->blob == BLOB_NONE)
			continue;
		replica_view(&tables->replica, slot, &row);
		if (id_eq(&row.owner, &tables->core->self.id))
			return false;
	}
	for (size_t i = 0; i < snapshot->tokens.count; i++)
		if (*(uint64_t *)vec_at(&snapshot->tokens, i) <= snapshot->own_last)
			return false;
	return true;
}

struct mono snapshot_deadline(const struct tables *tables)
{
	return tables->snapshot.due;
}

void snapshot_check(const struct tables *tables)
{
	const struct drops *drops = &tables->snapshot.drops;
	uint32_t dirty = 0;
	size_t own = 0;

	for (size_t i = 0; i < drops->waiting.count + drops->flying.count; i++) {
		bool waits = i < drops->waiting.count;
		const struct drop *drop = waits ? vec_at(&drops->waiting, i)
						: vec_at(&drops->flying, i - drops->waiting.count);
		WEFT_ASSERT(waits == (drop->token == 0));
		own += drop->own;
	}
	WEFT_ASSERT(own == drops->own);
	for (uint32_t s = 1; s < tables->replica.slots.count; s++) {
		const struct slot *slot = replica_slot(&tables->replica, s);
		dirty +=
		    slot->blob != BLOB_NONE && slot->origin != NONE && (slot->flags & SLOT_DIRTY);
	}
	WEFT_ASSERT(dirty == tables->snapshot.dirty);
	WEFT_ASSERT(!has_work(&tables->snapshot) || tables->snapshot.due.ns != INT64_MAX);
}
