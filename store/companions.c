/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * A database and its write-ahead log belong together. SQLite takes either for the whole when the
 * other is missing: without its log a database is an older one, and a log without its database is
 * removed. Both would be a node that forgot what it promised, so both are refused here.
 *
 * Whether there should be a log is known by a file of its own: it is made when log and database
 * stand, and goes before an orderly end, which merges the log into the database. A killed process
 * leaves all three.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"
#include "gossip/base/check.h"

static off_t size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? st.st_size : -1;
}

/* The file that says "open", in the directory of a database. */
static char *open_file(const char *path)
{
	char *dir = strdup(path), *slash, *file;

	WEFT_ASSERT(dir);
	slash = strrchr(dir, '/');
	WEFT_ASSERT(slash);
	*slash = '\0';
	file = path_join(dir, OPEN_FILE);
	free(dir);
	return file;
}

int companions_check(const char *path, struct weft_err *err)
{
	char *log = path_append(path, "-wal");
	char *mark = open_file(path);
	bool was_open = size_of(mark) >= 0;
	int code = 0;

	if (size_of(path) <= 0 && (size_of(log) > 0 || was_open))
		code = weft_err_set(
		    err, WEFT_E_STORE,
		    "%s is missing or empty, but was in use; put it back or a backup in its place "
		    "(then remove %s and %s), or remove these two and join the cluster anew",
		    path, log, mark);
	else if (was_open && size_of(log) < 0)
		code = weft_err_set(
		    err, WEFT_E_STORE,
		    "%s is missing, and what was committed last with it; put it back, or a backup "
		    "in the place of %s (then remove %s), or move both away and join the cluster "
		    "anew",
		    log, path, mark);
	free(log);
	free(mark);
	return code;
}

int companions_begin(const char *path, struct weft_err *err)
{
	char *log = path_append(path, "-wal");
	char *mark = open_file(path);
	int code = 0;

	if (size_of(log) >= 0) {
		int fd;

		/* A log that a power cut takes away must not leave the mark. */
		code = parent_sync(log, err);
		fd = code < 0 ? -1 : open(mark, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (fd >= 0)
			close(fd);
	}
	free(log);
	free(mark);
	return code;
}

void companions_end(const char *path)
{
	char *mark = open_file(path);

	unlink(mark);
	free(mark);
}
