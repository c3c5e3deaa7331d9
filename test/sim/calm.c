/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * How long a world may take to agree once nothing befalls it any more, from the numbers of the
 * protocol (profile lan):
 *
 *   (ask + meet + judge + compare + fetch + close [+ astray]) * drift
 *
 *   ask      what was asked for when chaos ended is answered or given up: a join takes longest
 *   meet     two who lost each other: each tries one failed peer or seed every HEAL_MS, and of
 *            those that it may try all that are down, left or removed answer nothing
 *   judge    who is down for good: its successor probes it every other period, retries for three
 *            time-outs, all of it as slow as a node that doubts its own health makes it, and the
 *            suspicion grows with the logarithm of the number of members
 *   compare  each compares its tables with somebody every INTERVAL_MS when nothing changes; from
 *            then on a difference halves the number of those who have it not with every round
 *   fetch    rows of the whole cluster at the slowest rate at which they come from one peer
 *   close    only where somebody has left or was removed: the time of grace, then all close with
 *            one view; every removal that comes to be known meanwhile makes another round
 *   astray   only where disks went back or were copied: their nodes meet all others, are fenced
 *            and recover
 *
 * A clock that runs slow stretches it all.
 */
#include "calm.h"

#include "faults.h"
#include "sim.h"

#define ASK_MS 20000
#define HEAL_MS 4000
#define PERIOD_MS 1000
#define TIMEOUT_MS 500
#define DOUBT 3 /* the worst that a node thinks of its own health slows its probes so much */
#define SUSPICION_MS 1100
#define INTERVAL_MS 8000
#define ROUND_MS 1000
#define ROWS_PER_S 200
#define GRACE_MS 10000
#define CLOSE_MS \
	3000 /* between two closures, until they are heard, and for the look of the lowest */
#define CLOSE_ROUNDS 3
#define ASTRAY_MS 40000
#define PPM 1000000

static int64_t log2_of(size_t count)
{
	int64_t log = 0;

	while (((size_t)1 << log) < count)
		log++;
	return log;
}

int64_t calm_bound_ms(const struct sim *sim)
{
	int64_t members = 0, silent = 0, rows = 0, ms;
	bool gone = false;

	if (sim->opt.calm_ms > 0)
		return sim->opt.calm_ms;
	for (size_t i = 0; i < sim->host_count; i++) {
		const struct sim_host *host = &sim->hosts[i];

		members += host->joined;
		silent += host->joined && !host->running;
		rows += host->joined * 4 + (int64_t)host->endpoint_count;
		gone = gone || host->state == HOST_LEFT || host->state == HOST_REMOVED ||
		       host->leaving || host->mad || host->lost;
	}
	ms = ASK_MS + HEAL_MS * (1 + silent);
	ms += DOUBT *
	      (2 * PERIOD_MS + 3 * TIMEOUT_MS + SUSPICION_MS * (1 + log2_of((size_t)members)));
	ms += INTERVAL_MS + ROUND_MS * (1 + log2_of((size_t)members));
	ms += rows * 1000 / ROWS_PER_S;
	if (gone)
		ms += GRACE_MS + CLOSE_MS * CLOSE_ROUNDS;
	if (sim->opt.spares > 0)
		ms += ASTRAY_MS;
	return ms + ms * (int64_t)sim->opt.drift_ppm / PPM;
}
