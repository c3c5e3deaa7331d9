/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Space put by for what gives space back. On a full disk nothing new is taken in, but an endpoint
 * must be able to go: its end is a commit, too. A file beside the database holds the room for that;
 * it is removed when such a commit finds none, and made again once the disk has plenty.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "files.h"
#include "gossip/base/check.h"
#include "sql.h"

#define RESERVE_BYTES (1 << 20)
#define PLENTY_BYTES (4 * (uint64_t)RESERVE_BYTES)

static bool has_plenty(const char *dir)
{
	struct statvfs fs;

	return statvfs(dir, &fs) == 0 && (uint64_t)fs.f_bavail * fs.f_frsize >= PLENTY_BYTES;
}

void store_reserve_keep(struct store *store, const char *state_dir)
{
	int fd;

	WEFT_ASSERT(!store->reserve);
	store->reserve = path_join(state_dir, RESERVE_FILE);
	store->reserve_spent = access(store->reserve, F_OK) != 0;
	if (!store->reserve_spent || !has_plenty(state_dir))
		return;
	fd = open(store->reserve, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	store->reserve_spent = fd < 0 || posix_fallocate(fd, 0, RESERVE_BYTES) != 0;
	if (fd >= 0)
		close(fd);
	if (store->reserve_spent)
		unlink(store->reserve);
}

void store_reserve_renew(struct store *store)
{
	char *path = store->reserve;

	if (!store->reserve_spent)
		return;
	WEFT_ASSERT(path);
	store->reserve = NULL;
	path[strlen(path) - strlen("/" RESERVE_FILE)] = '\0';
	store_reserve_keep(store, path);
	free(path);
}

static bool gives_back(const struct write_batch *batch)
{
	for (size_t i = 0; i < batch->count; i++) {
		if (batch->writes[i].kind == WRITE_ENDPOINT_DROP)
			return true;
	}
	return false;
}

bool store_reserve_spend(struct store *store, const struct write_batch *batch)
{
	if (store->reserve_spent || !gives_back(batch))
		return false;
	WEFT_ASSERT(store->reserve);
	store->reserve_spent = true;
	return unlink(store->reserve) == 0;
}
