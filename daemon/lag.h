/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* How long the loop was busy between two polls: the worst turn of the last minute. */
#pragma once

#include <uv.h>

#include "gossip/base/instant.h"

#define LAG_WINDOW_S 60

struct lag {
	uv_check_t check;
	uv_prepare_t prepare;
	int64_t turn_ns; /* when this turn began; 0 before the first */
	int64_t worst_ns[LAG_WINDOW_S];
	int64_t second; /* to which worst_ns[second % LAG_WINDOW_S] belongs */
};

/* Looks at every turn of the loop until lag_close, after which the loop runs once more. */
void lag_init(struct lag *lag, uv_loop_t *loop);
void lag_close(struct lag *lag);

/* Of the last LAG_WINDOW_S seconds; 0 when no turn was seen. */
int64_t lag_worst_ns(const struct lag *lag);
