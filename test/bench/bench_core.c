/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What only many nodes or long times show, in virtual time (bench_world.h):
 *
 *   bench_core change NODES CHANGES LOSS_PERCENT
 *           one change, until 99.9% and all know it; then how fast the idle world runs, and what it
 *           takes
 *   bench_core kill NODES KILLS
 *           one after another dies, until all others hold it for failed
 *   bench_core stall NODES STALLING HOURS LOSS_PERCENT
 *           members that never stall held for failed
 *   bench_core resync ROWS TURNS
 *           one row of many differs: datagrams until repaired
 *   bench_core heal NODES HOURS ROWS
 *           partitions in halves, of one alone, in three and of everybody alone; rows changed in
 *           all parts
 *
 * Prints one JSON object. No figure makes it fail.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "bench_world.h"
#include "gossip/base/check.h"

#define IDLE_MS 10000
#define SETTLE_MS 15000
#define CHANGE_MS_MAX 30000
#define PUT_ROWS 100
#define PUT_GAP_MS 500 /* so that no owner passes its allowance of bytes a second */
#define HOUR_MS INT64_C(3600000)
#define CUT_MS 3000
#define REPAIR_MS 5000
#define STALL_MS_MIN 500
#define STALL_MS_MAX 20000
#define STALL_GAP_MS_MAX 60000

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "bench_core: %s\n", what);
	exit(1);
}

static double cpu_seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static double peak_mib(void)
{
	struct rusage usage;

	WEFT_ASSERT(getrusage(RUSAGE_SELF, &usage) == 0);
	return (double)usage.ru_maxrss / 1024;
}

static void form(struct bench_world *world, size_t count)
{
	if (!bench_world_form(world, count, 7))
		die("not all joined");
}

static int ascending(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void changes_measure(struct bench_world *world, unsigned changes)
{
	int64_t *took = calloc(world->count, sizeof(*took));

	WEFT_ASSERT(took != NULL);
	for (unsigned c = 0; c < changes; c++) {
		struct mono start;

		bench_world_run(world, 1000 + (int64_t)rng_below(&world->rng, 1000));
		start = world->now;
		bench_world_change(world, rng_below(&world->rng, world->count), c);
		for (int64_t ms = 0; ms < CHANGE_MS_MAX && world->seen < world->count; ms += 10)
			bench_world_run(world, 10);
		if (world->seen < world->count)
			die("a change did not come to all");
		for (size_t i = 0; i < world->count; i++)
			took[i] = mono_diff_ns(world->nodes[i].saw, start);
		qsort(took, world->count, sizeof(*took), ascending);
		printf("%s[%.3f, %.3f]", c == 0 ? "" : ", ",
		       (double)took[(world->count - 1) * 999 / 1000] / 1e6,
		       (double)took[world->count - 1] / 1e6);
	}
	free(took);
}

static void change(size_t nodes, unsigned changes, uint32_t loss_percent)
{
	struct bench_world world;
	double start = cpu_seconds(), formed, idle;

	form(&world, nodes);
	bench_world_run(&world, SETTLE_MS);
	formed = cpu_seconds() - start;
	start = cpu_seconds();
	bench_world_run(&world, IDLE_MS);
	idle = cpu_seconds() - start;
	world.loss_ppm = loss_percent * 10000;
	printf("{\"nodes\": %zu, \"changes\": [", nodes);
	changes_measure(&world, changes);
	printf("], \"form_cpu_s\": %.2f, \"idle_speed\": %.3f, \"peak_mib\": %.1f}\n", formed,
	       (double)IDLE_MS / 1000 / idle, peak_mib());
	bench_world_close(&world);
}

static size_t failed_at(const struct bench_world *world, const struct id *id)
{
	struct member_info info;
	size_t count = 0;

	for (size_t i = 0; i < world->count; i++)
		count += !world->nodes[i].dead && gossip_member(world->nodes[i].core, id, &info) &&
			 info.state == MEMBER_FAILED;
	return count;
}

/* One after another dies; each time all that are left have to find out. */
static void kill_some(size_t nodes, size_t kills)
{
	struct bench_world world;

	WEFT_ASSERT(kills < nodes);
	form(&world, nodes);
	printf("{\"nodes\": %zu, \"seconds\": [", nodes);
	for (size_t i = 0; i < kills; i++) {
		struct mono start;

		bench_world_run(&world, SETTLE_MS + (int64_t)rng_below(&world.rng, 1000));
		world.nodes[i].dead = true;
		start = world.now;
		while (failed_at(&world, &world.nodes[i].id) < nodes - i - 1) {
			if (mono_diff_ms(world.now, start) > HOUR_MS)
				die("somebody never found out");
			bench_world_run(&world, 10);
		}
		printf("%s%.3f", i == 0 ? "" : ", ", (double)mono_diff_ms(world.now, start) / 1e3);
	}
	printf("]}\n");
	bench_world_close(&world);
}

static int64_t between(struct bench_world *world, int64_t low, int64_t high)
{
	return low + (int64_t)rng_below(&world->rng, (uint64_t)(high - low));
}

static void stall(size_t nodes, size_t stalling, double hours, uint32_t loss_percent)
{
	struct bench_world world;
	struct mono end, *next = calloc(nodes, sizeof(*next));

	WEFT_ASSERT(next != NULL && stalling <= nodes);
	form(&world, nodes);
	bench_world_run(&world, SETTLE_MS);
	world.verdicts = 0;
	world.loss_ppm = loss_percent * 10000;
	for (size_t i = 0; i < stalling; i++) {
		world.nodes[i].stalls = true;
		next[i] = mono_add_ms(world.now, between(&world, 0, STALL_GAP_MS_MAX));
	}
	end = mono_add_ms(world.now, (int64_t)(hours * (double)HOUR_MS));
	while (world.now.ns < end.ns) {
		bench_world_run(&world, 250);
		for (size_t i = 0; i < stalling; i++) {
			if (next[i].ns > world.now.ns)
				continue;
			world.nodes[i].stalled_until =
			    mono_add_ms(world.now, between(&world, STALL_MS_MIN, STALL_MS_MAX));
			next[i] = mono_add_ms(world.nodes[i].stalled_until,
					      between(&world, 0, STALL_GAP_MS_MAX));
		}
	}
	printf("{\"nodes\": %zu, \"stalling\": %zu, \"hours\": %g, \"verdicts\": %llu, "
	       "\"cpu_s\": %.2f}\n",
	       nodes, stalling, hours, (unsigned long long)world.verdicts, cpu_seconds());
	free(next);
	bench_world_close(&world);
}

/* So many rows, an equal share of each node; they are everywhere when it returns. */
static void fill(struct bench_world *world, uint32_t rows, size_t nodes)
{
	uint32_t each = rows / (uint32_t)nodes;

	for (uint32_t first = 0; first < each; first += PUT_ROWS) {
		uint32_t count = each - first < PUT_ROWS ? each - first : PUT_ROWS;

		for (size_t i = 0; i < nodes; i++)
			bench_world_put(world, i, first, count);
		bench_world_run(world, PUT_GAP_MS);
	}
}

static double seconds_until_equal(struct bench_world *world, int64_t ms_max)
{
	struct mono start = world->now;

	while (!bench_world_is_equal(world)) {
		if (mono_diff_ms(world->now, start) > ms_max)
			die("tables did not become equal");
		bench_world_run(world, 20);
	}
	return (double)mono_diff_ns(world->now, start) / 1e9;
}

/* Cuts node 3 off for as long as a change is told of its own accord, with a change or without one;
 * how many datagrams to and from it the time afterwards took, probes and all. */
static uint64_t cut_and_heal(struct bench_world *world, bool change)
{
	world->nodes[3].side = 1;
	world->seen = 0;
	if (change)
		bench_world_change(world, 0, 0);
	bench_world_run(world, CUT_MS);
	if (change && world->seen != 3)
		die("the change is not where it should be");
	world->nodes[3].side = 0;
	world->nodes[3].datagrams = 0;
	bench_world_run(world, REPAIR_MS);
	if (change && world->seen != 4)
		die("the change was not repaired in time");
	return world->nodes[3].datagrams;
}

static void resync(uint32_t rows, unsigned turns)
{
	struct bench_world world;

	form(&world, 4);
	fill(&world, rows, 4);
	(void)seconds_until_equal(&world, HOUR_MS);
	printf("{\"rows\": %u, \"datagrams\": [", rows);
	for (unsigned i = 0; i < turns; i++) {
		bench_world_run(&world, SETTLE_MS);
		printf("%s[%llu, ", i == 0 ? "" : ", ",
		       (unsigned long long)cut_and_heal(&world, true));
		bench_world_run(&world, SETTLE_MS);
		printf("%llu]", (unsigned long long)cut_and_heal(&world, false));
	}
	printf("], \"cpu_s\": %.2f}\n", cpu_seconds());
	bench_world_close(&world);
}

/* In so many parts; 1: all but one together. */
static double heal_parts(size_t nodes, double hours, uint32_t rows, size_t parts)
{
	struct bench_world world;
	double took;

	WEFT_ASSERT(parts >= 1 && parts <= nodes);
	form(&world, nodes);
	bench_world_run(&world, SETTLE_MS);
	for (size_t i = 0; i < nodes; i++)
		world.nodes[i].side = (unsigned)(parts == 1 ? i == nodes / 2 : i % parts);
	fill(&world, rows, nodes);
	bench_world_run(&world, (int64_t)(hours * (double)HOUR_MS));
	for (size_t i = 0; i < nodes; i++)
		world.nodes[i].side = 0;
	took = seconds_until_equal(&world, HOUR_MS);
	bench_world_close(&world);
	return took;
}

static void heal(size_t nodes, double hours, uint32_t rows)
{
	const size_t shapes[] = {2, 1, 3, nodes};

	printf("{\"nodes\": %zu, \"hours\": %g, \"rows\": %u, \"seconds\": [", nodes, hours, rows);
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		printf("%s%.3f", i == 0 ? "" : ", ", heal_parts(nodes, hours, rows, shapes[i]));
	printf("], \"cpu_s\": %.2f}\n", cpu_seconds());
}

static double number(char **argv, int at)
{
	return strtod(argv[at], NULL);
}

int main(int argc, char **argv)
{
	if (argc == 5 && strcmp(argv[1], "change") == 0)
		change((size_t)number(argv, 2), (unsigned)number(argv, 3),
		       (uint32_t)number(argv, 4));
	else if (argc == 4 && strcmp(argv[1], "kill") == 0)
		kill_some((size_t)number(argv, 2), (size_t)number(argv, 3));
	else if (argc == 6 && strcmp(argv[1], "stall") == 0)
		stall((size_t)number(argv, 2), (size_t)number(argv, 3), number(argv, 4),
		      (uint32_t)number(argv, 5));
	else if (argc == 4 && strcmp(argv[1], "resync") == 0)
		resync((uint32_t)number(argv, 2), (unsigned)number(argv, 3));
	else if (argc == 5 && strcmp(argv[1], "heal") == 0)
		heal((size_t)number(argv, 2), number(argv, 3), (uint32_t)number(argv, 4));
	else
		die("usage: change NODES CHANGES LOSS | kill NODES KILLS | stall NODES STALLING "
		    "HOURS LOSS | "
		    "resync ROWS TURNS | heal NODES HOURS ROWS");
	return 0;
}
