/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* The door of the tables: wiring of the parts, frames, queries. */
#include "tables.h"

#include <string.h>

#include "compare.h"
#include "pull.h"
#include "receive.h"
#include "replica_cap.h"
#include "tables_state.h"
#include "topic.h"

#define COST_BURST_NS (2 * NS_PER_S)
#define COST_FRAME_NS 2000
#define COST_WALK_NS 50
#define COST_BYTE_NS 50
#define COST_WRONG_NS NS_PER_MS

struct tables *tables_new(struct core *core, struct member_table *members)
{
	struct tables *tables = heap_take(&core->heap, sizeof(*tables));

	tables->core = core;
	tables->members = members;
	replica_init(&tables->replica, core);
	spread_init(&tables->spread, core);
	batch_init(&tables->batches, core);
	snapshot_init(&tables->snapshot, core);
	floor_init(&tables->floors, core);
	repair_init(&tables->repair);
	farewell_init(&tables->farewell, core);
	load_init(&tables->loads, core);
	return tables;
}

void tables_free(struct tables *tables)
{
	if (tables == NULL)
		return;
	repair_close(tables);
	load_close(tables);
	farewell_close(&tables->farewell);
	floor_close(&tables->floors);
	snapshot_close(&tables->snapshot);
	batch_close(tables);
	park_close(tables);
	spread_close(&tables->spread);
	replica_close(&tables->replica);
	heap_give(&tables->core->heap, tables, sizeof(*tables));
}

void tables_set_admission(struct tables *tables, struct admission *adm)
{
	tables->admission = adm;
}

/* What was loaded before this node knew its own id. */
static void claim_own(struct tables *tables)
{
	struct replica *replica = &tables->replica;
	uint32_t self = replica_find_owner(replica, &tables->core->self.id);
	uint32_t at = self != NONE ? replica_owner(replica, self)->origins : NONE;

	for (; at != NONE; at = replica_origin(replica, at)->next_of_owner) {
		struct origin *origin = replica_origin(replica, at);
		/* Of what it wrote itself this node has everything. */
		watermark_complete(&origin->mark, &tables->core->heap, origin->mark.top);
		for (uint32_t s = origin->first; s != NONE; s = replica_slot(replica, s)->next)
			replica_slot(replica, s)->flags |= SLOT_OWN;
	}
}

void tables_start(struct tables *tables)
{
	WEFT_ASSERT(!tables->started);
	WEFT_ASSERT(!id_is_zero(&tables->core->self.id));
	claim_own(tables);
	floor_start(tables);
	repair_start(tables);
	tables->started = true;
}

int tables_put(struct tables *tables, uint64_t tag, const struct row_view *rows, size_t count,
	       uint64_t *token, struct weft_err *err)
{
	return batch_put(tables, tag, rows, count, token, err);
}

void tables_durable(struct tables *tables, uint64_t token, bool ok)
{
	if (batch_durable(tables, token, ok))
		spread_tick(tables);
	else
		snapshot_durable(tables, token, ok);
}

enum drop_reason tables_receive(struct tables *tables, const struct member *from,
				const uint8_t *bytes, size_t len)
{
	return receive_row(tables, from, bytes, len, PATH_TOLD);
}

static enum drop_reason row_frame(struct tables *tables, const struct member *from,
				  const uint8_t *body, size_t len)
{
	struct row_view row;
	enum drop_reason reason;
	uint64_t applied;

	if (row_parse(body, len, &row) != 0)
		return DROP_ROW;
	if (!pull_is_wanted(tables, &from->id, &row))
		return receive_parsed(tables, from, &row, body, len, PATH_TOLD);
	tables->counts.pulled++;
	applied = tables->counts.applied;
	reason = receive_parsed(tables, from, &row, body, len, PATH_PULLED);
	pull_arrived(tables, &from->id, &row, reason != DROP_NONE,
		     tables->counts.applied > applied);
	return reason;
}

static enum drop_reason dispatch(struct tables *tables, struct member *from, uint8_t type,
				 const uint8_t *body, size_t len)
{
	if (tables->farewell.stage == FAREWELL_MUTE && type != FRAME_ROW)
		return DROP_NONE;
	switch (type) {
	case FRAME_ROW:
		return row_frame(tables, from, body, len);
	case FRAME_DIGEST:
		return compare_digest(tables, from, body, len);
	case FRAME_BUCKETS:
		return compare_buckets(tables, from, body, len);
	case FRAME_MARKS:
		return compare_marks(tables, from, body, len);
	case FRAME_PULL:
		return serve_pull(tables, from, body, len);
	case FRAME_PULL_END:
		return pull_end(tables, from, body, len);
	default:
		return DROP_FRAME_TYPE;
	}
}

/* What a frame cost, in nanoseconds of a slow machine: what was walked and sent for it, and the
 * signatures of somebody who tells rows that are not right. */
static int64_t cost_ns(const struct core *core, size_t sent, enum drop_reason reason)
{
	bool is_wrong = reason == DROP_ROW || reason == DROP_ROW_SIG || reason == DROP_ROW_OWNER;

	return COST_FRAME_NS + (int64_t)core->walked * COST_WALK_NS + (int64_t)sent * COST_BYTE_NS +
	       (is_wrong ? COST_WRONG_NS : 0);
}

/* Members may ask for much, but not for all that a node can do: each has an allowance of work. */
enum drop_reason tables_frame(struct tables *tables, struct member *from, uint8_t type,
			      const uint8_t *body, size_t len)
{
	struct core *core = tables->core;
	uint32_t peer = replica_add_owner(&tables->replica, &from->id);
	size_t waiting = core->outbox.len;
	enum drop_reason reason;

	if (!limit_is_open(&replica_owner(&tables->replica, peer)->asked, core->now, COST_BURST_NS))
		return DROP_RATE;
	core->walked = 0;
	reason = dispatch(tables, from, type, body, len);
	limit_charge(&replica_owner(&tables->replica, peer)->asked, core->now,
		     cost_ns(core, core->outbox.len - waiting, reason));
	return reason;
}

bool tables_is_whole(const struct tables *tables)
{
	return tables->started && repair_is_whole(tables);
}

bool tables_synced(const struct tables *tables, struct id *with, struct mono *at)
{
	*with = tables->repair.equal_with;
	*at = tables->repair.equal_at;
	return at->ns != 0;
}

void tables_topics(struct tables *tables, const struct id *topics, size_t count)
{
	topic_set_kept(tables, topics, count);
}

void tables_freeze(struct tables *tables, const struct id *owner)
{
	replica_owner(&tables->replica, replica_add_owner(&tables->replica, owner))->flags |=
	    OWNER_FROZEN;
}

size_t tables_fill(struct tables *tables, const struct member *to, uint8_t *out, size_t cap)
{
	return spread_fill(tables, to, out, cap);
}

void tables_meet(struct tables *tables, bool on)
{
	repair_meet(tables, on);
}

void tables_farewell(struct tables *tables, enum farewell_stage stage)
{
	farewell_set(tables, stage);
}

bool tables_has_heard(struct tables *tables, struct member *left)
{
	WEFT_ASSERT(left->state == MEMBER_LEFT);
	if (!left->compared && repair_find(tables, &left->id) == NULL)
		tables_sync(tables, left);
	return left->compared;
}

void tables_sync(struct tables *tables, struct member *with)
{
	if (tables->farewell.stage == FAREWELL_NONE)
		repair_sync(tables, with);
}

const uint8_t *tables_fact(const struct tables *tables, uint16_t kind, const uint8_t *key,
			   size_t key_len, size_t *len)
{
	struct row_view row = {.kind = kind, .key_len = key_len};
	uint32_t slot;

	if (key_len > KEY_BYTES_MAX || kind < ROW_KIND_FACTS)
		return NULL;
	memcpy(row.key, key, key_len);
	slot = replica_find(&tables->replica, &row);
	if (slot == NONE)
		return NULL;
	return blob_bytes(tables->core->blobs, replica_slot(&tables->replica, slot)->blob, len);
}

void tables_tick(struct tables *tables)
{
	load_tick(tables);
	spread_tick(tables);
	repair_tick(tables);
	snapshot_tick(tables);
	floor_tick(tables);
}

struct mono tables_deadline(const struct tables *tables)
{
	struct mono due = mono_min(load_deadline(tables), floor_deadline(tables));

	due = mono_min(due, mono_min(spread_deadline(tables), repair_deadline(tables)));
	return mono_min(due, snapshot_deadline(tables));
}
