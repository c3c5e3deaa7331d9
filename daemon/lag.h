/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * How long the loop was busy between two polls: the worst turn of the last minute, as others feel
 * it, and the worst without what its thread was ready and waited for a processor. The first says
 * that something is wrong, the second whether it is weftd's own.
 */
#pragma once

#include <uv.h>

#include "gossip/base/instant.h"

#define LAG_WINDOW_S 60

/* The longest of what was noted in each of the last LAG_WINDOW_S seconds. */
struct lag_window {
	int64_t worst_ns[LAG_WINDOW_S];
	int64_t second; /* to which worst_ns[second % LAG_WINDOW_S] belongs */
};

struct lag {
	uv_check_t check;
	uv_prepare_t prepare;
	int schedstat;     /* what the kernel counts of this thread; -1 where it does not */
	int64_t turn_ns;   /* when this turn began; 0 before the first */
	int64_t waited_ns; /* what the thread had waited for a processor by then, in all */
	struct lag_window whole, own;
};

/* Looks at every turn of the loop, which this thread runs, until lag_close, after which the loop
 * runs once more. */
void lag_init(struct lag *lag, uv_loop_t *loop);
void lag_close(struct lag *lag);

/* Of the last LAG_WINDOW_S seconds; 0 when no turn was seen. */
int64_t lag_worst_ns(const struct lag *lag);

/* The same without the waits for a processor, where the kernel counts them. */
int64_t lag_own_ns(const struct lag *lag);
