/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Pages out of one piece of memory that can be put back as it was: a cluster is formed once, and
 * every input of the fuzzer finds it in the same state.
 */
#pragma once

#include "gossip/base/heap.h"

struct arena {
	unsigned char *pages;
	size_t bytes, used;
	unsigned char *kept; /* a copy of pages[0..kept_used) */
	size_t kept_used;
};

/* Memory that nothing gives back: an arena lives as long as its program. */
void arena_open(struct arena *arena, size_t bytes);
struct page_source arena_pages(struct arena *arena);

/* Remembers what the pages hold, and brings it back. Blocks that a heap gave up meanwhile are
 * readable again, and so are those that were free when it was kept. */
void arena_keep(struct arena *arena);
void arena_restore(struct arena *arena);
