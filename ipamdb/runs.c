/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The map from addresses to owners: see runs.h. Adding a claim walks the runs that it touches,
 * splits those that stick out at either end, changes what it outranks, fills holes, and joins equal
 * neighbours again, so the number of runs stays below twice the number of claims.
 */
#include "runs.h"

#include "gossip/base/check.h"

void runs_init(struct runs *runs, struct heap *heap)
{
	vec_init(&runs->items, heap, sizeof(struct run));
}

void runs_close(struct runs *runs)
{
	vec_close(&runs->items);
}

void runs_clear(struct runs *runs)
{
	runs->items.count = 0;
}

void runs_copy(struct runs *runs, const struct runs *from)
{
	runs_clear(runs);
	vec_append(&runs->items, from->items.items, from->items.count);
}

const struct run *runs_at(const struct runs *runs, size_t i)
{
	return vec_at(&runs->items, i);
}

static int run_cmp(const void *key, const void *item)
{
	addr128 addr = *(const addr128 *)key;

	return addr > ((const struct run *)item)->span.hi ? 1 : -1;
}

size_t runs_from(const struct runs *runs, addr128 addr)
{
	return vec_lower_bound(&runs->items, &addr, run_cmp);
}

const struct run *runs_find(const struct runs *runs, addr128 addr)
{
	size_t at = runs_from(runs, addr);

	if (at == runs->items.count || runs_at(runs, at)->span.lo > addr)
		return NULL;
	return runs_at(runs, at);
}

uint64_t runs_top(const struct runs *runs, const struct span *span)
{
	uint64_t top = 0;

	for (size_t i = runs_from(runs, span->lo); i < runs->items.count; i++) {
		const struct run *run = runs_at(runs, i);
		if (run->span.lo > span->hi)
			break;
		if (run->generation > top)
			top = run->generation;
	}
	return top;
}

bool runs_outrank(const struct runs *runs, const struct span *span, uint64_t generation)
{
	addr128 next = span->lo;

	for (size_t i = runs_from(runs, span->lo); i < runs->items.count; i++) {
		const struct run *run = runs_at(runs, i);
		if (run->span.lo > next || !run->held || run->clash || run->generation < generation)
			return false;
		if (run->span.hi >= span->hi)
			return true;
		next = run->span.hi + 1;
	}
	return false;
}

/* What the run says after the claim; false when the claim changes nothing. */
static bool outcome(struct run *run, uint64_t generation, const struct id *holder, bool held)
{
	if (generation < run->generation)
		return false;
	if (generation > run->generation) {
		run->generation = generation;
		run->holder = *holder;
		run->held = held;
		run->clash = false;
		return true;
	}
	if (id_eq(&run->holder, holder)) {
		if (run->held || !held)
			return false;
		run->held = true;
		return true;
	}
	if (run->clash && id_cmp(&run->holder, holder) < 0)
		return false;
	if (id_cmp(holder, &run->holder) < 0) {
		run->holder = *holder;
		run->held = held;
	}
	run->clash = true;
	return true;
}

static bool run_continues(const struct run *a, const struct run *b)
{
	return a->span.hi + 1 == b->span.lo && a->generation == b->generation &&
	       a->held == b->held && a->clash == b->clash && id_eq(&a->holder, &b->holder);
}

/* Joins equal neighbours between the places first and last. */
static void rejoin(struct runs *runs, size_t first, size_t last)
{
	size_t keep = first;

	if (last >= runs->items.count)
		last = runs->items.count - 1;
	for (size_t i = first + 1; i <= last;) {
		struct run *run = vec_at(&runs->items, keep);
		const struct run *next = vec_at(&runs->items, i);
		if (run_continues(run, next)) {
			run->span.hi = next->span.hi;
			vec_remove(&runs->items, i);
			last--;
			continue;
		}
		keep = i++;
	}
}

/* Cuts run i at addr, so that addr begins a run of its own at i + 1. */
static void cut(struct runs *runs, size_t i, addr128 addr)
{
	struct run upper = *(struct run *)vec_at(&runs->items, i);

	WEFT_ASSERT(addr > upper.span.lo && addr <= upper.span.hi);
	((struct run *)vec_at(&runs->items, i))->span.hi = addr - 1;
	upper.span.lo = addr;
	vec_insert(&runs->items, i + 1, &upper);
}

/* Cuts off what of run i lies outside span; returns the place of the part within. */
static size_t carve(struct runs *runs, size_t i, const struct span *span)
{
	const struct run *run = runs_at(runs, i);

	if (run->span.lo < span->lo)
		cut(runs, i++, span->lo);
	run = runs_at(runs, i);
	if (run->span.hi > span->hi)
		cut(runs, i, span->hi + 1);
	return i;
}

/* A claim behind all runs, as each is when they are built anew: that takes no search. */
static bool runs_append(struct runs *runs, const struct run *run)
{
	struct run *last =
	    runs->items.count > 0 ? vec_at(&runs->items, runs->items.count - 1) : NULL;

	if (last && last->span.hi >= run->span.lo)
		return false;
	if (last && run_continues(last, run))
		last->span.hi = run->span.hi;
	else
		vec_push(&runs->items, run);
	return true;
}

bool runs_add(struct runs *runs, const struct span *span, uint64_t generation,
	      const struct id *holder, bool held)
{
	struct run whole = {*span, generation, *holder, held, false};
	struct span left = *span;
	bool clashed = false;
	size_t first, i;

	WEFT_ASSERT(span->lo <= span->hi);
	WEFT_ASSERT(generation > 0);
	if (runs_append(runs, &whole))
		return false;
	first = i = runs_from(runs, span->lo);
	for (;;) {
		struct run *run = i < runs->items.count ? vec_at(&runs->items, i) : NULL;

		if (!run || run->span.lo > left.lo) {
			struct run hole = {left, generation, *holder, held, false};
			if (run && run->span.lo <= left.hi)
				hole.span.hi = run->span.lo - 1;
			vec_insert(&runs->items, i, &hole);
		} else {
			struct run after = *run;
			if (outcome(&after, generation, holder, held)) {
				bool had_clash = run->clash;
				i = carve(runs, i, &left);
				run = vec_at(&runs->items, i);
				after.span = run->span;
				*run = after;
				clashed = clashed || (after.clash && !had_clash);
			}
		}
		run = vec_at(&runs->items, i);
		if (run->span.hi >= left.hi)
			break;
		left.lo = run->span.hi + 1;
		i++;
	}
	rejoin(runs, first > 0 ? first - 1 : 0, i + 1);
	return clashed;
}

void runs_check(const struct runs *runs)
{
	for (size_t i = 0; i < runs->items.count; i++) {
		const struct run *run = runs_at(runs, i);
		WEFT_ASSERT(run->span.lo <= run->span.hi);
		WEFT_ASSERT(run->generation > 0);
		if (i > 0) {
			const struct run *before = runs_at(runs, i - 1);
			WEFT_ASSERT(before->span.hi < run->span.lo);
			WEFT_ASSERT(!run_continues(before, run));
		}
	}
}
