/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Runs of many seeds: one after the other or by several processes, summed up at the end. */
#pragma once

#include <stdio.h>

#include "checks.h"
#include "counters.h"
#include "options.h"

#define PINNED_TEXT_BYTES 4096
#define SERIES_JOBS_MAX 64

/* Options held against the draw, and how they were given: for the line that replays a failure. */
struct pinned {
	struct sim_pins pins;
	char text[PINNED_TEXT_BYTES];
};

/* Reads "name=value"; false for an unknown name or what is not a number. */
bool pinned_add(struct pinned *pinned, const char *text);

struct run {
	uint64_t seed;
	const struct pinned *pinned;
};

struct series {
	struct run *items;
	size_t count, cap;
	struct pinned **lines; /* of a file of seeds */
	size_t line_count;
	const char *trace; /* a file that gets what happens, of the last run; NULL: none */
	bool repeat, verbose;
	unsigned jobs;
};

/* So many seeds from first on, all with these pins (borrowed). */
void series_add(struct series *series, uint64_t first, uint64_t count, const struct pinned *pinned);

/* The seeds of a file: one a line, pinned options after it, '#' begins a comment. False, having
 * said why, when it cannot be read. */
bool series_read(struct series *series, const char *path, const struct pinned *pinned);
void series_close(struct series *series);

/* What came of them all. */
struct run_totals {
	uint64_t passed, failed, large, hosts;
	uint64_t world_ms; /* of the worlds' time */
	uint64_t calm_worst_ppm;
	uint64_t counters[COUNT_SIM_END];
	uint64_t looks[CHECKER_COUNT]; /* how often each checker had something to judge */
};

/* Runs them, printing each failure with the command that repeats it. */
void series_do(const struct series *series, struct run_totals *totals);

/* Every counter, then what was run, what it took and how it ended. */
void totals_print(const struct run_totals *totals);

/* Says which faults never happened, and which checkers never judged, although they must in any long
 * run (tame: in one with the option of that name); true when there are none. */
bool totals_cover(const struct run_totals *totals, bool tame);
