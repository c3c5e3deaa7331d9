/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "arena.h"

#include <sanitizer/asan_interface.h>
#include <stdlib.h>
#include <string.h>

#include "gossip/base/check.h"

#define OS_PAGE_BYTES ((size_t)4096)

void arena_open(struct arena *arena, size_t bytes)
{
	struct page_source source = page_source_mmap();

	*arena = (struct arena){.bytes = bytes};
	arena->pages = source.take(source.ctx, bytes);
	WEFT_ASSERT(arena->pages != NULL);
}

static void *take(void *ctx, size_t bytes)
{
	struct arena *arena = ctx;
	size_t whole = (bytes + OS_PAGE_BYTES - 1) / OS_PAGE_BYTES * OS_PAGE_BYTES;
	void *pages = arena->pages + arena->used;

	if (whole > arena->bytes - arena->used)
		return NULL;
	arena->used += whole;
	return pages;
}

/* What is given back is not used again before the next restore. */
static void give(void *ctx, void *pages, size_t bytes)
{
	(void)ctx;
	ASAN_POISON_MEMORY_REGION(pages, bytes);
}

struct page_source arena_pages(struct arena *arena)
{
	return (struct page_source){arena, take, give};
}

void arena_keep(struct arena *arena)
{
	ASAN_UNPOISON_MEMORY_REGION(arena->pages, arena->used);
	free(arena->kept);
	arena->kept = malloc(arena->used);
	WEFT_ASSERT(arena->kept != NULL);
	memcpy(arena->kept, arena->pages, arena->used);
	arena->kept_used = arena->used;
}

void arena_restore(struct arena *arena)
{
	ASAN_UNPOISON_MEMORY_REGION(arena->pages, arena->used);
	memcpy(arena->pages, arena->kept, arena->kept_used);
	memset(arena->pages + arena->kept_used, 0, arena->used - arena->kept_used);
	arena->used = arena->kept_used;
}
