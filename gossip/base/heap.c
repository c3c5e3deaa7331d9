/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * A size-class allocator.
 *
 * Small blocks are cut from slab pages of 64 KiB. A block that is given back goes to the free list
 * of its class and is zeroed when it is taken again; the callers name the size in both directions,
 * so blocks carry no header. What is left of a slab page when the next block does not fit is cut
 * into smaller free blocks rather than wasted. Bigger blocks get pages of their own, which go back
 * to the source at once. Every run of pages begins with a header in one chain, so that closing the
 * heap needs no help from the blocks' holders.
 *
 * Which address a block gets depends on the source alone, never what it holds: the same calls give
 * the same contents. Under the address sanitizer free blocks are poisoned.
 */
#include "heap.h"

#include <stdbool.h>
#include <string.h>

#include "check.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) /* as clang says it */
#define HEAP_WATCHED 1
#endif
#elif defined(__SANITIZE_ADDRESS__) /* as gcc does */
#define HEAP_WATCHED 1
#endif
#if defined(HEAP_WATCHED)
#include <sanitizer/asan_interface.h>
#define HEAP_POISON(at, bytes) ASAN_POISON_MEMORY_REGION(at, bytes)
#define HEAP_UNPOISON(at, bytes) ASAN_UNPOISON_MEMORY_REGION(at, bytes)
#else
#define HEAP_POISON(at, bytes) ((void)(at), (void)(bytes))
#define HEAP_UNPOISON(at, bytes) ((void)(at), (void)(bytes))
#endif

#define OS_PAGE_BYTES ((size_t)4096)

/* Stands at the start of every run of pages; a multiple of 16 bytes keeps the blocks aligned. */
struct page_run {
	struct page_run *next;
	struct page_run *prev;
	size_t bytes;
	size_t reserved;
};

_Static_assert(sizeof(struct page_run) % 16 == 0, "blocks behind a header stay aligned to 16");

/* Dense where rows and table entries are (a waste of a quarter at most above 64 bytes). */
static const size_t class_bytes[HEAP_CLASSES] = {
    16,  32,  48,  64,   80,   96,   128,  160,  192,  256,  320,  384,
    512, 640, 768, 1024, 1280, 1536, 2048, 3072, 4096, 6144, 8192, 16384,
};

#define CLASS_BYTES_MAX ((size_t)16384)

/* The smallest class that holds bytes, or HEAP_CLASSES when it needs pages of its own. */
static size_t class_of(size_t bytes)
{
	size_t low = 0;
	size_t high = HEAP_CLASSES;

	while (low < high) {
		size_t mid = (low + high) / 2;
		if (class_bytes[mid] < bytes)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* What a block of this size really takes: its class, or its run of pages. */
static size_t footprint(size_t bytes)
{
	WEFT_ASSERT(bytes > 0 && bytes < SIZE_MAX / 2);
	if (bytes <= CLASS_BYTES_MAX)
		return class_bytes[class_of(bytes)];
	return (bytes + sizeof(struct page_run) + OS_PAGE_BYTES - 1) & ~(OS_PAGE_BYTES - 1);
}

static struct page_run *run_take(struct heap *heap, size_t bytes)
{
	struct page_run *run = heap->source.take(heap->source.ctx, bytes);

	if (run == NULL)
		weft_assert_failed("out of memory: the page source has none left", __FILE__,
				   __LINE__);
	WEFT_ASSERT((uintptr_t)run % OS_PAGE_BYTES == 0);
	run->bytes = bytes;
	run->prev = NULL;
	run->next = heap->pages;
	if (run->next != NULL)
		run->next->prev = run;
	heap->pages = run;
	heap->held_bytes += bytes;
	return run;
}

static void run_give(struct heap *heap, struct page_run *run)
{
	size_t bytes = run->bytes;

	WEFT_ASSERT(heap->held_bytes >= bytes);
	if (run->prev != NULL)
		run->prev->next = run->next;
	else
		heap->pages = run->next;
	if (run->next != NULL)
		run->next->prev = run->prev;
	heap->held_bytes -= bytes;
	heap->source.give(heap->source.ctx, run, bytes);
}

/* Free blocks are linked through their first bytes, which stay readable; the rest is poisoned. */
static void free_push(struct heap *heap, size_t class, void *block)
{
	memcpy(block, &heap->free_lists[class], sizeof(void *));
	heap->free_lists[class] = block;
	HEAP_POISON(block, class_bytes[class]);
}

static void *free_pop(struct heap *heap, size_t class)
{
	void *block = heap->free_lists[class];

	HEAP_UNPOISON(block, class_bytes[class]);
	memcpy(&heap->free_lists[class], block, sizeof(void *));
	memset(block, 0, class_bytes[class]);
	return block;
}

/* Cuts what is left of the newest slab page into free blocks, the largest first. */
static void fresh_retire(struct heap *heap)
{
	for (size_t class = HEAP_CLASSES; class -- > 0;) {
		while (heap->fresh_bytes >= class_bytes[class]) {
			HEAP_UNPOISON(heap->fresh, class_bytes[class]);
			free_push(heap, class, heap->fresh);
			heap->fresh += class_bytes[class];
			heap->fresh_bytes -= class_bytes[class];
		}
	}
	heap->fresh = NULL;
	heap->fresh_bytes = 0;
}

static void *fresh_cut(struct heap *heap, size_t class)
{
	void *block;

	if (heap->fresh_bytes < class_bytes[class]) {
		struct page_run *run;
		fresh_retire(heap);
		run = run_take(heap, HEAP_PAGE_BYTES);
		heap->fresh = (unsigned char *)(run + 1);
		heap->fresh_bytes = HEAP_PAGE_BYTES - sizeof(*run);
		HEAP_POISON(heap->fresh, heap->fresh_bytes);
	}
	block = heap->fresh;
	heap->fresh += class_bytes[class];
	heap->fresh_bytes -= class_bytes[class];
	HEAP_UNPOISON(block, class_bytes[class]);
	return block;
}

void heap_init(struct heap *heap, const struct page_source *source)
{
	WEFT_ASSERT(source->take != NULL && source->give != NULL);
	*heap = (struct heap){.source = *source};
}

void heap_close(struct heap *heap)
{
	while (heap->pages != NULL) {
		struct page_run *run = heap->pages;
		HEAP_UNPOISON(run, run->bytes);
		run_give(heap, run);
	}
	WEFT_ASSERT(heap->held_bytes == 0);
	*heap = (struct heap){.source = heap->source};
}

void *heap_take(struct heap *heap, size_t bytes)
{
	size_t size = footprint(bytes);
	size_t class;

	heap->used_bytes += size;
	if (bytes > CLASS_BYTES_MAX)
		return run_take(heap, size) + 1;
	class = class_of(bytes);
	if (heap->free_lists[class] != NULL)
		return free_pop(heap, class);
	return fresh_cut(heap, class);
}

void heap_give(struct heap *heap, void *block, size_t bytes)
{
	size_t size;

	if (block == NULL)
		return;
	size = footprint(bytes);
	WEFT_ASSERT(heap->used_bytes >= size);
	heap->used_bytes -= size;
	if (bytes > CLASS_BYTES_MAX) {
		struct page_run *run = (struct page_run *)block - 1;
		WEFT_ASSERT(run->bytes == size);
		run_give(heap, run);
		return;
	}
	free_push(heap, class_of(bytes), block);
}

void *heap_resize(struct heap *heap, void *old, size_t old_bytes, size_t new_bytes)
{
	size_t kept = old_bytes < new_bytes ? old_bytes : new_bytes;
	void *block;

	if (old == NULL) {
		WEFT_ASSERT(old_bytes == 0);
		return heap_take(heap, new_bytes);
	}
	WEFT_ASSERT(old_bytes > 0);
	if (footprint(old_bytes) == footprint(new_bytes)) {
		if (new_bytes > old_bytes)
			memset((unsigned char *)old + old_bytes, 0, new_bytes - old_bytes);
		return old;
	}
	block = heap_take(heap, new_bytes);
	memcpy(block, old, kept);
	heap_give(heap, old, old_bytes);
	return block;
}
