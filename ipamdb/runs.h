/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Who owns which address, as disjoint runs in order: the highest generation that covers an address
 * wins. Claims may be added in any order and any number of times with the same result.
 */
#pragma once

#include "gossip/base/map.h"
#include "span.h"

struct run {
	struct span span;
	uint64_t generation;
	struct id holder; /* of equal generations the lower id, but see clash */
	bool held;        /* the holder's own row at this generation is here and lives */
	bool clash;       /* two holders at this generation: nobody may lease here */
};

struct runs {
	struct vec items; /* struct run */
};

void runs_init(struct runs *runs, struct heap *heap);
void runs_close(struct runs *runs);
void runs_clear(struct runs *runs);

/* Makes runs (initialised) say what from says. */
void runs_copy(struct runs *runs, const struct runs *from);

/* Adds a claim of holder at generation; true when it newly clashes with another's somewhere. */
bool runs_add(struct runs *runs, const struct span *span, uint64_t generation,
	      const struct id *holder, bool held);

/* The run that covers addr, or NULL; borrowed until the next change. */
const struct run *runs_find(const struct runs *runs, addr128 addr);

/* Place of the first run that ends at or after addr; runs->items.count when there is none. */
size_t runs_from(const struct runs *runs, addr128 addr);
const struct run *runs_at(const struct runs *runs, size_t i);

/* The highest generation anywhere within span; 0 when nothing covers any of it. */
uint64_t runs_top(const struct runs *runs, const struct span *span);

/* Do owners' own rows of this generation or above cover all of span, with no clash? */
bool runs_outrank(const struct runs *runs, const struct span *span, uint64_t generation);
void runs_check(const struct runs *runs);
