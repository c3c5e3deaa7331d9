/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* The growing array of map.h. Capacity doubles and stays until vec_close. */
#include <string.h>

#include "map.h"

#define CAP_MIN ((size_t)8)

void vec_init(struct vec *vec, struct heap *heap, size_t item_bytes)
{
	WEFT_ASSERT(item_bytes > 0);
	*vec = (struct vec){.heap = heap, .item_bytes = item_bytes};
}

void vec_close(struct vec *vec)
{
	if (vec->items != NULL)
		heap_give(vec->heap, vec->items, vec->cap * vec->item_bytes);
	vec->items = NULL;
	vec->count = 0;
	vec->cap = 0;
}

static void *place(const struct vec *vec, size_t i)
{
	return (unsigned char *)vec->items + i * vec->item_bytes;
}

static void grow(struct vec *vec)
{
	size_t cap = vec->cap == 0 ? CAP_MIN : vec->cap * 2;

	WEFT_ASSERT(cap <= SIZE_MAX / 4 / vec->item_bytes);
	vec->items =
	    heap_resize(vec->heap, vec->items, vec->cap * vec->item_bytes, cap * vec->item_bytes);
	vec->cap = cap;
}

void *vec_push(struct vec *vec, const void *item)
{
	return vec_insert(vec, vec->count, item);
}

void vec_append(struct vec *vec, const void *items, size_t count)
{
	if (count == 0)
		return;
	while (vec->cap - vec->count < count)
		grow(vec);
	memcpy(place(vec, vec->count), items, count * vec->item_bytes);
	vec->count += count;
}

void *vec_insert(struct vec *vec, size_t i, const void *item)
{
	const unsigned char *from = item;
	void *to;

	WEFT_ASSERT(i <= vec->count);
	/* An element of the vector itself would move under our feet. */
	WEFT_ASSERT(item == NULL || vec->items == NULL || from < (unsigned char *)place(vec, 0) ||
		    from >= (unsigned char *)place(vec, vec->cap));
	if (vec->count == vec->cap)
		grow(vec);
	to = place(vec, i);
	if (i < vec->count)
		memmove(place(vec, i + 1), to, (vec->count - i) * vec->item_bytes);
	if (item != NULL)
		memcpy(to, item, vec->item_bytes);
	else
		memset(to, 0, vec->item_bytes);
	vec->count++;
	return to;
}

void vec_remove(struct vec *vec, size_t i)
{
	WEFT_ASSERT(i < vec->count);
	vec->count--;
	if (i < vec->count)
		memmove(place(vec, i), place(vec, i + 1), (vec->count - i) * vec->item_bytes);
}

size_t vec_lower_bound(const struct vec *vec, const void *key,
		       int (*cmp)(const void *key, const void *item))
{
	size_t low = 0;
	size_t high = vec->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (cmp(key, place(vec, mid)) > 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}
