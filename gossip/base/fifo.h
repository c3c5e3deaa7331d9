/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * A queue of elements of one size over a heap: in at the tail, out at the head, both without
 * moving the rest.
 */
#pragma once

#include "heap.h"

struct fifo {
	struct heap *heap;
	unsigned char *items;
	size_t cap; /* 0 or a power of two */
	size_t head, count;
	size_t item_bytes;
};

void fifo_init(struct fifo *fifo, struct heap *heap, size_t item_bytes);

/* Appends a copy. */
void fifo_push(struct fifo *fifo, const void *item);

/* Element i from the head (< count), borrowed until the next push. */
void *fifo_at(const struct fifo *fifo, size_t i);

/* Drops the head; count > 0. */
void fifo_pop(struct fifo *fifo);
