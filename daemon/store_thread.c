/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "daemon/store_thread.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/channel.h"
#include "daemon/clock.h"
#include "gossip/base/check.h"

#define PRUNE_EVERY_MS 3600000
#define PROBE_EVERY_MS 1000

/* A batch on its way in, and its result on the way back. */
struct store_item {
	struct channel_item item;
	uint64_t token;
	struct write_batch *batch; /* NULL: stop, or a file */
	enum store_file file;      /* 0: none */
	char *path;
	int code;
	struct weft_err err;
};

struct store_thread {
	struct store *store;
	struct marker marker;
	atomic_bool trusted; /* the marker may be shown */
	atomic_bool ending;  /* files are made no more */
	struct channel in, out;
	uv_thread_t thread;
	struct mono prune_at;
	bool failing;    /* the last commit of a marker was refused */
	uv_mutex_t lock; /* of stats */
	struct store_stats stats;
};

static void item_free(struct channel_item *item)
{
	struct store_item *si = (struct store_item *)item;

	write_batch_free(si->batch);
	free(si->path);
	free(si);
}

static struct store_item *item_new(uint64_t token, struct write_batch *batch)
{
	struct store_item *si = calloc(1, sizeof(*si));

	WEFT_ASSERT(si != NULL);
	si->token = token;
	si->batch = batch;
	return si;
}

static void stats_publish(struct store_thread *st)
{
	struct store_stats stats;

	store_stats_get(st->store, &stats); /* asks the disk: not under the lock */
	uv_mutex_lock(&st->lock);
	st->stats = stats;
	uv_mutex_unlock(&st->lock);
}

/* Commits one group with a fresh marker beside it and sends the results back. */
static void commit_group(struct store_thread *st, struct store_item **group, size_t count)
{
	const struct write_batch *batches[STORE_GROUP_MAX + 1];
	int results[STORE_GROUP_MAX + 1] = {0};
	struct weft_err err = {0};
	struct write mark = {.kind = WRITE_META,
			     .meta = META_MARKER,
			     .bytes = st->marker.next.b,
			     .len = sizeof(st->marker.next.b)};
	struct write_batch *marked;

	WEFT_ASSERT(count <= STORE_GROUP_MAX);
	if (atomic_load(&st->trusted))
		marker_trust(&st->marker);
	marker_begin(&st->marker);
	marked = write_batch_new(&mark, 1);
	for (size_t i = 0; i < count; i++)
		batches[i] = group[i]->batch;
	batches[count] = marked;
	store_commit(st->store, batches, count + 1, results, &err);
	marker_end(&st->marker, results[count] == 0);
	write_batch_free(marked);
	stats_publish(st);
	st->failing = results[count] != 0;
	for (size_t i = 0; i < count; i++) {
		group[i]->code = results[i];
		if (results[i] != 0) {
			group[i]->err = err;
			group[i]->err.code = results[i];
		}
		write_batch_free(group[i]->batch);
		group[i]->batch = NULL;
		channel_push(&st->out, &group[i]->item);
	}
}

/* Whoever wanted a file has heard that weftd is stopping: none is left behind that nobody expects.
 */
static void file_do(struct store_thread *st, struct store_item *si)
{
	if (atomic_load(&st->ending)) {
		item_free(&si->item);
		return;
	}
	si->code = si->file == STORE_FILE_BACKUP ? store_backup(st->store, si->path, &si->err)
						 : store_backup_check(si->path, NULL, &si->err);
	channel_push(&st->out, &si->item);
}

/* Commits what was taken from the channel; true when the end was among it. */
static bool commit_all(struct store_thread *st, struct channel_item *item)
{
	struct store_item *group[STORE_GROUP_MAX];
	size_t count = 0;
	bool stop = false;

	while (item) {
		struct store_item *si = (struct store_item *)item;

		item = item->next;
		if (si->file != 0) {
			if (count > 0)
				commit_group(st, group, count);
			count = 0;
			file_do(st, si);
			continue;
		}
		if (!si->batch) {
			stop = true;
			free(si);
			continue;
		}
		group[count++] = si;
		if (count == STORE_GROUP_MAX) {
			commit_group(st, group, count);
			count = 0;
		}
	}
	if (count > 0)
		commit_group(st, group, count);
	return stop;
}

/* A marker alone, to learn whether the disk takes commits again. */
static void probe(struct store_thread *st)
{
	commit_group(st, NULL, 0);
	if (!st->failing)
		channel_push(&st->out, &item_new(0, NULL)->item);
}

/* By the clock, for a host that is busy has no hour without a commit. */
static void prune(struct store_thread *st)
{
	struct weft_err err;

	if (!mono_is_due(st->prune_at, daemon_now()))
		return;
	(void)store_prune(st->store, daemon_wall(), NULL, &err);
	st->prune_at = mono_add_ms(daemon_now(), PRUNE_EVERY_MS);
}

static void thread_main(void *arg)
{
	struct store_thread *st = arg;
	bool stop = false;

	while (!stop) {
		struct pollfd wait = {.fd = st->in.fd, .events = POLLIN};
		int n = poll(&wait, 1, st->failing ? PROBE_EVERY_MS : PRUNE_EVERY_MS);

		WEFT_ASSERT(n >= 0 || errno == EINTR);
		if (n == 0 && st->failing)
			probe(st);
		else if (n > 0)
			stop = commit_all(st, channel_take(&st->in));
		if (!st->failing)
			prune(st);
	}
}

struct store_thread *store_thread_new(struct store *store, const struct marker *marker,
				      struct weft_err *err)
{
	struct store_thread *st = calloc(1, sizeof(*st));

	WEFT_ASSERT(st != NULL);
	st->store = store;
	st->marker = *marker;
	st->prune_at = mono_add_ms(daemon_now(), PRUNE_EVERY_MS);
	if (channel_init(&st->in) != 0 || channel_init(&st->out) != 0 ||
	    uv_mutex_init(&st->lock) != 0 || uv_thread_create(&st->thread, thread_main, st) != 0) {
		weft_err_set(err, WEFT_E_INTERNAL, "the store's thread does not start");
		free(st);
		return NULL;
	}
	return st;
}

void store_thread_free(struct store_thread *st)
{
	if (!st)
		return;
	atomic_store(&st->ending, true);
	channel_push(&st->in, &item_new(0, NULL)->item);
	uv_thread_join(&st->thread);
	channel_close(&st->in, item_free);
	channel_close(&st->out, item_free);
	uv_mutex_destroy(&st->lock);
	store_close(st->store);
	marker_close(&st->marker);
	free(st);
}

void store_thread_trust(struct store_thread *st)
{
	atomic_store(&st->trusted, true);
}

void store_thread_commit(struct store_thread *st, uint64_t token, const struct write *writes,
			 size_t count)
{
	WEFT_ASSERT(count > 0);
	channel_push(&st->in, &item_new(token, write_batch_new(writes, count))->item);
}

void store_thread_file(struct store_thread *st, uint64_t tag, enum store_file what,
		       const char *path)
{
	struct store_item *si = item_new(tag, NULL);

	si->file = what;
	si->path = strdup(path);
	WEFT_ASSERT(si->path != NULL);
	channel_push(&st->in, &si->item);
}

int store_thread_fd(const struct store_thread *st)
{
	return st->out.fd;
}

void store_thread_drain(struct store_thread *st, void *ctx,
			void (*each)(void *ctx, const struct store_done *done))
{
	struct channel_item *item = channel_take(&st->out);

	while (item) {
		struct store_item *si = (struct store_item *)item;
		struct store_done done = {si->token, si->code, si->code ? &si->err : NULL,
					  si->file != 0};

		item = item->next;
		each(ctx, &done);
		free(si->path);
		free(si);
	}
}

bool store_thread_is_behind(struct store_thread *st)
{
	return channel_is_high(&st->in);
}

size_t store_thread_waiting(struct store_thread *st)
{
	return channel_count(&st->in);
}

void store_thread_stats(struct store_thread *st, struct store_stats *stats)
{
	uv_mutex_lock(&st->lock);
	*stats = st->stats;
	uv_mutex_unlock(&st->lock);
}
