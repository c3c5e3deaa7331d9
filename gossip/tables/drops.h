/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Rows that the store is to forget: those that are in no commit yet, and those that are in one. A
 * commit that failed gives its drops back to the first.
 */
#pragma once

#include "gossip/base/row.h"
#include "gossip/core/core.h"
#include "watermark.h"

struct drop {
	uint64_t token; /* of the commit that it is in */
	bool own;
	uint16_t kind;
	struct id owner, topic;
	uint8_t key_len;
	uint8_t key[KEY_BYTES_MAX];
	struct version version; /* of what the store has there */
};

struct drops {
	struct vec waiting; /* struct drop, in no commit; the last one goes first */
	struct vec flying;  /* struct drop, in commits, by their tokens */
	size_t own;         /* so many of both are of this node's own rows */
};

void drops_init(struct drops *drops, struct core *core);
void drops_close(struct drops *drops);

/* The row with this key goes; the store may have one of this version in its place. */
void drops_add(struct drops *drops, const struct row_view *key, bool own, struct version stored);

/* One that waits: its key alone. */
struct row_view drops_key(const struct drop *drop);

/* The waiting one at this place is in the commit of this token, or is needed no more. */
void drops_hand_in(struct drops *drops, size_t at, uint64_t token);
void drops_remove(struct drops *drops, size_t at);

/* The commit of this token is durable, or it failed. */
void drops_end(struct drops *drops, uint64_t token, bool ok);

/* Is a row of this owner and topic to be forgotten, in another commit than this one or in none? */
bool drops_has(const struct drops *drops, const struct id *owner, const struct id *topic,
	       uint64_t but);
bool drops_is_empty(const struct drops *drops);
