/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * weft-sim: runs seeds and says which failed and how to replay them.
 *
 *   weft-sim [--seeds N | --file F] [--first S] [--jobs N] [--hosts N] [--set NAME=VALUE]...
 *            [--replay S] [--trace FILE] [--repeat] [--verbose] [--options | --line]
 *
 * --file runs the seeds named in a file, one a line with its pinned options, '#' begins a comment.
 * --set pins an option of every seed (--options prints them as seed S drew them, --line as a line
 * for a file, which means the same world also when the draw changes). --repeat runs
 * each seed twice and compares the traces. --jobs shares the seeds among so many processes. Closes
 * with what happened, summed over all, and "N passed, N failed". A run of many seeds in which a
 * fault never happened, or a checker had nothing to judge, fails, and so does one of no seeds.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "series.h"

struct arguments {
	uint64_t seeds, first;
	struct pinned pinned;
	struct series series;
	const char *file;
	bool options, line, tame;
};

/* A number above 0 and nothing else. */
static bool number_read(const char *text, uint64_t *number)
{
	char *end;

	errno = 0;
	*number = strtoull(text, &end, 10);
	return *text >= '0' && *text <= '9' && *end == '\0' && errno == 0 && *number > 0;
}

static bool jobs_read(const char *text, unsigned *jobs)
{
	uint64_t number;

	if (!number_read(text, &number) || number > SERIES_JOBS_MAX)
		return false;
	*jobs = (unsigned)number;
	return true;
}

static bool argument_take(struct arguments *args, int opt, const char *value)
{
	char hosts[32];

	switch (opt) {
	case 's':
		return number_read(value, &args->seeds);
	case 'r':
		args->seeds = 1;
		args->series.verbose = true;
		return number_read(value, &args->first);
	case 'f':
		return number_read(value, &args->first);
	case 'j':
		return jobs_read(value, &args->series.jobs);
	case 'h':
		snprintf(hosts, sizeof(hosts), "hosts=%.20s", value);
		return pinned_add(&args->pinned, hosts);
	case 'S':
		args->tame = args->tame || strcmp(value, "tame=1") == 0;
		return pinned_add(&args->pinned, value);
	case 'O':
		args->options = true;
		return true;
	case 'L':
		args->line = true;
		return true;
	case 't':
		args->series.trace = value;
		return true;
	case 'F':
		args->file = value;
		return true;
	case 'R':
		args->series.repeat = true;
		return true;
	case 'v':
		args->series.verbose = true;
		return true;
	default:
		return false;
	}
}

static bool arguments_parse(int argc, char **argv, struct arguments *args)
{
	static const struct option options[] = {
	    {"seeds", required_argument, NULL, 's'},
	    {"first", required_argument, NULL, 'f'},
	    {"hosts", required_argument, NULL, 'h'},
	    {"jobs", required_argument, NULL, 'j'},
	    {"replay", required_argument, NULL, 'r'},
	    {"trace", required_argument, NULL, 't'},
	    {"set", required_argument, NULL, 'S'},
	    {"options", no_argument, NULL, 'O'},
	    {"repeat", no_argument, NULL, 'R'},
	    {"verbose", no_argument, NULL, 'v'},
	    {"file", required_argument, NULL, 'F'},
	    {"line", no_argument, NULL, 'L'},
	    {NULL, 0, NULL, 0},
	};
	int opt;

	*args = (struct arguments){.seeds = 100, .first = 1};
	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1)
		if (!argument_take(args, opt, optarg))
			return false;
	return optind == argc;
}

int main(int argc, char **argv)
{
	struct arguments args;
	struct run_totals totals;
	bool covered = true;

	if (!arguments_parse(argc, argv, &args)) {
		fprintf(stderr,
			"usage: weft-sim [--seeds N | --file F] [--first S] [--jobs N] [--hosts N] "
			"[--set NAME=VALUE]... [--replay S] [--trace FILE] [--repeat] "
			"[--verbose] [--options | --line]\n");
		return 2;
	}
	if (args.options || args.line) {
		struct sim_options opt;

		sim_options_draw(&opt, args.first, &args.pinned.pins);
		(args.line ? sim_options_line : sim_options_print)(&opt);
		return 0;
	}
	if (!args.file)
		series_add(&args.series, args.first, args.seeds, &args.pinned);
	else if (!series_read(&args.series, args.file, &args.pinned))
		return 2;
	if (args.series.count == 0) {
		fprintf(stderr, "weft-sim: %s names no seed\n", args.file);
		return 2;
	}
	series_do(&args.series, &totals);
	totals_print(&totals);
	if (!args.file && args.seeds >= COVER_SEEDS && args.pinned.pins.count == args.tame)
		covered = totals_cover(&totals, args.tame);
	series_close(&args.series);
	return totals.failed || !covered ? 1 : 0;
}
