/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Addresses as numbers. Ranges are reckoned in 128 bits for both families (IPv4 in its mapped
 * form), inclusive at both ends, so that the whole of a family is a span like any other.
 */
#pragma once

#include "gossip/base/addr.h"

__extension__ typedef unsigned __int128 addr128;

struct span {
	addr128 lo, hi; /* lo <= hi */
};

addr128 addr_from_inet(const struct inet *ip);
struct inet addr_to_inet(addr128 addr);
struct span span_from_prefix(const struct prefix *prefix);

/* The prefix of an aligned span whose size is a power of two. */
struct prefix span_to_prefix(const struct span *span);
bool span_has(const struct span *span, addr128 addr);
bool span_overlaps(const struct span *a, const struct span *b);

/* The common part; false (and *out untouched) when there is none. */
bool span_meet(const struct span *a, const struct span *b, struct span *out);

/* How many addresses, at most UINT64_MAX. */
uint64_t span_size(const struct span *span);

/* The largest aligned block that begins at span->lo and ends within span: cutting spans into
 * prefixes takes these one after another. */
struct span span_head_block(const struct span *span);

/* The largest aligned block within span that holds at most half of it (one address of one); of
 * equal ones the highest. */
struct span span_half_block(const struct span *span);

/* a + b, at most UINT64_MAX. */
uint64_t count_add(uint64_t a, uint64_t b);

/* 0 for none, n for 2^(n-1) and more: the buckets of struct rec_attachment. */
uint8_t count_log2(uint64_t count);
