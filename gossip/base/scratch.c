/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "scratch.h"

#include <string.h>

#include "check.h"

#define BLOCK_BYTES ((size_t)8192)
#define ALIGN ((size_t)16)

struct scratch_block {
	uint8_t *bytes;
	size_t cap;
};

void scratch_init(struct scratch *scratch, struct heap *heap)
{
	*scratch = (struct scratch){.at = 0};
	vec_init(&scratch->blocks, heap, sizeof(struct scratch_block));
}

/* Blocks before the one in use may have been left for being too small: they were in use. */
static void wipe(struct scratch *scratch)
{
	for (size_t i = 0; i < scratch->blocks.count && i <= scratch->at; i++) {
		struct scratch_block *block = vec_at(&scratch->blocks, i);

		memset(block->bytes, 0, block->cap);
	}
	scratch->has_secret = false;
}

void scratch_reset(struct scratch *scratch)
{
	if (scratch->has_secret)
		wipe(scratch);
	scratch->at = 0;
	scratch->used = 0;
}

void scratch_note_secret(struct scratch *scratch)
{
	scratch->has_secret = true;
}

void *scratch_take(struct scratch *scratch, size_t bytes)
{
	size_t need = (bytes + ALIGN - 1) & ~(ALIGN - 1);
	struct scratch_block fresh = {.cap = BLOCK_BYTES};
	struct scratch_block *block;

	WEFT_ASSERT(bytes > 0 && bytes < SIZE_MAX / 4);
	for (; scratch->at < scratch->blocks.count; scratch->at++, scratch->used = 0) {
		block = vec_at(&scratch->blocks, scratch->at);
		if (block->cap - scratch->used < need)
			continue;
		scratch->used += need;
		return block->bytes + scratch->used - need;
	}
	/* Powers of two: what grows step by step leaves few blocks behind that are too small. */
	while (fresh.cap < need)
		fresh.cap *= 2;
	fresh.bytes = heap_take(scratch->blocks.heap, fresh.cap);
	vec_push(&scratch->blocks, &fresh);
	scratch->used = need;
	return fresh.bytes;
}

void *scratch_copy(struct scratch *scratch, const void *bytes, size_t len)
{
	void *copy;

	if (len == 0)
		return NULL;
	copy = scratch_take(scratch, len);
	memcpy(copy, bytes, len);
	return copy;
}
