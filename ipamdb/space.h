/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Which addresses of a network are taken: a sparse bitmap in chunks of 4,096 addresses, of which
 * only touched ones exist, so that a /8 costs what is used of it.
 *
 * Two bits an address: busy (leased, cooling, reserved or never to be leased) and touched (was
 * ever busy). Addresses that were never touched are given out first; those that come back wait in
 * their owner's queue, so that the one that rested longest is used again first.
 */
#pragma once

#include "gossip/base/map.h"
#include "span.h"

struct space {
	struct heap *heap;
	struct vec chunks; /* struct chunk *, in order */
};

void space_init(struct space *space, struct heap *heap);
bool space_is_busy(const struct space *space, addr128 addr);

/* Marks a free address busy and touched. */
void space_take(struct space *space, addr128 addr);

/* Frees a busy address; fresh also forgets that it was touched. */
void space_give(struct space *space, addr128 addr, bool fresh);

/* Forgets within span what was touched and is not busy. */
void space_renew(struct space *space, const struct span *span);

/* The first address within span that was never touched. */
bool space_fresh(const struct space *space, const struct span *span, addr128 *found);

/* The first run of addresses within span that are not busy. */
bool space_gap(const struct space *space, const struct span *span, struct span *gap);

/* How many addresses within span are busy. */
uint64_t space_busy(const struct space *space, const struct span *span);

/* How many are not, at most UINT64_MAX. */
uint64_t space_free(const struct space *space, const struct span *span);

/* The first busy address within span; false when there is none. */
bool space_busy_first(const struct space *space, const struct span *span, addr128 *found);
void space_check(const struct space *space);
