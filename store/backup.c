/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Backup and restore. A backup is one SQLite file as of one moment, made while the node works.
 *
 * Restoring takes a node back in time: addresses that it leased since are leased without being
 * known. The restored copy therefore loses the marker that lets a start go on at once, and a node
 * with a cluster comes up fenced, as one whose disk went back, until it was recovered.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files.h"
#include "gossip/base/check.h"
#include "gossip/base/kill_point.h"
#include "schema.h"
#include "sql.h"

/* Makes path, which must not exist, readable by its owner only. */
static int file_make(const char *path, struct weft_err *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0 && errno == EEXIST)
		return weft_err_set(err, WEFT_E_EXISTS, "%s exists already; name a new file", path);
	if (fd < 0)
		return weft_err_set(err, WEFT_E_STORE,
				    "cannot make %s: %s; name a new file where weftd may write",
				    path, strerror(errno));
	close(fd);
	return 0;
}

static int file_sync(const char *path, struct weft_err *err)
{
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	int code = 0;

	if (fd < 0 || fsync(fd) < 0)
		code = file_fail(err, "syncing", path);
	if (fd >= 0)
		close(fd);
	return code < 0 ? code : parent_sync(path, err);
}

/* Copies a whole database into the empty file at path, as one file without a log, then runs sql
 * on the copy. */
static int copy_make(sqlite3 *from, const char *path, const char *sql, struct weft_err *err)
{
	sqlite3 *to = NULL;
	int rc = sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE, NULL);
	int code = 0;

	if (rc == SQLITE_OK) {
		sqlite3_backup *backup = sqlite3_backup_init(to, "main", from, "main");

		rc = backup ? sqlite3_backup_step(backup, -1) : sqlite3_errcode(to);
		if (backup)
			sqlite3_backup_finish(backup);
		rc = rc == SQLITE_DONE ? SQLITE_OK : rc;
	}
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(to, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL);
	if (rc == SQLITE_OK && sql)
		rc = sqlite3_exec(to, sql, NULL, NULL, NULL);
	if (rc != SQLITE_OK)
		code = store_fail(to, rc, err, "copying the database");
	sqlite3_close(to);
	return code;
}

/* A new durable file at path with a copy of from; nothing is left of it after an error. */
static int copy_write(sqlite3 *from, const char *path, const char *sql, struct weft_err *err)
{
	int code = file_make(path, err);

	if (code < 0)
		return code;
	code = copy_make(from, path, sql, err);
	if (code == 0)
		code = file_sync(path, err);
	if (code < 0)
		unlink(path);
	return code;
}

int store_backup(struct store *store, const char *path, struct weft_err *err)
{
	WEFT_ASSERT(sqlite3_get_autocommit(store->db));
	return copy_write(store->db, path, NULL, err);
}

/* Reads all of db and compares its tables with their indexes. */
static int integrity_check(sqlite3 *db, struct weft_err *err)
{
	sqlite3_stmt *stmt = NULL;
	int code = 0;
	int rc = sqlite3_prepare_v2(db, "PRAGMA integrity_check(1)", -1, &stmt, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc != SQLITE_ROW)
		code = store_fail(db, rc, err, "checking the backup");
	else if (strcmp((const char *)sqlite3_column_text(stmt, 0), "ok") != 0)
		code = weft_err_set(err, WEFT_E_STORE, "the backup is damaged (%s)",
				    sqlite3_column_text(stmt, 0));
	sqlite3_finalize(stmt);
	return code;
}

/* Says of which file, and what to do where that is not said yet. */
static int backup_fail(const char *path, struct weft_err *err)
{
	const struct weft_err why = *err;

	return weft_err_set(err, why.code, "%s: %s%s", path, why.message,
			    strchr(why.message, ';') ? "" : "; name a file that weft backup wrote");
}

/* Opens and checks a backup: its version, or an error with *db to be closed all the same. */
static int backup_open(const char *path, sqlite3 **db, struct weft_err *err)
{
	int code, version;
	int rc = sqlite3_open_v2(path, db, SQLITE_OPEN_READONLY, NULL);

	if (rc != SQLITE_OK) {
		store_fail(*db, rc, err, "opening the backup");
		return backup_fail(path, err);
	}
	version = schema_version(*db, schema_step_count, err);
	if (version == 0)
		version = weft_err_set(err, WEFT_E_STORE, "the backup is empty");
	code = version < 0 ? version : integrity_check(*db, err);
	return code < 0 ? backup_fail(path, err) : version;
}

int store_backup_check(const char *path, int *schema, struct weft_err *err)
{
	struct weft_err ignored = {0};
	sqlite3 *db = NULL;
	int version = backup_open(path, &db, err ? err : &ignored);

	sqlite3_close(db);
	if (schema)
		*schema = version < 0 ? 0 : version;
	return version < 0 ? version : 0;
}

/* As rename. */
static int name_give(const char *from, const char *to)
{
	KILL_POINT(RESTORE);
	if (rename(from, to) < 0)
		return -1;
	KILL_POINT(RESTORE);
	return 0;
}

static const char *const companions[] = {"-wal", "-shm", "-journal", ""};
#define COMPANIONS (sizeof(companions) / sizeof(companions[0]))

/* Moves the database away together with its log: a log beside another database would be applied to
 * it. The database goes last, so that this can be done again after a crash. */
static int old_put_aside(const char *path, struct weft_err *err)
{
	int code = 0;

	for (size_t i = 0; i < COMPANIONS && code == 0; i++) {
		char *from = path_append(path, companions[i]);
		char *before = path_append(path, BEFORE);
		char *to = path_append(before, companions[i]);

		if (name_give(from, to) < 0 && errno != ENOENT)
			code = file_fail(err, "moving away", from);
		free(from);
		free(before);
		free(to);
	}
	return code < 0 ? code : parent_sync(path, err);
}

/* Forgets what an earlier restore put aside. */
static void older_remove(const char *path)
{
	char *before = path_append(path, BEFORE);

	for (size_t i = 0; i < COMPANIONS; i++) {
		char *old = path_append(before, companions[i]);

		unlink(old);
		free(old);
	}
	free(before);
}

int store_restore_finish(const char *state_dir, struct weft_err *err)
{
	char *target = path_join(state_dir, STORE_FILE);
	char *fresh = path_append(target, RESTORE);
	int code = 0;

	if (access(fresh, F_OK) == 0) {
		code = old_put_aside(target, err);
		companions_end(target);
		if (code == 0 && name_give(fresh, target) < 0)
			code = file_fail(err, "putting in place", target);
		if (code == 0)
			code = parent_sync(target, err);
	}
	free(fresh);
	free(target);
	return code;
}

/* Copies the backup into the directory; once it has its name there, the restore is decided. */
static int restore_decide(const char *state_dir, sqlite3 *backup, struct weft_err *err)
{
	char *target = path_join(state_dir, STORE_FILE);
	char *fresh = path_append(target, RESTORE);
	char *partial = path_append(fresh, PARTIAL);
	char changes[256];
	int code;

	snprintf(changes, sizeof(changes),
		 "DELETE FROM meta WHERE key = %d;"
		 "INSERT OR IGNORE INTO meta SELECT %d, x'%02x' WHERE EXISTS"
		 " (SELECT 1 FROM meta WHERE key = %d)",
		 META_MARKER, META_FENCE, FENCE_SET_BACK, META_CLUSTER);
	unlink(partial);
	code = copy_write(backup, partial, changes, err);
	if (code == 0) {
		older_remove(target);
		if (name_give(partial, fresh) < 0)
			code = file_fail(err, "putting in place", fresh);
	}
	if (code == 0)
		code = parent_sync(fresh, err);
	free(partial);
	free(fresh);
	free(target);
	return code;
}

int store_restore(const struct store_config *cfg, const char *path, struct weft_err *err)
{
	struct weft_err ignored = {0};
	sqlite3 *backup = NULL;
	int lock_fd = -1, code;

	err = err ? err : &ignored;
	code = state_dir_prepare(cfg->state_dir, err);
	if (code == 0)
		code = lock_fd = state_dir_lock(cfg->state_dir, err);
	if (code >= 0)
		code = backup_open(path, &backup, err);
	if (code >= 0)
		code = restore_decide(cfg->state_dir, backup, err);
	if (code >= 0)
		code = store_restore_finish(cfg->state_dir, err);
	sqlite3_close(backup);
	if (lock_fd >= 0)
		close(lock_fd);
	return code < 0 ? code : 0;
}
