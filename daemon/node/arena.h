/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Memory that lives until the next step of the node: bytes that an update names. Blocks are kept
 * and used again, so that a quiet node takes no memory while it runs.
 */
#pragma once

#include "gossip/base/map.h"

struct arena {
	struct vec blocks; /* struct arena_block */
	size_t at;         /* block in use */
	size_t used;       /* bytes of it */
};

/* Blocks are of heap's and go with it. */
void arena_init(struct arena *arena, struct heap *heap);

/* All that was taken may be overwritten. */
void arena_reset(struct arena *arena);

/* Memory for bytes (> 0), aligned to 16; not zeroed. */
void *arena_take(struct arena *arena, size_t bytes);

/* A copy of bytes[0..len); NULL when len is 0. */
void *arena_copy(struct arena *arena, const void *bytes, size_t len);
