/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "daemon/netns/open.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "gossip/base/check.h"

#define NSFS_MAGIC_NUMBER 0x6e736673

static void fail(struct netns_answer *answer, int error, const char *why)
{
	answer->error = error;
	snprintf(answer->why, sizeof(answer->why), "%s", why);
}

static bool is_digits(const char *text)
{
	return text[0] != '\0' && strspn(text, "0123456789") == strlen(text);
}

/* A name as ip-netns makes it: one part of a path, none of the special ones. */
static bool is_name(const char *text)
{
	return text[0] != '\0' && text[0] != '.' && !strchr(text, '/');
}

/* The file that the question means; false when it means none. */
static bool resolve(const struct netns_ask *ask, char path[NETNS_TEXT_BYTES + 32])
{
	size_t cap = NETNS_TEXT_BYTES + 32;

	if (!memchr(ask->text, '\0', sizeof(ask->text)))
		return false;
	if (is_digits(ask->text) && strlen(ask->text) <= 10)
		snprintf(path, cap, "/proc/%s/ns/net", ask->text);
	else if (ask->text[0] == '/')
		snprintf(path, cap, "%s", ask->text);
	else if (is_name(ask->text))
		snprintf(path, cap, "/run/netns/%s", ask->text);
	else
		return false;
	return true;
}

/* Opens the file when it is a network namespace other than our own; -1 with the answer failed. */
static int open_namespace(int home, const char *path, struct netns_answer *answer)
{
	struct stat here, there;
	struct statfs fs;
	/* O_NONBLOCK: a path may name a FIFO or a device. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0) {
		fail(answer, errno, strerror(errno));
		return -1;
	}
	if (fstatfs(fd, &fs) != 0 || fs.f_type != NSFS_MAGIC_NUMBER ||
	    ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWNET || fstat(fd, &there) != 0) {
		fail(answer, EINVAL, "it is not a network namespace");
	} else if (fstat(home, &here) == 0 && here.st_ino == there.st_ino &&
		   here.st_dev == there.st_dev) {
		fail(answer, EINVAL, "it is this host's own namespace, not a box");
	} else {
		answer->dev = there.st_dev;
		answer->inode = there.st_ino;
		return fd;
	}
	close(fd);
	return -1;
}

void netns_open(int home, const struct netns_ask *ask, struct netns_answer *answer,
		int fds[NETNS_FDS])
{
	char path[NETNS_TEXT_BYTES + 32];

	memset(answer, 0, sizeof(*answer));
	answer->magic = NETNS_MAGIC;
	answer->number = ask->number;
	fds[0] = fds[1] = -1;
	if (ask->magic != NETNS_MAGIC || !resolve(ask, path)) {
		fail(answer, EINVAL, "it is no path, name or process id");
		return;
	}
	fds[0] = open_namespace(home, path, answer);
	if (fds[0] < 0)
		return;
	if (setns(fds[0], CLONE_NEWNET) == 0) {
		fds[1] = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
		if (fds[1] < 0)
			fail(answer, errno, strerror(errno));

		int rc = setns(home, CLONE_NEWNET);

		WEFT_ASSERT(rc == 0);
	} else {
		fail(answer, errno, strerror(errno));
	}
	if (fds[1] < 0) {
		close(fds[0]);
		fds[0] = -1;
	}
}
