/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* The small cluster of cluster.h: an event queue, disks, and the check for double owners. */
#include "cluster_impl.h"

#include <string.h>

#include "gossip/base/check.h"

struct parcel {
	enum parcel_kind kind;
	struct mono due;
	uint64_t order; /* of equal times, the first made goes first */
	size_t to, from;
	uint64_t boot; /* of the receiver, or of the sender for commits */
	uint64_t token, tag, handle;
	size_t row_count, write_count, keep_count;
	struct cluster_row *rows;
	struct ipam_keep *keeps;
	struct write *writes;
	uint8_t sequence[16]; /* bytes of a META_LEASE_SEQUENCE among writes */
	size_t sequence_len;
	size_t len;
	uint8_t bytes[IPAM_MESSAGE_BYTES_MAX];
};

/* Who asked, so that the answer finds its way: kept by handle. */
struct asked {
	uint64_t handle;
	size_t node;
	uint64_t boot, tag;
	struct mono expires;
};

static void test_hash(void *ctx, const uint8_t *key, size_t key_len, const void *msg, size_t len,
		      uint8_t out[HASH_BYTES])
{
	(void)ctx, (void)key, (void)key_len;
	for (uint64_t i = 0; i < HASH_BYTES / 8; i++) {
		uint64_t word = map_hash(msg, len, i + 1);
		memcpy(out + 8 * i, &word, 8);
	}
}

static const struct gossip_crypto test_crypto = {.hash = test_hash};

static size_t node_of(const struct cluster *c, const struct id *id)
{
	for (size_t i = 0; i < c->count; i++)
		if (id_eq(&c->nodes[i].id, id))
			return i;
	return SIZE_MAX;
}

static bool same_row(const struct row_view *a, const struct row_view *b)
{
	return a->kind == b->kind && a->key_len == b->key_len &&
	       memcmp(a->key, b->key, a->key_len) == 0 &&
	       (row_is_fact(a) || id_eq(&a->owner, &b->owner));
}

/* Is every row up to this version, or what replaced it, on the node's disk? */
static bool has_rows(void *ctx, const struct id *owner, uint64_t epoch, uint64_t sequence)
{
	const struct cluster_node *node = ctx;
	const struct cluster *c = node->cluster;
	size_t writer = node_of(c, owner);
	const struct vec *theirs;

	(void)epoch;
	if (writer == SIZE_MAX)
		return true; /* who is only named wrote none */
	theirs = &c->nodes[writer].disk.rows;
	for (size_t i = 0; i < theirs->count; i++) {
		const struct cluster_row *row = vec_at(theirs, i);
		bool found = false;
		if (row_is_fact(&row->view) || !id_eq(&row->view.owner, owner) ||
		    row->view.sequence > sequence)
			continue;
		for (size_t j = 0; j < node->disk.rows.count && !found; j++) {
			const struct cluster_row *ours = vec_at(&node->disk.rows, j);
			found = same_row(&ours->view, &row->view) &&
				ours->view.sequence >= row->view.sequence;
		}
		if (!found)
			return false;
	}
	return true;
}

struct ipamdb *cluster_db_make(struct cluster *c, size_t node)
{
	struct ipamdb_config config = {
	    .has_rows = has_rows,
	    .rows_of = cluster_rows_of,
	    .ctx = &c->nodes[node],
	    .pages = page_source_mmap(),
	    .crypto = &test_crypto,
	    .self = c->nodes[node].id,
	    .seed = rng_u64(&c->rng),
	    .guard = c->guard,
	};

	return ipamdb_new(&config);
}

static void parcel_free(struct cluster *c, struct parcel *parcel)
{
	if (parcel->rows)
		heap_give(&c->heap, parcel->rows, parcel->row_count * sizeof(*parcel->rows));
	if (parcel->keeps)
		heap_give(&c->heap, parcel->keeps, parcel->keep_count * sizeof(*parcel->keeps));
	if (parcel->writes)
		heap_give(&c->heap, parcel->writes, parcel->write_count * sizeof(*parcel->writes));
	heap_give(&c->heap, parcel, sizeof(*parcel));
}

static struct parcel *parcel_post(struct cluster *c, enum parcel_kind kind, size_t from, size_t to,
				  int64_t ms)
{
	struct parcel *parcel = heap_take(&c->heap, sizeof(*parcel));

	parcel->kind = kind;
	parcel->due = mono_add_ms(c->now, ms);
	parcel->order = c->next_handle++;
	parcel->from = from;
	parcel->to = to;
	parcel->boot = c->nodes[kind == PARCEL_COMMIT ? from : to].boot;
	vec_push(&c->parcels, &parcel);
	return parcel;
}

static bool is_lost(struct cluster *c, size_t from, size_t to)
{
	return c->cut[from][to] || rng_below(&c->rng, 100) < c->loss_percent;
}

static int64_t delay(struct cluster *c)
{
	return 1 + (int64_t)rng_below(&c->rng, (uint64_t)c->delay_ms_max);
}

void cluster_row_copy(struct cluster_row *to, const struct row_view *from)
{
	WEFT_ASSERT(from->value_len <= sizeof(to->bytes));
	to->view = *from;
	to->view.value = NULL;
	if (from->value_len > 0)
		memcpy(to->bytes, from->value, from->value_len);
}

static void collect_groups(struct cluster *c, size_t node, const struct ipam_update *update)
{
	for (size_t g = 0; g < update->group_count; g++) {
		const struct ipam_group *group = &update->groups[g];
		struct parcel *parcel = parcel_post(c, PARCEL_COMMIT, node, node, 1);
		parcel->token = group->token;
		parcel->row_count = group->row_count;
		parcel->write_count = group->write_count;
		parcel->keep_count = group->keep_count;
		if (group->keep_count > 0) {
			size_t bytes = group->keep_count * sizeof(*parcel->keeps);
			parcel->keeps = heap_take(&c->heap, bytes);
			memcpy(parcel->keeps, &update->keeps[group->first_keep], bytes);
		}
		if (group->row_count > 0)
			parcel->rows =
			    heap_take(&c->heap, group->row_count * sizeof(*parcel->rows));
		for (size_t i = 0; i < group->row_count; i++)
			cluster_row_copy(&parcel->rows[i], &update->rows[group->first_row + i]);
		if (group->write_count > 0)
			parcel->writes =
			    heap_take(&c->heap, group->write_count * sizeof(*parcel->writes));
		for (size_t i = 0; i < group->write_count; i++) {
			parcel->writes[i] = update->writes[group->first_write + i];
			if (parcel->writes[i].kind != WRITE_META ||
			    parcel->writes[i].meta != META_LEASE_SEQUENCE)
				continue;
			memcpy(parcel->sequence, parcel->writes[i].bytes, parcel->writes[i].len);
			parcel->sequence_len = parcel->writes[i].len;
		}
	}
}

static void collect(struct cluster *c, size_t node, const struct ipam_update *update)
{
	collect_groups(c, node, update);
	for (size_t i = 0; i < update->message_count; i++) {
		const struct ipam_message *message = &update->messages[i];
		size_t to = node_of(c, &message->to);
		struct asked asked = {c->next_handle++, node, c->nodes[node].boot, message->tag,
				      mono_add_ms(c->now, 200)};
		struct parcel *parcel;
		vec_push(c->asked, &asked);
		if (to == SIZE_MAX || is_lost(c, node, to))
			continue;
		parcel = parcel_post(c, PARCEL_MESSAGE, node, to, delay(c));
		parcel->handle = asked.handle;
		parcel->len = message->len;
		memcpy(parcel->bytes, message->bytes, message->len);
	}
	for (size_t i = 0; i < update->reply_count; i++) {
		const struct ipam_reply *reply = &update->replies[i];
		struct vec *list = c->asked;
		for (size_t a = 0; a < list->count; a++) {
			const struct asked *asked = vec_at(list, a);
			struct parcel *parcel;
			if (asked->handle != reply->message || c->drop_answers ||
			    is_lost(c, node, asked->node))
				continue;
			parcel = parcel_post(c, PARCEL_REPLY, node, asked->node, delay(c));
			parcel->handle = asked->handle;
			parcel->len = reply->len;
			memcpy(parcel->bytes, reply->bytes, reply->len);
		}
	}
	for (size_t i = 0; i < update->answer_count; i++) {
		struct cluster_answer *answer = &c->answers[c->answer_count % CLUSTER_ANSWERS_MAX];
		*answer =
		    (struct cluster_answer){update->answers[i].tag, (int)node, update->answers[i]};
		c->answer_count++;
		if (update->answers[i].err.code == 0)
			c->leases_answered += update->answers[i].lease_count;
	}
}

void cluster_step(struct cluster *c, size_t node, struct ipam_event *event)
{
	if (!c->nodes[node].up)
		return;
	event->now = c->now;
	event->wall.ms = c->now.ns / NS_PER_MS - c->wall_back_ms;
	collect(c, node, ipamdb_step(c->nodes[node].db, event));
}

void cluster_tell_row(struct cluster *c, size_t node, struct cluster_row *row)
{
	struct ipam_event event = {.kind = IPAM_EV_ROW, .row = &row->view};

	row->view.value = row->bytes;
	cluster_step(c, node, &event);
}

/* Puts a row on a disk when it is newer than what is there; true when it was. */
bool cluster_disk_put(struct cluster_disk *disk, const struct cluster_row *row)
{
	for (size_t i = 0; i < disk->rows.count; i++) {
		struct cluster_row *there = vec_at(&disk->rows, i);
		if (!same_row(&there->view, &row->view))
			continue;
		if (there->view.sequence >= row->view.sequence)
			return false;
		*there = *row;
		return true;
	}
	vec_push(&disk->rows, row);
	return true;
}

static void disk_write(struct cluster_disk *disk, const struct write *write)
{
	size_t i = 0;

	for (; i < disk->leases.count; i++) {
		const struct cluster_lease *there = vec_at(&disk->leases, i);
		if (id_eq(&there->lease.network, &write->lease.network) &&
		    inet_eq(&there->lease.address, &write->lease.address))
			break;
	}
	if (i < disk->leases.count)
		vec_remove(&disk->leases, i);
	if (write->kind == WRITE_LEASE)
		vec_push(&disk->leases, &(struct cluster_lease){write->lease});
}

void cluster_broadcast(struct cluster *c, size_t from, const struct cluster_row *row)
{
	for (size_t to = 0; to < c->count; to++) {
		struct parcel *parcel;
		if (to == from || is_lost(c, from, to))
			continue;
		parcel = parcel_post(c, PARCEL_ROW, from, to, delay(c));
		parcel->rows = heap_take(&c->heap, sizeof(*parcel->rows));
		parcel->row_count = 1;
		*parcel->rows = *row;
	}
}

/* The row is on the disk for good; false when it is not known here. */
static bool disk_keep(struct cluster_disk *disk, const struct ipam_keep *keep)
{
	struct row_view key = {.kind = keep->kind, .owner = keep->owner, .key_len = keep->key_len};

	memcpy(key.key, keep->key, keep->key_len);
	for (size_t i = 0; i < disk->rows.count; i++) {
		struct cluster_row *row = vec_at(&disk->rows, i);
		if (!same_row(&row->view, &key) || row->view.deleted)
			continue;
		row->is_kept = true;
		return true;
	}
	return false;
}

static void commit_deliver(struct cluster *c, struct parcel *parcel)
{
	struct cluster_node *node = &c->nodes[parcel->from];
	struct ipam_event event = {.kind = IPAM_EV_DURABLE, .token = parcel->token};
	bool ok = !node->fail_commits;

	for (size_t i = 0; ok && i < parcel->keep_count; i++)
		ok = disk_keep(&node->disk, &parcel->keeps[i]);
	for (size_t i = 0; ok && i < parcel->row_count; i++) {
		struct cluster_row *row = &parcel->rows[i];
		row->view.owner = node->id;
		row->view.epoch = row_is_fact(&row->view) ? 0 : 1;
		row->view.sequence = ++node->disk.row_sequence;
		cluster_disk_put(&node->disk, row);
	}
	for (size_t i = 0; ok && i < parcel->write_count; i++) {
		if (parcel->writes[i].kind == WRITE_META &&
		    parcel->writes[i].meta == META_INTRODUCED) {
			node->disk.introduced = true;
		} else if (parcel->writes[i].kind == WRITE_META) {
			memcpy(node->disk.lease_sequence, parcel->sequence, parcel->sequence_len);
			node->disk.lease_sequence_len = parcel->sequence_len;
		} else {
			disk_write(&node->disk, &parcel->writes[i]);
		}
	}
	for (size_t i = 0; ok && i < parcel->row_count; i++) {
		cluster_tell_row(c, parcel->from, &parcel->rows[i]);
		cluster_broadcast(c, parcel->from, &parcel->rows[i]);
	}
	event.code = ok ? 0 : WEFT_E_STORE;
	cluster_step(c, parcel->from, &event);
}

static void row_deliver(struct cluster *c, struct parcel *parcel)
{
	if (!cluster_disk_put(&c->nodes[parcel->to].disk, parcel->rows))
		return;
	cluster_tell_row(c, parcel->to, parcel->rows);
}

static void answer_deliver(struct cluster *c, uint64_t handle, int code, const uint8_t *bytes,
			   size_t len)
{
	struct vec *list = c->asked;

	for (size_t i = 0; i < list->count; i++) {
		struct asked asked = *(struct asked *)vec_at(list, i);
		struct ipam_event event = {
		    .kind = IPAM_EV_ANSWERED,
		    .tag = asked.tag,
		    .code = code,
		    .bytes = bytes,
		    .len = len,
		};
		if (asked.handle != handle)
			continue;
		vec_remove(list, i);
		if (c->nodes[asked.node].boot == asked.boot)
			cluster_step(c, asked.node, &event);
		return;
	}
}

static void deliver(struct cluster *c, struct parcel *parcel)
{
	struct ipam_event event = {
	    .kind = IPAM_EV_MESSAGE,
	    .member = c->nodes[parcel->from].id,
	    .message = parcel->handle,
	    .bytes = parcel->bytes,
	    .len = parcel->len,
	};

	if (!c->nodes[parcel->to].up || c->nodes[parcel->to].boot != parcel->boot)
		return; /* a commit of a dead process never happened, a datagram finds nobody */
	switch (parcel->kind) {
	case PARCEL_COMMIT:
		commit_deliver(c, parcel);
		break;
	case PARCEL_ROW:
		row_deliver(c, parcel);
		break;
	case PARCEL_MESSAGE:
		cluster_step(c, parcel->to, &event);
		break;
	case PARCEL_REPLY:
		answer_deliver(c, parcel->handle, 0, parcel->bytes, parcel->len);
		break;
	}
}

static struct parcel *next_parcel(struct cluster *c, size_t *at)
{
	struct parcel *best = NULL;

	for (size_t i = 0; i < c->parcels.count; i++) {
		struct parcel *parcel = *(struct parcel **)vec_at(&c->parcels, i);
		if (parcel->kind == PARCEL_COMMIT && c->nodes[parcel->from].hold_commits &&
		    c->nodes[parcel->from].boot == parcel->boot)
			continue;
		if (!best || parcel->due.ns < best->due.ns ||
		    (parcel->due.ns == best->due.ns && parcel->order < best->order)) {
			best = parcel;
			*at = i;
		}
	}
	return best;
}

/* The next thing that is due at or before end happens; false when there is none. */
bool cluster_happen(struct cluster *c, struct mono end)
{
	size_t at = 0, ticker = SIZE_MAX;
	struct parcel *parcel = next_parcel(c, &at);
	struct mono due = parcel ? parcel->due : MONO_NEVER;
	struct vec *list = c->asked;
	uint64_t expired = 0;

	for (size_t i = 0; i < c->count; i++) {
		struct mono tick = c->nodes[i].up ? ipamdb_deadline(c->nodes[i].db) : MONO_NEVER;
		if (tick.ns < due.ns) {
			due = tick;
			ticker = i;
		}
	}
	for (size_t i = 0; i < list->count; i++) {
		const struct asked *asked = vec_at(list, i);
		if (asked->expires.ns < due.ns) {
			due = asked->expires;
			expired = asked->handle;
		}
	}
	if (due.ns > end.ns)
		return false;
	if (due.ns > c->now.ns)
		c->now = due;
	if (expired != 0) {
		answer_deliver(c, expired, WEFT_E_TIMEOUT, NULL, 0);
	} else if (ticker != SIZE_MAX) {
		struct ipam_event event = {.kind = IPAM_EV_TICK};
		cluster_step(c, ticker, &event);
	} else {
		vec_remove(&c->parcels, at);
		deliver(c, parcel);
		parcel_free(c, parcel);
	}
	return true;
}

void cluster_run(struct cluster *c, int64_t ms)
{
	struct mono end = mono_add_ms(c->now, ms);

	while (cluster_happen(c, end))
		cluster_check(c);
	c->now = end;
}

void cluster_init(struct cluster *c, size_t nodes, uint64_t seed)
{
	struct page_source pages = page_source_mmap();

	WEFT_ASSERT(nodes <= CLUSTER_NODES_MAX);
	memset(c, 0, sizeof(*c));
	heap_init(&c->heap, &pages);
	rng_init(&c->rng, seed);
	c->now.ns = NS_PER_S;
	c->next_handle = c->next_tag = 1;
	c->delay_ms_max = 1;
	c->count = nodes;
	vec_init(&c->parcels, &c->heap, sizeof(struct parcel *));
	c->asked = heap_take(&c->heap, sizeof(struct vec));
	vec_init(c->asked, &c->heap, sizeof(struct asked));
	for (size_t i = 0; i < nodes; i++) {
		struct cluster_node *node = &c->nodes[i];
		node->cluster = c;
		memset(node->id.b, (int)(i + 1), ID_BYTES);
		vec_init(&node->disk.rows, &c->heap, sizeof(struct cluster_row));
		vec_init(&node->disk.leases, &c->heap, sizeof(struct cluster_lease));
	}
	for (size_t i = 0; i < nodes; i++)
		cluster_start(c, i, true);
}

void cluster_close(struct cluster *c)
{
	for (size_t i = 0; i < c->count; i++)
		ipamdb_free(c->nodes[i].db);
	heap_close(&c->heap);
}
