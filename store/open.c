/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Opening: the directory, the lock, the file, its version, then the settings. Nothing is written
 * before it is known that the database is weft's, not newer than this program, and sound.
 *
 * SQLite runs with exclusive locking: the index of the write-ahead log then lives in this process's
 * memory, no lock calls are made per transaction, and nobody else can open the file meanwhile.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"
#include "gossip/base/check.h"
#include "schema.h"
#include "sql.h"

#define BUSY_WAIT_MS 2000

/* Before the first read. */
static const char settings_first[] = "PRAGMA locking_mode = EXCLUSIVE;"
				     "PRAGMA cache_size = -256;" /* KiB */
				     "PRAGMA trusted_schema = OFF;"
				     "PRAGMA cell_size_check = ON;"
				     "PRAGMA temp_store = MEMORY;";

/* Once it is known whose file it is: these write. */
static const char settings_then[] = "PRAGMA journal_mode = WAL;"
				    "PRAGMA synchronous = FULL;"
				    "PRAGMA journal_size_limit = 4194304;"
				    "PRAGMA wal_autocheckpoint = 1000;"; /* pages */

static uint64_t file_bytes(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

/* SQLite's own check of its structures: 0, or WEFT_E_STORE with its first finding. */
static int soundness_check(struct store *store, bool *damaged, struct weft_err *err)
{
	sqlite3_stmt *stmt = NULL;
	const char *found = NULL;
	int code = 0;
	int rc = sqlite3_prepare_v2(store->db, "PRAGMA quick_check(1)", -1, &stmt, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		found = (const char *)sqlite3_column_text(stmt, 0);
	if (rc != SQLITE_ROW) {
		code = store_fail(store->db, rc, err, "checking the database");
	} else if (!found || strcmp(found, "ok") != 0) {
		*damaged = true;
		code = weft_err_set(err, WEFT_E_STORE, "it is damaged: %s",
				    found ? found : "no result");
	}
	sqlite3_finalize(stmt);
	return code;
}

/* Names the file, and the way out that goes with each kind of failure. */
static int open_fail(const struct store *store, bool damaged, struct weft_err *err)
{
	struct weft_err inner = *err;
	int rc = store->db ? sqlite3_errcode(store->db) & 0xff : SQLITE_OK;

	if (rc == SQLITE_BUSY || rc == SQLITE_LOCKED)
		return weft_err_set(err, WEFT_E_BUSY, "%s is open in another program", store->path);
	if (damaged || rc == SQLITE_CORRUPT || rc == SQLITE_NOTADB)
		return weft_err_set(
		    err, WEFT_E_STORE,
		    "%s: %.200s; with weftd stopped put a backup in its place and remove the -wal "
		    "beside it, or move both away and join the cluster anew",
		    store->path, inner.message);
	return weft_err_wrap(err, "opening %s", store->path);
}

/* The schema of a new database is written before there is a log: the file alone then always says
 * what it is, and one that says nothing has lost its log. */
static int database_make(struct store *store, bool *damaged, struct weft_err *err)
{
	if (file_bytes(store->path) > 0) {
		*damaged = true;
		return weft_err_set(err, WEFT_E_STORE,
				    "it is empty: its write-ahead log is missing");
	}
	return schema_upgrade(store->db, schema_steps, schema_step_count, err);
}

/* Whether closing merges the log into the database. Not before that is known to be sound: a start
 * that is refused leaves everything as it was, for whoever repairs it. */
static void merge_at_close(struct store *store, bool may)
{
	sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, !may, NULL);
}

static int database_open(struct store *store, bool *damaged, struct weft_err *err)
{
	int code, rc;

	rc = sqlite3_open_v2(store->path, &store->db,
			     SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE,
			     NULL);
	if (rc == SQLITE_OK) {
		sqlite3_extended_result_codes(store->db, 1);
		merge_at_close(store, false);
		sqlite3_busy_timeout(store->db, BUSY_WAIT_MS);
		rc = sqlite3_exec(store->db, settings_first, NULL, NULL, NULL);
	}
	if (rc != SQLITE_OK)
		return store_fail(store->db, rc, err, "opening the database");
	code = schema_version(store->db, schema_step_count, err);
	if (code > 0)
		code = soundness_check(store, damaged, err);
	else if (code == 0)
		code = database_make(store, damaged, err);
	if (code < 0)
		return code;
	rc = sqlite3_exec(store->db, settings_then, NULL, NULL, NULL);
	if (rc != SQLITE_OK)
		return store_fail(store->db, rc, err, "setting the database up");
	code = schema_upgrade(store->db, schema_steps, schema_step_count, err);
	if (code < 0)
		return code;
	store->stats.schema = code;
	return store_statements_open(store, err);
}

int store_open(const struct store_config *cfg, struct store **out, struct weft_err *err)
{
	struct weft_err ignored = {0};
	struct store *store;
	bool damaged = false;
	int code;

	WEFT_ASSERT(sqlite3_threadsafe());
	err = err ? err : &ignored;
	*out = NULL;
	code = state_dir_prepare(cfg->state_dir, err);
	if (code < 0)
		return code;
	store = calloc(1, sizeof(*store));
	WEFT_ASSERT(store);
	store->path = path_join(cfg->state_dir, STORE_FILE);
	store->lock_fd = state_dir_lock(cfg->state_dir, err);
	code = store->lock_fd < 0 ? store->lock_fd : store_restore_finish(cfg->state_dir, err);
	if (code == 0)
		code = companions_check(store->path, err);
	if (code == 0)
		code = state_file_prepare(store->path, err);
	if (code == 0) {
		code = database_open(store, &damaged, err);
		if (code < 0)
			code = open_fail(store, damaged, err);
	}
	if (code == 0)
		code = companions_begin(store->path, err);
	if (code < 0) {
		store_close(store);
		return code;
	}
	merge_at_close(store, true);
	store_reserve_keep(store, cfg->state_dir);
	*out = store;
	return 0;
}

void store_close(struct store *store)
{
	int rc;

	if (!store)
		return;
	/* Only what was opened whole ends in order. */
	if (store->reserve)
		companions_end(store->path);
	store_statements_close(store);
	rc = sqlite3_close(store->db);
	WEFT_ASSERT(rc == SQLITE_OK);
	if (store->lock_fd >= 0)
		close(store->lock_fd);
	free(store->path);
	free(store->reserve);
	free(store);
}

void store_stats_get(const struct store *store, struct store_stats *stats)
{
	char *log = path_append(store->path, "-wal");

	*stats = store->stats;
	stats->bytes = file_bytes(store->path) + file_bytes(log);
	free(log);
}
