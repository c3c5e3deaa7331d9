/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Memory that lives until the next step of its owner: bytes that an update names. Blocks are kept
 * and used again from the start, so that a quiet node takes no memory while it runs; a burst leaves
 * at most a few times its largest step behind.
 */
#pragma once

#include "map.h"

struct scratch {
	struct vec blocks; /* struct scratch_block */
	size_t at;         /* block in use */
	size_t used;       /* bytes of it */
	bool has_secret;
};

/* Blocks are of heap's and go with it. */
void scratch_init(struct scratch *scratch, struct heap *heap);

/* All that was taken may be overwritten; if there was a secret in it, it is. */
void scratch_reset(struct scratch *scratch);

/* Something that was taken since the last reset holds a secret. */
void scratch_note_secret(struct scratch *scratch);

/* Memory for bytes (> 0), aligned to 16; not zeroed. */
void *scratch_take(struct scratch *scratch, size_t bytes);

/* A copy of bytes[0..len); NULL when len is 0. */
void *scratch_copy(struct scratch *scratch, const void *bytes, size_t len);
