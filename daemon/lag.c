/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "daemon/lag.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SCHEDSTAT_BYTES 64

static void note(struct lag_window *window, int64_t now_ns, int64_t took_ns)
{
	int64_t second = now_ns / NS_PER_S;
	int64_t *slot;

	/* Seconds without a turn were idle: they count as zero. */
	if (second - window->second >= LAG_WINDOW_S)
		memset(window->worst_ns, 0, sizeof(window->worst_ns));
	else
		for (int64_t s = window->second + 1; s <= second; s++)
			window->worst_ns[s % LAG_WINDOW_S] = 0;
	window->second = second;
	slot = &window->worst_ns[second % LAG_WINDOW_S];
	if (took_ns > *slot)
		*slot = took_ns;
}

/* What this thread has waited for a processor since it began: the second number of schedstat, in ns
 * (Documentation/scheduler/sched-stats.rst of the kernel). */
static int64_t waited(const struct lag *lag)
{
	char text[SCHEDSTAT_BYTES];
	long long ns;
	ssize_t len = lag->schedstat < 0 ? -1 : pread(lag->schedstat, text, sizeof(text) - 1, 0);

	if (len < 0)
		return 0;
	text[len] = '\0';
	return sscanf(text, "%*d %lld", &ns) == 1 ? ns : 0;
}

static void on_check(uv_check_t *check)
{
	struct lag *lag = check->data;

	lag->waited_ns = waited(lag);
	lag->turn_ns = (int64_t)uv_hrtime();
}

static void on_prepare(uv_prepare_t *prepare)
{
	struct lag *lag = prepare->data;
	int64_t now = (int64_t)uv_hrtime();

	if (lag->turn_ns != 0) {
		note(&lag->whole, now, now - lag->turn_ns);
		note(&lag->own, now, now - lag->turn_ns - (waited(lag) - lag->waited_ns));
	}
	lag->turn_ns = 0;
}

void lag_init(struct lag *lag, uv_loop_t *loop)
{
	memset(lag, 0, sizeof(*lag));
	lag->whole.second = lag->own.second = (int64_t)uv_hrtime() / NS_PER_S;
	lag->schedstat = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
	uv_check_init(loop, &lag->check);
	uv_prepare_init(loop, &lag->prepare);
	lag->check.data = lag->prepare.data = lag;
	uv_check_start(&lag->check, on_check);
	uv_prepare_start(&lag->prepare, on_prepare);
}

void lag_close(struct lag *lag)
{
	uv_close((uv_handle_t *)&lag->check, NULL);
	uv_close((uv_handle_t *)&lag->prepare, NULL);
	if (lag->schedstat >= 0)
		close(lag->schedstat);
	lag->schedstat = -1;
}

static int64_t worst(const struct lag_window *window)
{
	int64_t second = (int64_t)uv_hrtime() / NS_PER_S;
	int64_t worst = 0;

	for (int64_t s = second - LAG_WINDOW_S + 1; s <= window->second; s++) {
		if (window->worst_ns[s % LAG_WINDOW_S] > worst)
			worst = window->worst_ns[s % LAG_WINDOW_S];
	}
	return worst;
}

int64_t lag_worst_ns(const struct lag *lag)
{
	return worst(&lag->whole);
}

int64_t lag_own_ns(const struct lag *lag)
{
	return worst(&lag->own);
}
