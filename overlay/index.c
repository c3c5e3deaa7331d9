/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Chains from an array of heads. There are twice as many as blocks when they were doubled last, and
 * one for each when they are doubled next; they halve where eight are there for one.
 */
#include "overlay/index.h"

#include <string.h>

#define HEADS_MIN ((size_t)8)

static struct index_link **head_of(const struct index *index, const void *key)
{
	uint64_t hash = map_hash(key, index->key_bytes, index->seed);

	WEFT_ASSERT(index->head_count > 0);
	return &index->heads[hash & (index->head_count - 1)];
}

static bool has_key(const struct index *index, const struct index_link *link, const void *key)
{
	return memcmp(index_key(index, link), key, index->key_bytes) == 0;
}

static struct index_link *with_key(const struct index *index, struct index_link *from,
				   const void *key)
{
	while (from != NULL && !has_key(index, from, key))
		from = from->next;
	return from;
}

static void push(struct index_link **head, struct index_link *link)
{
	link->next = *head;
	*head = link;
}

static void resize(struct index *index, size_t head_count)
{
	struct index old = *index;

	index->heads = heap_take(index->heap, head_count * sizeof(*index->heads));
	index->head_count = head_count;
	for (size_t i = 0; i < old.head_count; i++) {
		for (struct index_link *at = old.heads[i], *next; at != NULL; at = next) {
			next = at->next;
			push(head_of(index, index_key(index, at)), at);
		}
	}
	if (old.heads != NULL)
		heap_give(index->heap, old.heads, old.head_count * sizeof(*old.heads));
}

void index_init(struct index *index, struct heap *heap, size_t key_back, size_t key_bytes,
		uint64_t seed)
{
	WEFT_ASSERT(key_bytes > 0 && key_bytes <= key_back && key_back <= UINT32_MAX);
	*index = (struct index){.heap = heap,
				.seed = seed,
				.key_back = (uint32_t)key_back,
				.key_bytes = (uint32_t)key_bytes};
}

void index_close(struct index *index)
{
	if (index->heads != NULL)
		heap_give(index->heap, index->heads, index->head_count * sizeof(*index->heads));
	index->heads = NULL;
	index->head_count = index->count = 0;
}

bool index_add(struct index *index, struct index_link *link)
{
	const void *key = index_key(index, link);
	struct index_link **head;
	bool others;

	if (index->count == index->head_count)
		resize(index, index->head_count == 0 ? HEADS_MIN : 2 * index->head_count);
	head = head_of(index, key);
	others = with_key(index, *head, key) != NULL;
	push(head, link);
	index->count++;
	return others;
}

bool index_remove(struct index *index, struct index_link *link)
{
	const void *key = index_key(index, link);
	struct index_link **head = head_of(index, key), **at = head;
	bool others;

	while (*at != link) {
		WEFT_ASSERT(*at != NULL);
		at = &(*at)->next;
	}
	*at = link->next;
	others = with_key(index, *head, key) != NULL;
	link->next = NULL;
	index->count--;
	if (index->head_count > HEADS_MIN && index->count * 8 < index->head_count)
		resize(index, index->head_count / 2);
	return others;
}

struct index_link *index_pop(struct index *index, size_t *pos)
{
	for (; *pos < index->head_count; (*pos)++) {
		struct index_link *link = index->heads[*pos];

		if (link == NULL)
			continue;
		index->heads[*pos] = link->next;
		link->next = NULL;
		index->count--;
		return link;
	}
	return NULL;
}

struct index_link *index_first(const struct index *index, const void *key)
{
	return index->count == 0 ? NULL : with_key(index, *head_of(index, key), key);
}

struct index_link *index_next(const struct index *index, const struct index_link *link)
{
	return with_key(index, link->next, index_key(index, link));
}

const struct index_link *index_each(const struct index *index, struct index_walk *walk)
{
	const struct index_link *at = walk->link != NULL ? walk->link->next : NULL;
	struct index_link *head;

	for (;;) {
		for (; at != NULL; at = at->next) {
			head = index->heads[walk->head - 1];
			walk->link = at;
			if (with_key(index, head, index_key(index, at)) == at)
				return at;
		}
		if (walk->head == index->head_count)
			return NULL;
		at = index->heads[walk->head++];
	}
}
