/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "fixture.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int dir_setup(void **state)
{
	char *dir = strdup("/tmp/weft-store-XXXXXX");

	if (!dir || !mkdtemp(dir)) {
		free(dir);
		return -1;
	}
	*state = dir;
	return 0;
}

static void tree_remove(const char *path)
{
	struct stat st;
	DIR *dir;

	if (lstat(path, &st) < 0)
		return;
	if (!S_ISDIR(st.st_mode)) {
		unlink(path);
		return;
	}
	dir = opendir(path);
	for (struct dirent *entry; dir && (entry = readdir(dir));) {
		char inner[512];

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		snprintf(inner, sizeof(inner), "%s/%s", path, entry->d_name);
		tree_remove(inner);
	}
	if (dir)
		closedir(dir);
	rmdir(path);
}

int dir_teardown(void **state)
{
	tree_remove(*state);
	free(*state);
	return 0;
}

const char *in_dir(const char *dir, const char *name)
{
	static char paths[4][256];
	static unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", dir, name);
	return path;
}

struct store *must_open(const char *dir)
{
	struct store_config cfg = {.state_dir = dir};
	struct weft_err err = {0};
	struct store *store;

	if (store_open(&cfg, &store, &err) < 0)
		fail_msg("%s", err.message);
	assert_non_null(store);
	return store;
}

int commit_writes(struct store *store, const struct write *writes, size_t count,
		  struct weft_err *err)
{
	struct write_batch *batch = write_batch_new(writes, count);
	const struct write_batch *batches[] = {batch};
	int result = -1;
	int code = store_commit(store, batches, 1, &result, err);

	assert_int_equal(code, result);
	write_batch_free(batch);
	return result;
}

void must_commit(struct store *store, struct write write)
{
	struct weft_err err = {0};

	if (commit_writes(store, &write, 1, &err) < 0)
		fail_msg("%s", err.message);
}

struct id id_of(unsigned n)
{
	struct id id = {{0xee}};

	for (int i = 0; i < 4; i++)
		id.b[12 + i] = (uint8_t)(n >> (24 - 8 * i));
	return id;
}

static struct write write_of(enum write_kind kind)
{
	struct write write;

	memset(&write, 0, sizeof(write));
	write.kind = kind;
	return write;
}

struct write meta_write(enum meta_key key, const void *bytes, size_t len)
{
	struct write write = write_of(WRITE_META);

	write.meta = key;
	write.bytes = bytes;
	write.len = len;
	return write;
}

struct write lease_write(unsigned n)
{
	struct write write = write_of(WRITE_LEASE);

	write.lease.network = id_of(1);
	write.lease.address = inet_from_v4(0x0a000000u + n);
	write.lease.endpoint = id_of(1000 + n);
	write.lease.mac = (struct mac){{2, 0, 0, 0, (uint8_t)(n >> 8), (uint8_t)n}};
	snprintf(write.lease.name, sizeof(write.lease.name), "box%u", n);
	write.lease.boot = id_of(7);
	write.lease.since.ms = 1700000000000 + n;
	write.lease.sequence = n + 1;
	return write;
}

struct write endpoint_write(unsigned n)
{
	struct write write = write_of(WRITE_ENDPOINT);
	struct local_endpoint *ep = &write.endpoint;

	ep->id = id_of(1000 + n);
	ep->network = id_of(1);
	snprintf(ep->name, sizeof(ep->name), "box%u", n);
	memcpy(ep->ifname, "eth0", sizeof("eth0"));
	snprintf(ep->host_ifname, sizeof(ep->host_ifname), "wf%08x", n);
	snprintf(ep->netns, sizeof(ep->netns), "/run/netns/box%u", n);
	ep->netns_dev = 4;
	ep->netns_inode = UINT64_MAX - n;
	ep->mac = (struct mac){{2, 0, 0, 0, 1, (uint8_t)n}};
	ep->is_host = n % 2;
	ep->addr_count = n % (ENDPOINT_ADDRS_MAX + 1);
	for (size_t i = 0; i < ep->addr_count; i++)
		ep->addrs[i] = (struct prefix){inet_from_v4(0x0a000000u + n), (uint8_t)(120 + i)};
	ep->boot = id_of(7);
	ep->since.ms = 1700000000000;
	return write;
}

struct write answer_write(const char *request, int64_t at_ms)
{
	struct write write = write_of(WRITE_ANSWER);

	snprintf(write.answer.request, sizeof(write.answer.request), "%s", request);
	write.answer.at.ms = at_ms;
	write.bytes = (const uint8_t *)"{}";
	write.len = 2;
	return write;
}

void row_make(const struct row_spec *spec, struct row_bytes *row)
{
	char value[16];
	struct row_view view = {.kind = (uint16_t)spec->kind,
				.owner = id_of(spec->owner),
				.deleted = spec->deleted,
				.key_len = ID_BYTES,
				.epoch = spec->epoch,
				.sequence = spec->sequence,
				.value = (const uint8_t *)value};
	struct id key = id_of(spec->key);
	int len;

	memcpy(view.key, key.b, ID_BYTES);
	if (!spec->deleted || spec->value)
		view.value_len = (size_t)snprintf(value, sizeof(value), "v%u", spec->value);
	len = row_encode(&view, row->bytes, sizeof(row->bytes));
	assert_true(len > 0);
	memset(row->bytes + len, 0x5a, ROW_SIG_BYTES);
	row->len = (size_t)len + ROW_SIG_BYTES;
}

struct write row_write(enum write_kind kind, const struct row_bytes *row)
{
	struct write write = write_of(kind);

	assert_int_equal(row_parse(row->bytes, row->len, &write.row), 0);
	write.bytes = row->bytes;
	write.len = row->len;
	return write;
}

/* Bytes of the write and of its structure, which memset made comparable. */
static int write_print(void *ctx, const struct write *write)
{
	FILE *out = ctx;
	struct write plain = *write;
	const uint8_t *raw = (const uint8_t *)&plain;
	uint64_t sum = UINT64_C(14695981039346656037);

	plain.bytes = plain.row.value = plain.row.sig = NULL;
	for (size_t i = 0; i < sizeof(plain); i++)
		sum = (sum ^ raw[i]) * UINT64_C(1099511628211);
	fprintf(out, "%d %d %016llx ", (int)write->kind, (int)write->meta, (unsigned long long)sum);
	for (size_t i = 0; i < write->len; i++)
		fprintf(out, "%02x", write->bytes[i]);
	fputc('\n', out);
	return 0;
}

char *state_text(struct store *store)
{
	struct weft_err err = {0};
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	if (store_load(store, write_print, out, &err) != 0)
		fail_msg("%s", err.message);
	fclose(out);
	return text;
}

struct tally {
	enum write_kind kind;
	size_t count;
};

static int write_count(void *ctx, const struct write *write)
{
	struct tally *tally = ctx;

	tally->count += write->kind == tally->kind;
	return 0;
}

size_t state_count(struct store *store, enum write_kind kind)
{
	struct tally tally = {.kind = kind};

	assert_int_equal(store_load(store, write_count, &tally, NULL), 0);
	return tally.count;
}
