/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The store on its thread: batches go in, and all that wait are made durable by one commit; what
 * became of each comes back. Used from the loop thread alone.
 */
#pragma once

#include "daemon/marker.h"
#include "store/store.h"

#define STORE_GROUP_MAX 256 /* batches of one commit */

struct store_thread;

/* What became of one batch. While commits fail the thread tries by itself, once a second, whether
 * the disk takes one again: that comes with token 0. */
struct store_done {
	uint64_t token;
	int code;
	const struct weft_err *err; /* NULL when durable */
	bool is_file;               /* of store_thread_file: token is its tag */
};

enum store_file { STORE_FILE_BACKUP = 1, STORE_FILE_CHECK };

/* Takes store and marker over. NULL with err when no thread starts. */
struct store_thread *store_thread_new(struct store *store, const struct marker *marker,
				      struct weft_err *err);

/* Waits until all that was given is durable, closes the store, frees. NULL is allowed. */
void store_thread_free(struct store_thread *st);

/* The restart guard is over: from the next commit on the marker is shown (marker_trust). */
void store_thread_trust(struct store_thread *st);

/* Copies the writes and queues them as one batch. */
void store_thread_commit(struct store_thread *st, uint64_t token, const struct write *writes,
			 size_t count);

/* Queues a backup to a path, or the check of one, behind the batches that wait. */
void store_thread_file(struct store_thread *st, uint64_t tag, enum store_file what,
		       const char *path);

/* Readable when store_thread_drain has something to tell. */
int store_thread_fd(const struct store_thread *st);
void store_thread_drain(struct store_thread *st, void *ctx,
			void (*each)(void *ctx, const struct store_done *done));

/* So many batches wait that nothing is to be taken in that may cause more. */
bool store_thread_is_behind(struct store_thread *st);

/* Batches that wait to be committed. */
size_t store_thread_waiting(struct store_thread *st);
void store_thread_stats(struct store_thread *st, struct store_stats *stats);
