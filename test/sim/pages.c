/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Runs of pages are cut from chunks in order and kept by length when they come back. Chunks outlive
 * a world's nodes and end with the arena.
 *
 * Short runs are what a node's tables are made of: full, and of hundreds of nodes by turns, so that
 * looking up where a page lies would cost more than all else. Their chunks are huge pages. A long
 * run is mostly an array with room to spare: of small pages only those are there that are touched,
 * and when it comes back it is handed to the system, which gives zeroed ones.
 */
#include "pages.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "gossip/base/check.h"

#define PAGE_BYTES ((size_t)4096)
#define HUGE_BYTES ((size_t)2 << 20)
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

/* Where the next run of a kind is cut from. */
struct fresh {
	uint8_t *at;
	size_t bytes;
};

struct sim_pages {
	struct chunk *chunks;
	struct fresh dense, sparse;
	struct run *shelves[SHELVES];
};

struct sim_pages *sim_pages_new(void)
{
	struct sim_pages *pages = calloc(1, sizeof(*pages));

	WEFT_ASSERT(pages != NULL);
	return pages;
}

static bool is_long(size_t bytes)
{
	return bytes >= LONG_RUN_BYTES;
}

/* What it gives begins at a huge page. */
static void *chunk_add(struct sim_pages *pages, size_t bytes, bool dense)
{
	struct chunk *chunk = malloc(sizeof(*chunk));
	uintptr_t at;

	WEFT_ASSERT(chunk != NULL);
	chunk->bytes = bytes + HUGE_BYTES;
	chunk->at = mmap(NULL, chunk->bytes, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	WEFT_ASSERT(chunk->at != MAP_FAILED);
	(void)madvise(chunk->at, chunk->bytes, dense ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	chunk->next = pages->chunks;
	pages->chunks = chunk;
	at = (uintptr_t)chunk->at;
	return (uint8_t *)chunk->at + (HUGE_BYTES - at % HUGE_BYTES) % HUGE_BYTES;
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
		memset(run, 0, is_long(bytes) ? sizeof(*run) : bytes);
		return run;
	}
	return NULL;
}

static void *pages_take(void *ctx, size_t wanted)
{
	struct sim_pages *pages = ctx;
	size_t bytes = (wanted + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
	struct fresh *fresh = is_long(bytes) ? &pages->sparse : &pages->dense;
	void *run = run_again(pages, bytes);

	if (run)
		return run;
	if (bytes > CHUNK_BYTES / 4)
		return chunk_add(pages, bytes, false);
	if (fresh->bytes < bytes) {
		fresh->at = chunk_add(pages, CHUNK_BYTES, !is_long(bytes));
		fresh->bytes = CHUNK_BYTES;
	}
	run = fresh->at;
	fresh->at += bytes;
	fresh->bytes -= bytes;
	return run;
}

static void pages_give(void *ctx, void *at, size_t given)
{
	struct sim_pages *pages = ctx;
	size_t bytes = (given + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
	struct run *run = at, **shelf = shelf_of(pages, bytes);

	if (is_long(bytes))
		(void)madvise(at, bytes, MADV_DONTNEED);
	run->bytes = bytes;
	run->next = *shelf;
	*shelf = run;
}

struct page_source sim_pages_source(struct sim_pages *pages)
{
	return (struct page_source){pages, pages_take, pages_give};
}
