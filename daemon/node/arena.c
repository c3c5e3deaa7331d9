/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "arena.h"

#include <string.h>

#include "gossip/base/check.h"

#define BLOCK_BYTES ((size_t)16384)
#define ALIGN ((size_t)16)

struct arena_block {
	uint8_t *bytes;
	size_t cap;
};

void arena_init(struct arena *arena, struct heap *heap)
{
	*arena = (struct arena){.at = 0};
	vec_init(&arena->blocks, heap, sizeof(struct arena_block));
}

void arena_reset(struct arena *arena)
{
	arena->at = 0;
	arena->used = 0;
}

void *arena_take(struct arena *arena, size_t bytes)
{
	size_t need = (bytes + ALIGN - 1) & ~(ALIGN - 1);
	struct arena_block fresh = {.cap = need > BLOCK_BYTES ? need : BLOCK_BYTES};
	struct arena_block *block;

	WEFT_ASSERT(bytes > 0 && bytes < SIZE_MAX / 2);
	for (; arena->at < arena->blocks.count; arena->at++, arena->used = 0) {
		block = vec_at(&arena->blocks, arena->at);
		if (block->cap - arena->used < need)
			continue;
		arena->used += need;
		return block->bytes + arena->used - need;
	}
	fresh.bytes = heap_take(arena->blocks.heap, fresh.cap);
	vec_push(&arena->blocks, &fresh);
	arena->used = need;
	return fresh.bytes;
}

void *arena_copy(struct arena *arena, const void *bytes, size_t len)
{
	void *copy;

	if (len == 0)
		return NULL;
	copy = arena_take(arena, len);
	memcpy(copy, bytes, len);
	return copy;
}
