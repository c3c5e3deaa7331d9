/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Rows whose author is not known yet wait here, in a small ring, until a member row or a right
 * arrives that may explain them. The oldest goes first; the repair path brings back what mattered.
 */
#pragma once

#include "gossip/core/member.h"

#define PARK_ROWS 64

struct tables;

struct park {
	uint32_t blobs[PARK_ROWS]; /* BLOB_NONE: free */
	size_t next, count;
	bool retrying, again;
};

void park_close(struct tables *tables);

/* Keeps a row for later. */
void park_add(struct tables *tables, const uint8_t *bytes, size_t len);

/* Judges the parked rows again, now that this row became visible. */
void park_retry(struct tables *tables, const struct row_view *visible);
