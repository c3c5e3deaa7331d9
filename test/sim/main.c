/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * weft-sim: runs seeds and says which failed and how to replay them.
 *
 *   weft-sim [--seeds N | --file F] [--first S] [--hosts N] [--set NAME=VALUE]... [--replay S]
 *            [--trace FILE] [--repeat] [--verbose] [--options]
 *
 * --file runs the seeds named in a file, one a line, '#' begins a comment. Closes with "N passed, N
 * failed". --set pins an option of every seed (--options prints them as seed S drew them). --repeat
 * runs each seed twice and compares the traces.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sim.h"

struct arguments {
	uint64_t seeds, first;
	struct sim_pins pins;
	char pinned[1024]; /* the same as they were given, for the line that replays a failure */
	const char *trace, *file;
	bool repeat, verbose, options;
};

static bool pin(struct arguments *args, const char *text)
{
	size_t len = strlen(args->pinned);

	snprintf(args->pinned + len, sizeof(args->pinned) - len, " --set %s", text);
	return sim_pins_add(&args->pins, text);
}

static bool arguments_parse(int argc, char **argv, struct arguments *args)
{
	static const struct option options[] = {
	    {"seeds", required_argument, NULL, 's'},
	    {"first", required_argument, NULL, 'f'},
	    {"hosts", required_argument, NULL, 'h'},
	    {"replay", required_argument, NULL, 'r'},
	    {"trace", required_argument, NULL, 't'},
	    {"set", required_argument, NULL, 'S'},
	    {"options", no_argument, NULL, 'O'},
	    {"repeat", no_argument, NULL, 'R'},
	    {"verbose", no_argument, NULL, 'v'},
	    {"file", required_argument, NULL, 'F'},
	    {NULL, 0, NULL, 0},
	};
	char hosts[32];
	int opt;

	*args = (struct arguments){.seeds = 100, .first = 1};
	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (opt) {
		case 's':
			args->seeds = strtoull(optarg, NULL, 10);
			break;
		case 'f':
			args->first = strtoull(optarg, NULL, 10);
			break;
		case 'h':
			snprintf(hosts, sizeof(hosts), "hosts=%.20s", optarg);
			if (!pin(args, hosts))
				return false;
			break;
		case 'S':
			if (!pin(args, optarg))
				return false;
			break;
		case 'O':
			args->options = true;
			break;
		case 'r':
			args->first = strtoull(optarg, NULL, 10);
			args->seeds = 1;
			args->verbose = true;
			break;
		case 't':
			args->trace = optarg;
			break;
		case 'F':
			args->file = optarg;
			break;
		case 'R':
			args->repeat = true;
			break;
		case 'v':
			args->verbose = true;
			break;
		default:
			return false;
		}
	}
	return optind == argc;
}

#define COUNTER_ROW(name, text, must) {text, must},

static const struct {
	const char *text;
	bool must;
} counter_rows[COUNT_SIM_END] = {SIM_COUNTERS_ALL(COUNTER_ROW)};

static void counters_print(const uint64_t *counters)
{
	for (int i = 0; i < COUNT_SIM_END; i++)
		printf("  %-24s %llu\n", counter_rows[i].text, (unsigned long long)counters[i]);
}

/* What must happen in a long run did. */
static bool counters_cover(const uint64_t *counters)
{
	bool all = true;

	for (int i = 0; i < COUNT_SIM_END; i++) {
		if (!counter_rows[i].must || counters[i] > 0)
			continue;
		printf("never happened: %s\n", counter_rows[i].text);
		all = false;
	}
	return all;
}

static bool seed_run(const struct arguments *args, uint64_t seed, uint64_t *hash,
		     uint64_t totals[COUNT_SIM_END])
{
	struct sim_options opt;
	static struct sim sim;
	FILE *trace = args->trace ? fopen(args->trace, "w") : NULL;
	bool ok;

	sim_options_draw(&opt, seed, &args->pins);
	sim_open(&sim, &opt, trace);
	ok = sim_run(&sim);
	*hash = sim.trace_hash;
	for (int i = 0; i < COUNT_SIM_END; i++)
		totals[i] += sim.counters[i];
	if (!ok)
		printf("seed %llu failed at %lld ms with %llu hosts: %s\n"
		       "  again: weft-sim --replay %llu%s --trace FILE\n",
		       (unsigned long long)seed, (long long)(sim.now.ns / NS_PER_MS),
		       (unsigned long long)opt.hosts, sim.failure, (unsigned long long)seed,
		       args->pinned);
	else if (args->verbose)
		printf("seed %llu passed: %llu hosts, %lld ms, trace %016llx\n",
		       (unsigned long long)seed, (unsigned long long)opt.hosts,
		       (long long)(sim.now.ns / NS_PER_MS), (unsigned long long)sim.trace_hash);
	sim_close(&sim);
	if (trace)
		fclose(trace);
	fflush(stdout);
	return ok;
}

struct totals {
	uint64_t passed, failed;
	uint64_t counters[COUNT_SIM_END];
};

static void seed_judge(const struct arguments *args, uint64_t seed, struct totals *totals)
{
	uint64_t hash, again;
	bool ok = seed_run(args, seed, &hash, totals->counters);

	if (ok && args->repeat) {
		ok = seed_run(args, seed, &again, totals->counters) && again == hash;
		if (!ok)
			printf("seed %llu gives two traces: %016llx and %016llx\n",
			       (unsigned long long)seed, (unsigned long long)hash,
			       (unsigned long long)again);
	}
	totals->passed += ok;
	totals->failed += !ok;
}

static bool file_judge(const struct arguments *args, struct totals *totals)
{
	FILE *file = fopen(args->file, "r");
	char line[128];

	if (!file) {
		fprintf(stderr, "weft-sim: cannot read %s\n", args->file);
		return false;
	}
	while (fgets(line, sizeof(line), file)) {
		uint64_t seed = strtoull(line, NULL, 10);

		if (seed > 0)
			seed_judge(args, seed, totals);
	}
	fclose(file);
	return true;
}

int main(int argc, char **argv)
{
	struct arguments args;
	struct totals totals = {0};
	bool covered = true;

	if (!arguments_parse(argc, argv, &args)) {
		fprintf(stderr, "usage: weft-sim [--seeds N | --file F] [--first S] [--hosts N] "
				"[--set NAME=VALUE]... [--replay S] [--trace FILE] [--repeat] "
				"[--verbose] [--options]\n");
		return 2;
	}
	if (args.options) {
		struct sim_options opt;

		sim_options_draw(&opt, args.first, &args.pins);
		sim_options_print(&opt);
		return 0;
	}
	if (args.file) {
		if (!file_judge(&args, &totals))
			return 2;
	} else {
		for (uint64_t seed = args.first; seed < args.first + args.seeds; seed++)
			seed_judge(&args, seed, &totals);
		covered = args.seeds < COVER_SEEDS || args.pins.count > 0 ||
			  counters_cover(totals.counters);
	}
	counters_print(totals.counters);
	printf("%llu passed, %llu failed\n", (unsigned long long)totals.passed,
	       (unsigned long long)totals.failed);
	return totals.failed || !covered ? 1 : 0;
}
