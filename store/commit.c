/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Group commit. One sync of the disk makes many batches durable; each keeps its own verdict.
 *
 * All batches are applied in one transaction. A batch that is refused (it contradicts the state)
 * takes the transaction with it, so it is put aside and the rest is applied again: a refusal costs
 * no sync, only the work since the beginning. When the disk itself fails, nobody is to blame, and
 * each batch is tried in a transaction of its own: on a full disk a small one may still fit, and
 * one that ends an endpoint may take the room that was put by for it (reserve.c). Before that, what
 * stands in the write-ahead log is moved into the database, as far as it fits: the next commit then
 * writes the log from its beginning, in space that is the file's already.
 */
#include <string.h>
#include <time.h>

#include "gossip/base/check.h"
#include "gossip/base/kill_point.h"
#include "sql.h"

#define PENDING 1 /* in results: no verdict yet */

static int transaction(struct store *store, enum stmt stmt, struct weft_err *err)
{
	struct binder b = bind_begin(store, stmt);

	return bind_run(&b, err);
}

/* Ends the open transaction without a trace. SQLite has ended it already after some failures. */
static void rollback(struct store *store)
{
	if (!sqlite3_get_autocommit(store->db))
		transaction(store, STMT_ROLLBACK, NULL);
	WEFT_ASSERT(sqlite3_get_autocommit(store->db));
}

static int batch_apply(struct store *store, const struct write_batch *batch, struct weft_err *err)
{
	for (size_t i = 0; i < batch->count; i++) {
		int code = store_put(store, &batch->writes[i], err);

		if (code < 0)
			return code;
	}
	return 0;
}

/* One transaction over all pending batches. *failed is the batch that was to blame, n for none. */
static int group_try(struct store *store, const struct write_batch *const *batches, size_t n,
		     const int *results, size_t *failed, struct weft_err *err)
{
	int code;

	*failed = n;
	code = transaction(store, STMT_BEGIN, err);
	for (size_t i = 0; i < n && code == 0; i++) {
		if (results[i] != PENDING)
			continue;
		code = batch_apply(store, batches[i], err);
		if (code < 0)
			*failed = i;
	}
	if (code == 0) {
		KILL_POINT(COMMIT_BEFORE);
		code = transaction(store, STMT_COMMIT, err);
		KILL_POINT(COMMIT_AFTER);
	}
	if (code < 0)
		rollback(store);
	else
		store->stats.commits++;
	WEFT_ASSERT(sqlite3_get_autocommit(store->db));
	return code;
}

static bool is_of_disk(int code)
{
	return code == WEFT_E_STORE || code == WEFT_E_STORE_FULL;
}

/* Moves the whole log into the database; false when the disk has no room for that either. */
static bool log_empty(struct store *store)
{
	return sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_RESTART, NULL, NULL) ==
	       SQLITE_OK;
}

/* One batch in a transaction of its own, after the disk refused the group. */
static int single_commit(struct store *store, const struct write_batch *batch, struct weft_err *err)
{
	int pending = PENDING;
	size_t failed;
	int code = group_try(store, &batch, 1, &pending, &failed, err);

	if (code == WEFT_E_STORE_FULL && store_reserve_spend(store, batch))
		code = group_try(store, &batch, 1, &pending, &failed, err);
	return code;
}

/* Gives every pending batch its verdict; err holds the last failure. */
static void group_commit(struct store *store, const struct write_batch *const *batches, size_t n,
			 int *results, struct weft_err *err)
{
	for (size_t pending = n; pending > 0;) {
		size_t failed;
		int code = group_try(store, batches, n, results, &failed, err);

		if (code == WEFT_E_STORE_FULL && log_empty(store))
			code = group_try(store, batches, n, results, &failed, err);
		if (code < 0 && !is_of_disk(code) && failed < n) {
			results[failed] = code;
			pending--;
			continue;
		}
		for (size_t i = 0; i < n; i++) {
			if (results[i] != PENDING)
				continue;
			if (code == 0)
				results[i] = 0;
			else
				results[i] = single_commit(store, batches[i], err);
		}
		return;
	}
}

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

int store_commit(struct store *store, const struct write_batch *const *batches, size_t n,
		 int *results, struct weft_err *err)
{
	struct store_stats *stats = &store->stats;
	struct weft_err last = {0};
	uint64_t start = now_us();
	int first = 0;

	for (size_t i = 0; i < n; i++)
		results[i] = PENDING;
	group_commit(store, batches, n, results, &last);
	for (size_t i = 0; i < n; i++) {
		WEFT_ASSERT(results[i] <= 0);
		if (results[i] == 0) {
			stats->batches++;
			stats->writes += batches[i]->count;
		} else {
			stats->failures++;
			first = first ? first : results[i];
		}
	}
	if (first == 0)
		store_reserve_renew(store);
	stats->last_commit_us = now_us() - start;
	if (stats->last_commit_us > stats->max_commit_us)
		stats->max_commit_us = stats->last_commit_us;
	return first < 0 ? weft_err_set(err, first, "%s", last.message) : 0;
}
