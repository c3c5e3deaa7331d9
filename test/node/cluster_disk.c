/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* The fold of all writes, as a store would give them back. */
#include "cluster.h"

#include <stdlib.h>
#include <string.h>

void kept_free(struct kept_write *kept)
{
	free(kept->bytes);
}

struct kept_write kept_copy(const struct write *write)
{
	struct kept_write kept = {.write = *write, .bytes = malloc(write->len + 1)};

	assert_non_null(kept.bytes);
	if (write->len > 0)
		memcpy(kept.bytes, write->bytes, write->len);
	kept.write.bytes = kept.bytes;
	if (write->kind == WRITE_OWN_ROW || write->kind == WRITE_FACT ||
	    write->kind == WRITE_SNAPSHOT)
		assert_int_equal(row_parse(kept.bytes, write->len, &kept.write.row), 0);
	return kept;
}

static bool same_row(const struct row_view *a, const struct row_view *b)
{
	return a->kind == b->kind && a->key_len == b->key_len &&
	       memcmp(a->key, b->key, a->key_len) == 0 && id_eq(&a->topic, &b->topic) &&
	       (row_is_fact(a) || id_eq(&a->owner, &b->owner));
}

/* Drops are of the kind that they drop. */
static enum write_kind kind_of(const struct write *write)
{
	switch (write->kind) {
	case WRITE_ROW_DROP:
		return WRITE_OWN_ROW;
	case WRITE_SNAPSHOT_DROP:
		return WRITE_SNAPSHOT;
	case WRITE_LEASE_DROP:
		return WRITE_LEASE;
	case WRITE_ENDPOINT_DROP:
		return WRITE_ENDPOINT;
	default:
		return write->kind;
	}
}

static bool same_place(const struct write *a, const struct write *b)
{
	if (kind_of(a) != kind_of(b))
		return false;
	switch (kind_of(a)) {
	case WRITE_META:
		return a->meta == b->meta;
	case WRITE_LEASE:
		return id_eq(&a->lease.network, &b->lease.network) &&
		       inet_eq(&a->lease.address, &b->lease.address);
	case WRITE_ENDPOINT:
		return id_eq(&a->endpoint.id, &b->endpoint.id);
	case WRITE_ANSWER:
		return strcmp(a->answer.request, b->answer.request) == 0;
	default:
		return same_row(&a->row, &b->row);
	}
}

void disk_put(struct host *host, const struct write *write)
{
	bool drop = kind_of(write) != write->kind || (write->kind == WRITE_META && write->len == 0);

	for (size_t i = 0; i < host->disk_count; i++) {
		if (!same_place(&host->disk[i].write, write))
			continue;
		kept_free(&host->disk[i]);
		host->disk[i] = host->disk[--host->disk_count];
		break;
	}
	if (drop)
		return;
	assert_true(host->disk_count < DISK_MAX);
	host->disk[host->disk_count++] = kept_copy(write);
}

void disk_keep(const struct host *host, struct kept_disk *kept)
{
	kept->count = host->disk_count;
	for (size_t i = 0; i < kept->count; i++)
		kept->writes[i] = kept_copy(&host->disk[i].write);
}

void disk_restore(struct host *host, const struct kept_disk *kept)
{
	for (size_t i = 0; i < host->disk_count; i++)
		kept_free(&host->disk[i]);
	host->disk_count = kept->count;
	for (size_t i = 0; i < kept->count; i++)
		host->disk[i] = kept_copy(&kept->writes[i].write);
}

void disk_forget(struct kept_disk *kept)
{
	for (size_t i = 0; i < kept->count; i++)
		kept_free(&kept->writes[i]);
	kept->count = 0;
}
