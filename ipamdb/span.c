/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Spans of addresses: see span.h. */
#include "span.h"

#include "gossip/base/check.h"

addr128 addr_from_inet(const struct inet *ip)
{
	addr128 addr = 0;

	for (size_t i = 0; i < sizeof(ip->b); i++)
		addr = addr << 8 | ip->b[i];
	return addr;
}

struct inet addr_to_inet(addr128 addr)
{
	struct inet ip;

	for (size_t i = sizeof(ip.b); i-- > 0; addr >>= 8)
		ip.b[i] = (uint8_t)(addr & 0xff);
	return ip;
}

struct span span_from_prefix(const struct prefix *prefix)
{
	struct inet lo = prefix_base(prefix);
	struct inet hi = prefix_last(prefix);

	return (struct span){addr_from_inet(&lo), addr_from_inet(&hi)};
}

struct prefix span_to_prefix(const struct span *span)
{
	addr128 reach = span->hi - span->lo;
	struct prefix prefix = {addr_to_inet(span->lo), 128};

	WEFT_ASSERT((reach & (reach + 1)) == 0);
	WEFT_ASSERT((span->lo & reach) == 0);
	for (; reach != 0; reach >>= 1)
		prefix.bits--;
	return prefix;
}

bool span_has(const struct span *span, addr128 addr)
{
	return addr >= span->lo && addr <= span->hi;
}

bool span_overlaps(const struct span *a, const struct span *b)
{
	return a->lo <= b->hi && b->lo <= a->hi;
}

bool span_meet(const struct span *a, const struct span *b, struct span *out)
{
	if (!span_overlaps(a, b))
		return false;
	*out = (struct span){
	    a->lo > b->lo ? a->lo : b->lo,
	    a->hi < b->hi ? a->hi : b->hi,
	};
	return true;
}

uint64_t span_size(const struct span *span)
{
	addr128 reach = span->hi - span->lo;

	return reach >= UINT64_MAX ? UINT64_MAX : (uint64_t)reach + 1;
}

struct span span_head_block(const struct span *span)
{
	addr128 reach = 0; /* size - 1 of the block */

	while (reach != ~(addr128)0) {
		addr128 wider = reach << 1 | 1;
		if ((span->lo & wider) != 0 || wider > span->hi - span->lo)
			break;
		reach = wider;
	}
	return (struct span){span->lo, span->lo + reach};
}

struct span span_half_block(const struct span *span)
{
	addr128 most =
	    (span->hi - span->lo) / 2; /* size - 1 of half; one address has half of one */
	addr128 reach = 0;

	if ((span->hi - span->lo) % 2 == 0 && most > 0)
		most--; /* an odd size: half rounds down */
	while ((reach << 1 | 1) <= most && reach != ~(addr128)0)
		reach = reach << 1 | 1;
	for (;; reach >>= 1) {
		addr128 at;
		if (span->hi - span->lo < reach)
			continue;
		at = (span->hi - reach) & ~reach;
		if (at >= span->lo)
			return (struct span){at, at + reach};
		WEFT_ASSERT(reach != 0);
	}
}

uint64_t count_add(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

uint8_t count_log2(uint64_t count)
{
	uint8_t bucket = 0;

	for (; count != 0; count >>= 1)
		bucket++;
	return bucket;
}
