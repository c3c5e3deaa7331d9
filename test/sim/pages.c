/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Runs of pages are cut from chunks in order and kept by length when they come back. A short run is
 * zeroed when it is taken again; a long one is handed back to the system, which gives zeroed pages
 * for those that are touched. Chunks outlive a world's nodes and end with the arena.
 */
#include "pages.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "gossip/base/check.h"

#define PAGE_BYTES ((size_t)4096)
#define CHUNK_BYTES ((size_t)64 << 20)
#define LONG_RUN_BYTES ((size_t)128 << 10)
#define SHELVES 256 /* by length in pages; longer runs share the last one */

struct chunk {
	struct chunk *next;
	void *at;
	size_t bytes;
};

struct run {
	struct run *next;
	size_t bytes;
};

struct sim_pages {
	struct chunk *chunks;
	uint8_t *fresh;
	size_t fresh_bytes;
	struct run *shelves[SHELVES];
};

struct sim_pages *sim_pages_new(void)
{
	struct sim_pages *pages = calloc(1, sizeof(*pages));

	WEFT_ASSERT(pages != NULL);
	return pages;
}

static void *chunk_add(struct sim_pages *pages, size_t bytes)
{
	struct chunk *chunk = malloc(sizeof(*chunk));

	WEFT_ASSERT(chunk != NULL);
	chunk->at = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	WEFT_ASSERT(chunk->at != MAP_FAILED);
	/* Huge pages would make all of a sparse array resident. */
	(void)madvise(chunk->at, bytes, MADV_NOHUGEPAGE);
	chunk->bytes = bytes;
	chunk->next = pages->chunks;
	pages->chunks = chunk;
	return chunk->at;
}

void sim_pages_free(struct sim_pages *pages)
{
	if (!pages)
		return;
	while (pages->chunks) {
		struct chunk *chunk = pages->chunks;

		pages->chunks = chunk->next;
		munmap(chunk->at, chunk->bytes);
		free(chunk);
	}
	free(pages);
}

static struct run **shelf_of(struct sim_pages *pages, size_t bytes)
{
	size_t count = bytes / PAGE_BYTES;

	return &pages->shelves[count < SHELVES ? count : 0];
}

static void *run_again(struct sim_pages *pages, size_t bytes)
{
	for (struct run **at = shelf_of(pages, bytes); *at; at = &(*at)->next) {
		struct run *run = *at;

		if (run->bytes != bytes)
			continue;
		*at = run->next;
		memset(run, 0, bytes < LONG_RUN_BYTES ? bytes : sizeof(*run));
		return run;
	}
	return NULL;
}

static void *pages_take(void *ctx, size_t wanted)
{
	struct sim_pages *pages = ctx;
	size_t bytes = (wanted + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
	void *run = run_again(pages, bytes);

	if (run)
		return run;
	if (bytes > CHUNK_BYTES / 4)
		return chunk_add(pages, bytes);
	if (pages->fresh_bytes < bytes) {
		pages->fresh = chunk_add(pages, CHUNK_BYTES);
		pages->fresh_bytes = CHUNK_BYTES;
	}
	run = pages->fresh;
	pages->fresh += bytes;
	pages->fresh_bytes -= bytes;
	return run;
}

static void pages_give(void *ctx, void *at, size_t given)
{
	struct sim_pages *pages = ctx;
	size_t bytes = (given + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
	struct run *run = at, **shelf = shelf_of(pages, bytes);

	if (bytes >= LONG_RUN_BYTES)
		(void)madvise(at, bytes, MADV_DONTNEED);
	run->bytes = bytes;
	run->next = *shelf;
	*shelf = run;
}

struct page_source sim_pages_source(struct sim_pages *pages)
{
	return (struct page_source){pages, pages_take, pages_give};
}
