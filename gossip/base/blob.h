/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * An interning store for signed rows and what they say: equal bytes are held once and counted, and
 * everybody keeps a 32-bit handle. The host owns it: a daemon has one, the simulator shares one
 * among all its nodes, which is what makes 10,000 nodes fit into memory. Not shared between
 * threads.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "map.h"

#define BLOB_NONE 0u

struct blob_store {
	struct heap *heap;
	struct map by_hash;
	struct vec slots;
	uint32_t free_head;
	uint64_t seed;
	size_t bytes; /* sum of the lengths held */
	size_t count;
};

void blob_store_init(struct blob_store *store, struct heap *heap, uint64_t seed);
void blob_store_close(struct blob_store *store);

/* The handle of these bytes (1 <= len <= 65535), counted once more. Never BLOB_NONE. */
uint32_t blob_take(struct blob_store *store, const void *bytes, size_t len);

/* Counts an existing handle once more and returns it. */
uint32_t blob_share(struct blob_store *store, uint32_t handle);

/* Drops one count; the bytes go with the last. */
void blob_give(struct blob_store *store, uint32_t handle);

/* The bytes, aligned for any object; they stay where they are until the last count is dropped. */
const uint8_t *blob_bytes(const struct blob_store *store, uint32_t handle, size_t *len);

/* A mark on the bytes: "signature verified". Set once, seen by all holders. */
void blob_mark_verified(struct blob_store *store, uint32_t handle);
int blob_is_verified(const struct blob_store *store, uint32_t handle);
