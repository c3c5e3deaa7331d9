/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What a point does in the build with WEFT_KILL_POINTS, by the environment:
 *
 *   WEFT_KILL_AT=point:n   the n-th passage of that point is the end, by SIGKILL as of a stranger:
 *                          no buffer is flushed, no handler runs
 *   WEFT_KILL_LOG=file     every passage adds a line with the name of its point
 *   WEFT_STALL_AT=point:ms a passage of that point while there is the file WEFT_STALL_FILE
 *   WEFT_STALL_FILE=file   takes so long, once: the file is removed first
 *
 * Threads pass points at the same time, so they are counted under a lock.
 */
#include "gossip/base/kill_point.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *const names[KILL_POINT_COUNT] = {
#define KILL_POINT_NAME_(symbol, name) [KILL_##symbol] = name,
    KILL_POINTS(KILL_POINT_NAME_)
#undef KILL_POINT_NAME_
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned long passages[KILL_POINT_COUNT];

/* The number behind "<point>:" in a variable of the environment; 0 when it means another point. */
static unsigned long asked(const char *variable, enum kill_point point)
{
	const char *text = getenv(variable);
	size_t len = strlen(names[point]);

	if (!text || strncmp(text, names[point], len) != 0 || text[len] != ':')
		return 0;
	return strtoul(text + len + 1, NULL, 10);
}

static void note(enum kill_point point)
{
	const char *path = getenv("WEFT_KILL_LOG");
	int fd = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
	char line[32];
	size_t len = strlen(names[point]);
	ssize_t written;

	if (fd < 0)
		return;
	memcpy(line, names[point], len);
	line[len] = '\n';
	written = write(fd, line, len + 1);
	(void)written;
	close(fd);
}

static void stall(enum kill_point point)
{
	const char *path = getenv("WEFT_STALL_FILE");
	unsigned long ms = asked("WEFT_STALL_AT", point);
	struct timespec rest = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};

	if (ms != 0 && path && unlink(path) == 0)
		nanosleep(&rest, NULL);
}

void kill_point_pass(enum kill_point point)
{
	pthread_mutex_lock(&lock);
	passages[point]++;
	note(point);
	if (passages[point] == asked("WEFT_KILL_AT", point)) {
		kill(getpid(), SIGKILL);
		for (;;)
			pause();
	}
	pthread_mutex_unlock(&lock);
	stall(point);
}
