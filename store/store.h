/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What survives a restart: one SQLite database in the state directory of a node. The daemon's
 * store thread owns it; values (batches) come in, results go out. Nothing that depends on a batch
 * is told to anybody before store_commit has returned.
 *
 * A store is used by one thread at a time, and its state directory by one process.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "batch.h"
#include "gossip/base/err.h"

struct store;

#define STORE_FILE "weft.db"
#define STORE_ANSWER_KEPT_MS INT64_C(86400000)

struct store_config {
	const char *state_dir; /* made with mode 0700 when missing; its parent exists */
};

struct store_stats {
	uint64_t bytes;    /* of the database and its write-ahead log on disk */
	uint64_t commits;  /* transactions made durable */
	uint64_t batches;  /* batches made durable */
	uint64_t writes;   /* writes made durable */
	uint64_t failures; /* batches refused or failed */
	uint64_t last_commit_us, max_commit_us;
	int schema; /* version of the schema */
};

/* Opens the store, made or upgraded as needed, and keeps other processes out until store_close.
 * 0; WEFT_E_BUSY when another process has it; WEFT_E_UNSUPPORTED when a newer weft wrote it;
 * WEFT_E_STORE for a damaged database or directory. *out is NULL after an error. */
int store_open(const struct store_config *cfg, struct store **out, struct weft_err *err);

/* Closes and frees; NULL is allowed. Everything committed is on the disk before and after. */
void store_close(struct store *store);

/* Gives back the whole state, in this order, each by its key: meta, own rows, facts, snapshot rows,
 * endpoints, leases; then answers by their age, oldest first. What a write borrows lives until
 * visit returns; rows come parsed. A visit that returns not 0 ends the walk and becomes the
 * result. */
int store_load(struct store *store, int (*visit)(void *ctx, const struct write *write), void *ctx,
	       struct weft_err *err);

/* Makes batches[0..n) durable together. Each batch is applied whole or not at all, and one that is
 * refused does not keep the others back. results[i] is 0 or the batch's error: WEFT_E_INVALID
 * (bytes that are no row, or the wrong kind), WEFT_E_CONFLICT (see below), WEFT_E_STORE (the disk),
 * WEFT_E_STORE_FULL (no space on it; what is committed next may find some).
 * Returns 0 when all are durable, else the first failure, worded in err.
 *
 * Refused as a conflict: an own row older than, or other than, the one of its version; a grant in
 * the place of another grant; a lease in the place of a live lease of another endpoint. An older
 * fact or snapshot row is passed over without an error. */
int store_commit(struct store *store, const struct write_batch *const *batches, size_t n,
		 int *results, struct weft_err *err);

/* Forgets answers older than STORE_ANSWER_KEPT_MS; *removed (may be NULL) says how many. */
int store_prune(struct store *store, struct wall now, size_t *removed, struct weft_err *err);

/* Writes a copy, as of now, to a file that must not exist; mode 0600, on the disk at return. */
int store_backup(struct store *store, const char *path, struct weft_err *err);

/* Says whether a file is a sound backup that this version can read; *schema (may be NULL). */
int store_backup_check(const char *path, int *schema, struct weft_err *err);

/* Puts a backup in the place of a stopped node's database, which is kept as `weft.db.before`. The
 * start after it meets the restart guard: the copy is from another time. */
int store_restore(const struct store_config *cfg, const char *path, struct weft_err *err);

/* Removes all of a store, with what restores put aside or did not finish; one that is not there is
 * fine. 0, WEFT_E_BUSY: somebody has it open, or WEFT_E_STORE: what is left can be opened. */
int store_wipe(const struct store_config *cfg, struct weft_err *err);

/* Counts since store_open, and what lies on the disk now. */
void store_stats_get(const struct store *store, struct store_stats *stats);
