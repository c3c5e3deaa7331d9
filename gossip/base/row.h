/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * A signed row as everybody sees it: a view into the exact bytes that its author signed. The bytes
 * are kept and forwarded as received, never encoded again.
 *
 *   MessagePack array of 9: kind, owner bin16, topic bin16, key bin, epoch, sequence, deleted,
 *   wall_ms, value bin; then 64 raw bytes of Ed25519 signature over
 *   "weft row 1" || cluster id || those MessagePack bytes.
 *
 * Facts use the same frame: owner is the author, topic is zero, key is the fact's id, epoch is
 * zero and sequence is the counter of its register.
 */
#pragma once

#include "record.h"

#define ROW_BYTES_MAX 1160
#define ROW_SIG_BYTES 64

/* What says more is dropped by everybody: the next number must be one that can be said. */
#define ROW_SEQUENCE_MAX ((uint64_t)INT64_MAX)

struct row_view {
	uint16_t kind; /* enum row_kind, or unknown */
	bool deleted;
	struct id owner; /* the author, for facts */
	struct id topic;
	size_t key_len;
	uint8_t key[KEY_BYTES_MAX];
	uint64_t epoch;
	uint64_t sequence;
	struct wall at; /* the author's wall clock, for people only */
	size_t value_len;
	const uint8_t *value; /* into the bytes that were parsed */
	size_t signed_len;    /* MessagePack bytes before the signature */
	const uint8_t *sig;   /* into the bytes that were parsed */
};

static inline bool row_is_fact(const struct row_view *row)
{
	return row->kind >= ROW_KIND_FACTS;
}

/* Reads a row from foreign bytes without checking its signature: 0 or WEFT_E_INVALID. */
int row_parse(const uint8_t *bytes, size_t len, struct row_view *row);

/* Reads a row that row_parse took once, or that this process wrote: anything else is a defect. */
void row_known(const uint8_t *bytes, size_t len, struct row_view *row);

/* The whole row as its author signed it; borrowed like its value. */
static inline const uint8_t *row_bytes(const struct row_view *row, size_t *len)
{
	*len = row->signed_len + ROW_SIG_BYTES;
	return row->sig - row->signed_len; /* the signature lies right behind what it signs */
}

/* Is this row, which row_parse took once, the one with the kind, the key and, unless it is a fact,
 * the owner and topic of key? */
bool row_is_of(const uint8_t *bytes, size_t len, const struct row_view *key);

/* Writes the MessagePack part (row->sig, signed_len ignored) to out[0..cap): length, or
 * WEFT_E_LIMIT when the whole row with its signature would pass ROW_BYTES_MAX or cap. */
int row_encode(const struct row_view *row, uint8_t *out, size_t cap);

/* Orders versions of one row: negative, 0, positive like strcmp. */
int row_version_cmp(const struct row_view *a, const struct row_view *b);

/* The id in a key of 16 bytes; zero when the key has another length. */
struct id row_key_id(const struct row_view *row);
