/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Writes that become durable together or not at all, as a value that travels between threads: an
 * owned deep copy in one block of memory. Whoever holds it frees it.
 */
#pragma once

#include <stddef.h>

#include "gossip/base/write.h"

struct write_batch {
	size_t count;
	size_t bytes;          /* of the block, with this */
	struct write writes[]; /* in the order given; their bytes follow in the same block */
};

/* Copies writes[0..count) with all bytes they borrow; aborts when memory is out. A row view keeps
 * its value and signature when they lie inside the bytes of its write, and loses them otherwise. */
struct write_batch *write_batch_new(const struct write *writes, size_t count);

/* Where it held a secret, that is wiped. NULL is allowed. */
void write_batch_free(struct write_batch *batch);
