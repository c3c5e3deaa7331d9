/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The end of a store. What restores put aside or did not finish goes too: it holds the same
 * secrets. A restore that is decided goes first, as it would put a database in place again; the
 * database goes last, so that what a wipe that was cut off leaves can be opened and wiped again.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "files.h"
#include "gossip/base/kill_point.h"
#include "store.h"

static const char *const names[] = {
    STORE_FILE RESTORE,
    STORE_FILE BEFORE,
    STORE_FILE BEFORE "-wal",
    STORE_FILE BEFORE "-shm",
    STORE_FILE BEFORE "-journal",
    STORE_FILE RESTORE PARTIAL,
    STORE_FILE RESTORE PARTIAL "-journal",
    RESERVE_FILE,
    OPEN_FILE,
    STORE_FILE "-wal",
    STORE_FILE "-shm",
    STORE_FILE "-journal",
    STORE_FILE,
};

static int remove_all(const char *state_dir, struct weft_err *err)
{
	int code = 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && code == 0; i++) {
		char *path = path_join(state_dir, names[i]);

		KILL_POINT(WIPE);
		if (unlink(path) != 0 && errno != ENOENT)
			code = file_fail(err, "removing", path);
		else if (i == sizeof(names) / sizeof(names[0]) - 1)
			code = parent_sync(path, err);
		free(path);
	}
	return code;
}

int store_wipe(const struct store_config *cfg, struct weft_err *err)
{
	int lock_fd = -1;
	int code = state_dir_prepare(cfg->state_dir, err);

	if (code == 0)
		code = lock_fd = state_dir_lock(cfg->state_dir, err);
	if (code >= 0)
		code = remove_all(cfg->state_dir, err);
	if (lock_fd >= 0)
		close(lock_fd);
	return code;
}
