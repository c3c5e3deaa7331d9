/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* A ring that doubles when it is full: see fifo.h. */
#include "fifo.h"

#include <string.h>

#include "check.h"

#define CAP_MIN ((size_t)16)

void fifo_init(struct fifo *fifo, struct heap *heap, size_t item_bytes)
{
	WEFT_ASSERT(item_bytes > 0);
	*fifo = (struct fifo){.heap = heap, .item_bytes = item_bytes};
}

void *fifo_at(const struct fifo *fifo, size_t i)
{
	WEFT_ASSERT(i < fifo->count);
	return fifo->items + ((fifo->head + i) & (fifo->cap - 1)) * fifo->item_bytes;
}

static void grow(struct fifo *fifo)
{
	size_t cap = fifo->cap ? fifo->cap * 2 : CAP_MIN;
	unsigned char *items = heap_take(fifo->heap, cap * fifo->item_bytes);

	for (size_t i = 0; i < fifo->count; i++)
		memcpy(items + i * fifo->item_bytes, fifo_at(fifo, i), fifo->item_bytes);
	if (fifo->items)
		heap_give(fifo->heap, fifo->items, fifo->cap * fifo->item_bytes);
	fifo->items = items;
	fifo->cap = cap;
	fifo->head = 0;
}

void fifo_push(struct fifo *fifo, const void *item)
{
	if (fifo->count == fifo->cap)
		grow(fifo);
	fifo->count++;
	memcpy(fifo_at(fifo, fifo->count - 1), item, fifo->item_bytes);
}

void fifo_pop(struct fifo *fifo)
{
	WEFT_ASSERT(fifo->count > 0);
	fifo->head = (fifo->head + 1) & (fifo->cap - 1);
	fifo->count--;
}
