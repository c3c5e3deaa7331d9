/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The statements of the store (statements.h), prepared when it opens, and the machine around them;
 * private to this folder. Each statement has one C function, in put.c or load.c.
 */
#pragma once

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "gossip/base/addr.h"
#include "gossip/base/err.h"
#include "statements.h"
#include "store.h"

enum stmt {
#define STMT_ENUM_(name, sql) STMT_##name,
	STORE_STATEMENTS(STMT_ENUM_)
#undef STMT_ENUM_
	    STMT_COUNT
};

struct store {
	sqlite3 *db;
	sqlite3_stmt *stmts[STMT_COUNT];
	int lock_fd;
	char *path;    /* of the database, owned */
	char *reserve; /* path of the file that holds room for releases, owned */
	bool reserve_spent;
	struct store_stats stats;
};

/* Prepares the table of statements; store_statements_close gives them back. */
int store_statements_open(struct store *store, struct weft_err *err);
void store_statements_close(struct store *store);

/* Translates what SQLite just said on db: WEFT_E_STORE, WEFT_E_STORE_FULL or WEFT_E_CONFLICT,
 * worded "what: why". */
int store_fail(sqlite3 *db, int rc, struct weft_err *err, const char *what);

/* Binds parameters one after another, then runs; the first failure is kept and told at the end.
 * Bytes and text are borrowed until bind_run returns. */
struct binder {
	struct store *store;
	sqlite3_stmt *stmt;
	const char *what;
	int at;
	int rc;
};

struct binder bind_begin(struct store *store, enum stmt stmt);
void bind_int(struct binder *binder, int64_t value);
void bind_blob(struct binder *binder, const void *bytes, size_t len);
void bind_id(struct binder *binder, const struct id *id);
void bind_text(struct binder *binder, const char *text, size_t cap);
void bind_null(struct binder *binder);

/* Runs a statement that gives no rows: 0 or a failure in err. */
int bind_run(struct binder *binder, struct weft_err *err);

/* Completes a restore that was cut off between its two renames; 0 when there is none. The caller
 * holds the lock of the directory. */
int store_restore_finish(const char *state_dir, struct weft_err *err);

/* Puts room by for releases (a file of 1 MiB), if the disk has plenty; and again, once spent. */
void store_reserve_keep(struct store *store, const char *state_dir);
void store_reserve_renew(struct store *store);

/* Gives that room up for a batch that ends an endpoint; true when there is more room now. */
bool store_reserve_spend(struct store *store, const struct write_batch *batch);

/* Applies one write inside the transaction that is open: 0, WEFT_E_INVALID, WEFT_E_CONFLICT or
 * WEFT_E_STORE. After an error the transaction is to be rolled back. */
int store_put(struct store *store, const struct write *write, struct weft_err *err);
