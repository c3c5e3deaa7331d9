/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "daemon/lag.h"

#include <string.h>

static void note(struct lag *lag, int64_t now_ns, int64_t took_ns)
{
	int64_t second = now_ns / NS_PER_S;
	int64_t *slot;

	/* Seconds without a turn were idle: they count as zero. */
	if (second - lag->second >= LAG_WINDOW_S)
		memset(lag->worst_ns, 0, sizeof(lag->worst_ns));
	else
		for (int64_t s = lag->second + 1; s <= second; s++)
			lag->worst_ns[s % LAG_WINDOW_S] = 0;
	lag->second = second;
	slot = &lag->worst_ns[second % LAG_WINDOW_S];
	if (took_ns > *slot)
		*slot = took_ns;
}

static void on_check(uv_check_t *check)
{
	struct lag *lag = check->data;

	lag->turn_ns = (int64_t)uv_hrtime();
}

static void on_prepare(uv_prepare_t *prepare)
{
	struct lag *lag = prepare->data;
	int64_t now = (int64_t)uv_hrtime();

	if (lag->turn_ns != 0)
		note(lag, now, now - lag->turn_ns);
	lag->turn_ns = 0;
}

void lag_init(struct lag *lag, uv_loop_t *loop)
{
	memset(lag, 0, sizeof(*lag));
	lag->second = (int64_t)uv_hrtime() / NS_PER_S;
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
}

int64_t lag_worst_ns(const struct lag *lag)
{
	int64_t second = (int64_t)uv_hrtime() / NS_PER_S;
	int64_t worst = 0;

	for (int64_t s = second - LAG_WINDOW_S + 1; s <= lag->second; s++) {
		if (lag->worst_ns[s % LAG_WINDOW_S] > worst)
			worst = lag->worst_ns[s % LAG_WINDOW_S];
	}
	return worst;
}
