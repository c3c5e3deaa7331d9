/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "clock.h"

#include "gossip/base/check.h"
#include "network.h"

#define PPM 1000000
#define WALL_START_MS INT64_C(1790000000000)
#define WALL_NEAR_MS 2000 /* hosts that follow a time server */
#define DAY_MS INT64_C(86400000)
#define YEARS_MS (INT64_C(3652) * DAY_MS)

void clock_open(struct sim *sim, struct sim_clock *clock)
{
	int64_t drift = (int64_t)sim->opt.drift_ppm;

	WEFT_ASSERT(drift >= 0 && drift < PPM / 2);
	clock->world = clock->own = sim->now;
	clock->wall_ms = (int64_t)sim_draw(sim, 2 * WALL_NEAR_MS) - WALL_NEAR_MS;
	if (drift > 0)
		clock->drift_ppm = (int64_t)simnet_draw(sim, (uint64_t)(2 * drift + 1)) - drift;
	sim->counters[COUNT_CLOCKS_DRIFT] += clock->drift_ppm != 0;
}

void clock_boot(struct sim *sim, struct sim_clock *clock)
{
	clock->world = sim->now;
	clock->own = (struct mono){NS_PER_S + (int64_t)simnet_draw(sim, 60 * NS_PER_S)};
}

static int64_t stretched(int64_t ns, int64_t drift_ppm)
{
	return ns + ns / PPM * drift_ppm + ns % PPM * drift_ppm / PPM;
}

struct mono clock_mono(const struct sim *sim, const struct sim_clock *clock)
{
	int64_t passed = sim->now.ns - clock->world.ns;

	WEFT_ASSERT(passed >= 0);
	return mono_add_ns(clock->own, stretched(passed, clock->drift_ppm));
}

struct wall clock_wall(const struct sim *sim, const struct sim_clock *clock)
{
	return (struct wall){WALL_START_MS + stretched(sim->now.ns, clock->drift_ppm) / NS_PER_MS +
			     clock->wall_ms};
}

struct mono clock_due(const struct sim_clock *clock, struct mono due)
{
	int64_t own = due.ns - clock->own.ns, passed = own, lacking;

	if (due.ns >= MONO_NEVER.ns)
		return MONO_NEVER;
	if (clock->drift_ppm != 0 && own > 0)
		passed = (int64_t)((__int128)own * PPM / (PPM + clock->drift_ppm));
	/* Rounding leaves nanoseconds; a tick that comes too early would find nothing due. */
	lacking = own - stretched(passed, clock->drift_ppm);
	if (own > 0 && lacking > 0)
		passed += 2 * lacking;
	return mono_add_ns(clock->world, passed);
}

void clock_step(struct sim *sim, struct sim_clock *clock)
{
	int64_t to = (int64_t)simnet_draw(sim, 2 * WALL_NEAR_MS) - WALL_NEAR_MS;

	switch (simnet_draw(sim, 5)) {
	case 0:
		to += DAY_MS;
		break;
	case 1:
		to -= DAY_MS;
		break;
	case 2:
		to -= WALL_START_MS + (int64_t)simnet_draw(sim, DAY_MS);
		break;
	case 3:
		to += 10 * YEARS_MS;
		break;
	default:
		break; /* a time server has mended it */
	}
	clock->wall_ms = to;
	clock->stepped_at = sim->now;
	sim->counters[COUNT_CLOCK_STEPS]++;
}
