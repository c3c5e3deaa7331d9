/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Own rows between signing and the disk. A batch becomes visible and is told as a whole once its
 * persist token is durable; a failed one leaves nothing but a gap in the sequences.
 */
#pragma once

#include "gossip/core/member.h"

#define BATCH_ROWS_MAX 128

struct tables;

struct batch {
	uint64_t token;
	size_t count;
	uint32_t *blobs;
};

/* Highest sequence ever used in a topic. */
struct batch_last {
	struct id topic;
	uint64_t sequence;
};

struct batches {
	struct vec pending; /* struct batch, in order of their tokens */
	struct vec last;    /* struct batch_last */
};

void batch_init(struct batches *batches, struct core *core);
void batch_close(struct tables *tables);
int batch_put(struct tables *tables, uint64_t tag, const struct row_view *rows, size_t count,
	      uint64_t *token, struct weft_err *err);

/* Is a version of this fact by this node on its way to disk? What is stored after it must not be an
 * older one: nobody would know any more what was told. */
bool batch_has_fact(const struct tables *tables, uint16_t kind, const uint8_t *key, size_t key_len);

/* Is an own row of this key on its way to disk? */
bool batch_has_row(const struct tables *tables, const struct row_view *key);

/* Is an own row with this version in its topic on its way to disk? */
bool batch_has_version(const struct tables *tables, const struct row_view *like);

/* The next row of this topic gets a sequence above this one. */
void batch_above(struct tables *tables, const struct id *topic, uint64_t sequence);

/* True when the token was a batch's. */
bool batch_durable(struct tables *tables, uint64_t token, bool ok);
