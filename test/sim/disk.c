/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * A fake disk: the fold of all writes, kept in the order in which the real store gives them back
 * (meta, own rows, facts, snapshots, leases, endpoints, answers; each by key).
 */
#include <stdlib.h>
#include <string.h>

#include "gossip/base/check.h"
#include "sim.h"

#define DISK_KEY_BYTES 128

struct sim_disk_entry {
	struct sim_disk_entry *next;
	uint8_t key[DISK_KEY_BYTES];
	size_t key_len;
	struct write write;
	uint8_t *bytes;
};

static void key_add(struct sim_disk_entry *entry, const void *bytes, size_t len)
{
	WEFT_ASSERT(entry->key_len + len <= DISK_KEY_BYTES);
	memcpy(entry->key + entry->key_len, bytes, len);
	entry->key_len += len;
}

static void key_add_row(struct sim_disk_entry *entry, const struct row_view *row)
{
	uint8_t kind[2] = {(uint8_t)(row->kind >> 8), (uint8_t)row->kind};

	if (!row_is_fact(row)) {
		key_add(entry, row->owner.b, ID_BYTES);
		key_add(entry, row->topic.b, ID_BYTES);
	}
	key_add(entry, kind, 2);
	key_add(entry, row->key, row->key_len);
}

/* The key of a write; drops get the key of what they drop. */
static void key_of(const struct write *write, struct sim_disk_entry *entry)
{
	static const uint8_t order[] = {
	    [WRITE_META] = 1,          [WRITE_OWN_ROW] = 2,    [WRITE_ROW_DROP] = 2,
	    [WRITE_FACT] = 3,          [WRITE_SNAPSHOT] = 4,   [WRITE_SNAPSHOT_DROP] = 4,
	    [WRITE_LEASE] = 5,         [WRITE_LEASE_DROP] = 5, [WRITE_ENDPOINT] = 6,
	    [WRITE_ENDPOINT_DROP] = 6, [WRITE_ANSWER] = 7,
	};
	struct row_view row;

	entry->key_len = 0;
	key_add(entry, &order[write->kind], 1);
	switch (write->kind) {
	case WRITE_META:
		key_add(entry, &write->meta, sizeof(write->meta));
		break;
	case WRITE_OWN_ROW:
	case WRITE_FACT:
	case WRITE_SNAPSHOT:
		WEFT_ASSERT(row_parse(write->bytes, write->len, &row) == 0);
		key_add_row(entry, &row);
		break;
	case WRITE_ROW_DROP:
	case WRITE_SNAPSHOT_DROP:
		key_add_row(entry, &write->row);
		break;
	case WRITE_LEASE:
	case WRITE_LEASE_DROP:
		key_add(entry, write->lease.network.b, ID_BYTES);
		key_add(entry, write->lease.address.b, 16);
		break;
	case WRITE_ENDPOINT:
	case WRITE_ENDPOINT_DROP:
		key_add(entry, write->endpoint.id.b, ID_BYTES);
		break;
	case WRITE_ANSWER:
		key_add(entry, write->answer.request, strlen(write->answer.request));
		break;
	}
}

static int entry_cmp(const struct sim_disk_entry *a, const struct sim_disk_entry *b)
{
	size_t len = a->key_len < b->key_len ? a->key_len : b->key_len;
	int order = memcmp(a->key, b->key, len);

	return order ? order : (a->key_len > b->key_len) - (a->key_len < b->key_len);
}

static bool write_is_drop(const struct write *write)
{
	return write->kind == WRITE_ROW_DROP || write->kind == WRITE_SNAPSHOT_DROP ||
	       write->kind == WRITE_LEASE_DROP || write->kind == WRITE_ENDPOINT_DROP ||
	       (write->kind == WRITE_META && write->len == 0);
}

static void disk_put(struct sim_disk *disk, const struct write *write)
{
	struct sim_disk_entry want, **at = &disk->first, *entry;
	int order = 1;

	key_of(write, &want);
	while (*at && (order = entry_cmp(*at, &want)) < 0)
		at = &(*at)->next;
	if (*at && order == 0) {
		entry = *at;
		*at = entry->next;
		disk->count--;
		free(entry->bytes);
		free(entry);
	}
	if (write_is_drop(write))
		return;
	entry = calloc(1, sizeof(*entry));
	WEFT_ASSERT(entry != NULL);
	memcpy(entry->key, want.key, want.key_len);
	entry->key_len = want.key_len;
	entry->write = *write;
	if (write->len > 0) {
		entry->bytes = malloc(write->len);
		WEFT_ASSERT(entry->bytes != NULL);
		memcpy(entry->bytes, write->bytes, write->len);
	}
	entry->write.bytes = entry->bytes;
	entry->next = *at;
	*at = entry;
	disk->count++;
}

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
		disk_put(&host->disk, &commit->writes[i]);
		check_write(sim, host, &commit->writes[i]);
	}
}

void disk_commit_free(struct sim_commit *commit)
{
	free(commit->writes);
	free(commit->bytes);
	free(commit);
}

int disk_load(const struct sim_disk *disk, int (*visit)(void *ctx, const struct write *write),
	      void *ctx)
{
	for (const struct sim_disk_entry *entry = disk->first; entry; entry = entry->next) {
		int code = visit(ctx, &entry->write);

		if (code)
			return code;
	}
	return 0;
}

void disk_wipe(struct sim_disk *disk)
{
	struct sim_disk_entry *entry = disk->first;

	while (entry) {
		struct sim_disk_entry *next = entry->next;

		free(entry->bytes);
		free(entry);
		entry = next;
	}
	disk->first = NULL;
	disk->count = 0;
}
