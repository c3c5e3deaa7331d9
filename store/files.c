/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The state directory holds the node's secret keys. Its files are for their owner only, symbolic
 * links are not followed, and one process at a time has it, by a lock that the kernel drops with
 * the process: a killed daemon leaves nothing to clean up.
 */
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gossip/base/check.h"

int file_fail(struct weft_err *err, const char *what, const char *path)
{
	return weft_err_set(err, WEFT_E_STORE, "%s %s: %s", what, path, strerror(errno));
}

char *path_join(const char *dir, const char *name)
{
	char *path = NULL;
	int len = asprintf(&path, "%s/%s", dir, name);

	WEFT_ASSERT(len > 0 && path);
	return path;
}

char *path_append(const char *path, const char *suffix)
{
	char *longer = NULL;
	int len = asprintf(&longer, "%s%s", path, suffix);

	WEFT_ASSERT(len >= 0 && longer);
	return longer;
}

int state_dir_prepare(const char *dir, struct weft_err *err)
{
	struct stat st;

	if (mkdir(dir, 0700) == 0)
		return parent_sync(dir, err);
	if (errno != EEXIST)
		return weft_err_set(err, WEFT_E_STORE,
				    "cannot make the state directory %s: %s; see that weftd may "
				    "write there, or use --state-dir",
				    dir, strerror(errno));
	if (stat(dir, &st) < 0)
		return file_fail(err, "reading the state directory", dir);
	if (!S_ISDIR(st.st_mode))
		return weft_err_set(err, WEFT_E_STORE,
				    "%s is not a directory; use another --state-dir", dir);
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return weft_err_set(err, WEFT_E_STORE,
				    "others may write to the state directory %s, which holds "
				    "secret keys; run chmod 0700 on it",
				    dir);
	return 0;
}

/* Words the refusal; the holder wrote its process id into the file. */
static int lock_refused(int fd, const char *dir, struct weft_err *err)
{
	char text[24] = {0};
	ssize_t len = pread(fd, text, sizeof(text) - 1, 0);
	long pid = len > 0 ? strtol(text, NULL, 10) : 0;

	if (pid > 0)
		return weft_err_set(err, WEFT_E_BUSY,
				    "the state directory %s is in use by process %ld; stop it or "
				    "give another --state-dir",
				    dir, pid);
	return weft_err_set(err, WEFT_E_BUSY, "the state directory %s is in use", dir);
}

int state_dir_lock(const char *dir, struct weft_err *err)
{
	char *path = path_join(dir, "lock");
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int code;

	if (fd < 0) {
		code = file_fail(err, "opening", path);
	} else if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		code = errno == EWOULDBLOCK ? lock_refused(fd, dir, err)
					    : file_fail(err, "locking", path);
		close(fd);
	} else {
		/* The number is for people: on a full disk the lock holds without it. */
		if (ftruncate(fd, 0) == 0 && dprintf(fd, "%ld\n", (long)getpid()) < 0)
			errno = 0;
		code = fd;
	}
	free(path);
	return code;
}

int parent_sync(const char *path, struct weft_err *err)
{
	char *dir = strdup(path);
	char *slash;
	int fd, code = 0;

	WEFT_ASSERT(dir);
	for (size_t len = strlen(dir); len > 1 && dir[len - 1] == '/'; len--)
		dir[len - 1] = '\0';
	slash = strrchr(dir, '/');
	if (slash)
		slash[slash == dir] = '\0';
	fd = open(slash ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* Some file systems cannot sync a directory and say EINVAL; they need none. */
	if (fd < 0 || (fsync(fd) < 0 && errno != EINVAL))
		code = file_fail(err, "syncing the directory of", path);
	if (fd >= 0)
		close(fd);
	free(dir);
	return code;
}

int state_file_prepare(const char *path, struct weft_err *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int code = 0;

	if (fd < 0)
		return file_fail(err, "opening", path);
	if (fchmod(fd, 0600) < 0)
		code = file_fail(err, "setting the mode of", path);
	close(fd);
	return code < 0 ? code : parent_sync(path, err);
}
