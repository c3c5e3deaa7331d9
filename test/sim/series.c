/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Workers are processes that take the next run from a common list, large worlds first so that none
 * waits for another at the end. They share one mapping: how far the list is, and what each has
 * summed up. A worker that dies, by an assertion of the code, names its seed by the mapping; its
 * run counts as failed and another worker takes its place.
 */
#include "series.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gossip/base/check.h"
#include "sim.h"

#define LINE_BYTES 4096
#define PPM 1000000u

struct worker {
	pid_t pid;
	const struct run *at; /* what it runs now */
	struct run_totals totals;
};

struct shared {
	atomic_size_t next;
	struct worker workers[SERIES_JOBS_MAX];
};

/* --- the list --------------------------------------------------------------------------------- */

bool pinned_add(struct pinned *pinned, const char *text)
{
	size_t len = strlen(pinned->text), room = sizeof(pinned->text) - len;

	return (size_t)snprintf(pinned->text + len, room, " --set %s", text) < room &&
	       sim_pins_add(&pinned->pins, text);
}

static void item_add(struct series *series, uint64_t seed, const struct pinned *pinned)
{
	if (series->count == series->cap) {
		series->cap = series->cap ? 2 * series->cap : 256;
		series->items = realloc(series->items, series->cap * sizeof(*series->items));
		WEFT_ASSERT(series->items != NULL);
	}
	series->items[series->count++] = (struct run){seed, pinned};
}

void series_add(struct series *series, uint64_t first, uint64_t count, const struct pinned *pinned)
{
	for (uint64_t i = 0; i < count; i++)
		item_add(series, first + i, pinned);
}

static struct pinned *line_new(struct series *series, const struct pinned *pinned)
{
	struct pinned *line = malloc(sizeof(*line));

	series->lines = realloc(series->lines, (series->line_count + 1) * sizeof(*series->lines));
	WEFT_ASSERT(line != NULL && series->lines != NULL);
	*line = *pinned;
	series->lines[series->line_count++] = line;
	return line;
}

static bool line_read(struct series *series, char *text, const struct pinned *pinned)
{
	char *save = NULL, *end, *word;
	struct pinned *line;
	uint64_t seed;

	text[strcspn(text, "#\n")] = '\0';
	word = strtok_r(text, " \t", &save);
	if (!word)
		return true;
	seed = strtoull(word, &end, 10);
	if (*end || seed == 0)
		return false;
	line = line_new(series, pinned);
	while ((word = strtok_r(NULL, " \t", &save)) != NULL)
		if (!pinned_add(line, word))
			return false;
	item_add(series, seed, line);
	return true;
}

bool series_read(struct series *series, const char *path, const struct pinned *pinned)
{
	FILE *file = fopen(path, "r");
	char text[LINE_BYTES];
	unsigned number = 0;
	bool ok = true;

	if (!file) {
		fprintf(stderr, "weft-sim: cannot read %s\n", path);
		return false;
	}
	while (ok && fgets(text, sizeof(text), file)) {
		number++;
		ok = line_read(series, text, pinned);
	}
	if (!ok)
		fprintf(stderr, "weft-sim: %s:%u: a seed, then options as name=value\n", path,
			number);
	fclose(file);
	return ok;
}

void series_close(struct series *series)
{
	for (size_t i = 0; i < series->line_count; i++)
		free(series->lines[i]);
	free(series->lines);
	free(series->items);
}

/* --- one run ---------------------------------------------------------------------------------- */

static void again_print(const struct run *run)
{
	printf("  again: weft-sim --replay %" PRIu64 "%s --trace FILE\n", run->seed,
	       run->pinned->text);
}

static void run_sum(struct run_totals *totals, const struct sim *sim)
{
	totals->hosts += sim->opt.hosts;
	totals->large += sim->opt.hosts >= SIM_HOSTS_LARGE;
	if (totals->calm_worst_ppm < sim->calm_took_ppm)
		totals->calm_worst_ppm = sim->calm_took_ppm;
	totals->world_ms += (uint64_t)(sim->now.ns / NS_PER_MS);
	for (int i = 0; i < COUNT_SIM_END; i++)
		totals->counters[i] += sim->counters[i];
	for (int i = 0; i < CHECKER_COUNT; i++)
		totals->looks[i] += checker_looks(sim->checks, (enum checker)i);
}

static bool world_run(const struct series *series, const struct run *run, uint64_t *hash,
		      struct run_totals *totals)
{
	struct sim_options opt;
	static struct sim sim;
	FILE *trace = series->trace ? fopen(series->trace, "w") : NULL;
	bool ok;

	sim_options_draw(&opt, run->seed, &run->pinned->pins);
	sim_open(&sim, &opt, trace);
	ok = sim_run(&sim);
	*hash = sim.trace_hash;
	run_sum(totals, &sim);
	if (!ok) {
		printf("seed %" PRIu64 " failed at %lld ms with %" PRIu64 " hosts: %s\n", run->seed,
		       (long long)(sim.now.ns / NS_PER_MS), opt.hosts, sim.failure);
		again_print(run);
	} else if (series->verbose) {
		printf("seed %" PRIu64 " passed: %" PRIu64
		       " hosts, %lld ms, calm %.2f, trace %016" PRIx64 "\n",
		       run->seed, opt.hosts, (long long)(sim.now.ns / NS_PER_MS),
		       (double)sim.calm_took_ppm / PPM, sim.trace_hash);
	}
	sim_close(&sim);
	if (trace)
		fclose(trace);
	fflush(stdout);
	return ok;
}

static void run_judge(const struct series *series, const struct run *run, struct run_totals *totals)
{
	uint64_t hash, again;
	bool ok = world_run(series, run, &hash, totals);

	if (ok && series->repeat) {
		ok = world_run(series, run, &again, totals) && again == hash;
		if (!ok)
			printf("seed %" PRIu64 " gives two traces: %016" PRIx64 " and %016" PRIx64
			       "\n",
			       run->seed, hash, again);
	}
	totals->passed += ok;
	totals->failed += !ok;
}

/* --- workers ---------------------------------------------------------------------------------- */

static void work(const struct series *series, struct shared *shared, struct worker *worker)
{
	size_t next;

	while ((next = atomic_fetch_add(&shared->next, 1)) < series->count) {
		worker->at = &series->items[next];
		run_judge(series, worker->at, &worker->totals);
	}
}

static void worker_start(const struct series *series, struct shared *shared, struct worker *worker)
{
	pid_t pid;

	worker->at = NULL;
	fflush(stdout);
	pid = fork();
	WEFT_ASSERT(pid >= 0);
	if (pid > 0) {
		worker->pid = pid; /* by this process alone: both see the mapping */
		return;
	}
	work(series, shared, worker);
	exit(EXIT_SUCCESS); /* and not _exit: a sanitizer looks for leaks by then */
}

/* True when the worker is done with the list. */
static bool worker_ended(struct worker *worker, int status)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	worker->totals.failed++;
	if (!worker->at)
		return true;
	printf("seed %" PRIu64 " ended its process: %s %d\n", worker->at->seed,
	       WIFSIGNALED(status) ? "signal" : "code",
	       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	again_print(worker->at);
	return false;
}

static void workers_run(const struct series *series, struct shared *shared)
{
	unsigned running = series->jobs;
	int status;

	for (unsigned i = 0; i < series->jobs; i++)
		worker_start(series, shared, &shared->workers[i]);
	while (running > 0) {
		pid_t pid = wait(&status);
		struct worker *worker = shared->workers;

		WEFT_ASSERT(pid > 0);
		while (worker->pid != pid)
			worker++;
		if (worker_ended(worker, status))
			running--;
		else
			worker_start(series, shared, worker);
	}
}

static void totals_add(struct run_totals *sum, const struct run_totals *part)
{
	sum->passed += part->passed;
	sum->failed += part->failed;
	sum->large += part->large;
	sum->hosts += part->hosts;
	sum->world_ms += part->world_ms;
	if (sum->calm_worst_ppm < part->calm_worst_ppm)
		sum->calm_worst_ppm = part->calm_worst_ppm;
	for (int i = 0; i < COUNT_SIM_END; i++)
		sum->counters[i] += part->counters[i];
	for (int i = 0; i < CHECKER_COUNT; i++)
		sum->looks[i] += part->looks[i];
}

static uint64_t hosts_of(const struct run *run)
{
	struct sim_options opt;

	sim_options_draw(&opt, run->seed, &run->pinned->pins);
	return opt.hosts;
}

static int larger_first(const void *left, const void *right)
{
	const struct run *a = left, *b = right;
	uint64_t hosts_a = hosts_of(a), hosts_b = hosts_of(b);

	if (hosts_a != hosts_b)
		return hosts_a > hosts_b ? -1 : 1;
	return a->seed < b->seed ? -1 : a->seed > b->seed;
}

void series_do(const struct series *series, struct run_totals *totals)
{
	struct shared *shared;

	memset(totals, 0, sizeof(*totals));
	if (series->jobs <= 1) {
		for (size_t i = 0; i < series->count; i++)
			run_judge(series, &series->items[i], totals);
		return;
	}
	WEFT_ASSERT(series->jobs <= SERIES_JOBS_MAX);
	shared =
	    mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	WEFT_ASSERT(shared != MAP_FAILED);
	qsort(series->items, series->count, sizeof(*series->items), larger_first);
	workers_run(series, shared);
	for (unsigned i = 0; i < series->jobs; i++)
		totals_add(totals, &shared->workers[i].totals);
	munmap(shared, sizeof(*shared));
}

/* --- what came of it -------------------------------------------------------------------------- */

#define COUNTER_ROW(name, text, must) {text, must},

static const struct {
	const char *text;
	enum must must;
} counter_rows[COUNT_SIM_END] = {SIM_COUNTERS_ALL(COUNTER_ROW)};

static double seconds_of(const struct rusage *usage)
{
	return (double)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) +
	       (double)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) / PPM;
}

void totals_print(const struct run_totals *totals)
{
	struct rusage own, workers;
	long peak_kib;

	for (int i = 0; i < COUNT_SIM_END; i++)
		printf("  %-24s %" PRIu64 "\n", counter_rows[i].text, totals->counters[i]);
	for (int i = 0; i < CHECKER_COUNT; i++)
		printf("  judged %-24s %" PRIu64 "\n", checker_name((enum checker)i),
		       totals->looks[i]);
	getrusage(RUSAGE_SELF, &own);
	getrusage(RUSAGE_CHILDREN, &workers);
	peak_kib = own.ru_maxrss > workers.ru_maxrss ? own.ru_maxrss : workers.ru_maxrss;
	printf("%" PRIu64 " worlds, %" PRIu64 " of %d hosts or more; %" PRIu64 " hosts, %" PRIu64
	       " address operations\n",
	       totals->passed + totals->failed, totals->large, SIM_HOSTS_LARGE, totals->hosts,
	       totals->counters[COUNT_ADDRESS_OPS]);
	printf("%.1f s of the worlds' time in %.1f s of CPU, at most %ld MiB; calm took at most "
	       "%.2f of its bound\n",
	       (double)totals->world_ms / 1000, seconds_of(&own) + seconds_of(&workers),
	       peak_kib / 1024, (double)totals->calm_worst_ppm / PPM);
	printf("%" PRIu64 " passed, %" PRIu64 " failed\n", totals->passed, totals->failed);
}

/* May it be that this never happened in so many seeds? */
static bool may_lack(enum must must, const struct run_totals *totals, bool tame)
{
	switch (must) {
	case MUST:
		return false;
	case MUST_BUT_TAME:
		return tame;
	case MUST_IN_LONG:
		return totals->passed + totals->failed < COVER_SEEDS_LONG;
	case MAY:
		break;
	}
	return true;
}

bool totals_cover(const struct run_totals *totals, bool tame)
{
	bool all = true;

	for (int i = 0; i < COUNT_SIM_END; i++) {
		if (totals->counters[i] > 0 || may_lack(counter_rows[i].must, totals, tame))
			continue;
		printf("never happened: %s\n", counter_rows[i].text);
		all = false;
	}
	for (int i = 0; i < CHECKER_COUNT; i++) {
		if (totals->looks[i] > 0)
			continue;
		printf("never judged: %s (%s)\n", checker_name((enum checker)i),
		       checker_says((enum checker)i));
		all = false;
	}
	return all;
}
