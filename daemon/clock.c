/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "daemon/clock.h"

#include <time.h>

struct mono daemon_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (struct mono){ts.tv_sec * NS_PER_S + ts.tv_nsec};
}

struct wall daemon_wall(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (struct wall){(int64_t)ts.tv_sec * 1000 + ts.tv_nsec / NS_PER_MS};
}
