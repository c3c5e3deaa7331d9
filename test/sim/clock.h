/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * A host's own clocks. The world's time is the truth that nobody has: a monotonic clock runs a
 * little fast or slow and begins anew with its machine; a wall clock is somewhere else and may
 * jump.
 */
#pragma once

#include <stdbool.h>

#include "gossip/base/instant.h"

struct sim;

struct sim_clock {
	struct mono world, own; /* an instant on both clocks */
	int64_t drift_ppm;      /* how much more time passes here */
	int64_t wall_ms;        /* what the wall clock shows more than it should */
	struct mono stepped_at; /* when it was set last, by the world's time; ns 0: never */
};

/* Draws how wrong the clocks of a host are. */
void clock_open(struct sim *sim, struct sim_clock *clock);

/* The machine was booted: its monotonic clock begins anew. */
void clock_boot(struct sim *sim, struct sim_clock *clock);

struct mono clock_mono(const struct sim *sim, const struct sim_clock *clock);
struct wall clock_wall(const struct sim *sim, const struct sim_clock *clock);

/* The first instant of the world at which this monotonic clock shows at least due. */
struct mono clock_due(const struct sim_clock *clock, struct mono due);

/* The wall clock jumps: a little, a day, before 1970 or far ahead. */
void clock_step(struct sim *sim, struct sim_clock *clock);
