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

void lag_init(struct lag *lag, uv_loop_t *loop);
void lag_close(struct lag *lag);
int64_t lag_worst_ns(const struct lag *lag);
