/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Which version a database has, and the steps to the newest. */
#include "schema.h"

#include <limits.h>
#include <stdio.h>

#include "gossip/base/check.h"
#include "gossip/base/kill_point.h"
#include "sql.h"

/* The value of a pragma that gives one number. */
static int pragma_int(sqlite3 *db, const char *sql, int *value, struct weft_err *err)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		*value = sqlite3_column_int(stmt, 0);
	else
		store_fail(db, rc, err, "reading the database's version");
	sqlite3_finalize(stmt);
	return rc == SQLITE_ROW ? 0 : WEFT_E_STORE;
}

int schema_version(sqlite3 *db, size_t count, struct weft_err *err)
{
	int version = 0, owner = 0, tables = 0;
	int code;

	WEFT_ASSERT(count < INT_MAX);
	code = pragma_int(db, "PRAGMA user_version", &version, err);
	if (code == 0)
		code = pragma_int(db, "PRAGMA application_id", &owner, err);
	if (code == 0)
		code = pragma_int(db, "SELECT count(*) FROM sqlite_schema", &tables, err);
	if (code < 0)
		return code;
	if (version == 0 && owner == 0 && tables == 0)
		return 0;
	if (owner != SCHEMA_APPLICATION_ID || version <= 0)
		return weft_err_set(err, WEFT_E_STORE, "this is a database, but not one of weft's");
	if ((size_t)version > count)
		return weft_err_set(err, WEFT_E_UNSUPPORTED,
				    "it was written by a newer weft (schema %d, this one knows up "
				    "to %zu); install that version again, or restore a backup of "
				    "this one's time",
				    version, count);
	return version;
}

static int step_take(sqlite3 *db, const struct schema_step *step, size_t version,
		     struct weft_err *err)
{
	char mark[96];
	int rc;

	WEFT_ASSERT(sqlite3_get_autocommit(db));
	snprintf(mark, sizeof(mark), "PRAGMA application_id = %d; PRAGMA user_version = %zu;",
		 SCHEMA_APPLICATION_ID, version);
	rc = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db, step->sql, NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db, mark, NULL, NULL, NULL);
	if (rc == SQLITE_OK) {
		KILL_POINT(COMMIT_BEFORE);
		rc = sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
		KILL_POINT(COMMIT_AFTER);
	}
	if (rc == SQLITE_OK)
		return 0;
	store_fail(db, rc, err, step->name);
	if (!sqlite3_get_autocommit(db))
		sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return weft_err_wrap(err, "upgrading the database to schema %zu", version);
}

int schema_upgrade(sqlite3 *db, const struct schema_step *steps, size_t count, struct weft_err *err)
{
	int version = schema_version(db, count, err);

	if (version < 0)
		return version;
	for (size_t i = (size_t)version; i < count; i++) {
		int code = step_take(db, &steps[i], i + 1, err);

		if (code < 0)
			return code;
	}
	return (int)count;
}
