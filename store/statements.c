/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* The table of statements, prepared once, and the binding of their parameters. */
#include "sql.h"

#include <errno.h>
#include <string.h>

#include "gossip/base/check.h"

static const struct {
	const char *name;
	const char *sql;
} statements[STMT_COUNT] = {
#define STMT_ROW_(name_, sql_) [STMT_##name_] = {#name_, sql_},
    STORE_STATEMENTS(STMT_ROW_)
#undef STMT_ROW_
};

static int full(sqlite3 *db, struct weft_err *err)
{
	const char *path = db ? sqlite3_db_filename(db, "main") : NULL;

	return weft_err_set(err, WEFT_E_STORE_FULL,
			    "store full: no space is left for %s; free some on its disk and weftd "
			    "goes on by itself",
			    path ? path : "the database");
}

int store_fail(sqlite3 *db, int rc, struct weft_err *err, const char *what)
{
	const char *why = db ? sqlite3_errmsg(db) : sqlite3_errstr(rc);

	if ((rc & 0xff) == SQLITE_IOERR && db && sqlite3_system_errno(db) == EDQUOT)
		return full(db, err);
	switch (rc & 0xff) {
	case SQLITE_CONSTRAINT:
		return weft_err_set(err, WEFT_E_CONFLICT, "%s: %s", what, why);
	case SQLITE_FULL:
		return full(db, err);
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return weft_err_set(err, WEFT_E_STORE, "%s: the database is damaged (%s)", what,
				    why);
	default:
		return weft_err_set(err, WEFT_E_STORE, "%s: %s (SQLite error %d)", what, why, rc);
	}
}

int store_statements_open(struct store *store, struct weft_err *err)
{
	for (int i = 0; i < STMT_COUNT; i++) {
		int rc;

		WEFT_ASSERT(!store->stmts[i]);
		rc = sqlite3_prepare_v3(store->db, statements[i].sql, -1, SQLITE_PREPARE_PERSISTENT,
					&store->stmts[i], NULL);
		if (rc != SQLITE_OK)
			return store_fail(store->db, rc, err, statements[i].name);
	}
	return 0;
}

void store_statements_close(struct store *store)
{
	for (int i = 0; i < STMT_COUNT; i++) {
		sqlite3_finalize(store->stmts[i]);
		store->stmts[i] = NULL;
	}
}

struct binder bind_begin(struct store *store, enum stmt stmt)
{
	WEFT_ASSERT(store->stmts[stmt]);
	WEFT_ASSERT(!sqlite3_stmt_busy(store->stmts[stmt]));
	return (struct binder){.store = store,
			       .stmt = store->stmts[stmt],
			       .what = statements[stmt].name,
			       .rc = SQLITE_OK};
}

static void bind_note(struct binder *binder, int rc)
{
	if (binder->rc == SQLITE_OK)
		binder->rc = rc;
}

void bind_int(struct binder *binder, int64_t value)
{
	bind_note(binder, sqlite3_bind_int64(binder->stmt, ++binder->at, value));
}

void bind_blob(struct binder *binder, const void *bytes, size_t len)
{
	/* SQLite takes a NULL pointer for the value NULL, also when the length is 0. */
	bind_note(binder, sqlite3_bind_blob64(binder->stmt, ++binder->at, len ? bytes : "", len,
					      SQLITE_STATIC));
}

void bind_id(struct binder *binder, const struct id *id)
{
	bind_blob(binder, id->b, sizeof(id->b));
}

void bind_text(struct binder *binder, const char *text, size_t cap)
{
	size_t len = strnlen(text, cap);

	WEFT_ASSERT(len < cap);
	bind_note(binder,
		  sqlite3_bind_text(binder->stmt, ++binder->at, text, (int)len, SQLITE_STATIC));
}

void bind_null(struct binder *binder)
{
	bind_note(binder, sqlite3_bind_null(binder->stmt, ++binder->at));
}

int bind_run(struct binder *binder, struct weft_err *err)
{
	int rc = binder->rc, code = 0;

	WEFT_ASSERT(binder->at == sqlite3_bind_parameter_count(binder->stmt));
	if (rc == SQLITE_OK)
		rc = sqlite3_step(binder->stmt);
	if (rc != SQLITE_DONE)
		code = store_fail(binder->store->db, rc, err, binder->what);
	sqlite3_reset(binder->stmt);
	return code;
}
