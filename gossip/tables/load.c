/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Loading from the store.
 *
 * The disk may hold two rows of one version: an owner signed both, and the one that gave way was
 * not forgotten when this node was killed. The tables hold one row of a version, so the second is
 * passed over, and whoever loads hears that: what the tables lack nobody else here may count. Which
 * of both stays is decided when this node has started, as it is while it runs (receive.c): then all
 * can be told that the first one goes. The other is forgotten by the disk as well. Of this node's
 * own rows the first stays: what others hold in its place they show (adopt.c).
 */
#include "load.h"

#include "receive.h"
#include "tables_state.h"
#include "topic.h"

void load_init(struct loads *loads, struct core *core)
{
	vec_init(&loads->passed, &core->heap, sizeof(uint32_t));
}

void load_close(struct tables *tables)
{
	struct vec *passed = &tables->loads.passed;

	for (size_t i = 0; i < passed->count; i++)
		blob_give(tables->core->blobs, *(uint32_t *)vec_at(passed, i));
	vec_close(passed);
}

int tables_load(struct tables *tables, const struct write *write)
{
	struct row_view row, held;
	uint32_t slot, blob;

	if (row_parse(write->bytes, write->len, &row) != 0 ||
	    row_is_fact(&row) != (write->kind == WRITE_FACT))
		return WEFT_E_INVALID;
	slot = replica_find(&tables->replica, &row);
	if (slot != NONE) {
		replica_view(&tables->replica, slot, &held);
		if (row_version_cmp(&row, &held) <= 0)
			return LOAD_PASSED_OVER;
	}
	blob = blob_take(tables->core->blobs, write->bytes, write->len);
	if (receive_twin(tables, &row) != NONE) {
		vec_push(&tables->loads.passed, &blob);
		return LOAD_PASSED_OVER;
	}
	/* Which topics this node takes part in is said later; until then all that it stored. */
	if (!id_is_zero(&row.topic))
		replica_topic(&tables->replica, topic_intern(tables, &row.topic))->kept = true;
	receive_apply(tables, &row, blob, NULL, PATH_STORE);
	return 0;
}

/* Did a row come meanwhile that stands above this one? A leave does whatever its version. */
static bool is_overtaken(const struct tables *tables, const struct row_view *row)
{
	uint32_t slot = replica_find(&tables->replica, row);
	struct row_view held;

	if (slot == NONE)
		return false;
	replica_view(&tables->replica, slot, &held);
	if (receive_is_after_leave(&held, row))
		return false;
	return row_version_cmp(row, &held) <= 0 || receive_is_after_leave(row, &held);
}

/* Takes over the count of blob. */
static void settle(struct tables *tables, uint32_t blob)
{
	struct row_view row;
	bool own;
	uint32_t twin;
	size_t len;
	const uint8_t *bytes = blob_bytes(tables->core->blobs, blob, &len);

	row_known(bytes, len, &row);
	WEFT_ASSERT(!row_is_fact(&row));
	receive_alarm(tables, &row);
	own = id_eq(&row.owner, &tables->core->self.id);
	twin = receive_twin(tables, &row);
	if (own || twin == NONE || is_overtaken(tables, &row) ||
	    !receive_gives_way(tables, twin, &row, blob)) {
		snapshot_forget(tables, &row);
		blob_give(tables->core->blobs, blob);
		return;
	}
	receive_retract(tables, twin);
	receive_apply(tables, &row, blob, NULL, PATH_PULLED);
}

void load_tick(struct tables *tables)
{
	struct vec *passed = &tables->loads.passed;

	while (tables->started && passed->count > 0 && core_has_room(tables->core, 2, 0, 0)) {
		uint32_t blob = *(uint32_t *)vec_at(passed, passed->count - 1);

		passed->count--;
		settle(tables, blob);
	}
}

struct mono load_deadline(const struct tables *tables)
{
	return tables->started && tables->loads.passed.count > 0 ? tables->core->now : MONO_NEVER;
}
