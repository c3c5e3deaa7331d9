/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * A commit on its way.
 *
 *   filled   by an op, or by a group of ipamdb's with what its op adds; everything is copied
 *   queued   on the agenda, since gossip must not be stepped while an update is read
 *   run      its rows go to gossip, which signs them; what it signed and the other writes are one
 *            batch of the host's, under one token
 *   done     durable or failed: gossip, ipamdb and the op are told, in this order, so that a row is
 *            visible before its endpoint is answered
 *
 * One that is refused before it is handed in (gossip takes no rows, or what was to be kept is there
 * no more) is told as failed at once. The end of a token that nobody knows is another run's.
 */
#include "commit.h"

#include <string.h>

#include "agenda.h"
#include "op.h"
#include "route.h"

struct commit_entry {
	uint64_t token;
	struct commit *commit;
};

struct commit *commit_new(struct node *node, uint64_t op)
{
	struct commit *commit = heap_take(&node->heap, sizeof(*commit));

	commit->op = op;
	vec_init(&commit->rows, &node->heap, sizeof(struct commit_row));
	vec_init(&commit->writes, &node->heap, sizeof(struct commit_write));
	vec_init(&commit->bytes, &node->heap, 1);
	return commit;
}

static void commit_empty(struct commit *commit)
{
	vec_close(&commit->rows);
	vec_close(&commit->writes);
	vec_close(&commit->bytes);
}

void commit_free(struct node *node, struct commit *commit)
{
	commit_empty(commit);
	heap_give(&node->heap, commit, sizeof(*commit));
}

static size_t keep_bytes(struct commit *commit, const uint8_t *bytes, size_t len)
{
	size_t at = commit->bytes.count;

	vec_append(&commit->bytes, bytes, len);
	return at;
}

void commit_row(struct commit *commit, const struct row_view *row)
{
	struct commit_row *kept = vec_push(&commit->rows, NULL);

	kept->view = *row;
	kept->at = keep_bytes(commit, row->value, row->value_len);
}

void commit_row_of(struct commit *commit, enum row_kind kind, const struct id *topic,
		   const struct id *key, const uint8_t *value, size_t len)
{
	static const uint8_t nil = 0xc0;
	struct row_view row = {.kind = (uint16_t)kind,
			       .topic = *topic,
			       .deleted = len == 0,
			       .key_len = ID_BYTES,
			       .value = len == 0 ? &nil : value,
			       .value_len = len == 0 ? 1 : len};

	memcpy(row.key, key->b, ID_BYTES);
	commit_row(commit, &row);
}

void commit_write(struct commit *commit, const struct write *write)
{
	struct commit_write *kept = vec_push(&commit->writes, NULL);

	kept->write = *write;
	kept->at = keep_bytes(commit, write->bytes, write->len);
}

void commit_queue(struct node *node, struct commit *commit)
{
	agenda_add(node, &(struct agenda_item){.kind = AGENDA_COMMIT, .bytes = commit});
}

/* A batch in the update, its writes still to be filled in. */
static struct write *batch_begin(struct node *node, struct commit *commit, size_t count)
{
	struct commit_entry *entry;
	uint64_t token = ++node->next_token;
	struct write *writes = scratch_take(&node->scratch, count * sizeof(*writes));

	WEFT_ASSERT(count > 0);
	WEFT_ASSERT(node->update.batch_count < NODE_BATCHES);
	node->update.batches[node->update.batch_count++] =
	    (struct node_batch){.token = token, .count = count, .writes = writes};
	entry = map_insert(&node->commits, &token, NULL);
	entry->commit = commit;
	return writes;
}

static void write_copy(struct node *node, struct write *to, const struct write *from,
		       const uint8_t *bytes)
{
	*to = *from;
	to->bytes = scratch_copy(&node->scratch, bytes, from->len);
	if (write_is_secret(to))
		scratch_note_secret(&node->scratch);
	/* The parsed form points into the bytes of whoever made it. */
	if (to->kind == WRITE_OWN_ROW || to->kind == WRITE_FACT || to->kind == WRITE_SNAPSHOT)
		row_known(to->bytes, to->len, &to->row);
	else
		to->row.value = to->row.sig = NULL;
}

void commit_of_gossip(struct node *node, const struct gossip_update *update,
		      const struct gossip_persist *persist)
{
	struct commit *commit = commit_new(node, 0);
	struct write *writes = batch_begin(node, commit, persist->count);

	commit->gossip_token = persist->token;
	for (size_t i = 0; i < persist->count; i++) {
		const struct write *write = &update->writes[persist->first + i];

		write_copy(node, &writes[i], write, write->bytes);
	}
}

/* What gossip signed for this commit is in its update still: nothing stepped it since. */
static void batch_fill(struct node *node, struct commit *commit, const struct gossip_update *update)
{
	const struct gossip_persist *persist = NULL;
	struct write *writes;
	size_t at = 0;

	for (size_t i = 0; update != NULL && i < update->persist_count; i++)
		if (update->persists[i].token == commit->gossip_token)
			persist = &update->persists[i];
	WEFT_ASSERT((persist != NULL) == (commit->gossip_token != 0));
	writes = batch_begin(node, commit,
			     commit->writes.count + (persist != NULL ? persist->count : 0));
	for (size_t i = 0; persist != NULL && i < persist->count; i++) {
		const struct write *write = &update->writes[persist->first + i];

		write_copy(node, &writes[at++], write, write->bytes);
	}
	for (size_t i = 0; i < commit->writes.count; i++) {
		const struct commit_write *kept = vec_at(&commit->writes, i);

		/* Of a commit whose writes have no bytes there are none to point at. */
		write_copy(node, &writes[at++], &kept->write,
			   commit->bytes.count > 0 ? (const uint8_t *)commit->bytes.items + kept->at
						   : NULL);
	}
}

/* Tells all who took part. Frees the commit. */
static void commit_tell(struct node *node, struct commit *commit, const struct weft_err *err)
{
	struct op *op = commit->op != 0 ? op_find(node, commit->op) : NULL;
	bool ok = err->code == 0;

	if (commit->gossip_token != 0) {
		struct gossip_event event = {
		    .kind = EV_DURABLE, .token = commit->gossip_token, .ok = ok};

		route_gossip(node, &event);
	}
	if (!ok && op != NULL)
		op->err = *err;
	if (commit->ipam_token != 0) {
		struct ipam_event event = {
		    .kind = IPAM_EV_DURABLE, .token = commit->ipam_token, .code = err->code};

		route_ipam(node, &event);
	} else if (commit->op != 0) {
		op = op_find(node, commit->op);
		if (op != NULL)
			op_committed(node, op, err);
	}
	commit_free(node, commit);
}

/* A fact that is to be kept as it was, while a newer version by this node is being written. */
static bool is_overtaken(const struct node *node, const struct commit *commit)
{
	for (size_t i = 0; i < commit->writes.count; i++) {
		const struct write *write =
		    &((const struct commit_write *)vec_at(&commit->writes, i))->write;

		if (write->kind == WRITE_FACT &&
		    gossip_is_writing(node->gossip, write->row.kind, write->row.key,
				      write->row.key_len))
			return true;
	}
	return false;
}

void commit_run(struct node *node, struct commit *commit)
{
	const struct gossip_update *update = NULL;

	WEFT_ASSERT(commit->gossip_token == 0);
	if (is_overtaken(node, commit)) {
		struct weft_err busy;

		weft_err_set(&busy, WEFT_E_BUSY, "what was to be kept is just written anew");
		commit_tell(node, commit, &busy);
		return;
	}
	if (commit->is_short || commit->rows.count + commit->writes.count == 0) {
		struct weft_err gone;

		weft_err_set(&gone, WEFT_E_NOT_FOUND, "what was to be kept is not there any more");
		commit_tell(node, commit, &gone);
		return;
	}
	if (commit->rows.count > 0) {
		struct row_view *rows =
		    scratch_take(&node->scratch, commit->rows.count * sizeof(*rows));
		struct gossip_command command = {
		    .kind = CMD_PUT, .row_count = commit->rows.count, .rows = rows};

		for (size_t i = 0; i < commit->rows.count; i++) {
			const struct commit_row *kept = vec_at(&commit->rows, i);

			rows[i] = kept->view;
			rows[i].value = (const uint8_t *)commit->bytes.items + kept->at;
		}
		update = route_put(node, &command);
		if (node->put_token == 0) {
			struct weft_err err = node->put_err;

			WEFT_ASSERT(err.code != 0);
			commit_tell(node, commit, &err);
			return;
		}
		commit->gossip_token = node->put_token;
	}
	batch_fill(node, commit, update);
	commit_empty(commit);
}

void commit_done(struct node *node, uint64_t token, const struct weft_err *why)
{
	struct commit_entry *entry = map_find(&node->commits, &token);
	struct weft_err err = {0};
	struct commit *commit;

	if (entry == NULL)
		return; /* another run's, or the daemon's own */
	commit = entry->commit;
	map_remove(&node->commits, &token);
	/* Which batch offended and how is for the log; a full disk is for whoever asked, too. */
	if (why != NULL && why->code == WEFT_E_STORE_FULL)
		weft_err_set(&err, why->code, "%s", why->message);
	else if (why != NULL)
		weft_err_set(&err, WEFT_E_STORE,
			     "the state could not be written, so nothing was changed; see the log");
	commit_tell(node, commit, &err);
}

void commits_open(struct node *node, uint64_t seed)
{
	map_init(&node->commits, &node->heap, sizeof(uint64_t), sizeof(struct commit_entry), seed);
}
