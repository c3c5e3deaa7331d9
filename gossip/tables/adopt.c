/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * A node that is shown a row of its own that it never wrote knows that another run of its identity
 * wrote it: its disk went back, or it has a twin. What that run granted and leased is not known
 * here, so the node fences itself (claim.c), and it takes the row in: while it is fenced its rows
 * become again what the cluster holds of it. They go to the store as own rows before weft node
 * recover lifts the fence.
 *
 * A node that ran alone meanwhile may have used a version twice. The others keep one of the two
 * (receive.c), so it yields: the row that was shown takes its version, and what the lost one said
 * of endpoints and attachments is written anew by the recovery. Only a range that nobody else ever
 * heard of is not lost so: it gets a new version at once, and the other row comes again.
 */
#include "adopt.h"

#include "receive.h"
#include "tables_state.h"
#include "topic.h"

/* Makes way for a version; false when that takes a commit first. */
static bool yield(struct tables *tables, uint32_t slot)
{
	struct row_view row;
	uint64_t token;

	replica_view(&tables->replica, slot, &row);
	receive_alarm(tables, &row);
	if (row.kind == ROW_RANGE && !row.deleted) {
		(void)tables_put(tables, 0, &row, 1, &token, NULL);
		return false;
	}
	receive_retract(tables, slot);
	return true;
}

/* The row in the place of this one, when it has its version and says something else. */
static bool conflicts(const struct tables *tables, const struct row_view *row, uint32_t slot,
		      struct row_view *held)
{
	if (slot == NONE)
		return false;
	replica_view(&tables->replica, slot, held);
	return row_version_cmp(row, held) == 0;
}

void adopt_row(struct tables *tables, const struct member *from, const struct row_view *row,
	       uint32_t blob)
{
	struct core *core = tables->core;
	uint32_t slot = replica_find(&tables->replica, row);
	uint32_t twin = receive_twin(tables, row);
	struct row_view held;
	bool conflict = conflicts(tables, row, slot, &held);

	WEFT_ASSERT(id_eq(&row->owner, &core->self.id) && blob != BLOB_NONE);
	tables->counts.unknown_own++;
	admission_set_back(tables->admission, row->epoch, from != NULL ? &from->id : NULL);
	WEFT_ASSERT(core->self.cloned);
	/* A leave is for good, as it is everywhere else (receive.c). */
	if (conflict && receive_is_after_leave(row, &held)) {
		tables->counts.outdated++;
		blob_give(core->blobs, blob);
		return;
	}
	/* It comes again when what has its version is on the disk. */
	if (!core_has_room(core, 3, 1, 0) || batch_has_version(tables, row)) {
		tables->counts.crowded++;
		blob_give(core->blobs, blob);
		return;
	}
	if (twin != NONE && !yield(tables, twin)) {
		blob_give(core->blobs, blob);
		return;
	}
	if (conflict)
		receive_retract(tables, slot);
	batch_above(tables, &row->topic, row->sequence);
	receive_apply(tables, row, blob, NULL, PATH_PULLED);
}

void adopt_fact(struct tables *tables, const struct member *from)
{
	tables->counts.unknown_own++;
	/* Facts bear no epoch. */
	admission_set_back(tables->admission, 0, from != NULL ? &from->id : NULL);
}

bool adopt_is_stored(const struct tables *tables)
{
	return snapshot_has_own(tables);
}

bool adopt_has_networks(const struct tables *tables)
{
	const struct replica *replica = &tables->replica;
	uint32_t self = replica_find_owner(replica, &tables->core->self.id);
	uint32_t origin = replica_find_origin(replica, self, TOPIC_ALL);

	for (uint32_t s = origin != NONE ? replica_origin(replica, origin)->first : NONE; s != NONE;
	     s = replica_slot(replica, s)->next) {
		const struct slot *slot = replica_slot(replica, s);
		struct row_view row;
		struct id id;
		uint32_t topic;

		if (slot->kind != ROW_ATTACHMENT || (slot->flags & SLOT_DELETED))
			continue;
		replica_view(replica, s, &row);
		id = row_key_id(&row);
		topic = replica_find_topic(replica, &id);
		if (topic == NONE || !replica_topic(replica, topic)->kept ||
		    !replica_topic(replica, topic)->synced)
			return false;
	}
	return true;
}
