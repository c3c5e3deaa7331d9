/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Hash maps and vectors over a heap.
 *
 * A map holds entries of one size whose first key_bytes bytes are the key (compared as bytes, so
 * padding must be zeroed). Entries live in one open-addressed array: a pointer to an entry is
 * valid until the next insert or remove. The hash is seeded so that a peer cannot aim for
 * collisions; iteration order depends only on seed and history, so a simulated run repeats.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "check.h"
#include "heap.h"

struct map {
	struct heap *heap;
	unsigned char *slots; /* slot_count entries, then slot_count state bytes */
	size_t slot_count;    /* 0 or a power of two */
	size_t count;
	uint64_t seed;
	uint32_t key_bytes;
	uint32_t entry_bytes;
};

/* An empty map without memory of its own; entry_bytes includes the key. */
void map_init(struct map *map, struct heap *heap, size_t key_bytes, size_t entry_bytes,
	      uint64_t seed);
void map_close(struct map *map);

/* The entry with this key, or NULL; borrowed until the next change of the map. */
void *map_find(const struct map *map, const void *key);

/* The entry with this key, made (zeroed but for the key) if it was missing; *fresh says so and may
 * be NULL. */
void *map_insert(struct map *map, const void *key, bool *fresh);

/* Removes an entry; false when there was none. */
bool map_remove(struct map *map, const void *key);

/* Iterates: start with *pos = 0; NULL at the end. The map must not change meanwhile. */
void *map_next(const struct map *map, size_t *pos);

/* Seeded hash of a byte string, also used for buckets that need no secrecy. */
uint64_t map_hash(const void *bytes, size_t len, uint64_t seed);

/* A growing array of elements of one size. */
struct vec {
	struct heap *heap;
	void *items;
	size_t count;
	size_t cap;
	size_t item_bytes;
};

void vec_init(struct vec *vec, struct heap *heap, size_t item_bytes);
void vec_close(struct vec *vec);

/* Element i (< count); borrowed until the vector grows. */
static inline void *vec_at(const struct vec *vec, size_t i)
{
	WEFT_ASSERT(i < vec->count);
	return (unsigned char *)vec->items + i * vec->item_bytes;
}

/* Appends a copy of item (zeroed when NULL); returns its place. */
void *vec_push(struct vec *vec, const void *item);

/* Appends copies of count items that lie one behind the other. */
void vec_append(struct vec *vec, const void *items, size_t count);

/* Opens a gap at i (<= count) and copies item into it. */
void *vec_insert(struct vec *vec, size_t i, const void *item);

/* Removes element i and closes the gap. */
void vec_remove(struct vec *vec, size_t i);

/* First index whose element is not less than key by cmp(key, element); elements must be sorted. */
size_t vec_lower_bound(const struct vec *vec, const void *key,
		       int (*cmp)(const void *key, const void *item));
