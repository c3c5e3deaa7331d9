/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* The world's clock and its two acts: chaos, then calm with a bound. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "calm.h"
#include "faults.h"
#include "gossip/base/check.h"
#include "network.h"
#include "pages.h"
#include "queue.h"
#include "sim_crypto.h"

#define PPM 1000000u

/* More that happens in one second of the world's time is a storm that feeds itself. When all hosts
 * start at once each hears of each, which takes less than half of it. */
#define STEPS_PER_S 20000u
#define STEPS_PER_HOST_S 3000u
#define STEPS_PER_PAIR_S 16u

uint64_t sim_draw(struct sim *sim, uint64_t bound)
{
	return rng_below(&sim->rng, bound);
}

bool sim_chance(struct sim *sim, uint32_t ppm)
{
	return ppm > 0 && sim_draw(sim, 1000000) < ppm;
}

void sim_fail(struct sim *sim, const char *fmt, ...)
{
	va_list args;

	if (sim->failed)
		return;
	sim->failed = true;
	va_start(args, fmt);
	vsnprintf(sim->failure, sizeof(sim->failure), fmt, args);
	va_end(args);
	sim_trace(sim, "FAILED %s", sim->failure);
}

static void trace_print(const struct sim *sim, const char *line)
{
	fprintf(sim->trace, "%lld.%06lld %s\n", (long long)(sim->now.ns / NS_PER_S),
		(long long)(sim->now.ns % NS_PER_S / 1000), line);
}

static void trace_add(struct sim *sim, const void *bytes, size_t len)
{
	sim->trace_hash = sim_hash64(bytes, len, sim->trace_hash ^ (uint64_t)sim->now.ns);
}

void sim_trace(struct sim *sim, const char *fmt, ...)
{
	char line[512];
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	if (len >= (int)sizeof(line))
		len = (int)sizeof(line) - 1;
	trace_add(sim, line, (size_t)len);
	if (sim->trace)
		trace_print(sim, line);
}

void sim_trace_words(struct sim *sim, const char *what, uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t words[] = {a, b, c};
	char line[128];

	trace_add(sim, words, sizeof(words));
	if (!sim->trace)
		return;
	snprintf(line, sizeof(line), "%s %llu %llu %016llx", what, (unsigned long long)a,
		 (unsigned long long)b, (unsigned long long)c);
	trace_print(sim, line);
}

void sim_open(struct sim *sim, const struct sim_options *opt, FILE *trace)
{
	memset(sim, 0, sizeof(*sim));
	sim->opt = *opt;
	sim->trace = trace;
	sim->counters[COUNT_WORLDS_LARGER] = opt->hosts >= SIM_HOSTS_LARGER;
	sim->counters[COUNT_WORLDS_SETTLED] = opt->settled;
	sim->counters[COUNT_WORLDS_CRYPTO] = opt->real_crypto;
	sim->counters[COUNT_WORLDS_GUARD_ALL] = opt->guard_all;
	sim->counters[COUNT_WORLDS_GUARD_OFF] = opt->guard_off;
	rng_init(&sim->rng, opt->seed);
	sim->queue = queue_new();
	sim->arena = sim_pages_new();
	sim->pages = sim_pages_source(sim->arena);
	heap_init(&sim->heap, &sim->pages);
	blob_store_init(&sim->blobs, &sim->heap, opt->seed);
	vec_init(&sim->requests, &sim->heap, sizeof(struct sim_request));
	map_init(&sim->owners, &sim->heap, SIM_OWNER_KEY_BYTES, sizeof(struct sim_owner),
		 opt->seed);
	disk_rows_init(sim);
	sim->crypto = sim_crypto_new(opt->seed, opt->real_crypto);
	sim->now = (struct mono){NS_PER_S};
	sim->host_count = opt->hosts + opt->spares;
	sim->hosts = calloc(sim->host_count, sizeof(*sim->hosts));
	WEFT_ASSERT(sim->hosts != NULL);
	checks_open(sim);
	simnet_open(sim);
	for (size_t i = 0; i < sim->host_count; i++)
		host_open(sim, i);
}

void sim_close(struct sim *sim)
{
	for (size_t i = 0; i < sim->host_count; i++)
		host_close(sim, &sim->hosts[i]);
	simnet_close(sim);
	free(sim->hosts);
	queue_free(sim->queue);
	sim_crypto_free(sim->crypto);
	checks_close(sim);
	map_close(&sim->owners);
	map_close(&sim->disk_rows);
	vec_close(&sim->requests);
	WEFT_ASSERT(sim->blobs.count == 0); /* who has ended gave all back */
	blob_store_close(&sim->blobs);
	heap_close(&sim->heap);
	sim_pages_free(sim->arena);
}

/* The rush at the beginning of a large world: operations alone would take minutes to fill it. */
static void join_schedule(struct sim *sim)
{
	struct sim_event event = {.kind = SIM_JOIN};
	uint64_t gap_us = 2 * (uint64_t)sim->opt.join_gap_us;

	if (gap_us == 0 || !sim->chaos)
		return;
	event.at = mono_add_ns(sim->now, 1000 + (int64_t)sim_draw(sim, gap_us) * 1000);
	queue_add(sim, &event);
}

/* What befalls the world and not one host; false for all else. */
static bool world_handle(struct sim *sim, struct sim_event *event)
{
	switch (event->kind) {
	case SIM_OP:
		workload_op(sim);
		return true;
	case SIM_JOIN:
		if (workload_join(sim) || !sim->token[0])
			join_schedule(sim);
		return true;
	case SIM_FAULT:
		faults_event(sim, event);
		return true;
	case SIM_WEATHER:
		weather_event(sim, event);
		return true;
	case SIM_ATTACK:
		attacker_event(sim);
		return true;
	default:
		return false;
	}
}

static void sim_handle(struct sim *sim, struct sim_event *event)
{
	struct node_event in = {.from = event->from, .len = event->len, .ok = true};
	struct sim_host *host;

	if (world_handle(sim, event) ||
	    (event->kind == SIM_DATAGRAM && !simnet_arrived(sim, event)))
		return;
	host = &sim->hosts[event->host];
	if (!host->running || (event->kind != SIM_DATAGRAM && event->boot != host->boot) ||
	    (event->kind == SIM_TICK && event->at.ns != host->tick_at.ns) ||
	    simnet_defers(sim, event))
		return;
	switch (event->kind) {
	case SIM_TICK:
		host->tick_at = (struct mono){-1};
		in.kind = NODE_EV_TICK;
		host_event(sim, host, &in);
		break;
	case SIM_DATAGRAM:
		in.kind = NODE_EV_DATAGRAM;
		in.bytes = event->bytes;
		if (event->record)
			attacker_delivers(sim, host, event->record, &in);
		else
			host_event(sim, host, &in);
		break;
	case SIM_COMMITTED:
		host_committed(sim, host);
		break;
	case SIM_PLUGGED:
	case SIM_UNPLUGGED:
	case SIM_APPLIED:
	case SIM_LOOK:
		kernel_done(sim, host, event);
		break;
	default:
		break;
	}
}

/* A run ends: in calm by its bound, and before that because no second may hold too much. */
static void storm_look(struct sim *sim)
{
	int64_t second = sim->now.ns / NS_PER_S;
	uint64_t steps;

	if (second != sim->storm.second) {
		sim->storm.before = sim->counters[COUNT_STEPS];
		check_look(sim, CHECKER_STORM);
	}
	sim->storm.second = second;
	steps = sim->counters[COUNT_STEPS] - sim->storm.before;
	if (steps >
	    STEPS_PER_S + (STEPS_PER_HOST_S + STEPS_PER_PAIR_S * sim->host_count) * sim->host_count)
		check_fail(sim, CHECKER_STORM, "%" PRIu64 " steps in one second", steps);
}

void sim_run_until(struct sim *sim, struct mono end)
{
	struct sim_event event;

	while (!sim->failed && queue_take(sim, end, &event)) {
		sim->now = event.at;
		storm_look(sim);
		sim_handle(sim, &event);
		free(event.bytes);
	}
	if (sim->failed)
		return;
	sim->now = end;
	storm_look(sim);
}

bool sim_run(struct sim *sim)
{
	char why[200] = "";
	int64_t bound_ms;

	if (sim->opt.settled)
		settle_world(sim);
	sim->chaos = true;
	sim->chaos_end = mono_add_ms(sim->now, sim->opt.chaos_ms);
	if (!sim->opt.settled)
		workload_found(sim);
	workload_start(sim);
	join_schedule(sim);
	weather_start(sim);
	attacker_start(sim);
	sim_run_until(sim, sim->chaos_end);
	sim->chaos = false;
	if (!sim->failed) {
		faults_switch_off(sim);
		workload_calm(sim);
	}
	bound_ms = calm_bound_ms(sim);
	while (!sim->failed) {
		sim_run_until(sim, mono_add_ms(sim->now, 1000));
		check_requests(sim);
		sim->calm_took_ppm =
		    (uint64_t)mono_diff_ms(sim->now, sim->calm_since) * PPM / (uint64_t)bound_ms;
		if (faults_settled(sim, why, sizeof(why)) && check_converged(sim, why, sizeof(why)))
			break;
		if (sim->calm_took_ppm >= PPM)
			check_fail(sim, CHECKER_CONVERGED,
				   "no convergence after %lld ms of calm: %s", (long long)bound_ms,
				   why);
	}
	return !sim->failed;
}
