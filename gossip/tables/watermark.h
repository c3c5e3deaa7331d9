/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What a replica knows of one owner's writing in one topic: everything up to a version without a
 * hole, and a few spans beyond it. Rows that were replaced before they arrived leave natural holes;
 * only an answer "complete up to here" closes those.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gossip/base/heap.h"

#define SPANS_MAX 8

/* Ordered by epoch, then sequence. Sequences of an owner and topic count from 1 and go on across
 * epochs. {0, 0} is before everything. */
struct version {
	uint64_t epoch;
	uint64_t sequence;
};

struct span {
	uint64_t epoch;
	uint64_t first, last; /* sequences, both included */
};

struct spans {
	size_t count;
	struct span at[SPANS_MAX]; /* by version, apart from each other, all beyond upto */
};

struct watermark {
	struct version upto; /* nothing is missing up to here */
	struct version top;  /* highest seen */
	struct spans *ahead; /* NULL while there are none */
	bool forgot;         /* a span, so that more beyond upto was seen than it says */
};

static inline int version_cmp(struct version a, struct version b)
{
	if (a.epoch != b.epoch)
		return a.epoch < b.epoch ? -1 : 1;
	if (a.sequence != b.sequence)
		return a.sequence < b.sequence ? -1 : 1;
	return 0;
}

static inline struct version version_max(struct version a, struct version b)
{
	return version_cmp(a, b) >= 0 ? a : b;
}

static inline struct version version_min(struct version a, struct version b)
{
	return version_cmp(a, b) <= 0 ? a : b;
}

void watermark_close(struct watermark *mark, struct heap *heap);

/* True when this version was seen or is known to be replaced. */
bool watermark_knows(const struct watermark *mark, struct version version);

/* False only when this version was certainly not seen. */
static inline bool watermark_may_know(const struct watermark *mark, struct version version)
{
	return watermark_knows(mark, version) ||
	       (mark->forgot && version_cmp(version, mark->top) <= 0);
}

/* A version was seen. With more than SPANS_MAX holes the oldest span is forgotten, which costs a
 * comparison later and no row. */
void watermark_note(struct watermark *mark, struct heap *heap, struct version version);

/* Somebody who has everything up to this version has sent it all. */
void watermark_complete(struct watermark *mark, struct heap *heap, struct version upto);

static inline bool watermark_has_gaps(const struct watermark *mark)
{
	return version_cmp(mark->upto, mark->top) < 0;
}

void watermark_check(const struct watermark *mark);
