/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * An index over blocks that somebody else owns: each has a link for each index that it is in, at a
 * fixed distance behind its key. Where a map holds keys and pointers of its own, this has one
 * pointer for each block, and several blocks may have one key. Inside of the overlay, for what
 * grows large (remote.h).
 */
#pragma once

#include "gossip/base/map.h"

struct index_link {
	struct index_link *next; /* in one chain: of this key and of others */
};

struct index {
	struct heap *heap;
	struct index_link **heads; /* NULL until something is added */
	size_t head_count;         /* 0 or a power of two */
	size_t count;
	uint64_t seed;
	uint32_t key_back; /* bytes from a key to its link */
	uint32_t key_bytes;
};

/* The place of a walk; begin with zeroes. */
struct index_walk {
	size_t head;
	const struct index_link *link;
};

/* An empty index without memory of its own. Keys are compared as bytes. */
void index_init(struct index *index, struct heap *heap, size_t key_back, size_t key_bytes,
		uint64_t seed);

/* Gives back what the index holds; what is linked is its owners'. */
void index_close(struct index *index);

/* Links a block that is not in this index, or takes one that is out of it. True when another one
 * with its key is there. */
bool index_add(struct index *index, struct index_link *link);
bool index_remove(struct index *index, struct index_link *link);

/* Takes any block out of the index, in constant time over a whole emptying; start with *pos = 0.
 * NULL at the end. */
struct index_link *index_pop(struct index *index, size_t *pos);

/* A block with this key, and the next with the key of one; NULL where there is none. */
struct index_link *index_first(const struct index *index, const void *key);
struct index_link *index_next(const struct index *index, const struct index_link *link);

/* The key of a block that is linked here. */
static inline const void *index_key(const struct index *index, const struct index_link *link)
{
	return (const unsigned char *)link - index->key_back;
}

/* One block of each key, in no order; NULL at the end. The index must not change meanwhile. */
const struct index_link *index_each(const struct index *index, struct index_walk *walk);
