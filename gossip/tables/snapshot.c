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
#define DROPS_MAX 65536 /* of commits that failed */

void snapshot_init(struct snapshot *snapshot, struct core *core)
{
	*snapshot = (struct snapshot){.due = MONO_NEVER};
	vec_init(&snapshot->urgent, &core->heap, sizeof(uint32_t));
	vec_init(&snapshot->drops, &core->heap, sizeof(struct snapshot_drop));
	vec_init(&snapshot->tokens, &core->heap, sizeof(uint64_t));
	vec_init(&snapshot->flying, &core->heap, sizeof(struct snapshot_flight));
}

void snapshot_close(struct snapshot *snapshot)
{
	vec_close(&snapshot->urgent);
	vec_close(&snapshot->drops);
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
	struct slot *at = replica_slot(&tables->replica, slot);
	struct snapshot_drop drop = {.own = (at->flags & SLOT_OWN) != 0, .version = stored};
	struct row_view row;

	replica_view(&tables->replica, slot, &row);
	drop.kind = row.kind;
	drop.owner = row.owner;
	drop.topic = row.topic;
	drop.key_len = (uint8_t)row.key_len;
	memcpy(drop.key, row.key, row.key_len);
	vec_push(&tables->snapshot.drops, &drop);
	tables->snapshot.undropped++;
	wake(tables, URGENT_MS);
}

void snapshot_drop(struct tables *tables, uint32_t slot)
{
	struct slot *at = replica_slot(&tables->replica, slot);

	WEFT_ASSERT(at->origin != NONE);
	clean(tables, at);
	if (at->flags & SLOT_STORED)
		drop_add(tables, slot, (struct version){at->epoch, at->sequence});
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
	WEFT_ASSERT(row_parse(kept, len, &write.row) == 0);
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

/* Is a row of this origin to be forgotten, in no commit or in another one? */
static bool is_dropping(const struct pass *pass, const struct id *owner, const struct id *topic)
{
	const struct vec *drops = &pass->tables->snapshot.drops;

	for (size_t i = 0; i < drops->count; i++) {
		const struct snapshot_drop *drop = vec_at(drops, i);
		if ((drop->token == 0 || drop->token != pass->token) &&
		    id_eq(&drop->owner, owner) && id_eq(&drop->topic, topic))
			return true;
	}
	return false;
}

/* A floor waits in memory while the rows below it are in doubt. */
static bool may_store(const struct pass *pass, const struct slot *slot, uint32_t number)
{
	const struct tables *tables = pass->tables;
	struct row_view row;
	struct id topic;
	uint32_t origin;

	if (slot->kind != ROW_FLOOR)
		return true;
	replica_view(&tables->replica, number, &row);
	topic = row_key_id(&row);
	if (is_dropping(pass, &row.owner, &topic))
		return false;
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

static void drop_remove(struct snapshot *snapshot, size_t at)
{
	WEFT_ASSERT(snapshot->undropped > 0);
	snapshot->undropped--;
	vec_remove(&snapshot->drops, at);
}

/* What has the place of the row that is dropped goes along: another text of its version is not
 * stored before the drop. */
static void write_drop(struct pass *pass, struct snapshot_drop *drop, uint32_t slot)
{
	struct write write = {.kind = drop->own ? WRITE_ROW_DROP : WRITE_SNAPSHOT_DROP};

	write.row.kind = drop->kind;
	write.row.owner = drop->owner;
	write.row.topic = drop->topic;
	write.row.key_len = drop->key_len;
	memcpy(write.row.key, drop->key, drop->key_len);
	commit(pass, &write);
	drop->token = pass->token;
	pass->tables->snapshot.undropped--;
	if (slot != NONE && may_store(pass, replica_slot(&pass->tables->replica, slot), slot))
		write_slot(pass, slot);
}

/* Is the row in the place of what is dropped not on the disk? One of no higher version was passed
 * over there, if it was written before the drop. */
static bool is_to_follow(const struct slot *slot, const struct snapshot_drop *drop)
{
	struct version version = {slot->epoch, slot->sequence};

	return (slot->flags & SLOT_DIRTY) != 0 || version_cmp(version, drop->version) <= 0;
}

static void write_drops(struct pass *pass)
{
	struct tables *tables = pass->tables;
	struct snapshot *snapshot = &tables->snapshot;

	for (size_t i = snapshot->drops.count;
	     i-- > 0 && snapshot->undropped > 0 && pass->budget > ROW_WRITES;) {
		struct snapshot_drop *drop = vec_at(&snapshot->drops, i);
		struct row_view key = {.kind = drop->kind, .key_len = drop->key_len};
		uint32_t slot;
		if (drop->token != 0)
			continue;
		key.owner = drop->owner;
		key.topic = drop->topic;
		memcpy(key.key, drop->key, drop->key_len);
		slot = replica_find(&tables->replica, &key);
		if (batch_has_row(tables, &key))
			continue; /* if that is stored, nothing is left to be dropped */
		if (slot == NONE || is_to_follow(replica_slot(&tables->replica, slot), drop))
			write_drop(pass, drop, slot);
		else
			drop_remove(snapshot, i); /* it was written anew since */
	}
}

static void write_urgent(struct pass *pass)
{
	struct vec *urgent = &pass->tables->snapshot.urgent;

	for (size_t i = urgent->count; i-- > 0 && pass->budget >= ROW_WRITES;) {
		uint32_t slot = *(uint32_t *)vec_at(urgent, i);
		const struct slot *at = replica_slot(&pass->tables->replica, slot);
		/* Its own write may have overtaken it, or another row has the slot. */
		if (at->blob != BLOB_NONE && (at->flags & SLOT_DIRTY) &&
		    may_store(pass, at, slot)) {
			if (is_overtaken(pass->tables, at, slot))
				continue;
			write_slot(pass, slot);
		}
		vec_remove(urgent, i);
	}
}

static bool has_work(const struct snapshot *snapshot)
{
	return snapshot->undropped > 0 || snapshot->urgent.count > 0 || snapshot->cursor != NONE ||
	       snapshot->is_wanted;
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
	    snapshot->urgent.count == 0 && snapshot->undropped == 0) {
		snapshot->cursor = 1;
		snapshot->is_awaited = snapshot->is_wanted;
		snapshot->is_wanted = false;
	}
	if (has_work(snapshot) && core_has_room(core, 0, STEP_WRITES, 0)) {
		write_drops(&pass);
		if (snapshot->undropped == 0)
			write_urgent(&pass);
		if (snapshot->undropped == 0 && snapshot->cursor != NONE)
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

/* The drops of a commit are done, or to be done again. */
static void drops_end(struct snapshot *snapshot, uint64_t token, bool ok)
{
	for (size_t i = snapshot->drops.count; i-- > 0;) {
		struct snapshot_drop *drop = vec_at(&snapshot->drops, i);
		if (drop->token != token)
			continue;
		drop->token = 0;
		snapshot->undropped++;
		if (ok || snapshot->undropped > DROPS_MAX)
			drop_remove(snapshot, i);
	}
}

void snapshot_durable(struct tables *tables, uint64_t token, bool ok)
{
	struct vec *tokens = &tables->snapshot.tokens;

	flights_end(&tables->snapshot, token);
	drops_end(&tables->snapshot, token, ok);
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

	return snapshot->drops.count == 0 && snapshot->urgent.count == 0 &&
	       snapshot->tokens.count == 0;
}

struct mono snapshot_deadline(const struct tables *tables)
{
	return tables->snapshot.due;
}

void snapshot_check(const struct tables *tables)
{
	uint32_t dirty = 0;
	size_t undropped = 0;

	for (size_t i = 0; i < tables->snapshot.drops.count; i++)
		undropped +=
		    ((const struct snapshot_drop *)vec_at(&tables->snapshot.drops, i))->token == 0;
	WEFT_ASSERT(undropped == tables->snapshot.undropped);
	for (uint32_t s = 1; s < tables->replica.slots.count; s++) {
		const struct slot *slot = replica_slot(&tables->replica, s);
		dirty +=
		    slot->blob != BLOB_NONE && slot->origin != NONE && (slot->flags & SLOT_DIRTY);
	}
	WEFT_ASSERT(dirty == tables->snapshot.dirty);
	WEFT_ASSERT(!has_work(&tables->snapshot) || tables->snapshot.due.ns != INT64_MAX);
}
