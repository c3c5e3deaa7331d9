/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * A sequence is used once, whatever becomes of its row: the counter of a topic lives here and only
 * rises, and after a restart the new epoch keeps apart what the old one may have signed and lost.
 * The own watermark never passes a batch that is still on its way, so that "complete up to here" is
 * true whenever it is said.
 */
#include "batch.h"

#include <string.h>

#include "receive.h"
#include "replica_cap.h"
#include "tables_state.h"

void batch_init(struct batches *batches, struct core *core)
{
	*batches = (struct batches){0};
	vec_init(&batches->pending, &core->heap, sizeof(struct batch));
	vec_init(&batches->last, &core->heap, sizeof(struct batch_last));
}

static struct batch *pending_at(const struct tables *tables, size_t i)
{
	return vec_at(&tables->batches.pending, i);
}

static void batch_free(struct tables *tables, struct batch *batch)
{
	heap_give(&tables->core->heap, batch->blobs, batch->count * sizeof(uint32_t));
}

void batch_close(struct tables *tables)
{
	for (size_t i = 0; i < tables->batches.pending.count; i++) {
		struct batch *batch = pending_at(tables, i);
		for (size_t j = 0; j < batch->count; j++)
			blob_give(tables->core->blobs, batch->blobs[j]);
		batch_free(tables, batch);
	}
	vec_close(&tables->batches.pending);
	vec_close(&tables->batches.last);
}

static void pending_row(const struct tables *tables, const struct batch *batch, size_t i,
			struct row_view *row)
{
	size_t len;
	const uint8_t *bytes = blob_bytes(tables->core->blobs, batch->blobs[i], &len);

	row_known(bytes, len, row);
}

static struct origin *own_origin(const struct tables *tables, const struct id *topic)
{
	const struct replica *replica = &tables->replica;
	uint32_t origin =
	    replica_origin_of(replica, &tables->core->self.id, replica_find_topic(replica, topic));

	return origin != NONE ? replica_origin(replica, origin) : NULL;
}

/* The counter of a topic, begun above everything that is stored. */
static struct batch_last *last_of(struct tables *tables, const struct id *topic)
{
	struct vec *all = &tables->batches.last;
	struct batch_last fresh = {.topic = *topic};
	const struct origin *origin = own_origin(tables, topic);
	struct version floor;
	struct batch_last *last = NULL;

	for (size_t i = 0; i < all->count && last == NULL; i++) {
		struct batch_last *at = vec_at(all, i);
		if (id_eq(&at->topic, topic))
			last = at;
	}
	if (last == NULL)
		last = vec_push(all, &fresh);
	if (origin != NULL && origin->mark.top.sequence > last->sequence)
		last->sequence = origin->mark.top.sequence;
	if (floor_find(tables, &tables->core->self.id, topic, &floor) &&
	    floor.sequence > last->sequence)
		last->sequence = floor.sequence;
	return last;
}

void batch_above(struct tables *tables, const struct id *topic, uint64_t sequence)
{
	struct batch_last *last = last_of(tables, topic);

	if (sequence > last->sequence)
		last->sequence = sequence;
}

static uint64_t next_counter(const struct tables *tables, const struct row_view *fact,
			     uint32_t *const blobs, size_t done)
{
	uint32_t slot = replica_find(&tables->replica, fact);
	struct batch signing = {.count = done, .blobs = blobs};
	uint64_t highest = slot != NONE ? replica_slot(&tables->replica, slot)->sequence : 0;

	for (size_t i = 0; i <= tables->batches.pending.count; i++) {
		const struct batch *batch =
		    i < tables->batches.pending.count ? pending_at(tables, i) : &signing;
		for (size_t j = 0; j < batch->count; j++) {
			struct row_view row;
			pending_row(tables, batch, j, &row);
			if (row.kind == fact->kind && row.key_len == fact->key_len &&
			    memcmp(row.key, fact->key, row.key_len) == 0 && row.sequence > highest)
				highest = row.sequence;
		}
	}
	return highest + 1;
}

/* The number of a new row, which is used up by this; above the last one when none is left: somebody
 * with this node's key, or for a fact anybody, has written up to there. */
static uint64_t next_sequence(struct tables *tables, const struct row_view *given,
			      uint32_t *const blobs, size_t done)
{
	struct batch_last *last;

	if (row_is_fact(given))
		return next_counter(tables, given, blobs, done);
	last = last_of(tables, &given->topic);
	if (last->sequence >= ROW_SEQUENCE_MAX)
		return ROW_SEQUENCE_MAX + 1;
	return ++last->sequence;
}

bool batch_has_fact(const struct tables *tables, uint16_t kind, const uint8_t *key, size_t key_len)
{
	for (size_t i = 0; i < tables->batches.pending.count; i++) {
		const struct batch *batch = pending_at(tables, i);
		for (size_t j = 0; j < batch->count; j++) {
			struct row_view row;
			pending_row(tables, batch, j, &row);
			if (row.kind == kind && row_is_fact(&row) && row.key_len == key_len &&
			    memcmp(row.key, key, key_len) == 0)
				return true;
		}
	}
	return false;
}

bool batch_has_row(const struct tables *tables, const struct row_view *key)
{
	for (size_t i = 0; i < tables->batches.pending.count; i++) {
		const struct batch *batch = pending_at(tables, i);
		for (size_t j = 0; j < batch->count; j++) {
			struct row_view row;
			pending_row(tables, batch, j, &row);
			if (replica_place(&row) == replica_place(key))
				return true;
		}
	}
	return false;
}

bool batch_has_version(const struct tables *tables, const struct row_view *like)
{
	for (size_t i = 0; i < tables->batches.pending.count; i++) {
		const struct batch *batch = pending_at(tables, i);
		for (size_t j = 0; j < batch->count; j++) {
			struct row_view row;
			pending_row(tables, batch, j, &row);
			if (!row_is_fact(&row) && id_eq(&row.topic, &like->topic) &&
			    row_version_cmp(&row, like) == 0)
				return true;
		}
	}
	return false;
}

/* The cap that so many more facts of this node's would pass, 0: none. */
static uint32_t facts_cap(const struct tables *tables, uint16_t kind, size_t more)
{
	return replica_facts_cap(&tables->replica, &tables->core->self.id, kind, (uint32_t)more);
}

static int fits_caps(struct tables *tables, const struct row_view *rows, size_t count,
		     struct weft_err *err)
{
	const struct gossip_limits *limits = &tables->core->limits;

	if (count > BATCH_ROWS_MAX)
		return weft_err_set(err, WEFT_E_LIMIT, "%zu rows in one batch; %d is the most",
				    count, BATCH_ROWS_MAX);
	for (size_t i = 0; i < count; i++) {
		const struct origin *origin = own_origin(tables, &rows[i].topic);
		bool all = id_is_zero(&rows[i].topic);
		uint32_t max = all ? limits->rows_topic0_per_owner : limits->rows_per_owner_topic;
		struct row_view key = rows[i];
		key.owner = tables->core->self.id;
		if (replica_find(&tables->replica, &key) != NONE)
			continue;
		if (row_is_fact(&rows[i]) && tables->replica.fact_count + count > limits->facts_max)
			return weft_err_set(
			    err, WEFT_E_LIMIT,
			    "the cluster has its most of %u networks, tokens, admins and removals, "
			    "ended ones counted; begin a new cluster",
			    limits->facts_max);
		max = row_is_fact(&rows[i]) ? facts_cap(tables, rows[i].kind, count) : max;
		if (row_is_fact(&rows[i]) && max != 0)
			return weft_err_set(err, WEFT_E_LIMIT,
					    "this node has signed its most of %u %s, "
					    "ended ones counted; do it on another host",
					    max,
					    max == limits->facts_per_author
						? "networks, tokens, admins and removals"
						: "networks");
		if (!row_is_fact(&rows[i]) && origin != NULL && origin->count + count > max)
			return weft_err_set(
			    err, WEFT_E_LIMIT, "this node has its most of %u rows in one %s; %s",
			    max, all ? "cluster" : "network",
			    all ? "do it on another host"
				: "detach endpoints here, or attach on another host");
	}
	return 0;
}

/* Signs one row into bytes; its length, or an error that says which row. */
static int row_sign(struct tables *tables, const struct row_view *given, uint64_t sequence,
		    uint8_t bytes[ROW_BYTES_MAX], struct weft_err *err)
{
	struct core *core = tables->core;
	struct row_view row = *given;
	int len;

	row.owner = core->self.id;
	row.at = core->wall;
	row.sequence = sequence;
	row.epoch = row_is_fact(&row) ? 0 : core->self.epoch;
	len = row_encode(&row, bytes, ROW_BYTES_MAX);
	if (len < 0)
		return weft_err_set(err, WEFT_E_LIMIT, "a row of kind %u is too large: %zu bytes",
				    row.kind, row.value_len);
	receive_sign(tables, bytes, (size_t)len, bytes + len);
	return len + ROW_SIG_BYTES;
}

static bool shape_is_valid(const struct row_view *row)
{
	if (row->kind == 0 || row->key_len > KEY_BYTES_MAX)
		return false;
	return !row_is_fact(row) || (id_is_zero(&row->topic) && !row->deleted);
}

/* Everything that can refuse, before anything changes but counters of sequences. */
static int batch_sign(struct tables *tables, const struct row_view *rows, size_t count,
		      uint32_t *blobs, size_t *done, struct weft_err *err)
{
	for (*done = 0; *done < count; (*done)++) {
		const struct row_view *given = &rows[*done];
		uint8_t bytes[ROW_BYTES_MAX];
		uint8_t pub[SIGN_PUB_BYTES];
		struct row_view row;
		uint64_t sequence;
		int len;
		if (!shape_is_valid(given))
			return weft_err_set(err, WEFT_E_INVALID,
					    "row %zu of the batch is malformed", *done);
		sequence = next_sequence(tables, given, blobs, *done);
		if (sequence > ROW_SEQUENCE_MAX)
			return weft_err_set(err, WEFT_E_LIMIT,
					    "rows of kind %u have been written up to the last "
					    "version that there is; leave, and join anew",
					    given->kind);
		len = row_sign(tables, given, sequence, bytes, err);
		if (len < 0)
			return len;
		row_known(bytes, (size_t)len, &row);
		/* What everybody else would refuse must not stand here alone. */
		if (admission_may_write(tables->admission, &row, pub) != DROP_NONE)
			return weft_err_set(err, WEFT_E_DENIED,
					    "this node may not write a row of kind %u", row.kind);
		blobs[*done] = blob_take(tables->core->blobs, bytes, (size_t)len);
		blob_mark_verified(tables->core->blobs, blobs[*done]);
	}
	return 0;
}

static void batch_write(struct tables *tables, const struct batch *batch)
{
	for (size_t i = 0; i < batch->count; i++) {
		struct write write = {.kind = WRITE_OWN_ROW};
		size_t len;
		const uint8_t *bytes = blob_bytes(tables->core->blobs, batch->blobs[i], &len);
		uint8_t *kept = scratch_take(&tables->core->scratch, len);
		memcpy(kept, bytes, len);
		row_known(kept, len, &write.row);
		if (row_is_fact(&write.row))
			write.kind = WRITE_FACT;
		write.bytes = kept;
		write.len = len;
		core_persist_write(tables->core, &write);
	}
}

int batch_put(struct tables *tables, uint64_t tag, const struct row_view *rows, size_t count,
	      uint64_t *token, struct weft_err *err)
{
	struct core *core = tables->core;
	struct batch batch = {.count = count};
	size_t done;
	int code;

	if (count == 0)
		return weft_err_set(err, WEFT_E_INVALID, "a batch without rows");
	code = fits_caps(tables, rows, count, err);
	if (code != 0)
		return code;
	if (!core_has_room(core, 0, count, 0))
		return weft_err_set(err, WEFT_E_BUSY, CORE_BUSY_TEXT);
	batch.blobs = heap_take(&core->heap, count * sizeof(uint32_t));
	code = batch_sign(tables, rows, count, batch.blobs, &done, err);
	if (code != 0) {
		for (size_t i = 0; i < done; i++)
			blob_give(core->blobs, batch.blobs[i]);
		batch_free(tables, &batch);
		return code;
	}
	batch.token = core_persist_begin(core, tag);
	WEFT_ASSERT(batch.token != 0);
	batch_write(tables, &batch);
	vec_push(&tables->batches.pending, &batch);
	*token = batch.token;
	return 0;
}

/* Own rows have no holes below the lowest sequence that is still on its way. */
static void own_complete(struct tables *tables)
{
	struct core *core = tables->core;

	for (size_t i = 0; i < tables->batches.last.count; i++) {
		const struct batch_last *last = vec_at(&tables->batches.last, i);
		struct version upto = {core->self.epoch, last->sequence};
		struct origin *origin = own_origin(tables, &last->topic);
		for (size_t j = 0; j < tables->batches.pending.count; j++) {
			for (size_t k = 0; k < pending_at(tables, j)->count; k++) {
				struct row_view row;
				pending_row(tables, pending_at(tables, j), k, &row);
				if (!row_is_fact(&row) && id_eq(&row.topic, &last->topic) &&
				    row.sequence <= upto.sequence)
					upto.sequence = row.sequence - 1;
			}
		}
		if (origin != NULL)
			watermark_complete(&origin->mark, &core->heap, upto);
	}
}

bool batch_durable(struct tables *tables, uint64_t token, bool ok)
{
	struct blob_store *blobs = tables->core->blobs;
	struct batch batch = {.token = 0};

	for (size_t i = 0; i < tables->batches.pending.count && batch.token == 0; i++) {
		if (pending_at(tables, i)->token != token)
			continue;
		batch = *pending_at(tables, i);
		vec_remove(&tables->batches.pending, i);
	}
	if (batch.token == 0)
		return false;
	for (size_t i = 0; i < batch.count; i++) {
		struct row_view row, held;
		uint32_t slot;
		pending_row(tables, &batch, i, &row);
		slot = replica_find(&tables->replica, &row);
		if (slot != NONE)
			replica_view(&tables->replica, slot, &held);
		/* Somebody may have shown meanwhile that this node left: that stays. */
		if (ok && slot != NONE && receive_is_after_leave(&row, &held)) {
			snapshot_replace(tables, slot, replica_version(&row));
			blob_give(blobs, batch.blobs[i]);
			continue;
		}
		/* Somebody else may have set a higher fact meanwhile. */
		if (ok && (slot == NONE || row_version_cmp(&row, &held) > 0)) {
			receive_apply(tables, &row, batch.blobs[i], NULL, PATH_OWN);
			continue;
		}
		/* The store may have written the lower fact over the higher one. */
		if (ok && row_is_fact(&row))
			snapshot_note(tables, slot, PATH_TOLD);
		blob_give(blobs, batch.blobs[i]);
	}
	batch_free(tables, &batch);
	own_complete(tables);
	return true;
}
