/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* The files of a state directory: who may read them, who holds them, and that they are there after
 * a crash. Private to this folder. */
#pragma once

#include "gossip/base/err.h"

#define OPEN_FILE "open"       /* the database is in use and has a log */
#define RESERVE_FILE "reserve" /* space put by */
#define RESTORE ".restore"     /* a whole database that is to take the place ... */
#define PARTIAL ".partial"     /* ... and one that is not whole yet */
#define BEFORE ".before"       /* the one that stood there */

/* Makes the directory (0700) when missing; refuses one that others may write. */
int state_dir_prepare(const char *dir, struct weft_err *err);

/* Takes the directory for this process until the descriptor is closed (or the process ends):
 * descriptor, or WEFT_E_BUSY naming the other process, or WEFT_E_STORE. */
int state_dir_lock(const char *dir, struct weft_err *err);

/* Makes an empty file of mode 0600 when missing (and syncs its directory), or tightens its mode. */
int state_file_prepare(const char *path, struct weft_err *err);

/* Refuses a database whose log is gone, and a log whose database is: WEFT_E_STORE with a way out.
 */
int companions_check(const char *path, struct weft_err *err);

/* From here on the database at path is in use and has a log; and no longer. */
int companions_begin(const char *path, struct weft_err *err);
void companions_end(const char *path);

/* Makes names in the directory of path durable. */
int parent_sync(const char *path, struct weft_err *err);

/* WEFT_E_STORE with the reason of errno. */
int file_fail(struct weft_err *err, const char *what, const char *path);

/* "dir/name" and "path" with a suffix, owned by the caller. */
char *path_join(const char *dir, const char *name);
char *path_append(const char *path, const char *suffix);
