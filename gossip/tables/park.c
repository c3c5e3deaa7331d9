/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Rows whose author cannot be judged yet: his record, or the fact that gives him the right, is on
 * its way. A ring of PARK_ROWS, whoever's they are: the newest push out the oldest, which come
 * again by comparison. Whenever a row becomes visible that may explain others, all are judged anew;
 * as one of them may explain the next, that goes on until a lap explains nothing.
 */
#include "park.h"

#include <string.h>

#include "receive.h"
#include "tables_state.h"

static uint32_t take(struct park *park, size_t i)
{
	uint32_t blob = park->blobs[i];

	WEFT_ASSERT(blob != BLOB_NONE && park->count > 0);
	park->blobs[i] = BLOB_NONE;
	park->count--;
	return blob;
}

void park_close(struct tables *tables)
{
	for (size_t i = 0; i < PARK_ROWS; i++) {
		if (tables->park.blobs[i] != BLOB_NONE)
			blob_give(tables->core->blobs, take(&tables->park, i));
	}
}

void park_add(struct tables *tables, const uint8_t *bytes, size_t len)
{
	struct park *park = &tables->park;
	uint32_t blob = blob_take(tables->core->blobs, bytes, len);

	for (size_t i = 0; i < PARK_ROWS; i++) {
		if (park->blobs[i] == blob) {
			blob_give(tables->core->blobs, blob);
			return;
		}
	}
	if (park->blobs[park->next] != BLOB_NONE)
		blob_give(tables->core->blobs, take(park, park->next));
	park->blobs[park->next] = blob;
	park->next = (park->next + 1) % PARK_ROWS;
	park->count++;
	tables->counts.parked++;
	WEFT_ASSERT(park->count <= PARK_ROWS);
}

static bool may_help(const struct row_view *visible)
{
	return visible->kind == ROW_MEMBER || visible->kind == FACT_ADMIN ||
	       visible->kind == FACT_TOKEN;
}

/* Every row that is parked now is judged once; those still unexplained park themselves again. */
static void retry_all(struct tables *tables)
{
	struct park *park = &tables->park;
	uint32_t waiting[PARK_ROWS];
	size_t count = 0;

	for (size_t i = 0; i < PARK_ROWS; i++) {
		size_t at = (park->next + i) % PARK_ROWS;
		if (park->blobs[at] != BLOB_NONE)
			waiting[count++] = take(park, at);
	}
	for (size_t i = 0; i < count; i++) {
		uint8_t bytes[ROW_BYTES_MAX];
		size_t len;
		const uint8_t *row = blob_bytes(tables->core->blobs, waiting[i], &len);
		enum drop_reason reason;
		memcpy(bytes, row, len);
		reason = receive_row(tables, NULL, bytes, len, PATH_TOLD);
		if (reason != DROP_NONE)
			core_drop(tables->core, reason);
		blob_give(tables->core->blobs, waiting[i]);
	}
}

void park_retry(struct tables *tables, const struct row_view *visible)
{
	struct park *park = &tables->park;

	if (park->count == 0 || !may_help(visible))
		return;
	park->again = true;
	if (park->retrying)
		return; /* one of the parked rows became visible itself: another lap */
	park->retrying = true;
	while (park->again) {
		park->again = false;
		retry_all(tables);
	}
	park->retrying = false;
}
