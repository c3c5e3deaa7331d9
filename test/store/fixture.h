/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* What the tests of the store share: a directory of their own, sample writes, a view of the state.
 */
#pragma once

#include <stdio.h>
#include <string.h>

#include "store/store.h"
#include "test/base/cmocka_all.h"

/* cmocka setup and teardown: *state is the path of an empty directory, removed with its files. */
int dir_setup(void **state);
int dir_teardown(void **state);

/* "dir/name"; good until the fourth call after it. */
const char *in_dir(const char *dir, const char *name);

/* Opens the store in dir; the test fails when it cannot. */
struct store *must_open(const char *dir);

/* Commits writes as one batch: its result. err may be NULL. */
int commit_writes(struct store *store, const struct write *writes, size_t count,
		  struct weft_err *err);

/* Commits one write that is expected to succeed. */
void must_commit(struct store *store, struct write write);

struct id id_of(unsigned n);
struct write meta_write(enum meta_key key, const void *bytes, size_t len);

/* The n-th address of a network, leased to the n-th endpoint. */
struct write lease_write(unsigned n);
struct write endpoint_write(unsigned n);
struct write answer_write(const char *request, int64_t at_ms);

/* A signed row (its signature is no real one) with value "v<value>"; a tombstone has one only when
 * it is not 0. */
struct row_bytes {
	uint8_t bytes[ROW_BYTES_MAX];
	size_t len;
};
struct row_spec {
	enum row_kind kind;
	unsigned owner, key;
	uint64_t epoch, sequence;
	unsigned value;
	int deleted;
};
void row_make(const struct row_spec *spec, struct row_bytes *row);
struct write row_write(enum write_kind kind, const struct row_bytes *row);

/* The whole state as text, a line a write, owned by the caller. */
char *state_text(struct store *store);

/* How many writes of a kind the state has. */
size_t state_count(struct store *store, enum write_kind kind);
