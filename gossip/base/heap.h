/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Memory for the pure parts. A heap takes pages from a source that its owner names (mmap in the
 * daemon, a shared arena in the simulator) and hands out zeroed blocks of a few size classes. It
 * is the one place where out-of-memory aborts; nothing in gossip/ or ipamdb/ calls libc malloc.
 * What a peer can grow is capped by its table, not here.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define HEAP_PAGE_BYTES ((size_t)65536)
#define HEAP_CLASSES 24

/* Where pages come from. take returns zeroed memory aligned to 4096 bytes, or NULL. */
struct page_source {
	void *ctx;
	void *(*take)(void *ctx, size_t bytes);
	void (*give)(void *ctx, void *pages, size_t bytes);
};

/* One heap; not shared between threads. The page source must outlive it. */
struct heap {
	struct page_source source;
	void *free_lists[HEAP_CLASSES];
	void *pages;          /* chain of all slab pages, returned by heap_close */
	unsigned char *fresh; /* unused rest of the newest slab page */
	size_t fresh_bytes;
	size_t used_bytes; /* handed out and not given back */
	size_t held_bytes; /* taken from the source */
};

void heap_init(struct heap *heap, const struct page_source *source);

/* Gives every page back; blocks still in use become invalid. */
void heap_close(struct heap *heap);

/* A zeroed block of at least bytes (> 0), aligned to 16; aborts when the source has none. */
void *heap_take(struct heap *heap, size_t bytes);

/* Gives back a block with the size it was taken with; NULL is allowed. */
void heap_give(struct heap *heap, void *block, size_t bytes);

/* Moves a block to a new size; the added part is zeroed. old may be NULL with old_bytes 0. */
void *heap_resize(struct heap *heap, void *old, size_t old_bytes, size_t new_bytes);

/* A page source over anonymous mmap, for processes (not for the core itself). */
struct page_source page_source_mmap(void);
