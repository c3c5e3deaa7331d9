/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * A fake disk: the fold of all writes, given back in the order of the real store (meta, own rows,
 * facts, snapshots, leases, endpoints, answers; each by key).
 *
 * An entry never changes once it is made, so that copies of a disk share what they have in common:
 * a copy costs a pointer an entry. Rows, of which a thousand hosts store the same, exist once in
 * the world. A disk itself is an open-addressed table of entries by the hash of their keys.
 */
#include <stdlib.h>
#include <string.h>

#include "faults.h"
#include "gossip/base/check.h"
#include "sim.h"

#define DISK_KEY_BYTES 128
#define DISK_SLOTS_MIN 64

struct sim_entry {
	uint32_t refs;
	bool interned;
	uint64_t hash; /* of the key */
	size_t key_len, len;
	struct write *rest; /* NULL for rows: all there is to know is in the bytes */
	enum write_kind kind;
	uint8_t bytes[]; /* the key, then the bytes of the write */
};

struct disk_key {
	uint8_t bytes[DISK_KEY_BYTES];
	size_t len;
};

struct interned {
	uint64_t hash[2]; /* of kind and bytes */
	struct sim_entry *entry;
};

static void key_add(struct disk_key *key, const void *bytes, size_t len)
{
	WEFT_ASSERT(key->len + len <= DISK_KEY_BYTES);
	memcpy(key->bytes + key->len, bytes, len);
	key->len += len;
}

static void key_add_row(struct disk_key *key, const struct row_view *row)
{
	uint8_t kind[2] = {(uint8_t)(row->kind >> 8), (uint8_t)row->kind};

	if (!row_is_fact(row)) {
		key_add(key, row->owner.b, ID_BYTES);
		key_add(key, row->topic.b, ID_BYTES);
	}
	key_add(key, kind, 2);
	key_add(key, row->key, row->key_len);
}

/* The key of a write; drops get the key of what they drop. */
static void key_of(const struct write *write, struct disk_key *key)
{
	static const uint8_t order[] = {
	    [WRITE_META] = 1,          [WRITE_OWN_ROW] = 2,    [WRITE_ROW_DROP] = 2,
	    [WRITE_FACT] = 3,          [WRITE_SNAPSHOT] = 4,   [WRITE_SNAPSHOT_DROP] = 4,
	    [WRITE_LEASE] = 5,         [WRITE_LEASE_DROP] = 5, [WRITE_ENDPOINT] = 6,
	    [WRITE_ENDPOINT_DROP] = 6, [WRITE_ANSWER] = 7,
	};
	struct row_view row;

	key->len = 0;
	key_add(key, &order[write->kind], 1);
	switch (write->kind) {
	case WRITE_META:
		key_add(key, &write->meta, sizeof(write->meta));
		break;
	case WRITE_OWN_ROW:
	case WRITE_FACT:
	case WRITE_SNAPSHOT:
		WEFT_ASSERT(row_parse(write->bytes, write->len, &row) == 0);
		key_add_row(key, &row);
		break;
	case WRITE_ROW_DROP:
	case WRITE_SNAPSHOT_DROP:
		key_add_row(key, &write->row);
		break;
	case WRITE_LEASE:
	case WRITE_LEASE_DROP:
		key_add(key, write->lease.network.b, ID_BYTES);
		key_add(key, write->lease.address.b, 16);
		break;
	case WRITE_ENDPOINT:
	case WRITE_ENDPOINT_DROP:
		key_add(key, write->endpoint.id.b, ID_BYTES);
		break;
	case WRITE_ANSWER:
		key_add(key, write->answer.request, strlen(write->answer.request));
		break;
	}
}

static bool is_row(const struct write *write)
{
	return write->kind == WRITE_OWN_ROW || write->kind == WRITE_FACT ||
	       write->kind == WRITE_SNAPSHOT;
}

static bool is_drop(const struct write *write)
{
	return write->kind == WRITE_ROW_DROP || write->kind == WRITE_SNAPSHOT_DROP ||
	       write->kind == WRITE_LEASE_DROP || write->kind == WRITE_ENDPOINT_DROP ||
	       (write->kind == WRITE_META && write->len == 0);
}

/* --- entries ---------------------------------------------------------------------------------- */

static struct sim_entry *entry_new(const struct write *write, const struct disk_key *key)
{
	struct sim_entry *entry = calloc(1, sizeof(*entry) + key->len + write->len);

	WEFT_ASSERT(entry != NULL);
	entry->refs = 1;
	entry->hash = map_hash(key->bytes, key->len, 0);
	entry->kind = write->kind;
	entry->key_len = key->len;
	entry->len = write->len;
	memcpy(entry->bytes, key->bytes, key->len);
	if (write->len > 0)
		memcpy(entry->bytes + key->len, write->bytes, write->len);
	if (is_row(write))
		return entry;
	entry->rest = malloc(sizeof(*entry->rest));
	WEFT_ASSERT(entry->rest != NULL);
	*entry->rest = *write;
	entry->rest->bytes = entry->bytes + key->len;
	return entry;
}

static void interned_key(const struct sim_entry *entry, struct interned *key)
{
	const uint8_t *bytes = entry->bytes + entry->key_len;

	memset(key, 0, sizeof(*key));
	key->hash[0] = map_hash(bytes, entry->len, entry->kind);
	key->hash[1] = map_hash(bytes, entry->len, entry->kind + 1000u);
}

/* The world's entry for this write, counted once more. */
static struct sim_entry *entry_take(struct sim *sim, const struct write *write,
				    const struct disk_key *key)
{
	struct sim_entry *entry = entry_new(write, key);
	struct interned want, *there;
	bool fresh;

	if (!is_row(write))
		return entry;
	interned_key(entry, &want);
	there = map_insert(&sim->disk_rows, &want, &fresh);
	if (fresh) {
		there->entry = entry;
		entry->interned = true;
		return entry;
	}
	WEFT_ASSERT(there->entry->len == entry->len);
	free(entry);
	there->entry->refs++;
	return there->entry;
}

static void entry_give(struct sim *sim, struct sim_entry *entry)
{
	struct interned key;

	WEFT_ASSERT(entry->refs > 0);
	if (--entry->refs > 0)
		return;
	if (entry->interned) {
		interned_key(entry, &key);
		map_remove(&sim->disk_rows, &key);
	}
	free(entry->rest);
	free(entry);
}

void disk_rows_init(struct sim *sim)
{
	map_init(&sim->disk_rows, &sim->heap, sizeof(uint64_t[2]), sizeof(struct interned),
		 sim->opt.seed);
}

/* --- the table of a disk ---------------------------------------------------------------------- */

/* The slot with this key, or the free one where it belongs. */
static size_t slot_of(const struct sim_disk *disk, const struct disk_key *key, uint64_t hash)
{
	size_t at = hash & (disk->slot_count - 1);

	for (; disk->slots[at]; at = (at + 1) & (disk->slot_count - 1)) {
		const struct sim_entry *entry = disk->slots[at];

		if (entry->hash == hash && entry->key_len == key->len &&
		    memcmp(entry->bytes, key->bytes, key->len) == 0)
			break;
	}
	return at;
}

static void disk_grow(struct sim_disk *disk)
{
	struct sim_entry **old = disk->slots;
	size_t old_count = disk->slot_count;

	disk->slot_count = old_count ? old_count * 2 : DISK_SLOTS_MIN;
	disk->slots = calloc(disk->slot_count, sizeof(struct sim_entry *));
	WEFT_ASSERT(disk->slots != NULL);
	for (size_t i = 0; i < old_count; i++) {
		size_t at;

		if (!old[i])
			continue;
		at = old[i]->hash & (disk->slot_count - 1);
		while (disk->slots[at])
			at = (at + 1) & (disk->slot_count - 1);
		disk->slots[at] = old[i];
	}
	free(old);
}

/* Empties a slot and moves up what was put behind it because it was taken. */
static void slot_empty(struct sim_disk *disk, size_t hole)
{
	size_t mask = disk->slot_count - 1;

	disk->slots[hole] = NULL;
	for (size_t at = (hole + 1) & mask; disk->slots[at]; at = (at + 1) & mask) {
		size_t home = disk->slots[at]->hash & mask;

		if (((at - home) & mask) < ((at - hole) & mask))
			continue;
		disk->slots[hole] = disk->slots[at];
		disk->slots[at] = NULL;
		hole = at;
	}
}

static void disk_put(struct sim *sim, struct sim_disk *disk, const struct write *write)
{
	struct disk_key key;
	size_t at;

	if (disk->slot_count < 2 * (disk->count + 1))
		disk_grow(disk);
	key_of(write, &key);
	at = slot_of(disk, &key, map_hash(key.bytes, key.len, 0));
	if (disk->slots[at]) {
		entry_give(sim, disk->slots[at]);
		disk->count--;
		if (is_drop(write)) {
			slot_empty(disk, at);
			return;
		}
	}
	if (is_drop(write))
		return;
	disk->slots[at] = entry_take(sim, write, &key);
	disk->count++;
}

void disk_wipe(struct sim *sim, struct sim_disk *disk)
{
	for (size_t i = 0; i < disk->slot_count; i++)
		if (disk->slots[i])
			entry_give(sim, disk->slots[i]);
	free(disk->slots);
	*disk = (struct sim_disk){0};
}

void disk_copy(struct sim *sim, struct sim_disk *to, const struct sim_disk *from)
{
	if (to == from)
		return;
	disk_wipe(sim, to);
	*to = *from;
	if (!from->slots)
		return;
	to->slots = malloc(to->slot_count * sizeof(struct sim_entry *));
	WEFT_ASSERT(to->slots != NULL);
	memcpy(to->slots, from->slots, to->slot_count * sizeof(struct sim_entry *));
	for (size_t i = 0; i < to->slot_count; i++)
		if (to->slots[i])
			to->slots[i]->refs++;
}

void disk_learn(struct sim *sim, struct sim_host *host, const struct sim_disk *from)
{
	for (size_t i = 0; i < from->slot_count; i++) {
		const struct sim_entry *entry = from->slots[i];
		struct write write = {.kind = WRITE_SNAPSHOT};

		if (!entry || entry->rest)
			continue;
		write.bytes = entry->bytes + entry->key_len;
		write.len = entry->len;
		WEFT_ASSERT(row_parse(write.bytes, write.len, &write.row) == 0);
		if (row_is_fact(&write.row))
			write.kind = WRITE_FACT;
		else if (id_eq(&write.row.owner, &host->id))
			continue;
		disk_put(sim, &host->disk, &write);
	}
}

static int entry_cmp(const void *left, const void *right)
{
	const struct sim_entry *a = *(struct sim_entry *const *)left;
	const struct sim_entry *b = *(struct sim_entry *const *)right;
	size_t len = a->key_len < b->key_len ? a->key_len : b->key_len;
	int order = memcmp(a->bytes, b->bytes, len);

	return order ? order : (a->key_len > b->key_len) - (a->key_len < b->key_len);
}

static int entry_visit(const struct sim_entry *entry,
		       int (*visit)(void *ctx, const struct write *write), void *ctx)
{
	struct write write = {
	    .kind = entry->kind, .bytes = entry->bytes + entry->key_len, .len = entry->len};

	if (entry->rest)
		return visit(ctx, entry->rest);
	WEFT_ASSERT(row_parse(write.bytes, write.len, &write.row) == 0);
	return visit(ctx, &write);
}

int disk_load(const struct sim_disk *disk, int (*visit)(void *ctx, const struct write *write),
	      void *ctx)
{
	struct sim_entry **sorted = malloc((disk->count + 1) * sizeof(struct sim_entry *));
	size_t count = 0;
	int code = 0;

	WEFT_ASSERT(sorted != NULL);
	for (size_t i = 0; i < disk->slot_count; i++)
		if (disk->slots[i])
			sorted[count++] = disk->slots[i];
	WEFT_ASSERT(count == disk->count);
	qsort(sorted, count, sizeof(struct sim_entry *), entry_cmp);
	for (size_t i = 0; i < count && code == 0; i++)
		code = entry_visit(sorted[i], visit, ctx);
	free(sorted);
	return code;
}

void disk_walk(const struct sim_disk *disk, unsigned kinds,
	       int (*visit)(void *ctx, const struct write *write), void *ctx)
{
	for (size_t i = 0; i < disk->slot_count; i++)
		if (disk->slots[i] && (kinds & 1u << disk->slots[i]->kind))
			(void)entry_visit(disk->slots[i], visit, ctx);
}

/* --- commits ---------------------------------------------------------------------------------- */

struct sim_commit *disk_submit(struct sim_host *host, const struct node_batch *batch)
{
	struct sim_commit *commit = calloc(1, sizeof(*commit));
	size_t bytes = 0;

	WEFT_ASSERT(commit != NULL);
	for (size_t i = 0; i < batch->count; i++)
		bytes += batch->writes[i].len;
	commit->token = batch->token;
	commit->count = batch->count;
	commit->writes = calloc(batch->count + 1, sizeof(*commit->writes));
	commit->bytes = malloc(bytes + 1);
	WEFT_ASSERT(commit->writes != NULL && commit->bytes != NULL);
	bytes = 0;
	for (size_t i = 0; i < batch->count; i++) {
		commit->writes[i] = batch->writes[i];
		if (batch->writes[i].len > 0)
			memcpy(commit->bytes + bytes, batch->writes[i].bytes, batch->writes[i].len);
		commit->writes[i].bytes = commit->bytes + bytes;
		bytes += batch->writes[i].len;
	}
	*host->commits_end = commit;
	host->commits_end = &commit->next;
	return commit;
}

void disk_apply(struct sim *sim, struct sim_host *host, const struct sim_commit *commit)
{
	for (size_t i = 0; i < commit->count; i++) {
		disk_put(sim, &host->disk, &commit->writes[i]);
		check_write(sim, host, &commit->writes[i]);
		misuse_wrote(sim, &commit->writes[i]);
	}
	check_commit(sim, host, commit);
}

void disk_commit_free(struct sim_commit *commit)
{
	free(commit->writes);
	free(commit->bytes);
	free(commit);
}
