/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Batches: one block holds the array of writes and, behind it, all their bytes. */
#include "batch.h"

#include <stdlib.h>
#include <string.h>

#include "gossip/base/check.h"

/* Where a view into the old bytes points in the new ones; NULL for a view into anything else. */
static const uint8_t *view_move(const uint8_t *view, size_t view_len, const struct write *from,
				const uint8_t *to)
{
	uintptr_t start = (uintptr_t)from->bytes, at = (uintptr_t)view;

	if (!view || !from->bytes || at < start || view_len > from->len ||
	    at - start > from->len - view_len)
		return NULL;
	return to + (at - start);
}

static void write_copy(struct write *to, const struct write *from, uint8_t *bytes)
{
	*to = *from;
	to->bytes = from->len > 0 ? bytes : NULL;
	if (from->len > 0)
		memcpy(bytes, from->bytes, from->len);
	to->row.value = view_move(from->row.value, from->row.value_len, from, bytes);
	if (!to->row.value)
		to->row.value_len = 0;
	to->row.sig = view_move(from->row.sig, ROW_SIG_BYTES, from, bytes);
}

struct write_batch *write_batch_new(const struct write *writes, size_t count)
{
	struct write_batch *batch;
	size_t total = sizeof(*batch) + count * sizeof(batch->writes[0]);
	uint8_t *bytes;

	for (size_t i = 0; i < count; i++) {
		WEFT_ASSERT(writes[i].len == 0 || writes[i].bytes);
		total += writes[i].len;
	}
	batch = malloc(total);
	WEFT_ASSERT(batch);
	batch->count = count;
	batch->bytes = total;
	bytes = (uint8_t *)&batch->writes[count];
	for (size_t i = 0; i < count; i++) {
		write_copy(&batch->writes[i], &writes[i], bytes);
		bytes += writes[i].len;
	}
	WEFT_ASSERT(bytes == (uint8_t *)batch + total);
	return batch;
}

void write_batch_free(struct write_batch *batch)
{
	bool secret = false;

	for (size_t i = 0; batch && i < batch->count; i++)
		secret |= write_is_secret(&batch->writes[i]);
	if (secret)
		explicit_bzero(batch, batch->bytes);
	free(batch);
}
