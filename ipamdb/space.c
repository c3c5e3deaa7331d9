/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The sparse bitmap of space.h. A scan goes chunk by chunk: a chunk that does not exist is all
 * clear, one whose count says that it is full (or empty) is passed over whole, the rest is looked
 * at in words of 64 addresses.
 */
#include "space.h"

#include "gossip/base/check.h"

#define CHUNK_SHIFT 12
#define CHUNK_ADDRS 4096u
#define CHUNK_WORDS (CHUNK_ADDRS / 64)

enum bit { BIT_BUSY = 0, BIT_TOUCHED = 1 };

struct chunk {
	addr128 index; /* address >> CHUNK_SHIFT */
	uint32_t count[2];
	uint64_t words[2][CHUNK_WORDS];
};

void space_init(struct space *space, struct heap *heap)
{
	space->heap = heap;
	vec_init(&space->chunks, heap, sizeof(struct chunk *));
}

static int chunk_cmp(const void *key, const void *item)
{
	addr128 index = *(const addr128 *)key;
	const struct chunk *chunk = *(struct chunk *const *)item;

	return index < chunk->index ? -1 : index > chunk->index;
}

/* The place of the first chunk at or after the one of addr; NULL past the last. */
static struct chunk *chunk_from(const struct space *space, addr128 addr, size_t *at)
{
	addr128 index = addr >> CHUNK_SHIFT;

	*at = vec_lower_bound(&space->chunks, &index, chunk_cmp);
	return *at < space->chunks.count ? *(struct chunk **)vec_at(&space->chunks, *at) : NULL;
}

static struct chunk *chunk_find(const struct space *space, addr128 addr)
{
	size_t at;
	struct chunk *chunk = chunk_from(space, addr, &at);

	return chunk && chunk->index == addr >> CHUNK_SHIFT ? chunk : NULL;
}

static bool bit_get(const struct chunk *chunk, enum bit bit, addr128 addr)
{
	unsigned low = (unsigned)(addr & (CHUNK_ADDRS - 1));

	return (chunk->words[bit][low / 64] >> (low % 64) & 1) != 0;
}

static void bit_set(struct chunk *chunk, enum bit bit, addr128 addr, bool on)
{
	unsigned low = (unsigned)(addr & (CHUNK_ADDRS - 1));
	uint64_t mask = UINT64_C(1) << (low % 64);

	if (bit_get(chunk, bit, addr) == on)
		return;
	chunk->words[bit][low / 64] ^= mask;
	chunk->count[bit] += on ? 1u : UINT32_MAX; /* plus or minus one */
}

bool space_is_busy(const struct space *space, addr128 addr)
{
	const struct chunk *chunk = chunk_find(space, addr);

	return chunk && bit_get(chunk, BIT_BUSY, addr);
}

void space_take(struct space *space, addr128 addr)
{
	size_t at;
	struct chunk *chunk = chunk_from(space, addr, &at);

	if (!chunk || chunk->index != addr >> CHUNK_SHIFT) {
		chunk = heap_take(space->heap, sizeof(*chunk));
		chunk->index = addr >> CHUNK_SHIFT;
		vec_insert(&space->chunks, at, &chunk);
	}
	WEFT_ASSERT(!bit_get(chunk, BIT_BUSY, addr));
	bit_set(chunk, BIT_BUSY, addr, true);
	bit_set(chunk, BIT_TOUCHED, addr, true);
	WEFT_ASSERT(chunk->count[BIT_BUSY] <= chunk->count[BIT_TOUCHED]);
}

void space_give(struct space *space, addr128 addr, bool fresh)
{
	size_t at;
	struct chunk *chunk = chunk_from(space, addr, &at);

	WEFT_ASSERT(chunk != NULL && chunk->index == addr >> CHUNK_SHIFT);
	WEFT_ASSERT(bit_get(chunk, BIT_BUSY, addr));
	bit_set(chunk, BIT_BUSY, addr, false);
	if (fresh)
		bit_set(chunk, BIT_TOUCHED, addr, false);
	if (chunk->count[BIT_TOUCHED] == 0) {
		heap_give(space->heap, chunk, sizeof(*chunk));
		vec_remove(&space->chunks, at);
	}
}

/* The part of chunk's addresses that lies within span, as bit numbers; false when none does. */
static bool chunk_part(const struct chunk *chunk, const struct span *span, unsigned *first,
		       unsigned *last)
{
	struct span own = {chunk->index << CHUNK_SHIFT,
			   (chunk->index << CHUNK_SHIFT) + (CHUNK_ADDRS - 1)};
	struct span part;

	if (!span_meet(&own, span, &part))
		return false;
	*first = (unsigned)(part.lo - own.lo);
	*last = (unsigned)(part.hi - own.lo);
	return true;
}

/* The bits first..last of a bitmap that fall into word w. */
static uint64_t word_mask(unsigned w, unsigned first, unsigned last)
{
	uint64_t mask = ~UINT64_C(0);

	if (w == first / 64)
		mask &= ~UINT64_C(0) << (first % 64);
	if (w == last / 64)
		mask &= ~UINT64_C(0) >> (63 - last % 64);
	return mask;
}

void space_renew(struct space *space, const struct span *span)
{
	size_t at;
	struct chunk *chunk = chunk_from(space, span->lo, &at);
	unsigned first, last;

	while (chunk && chunk_part(chunk, span, &first, &last)) {
		for (unsigned w = first / 64; w <= last / 64; w++) {
			uint64_t stale = chunk->words[BIT_TOUCHED][w] & ~chunk->words[BIT_BUSY][w] &
					 word_mask(w, first, last);
			chunk->words[BIT_TOUCHED][w] &= ~stale;
			chunk->count[BIT_TOUCHED] -= (uint32_t)__builtin_popcountll(stale);
		}
		at++;
		chunk =
		    at < space->chunks.count ? *(struct chunk **)vec_at(&space->chunks, at) : NULL;
	}
}

/* The first bit of first..last that is on (or off); false when there is none. */
static bool chunk_scan(const struct chunk *chunk, enum bit bit, bool on, unsigned first,
		       unsigned last, unsigned *found)
{
	if (chunk->count[bit] == (on ? 0 : CHUNK_ADDRS))
		return false;
	for (unsigned w = first / 64; w <= last / 64; w++) {
		uint64_t word = on ? chunk->words[bit][w] : ~chunk->words[bit][w];
		word &= word_mask(w, first, last);
		if (word != 0) {
			*found = w * 64 + (unsigned)__builtin_ctzll(word);
			return true;
		}
	}
	return false;
}

/* The first address within span whose bit is on (or off). */
static bool scan(const struct space *space, enum bit bit, bool on, const struct span *span,
		 addr128 *found)
{
	size_t at;
	struct chunk *chunk = chunk_from(space, span->lo, &at);
	addr128 next = span->lo; /* everything below was looked at */
	unsigned first, last, low;

	while (chunk && chunk_part(chunk, span, &first, &last)) {
		addr128 base = chunk->index << CHUNK_SHIFT;
		if (!on && next < base)
			break; /* a hole between chunks is clear */
		if (chunk_scan(chunk, bit, on, first, last, &low)) {
			*found = base + low;
			return true;
		}
		if (base + last == span->hi)
			return false;
		next = base + last + 1;
		at++;
		chunk =
		    at < space->chunks.count ? *(struct chunk **)vec_at(&space->chunks, at) : NULL;
	}
	if (on)
		return false;
	*found = next;
	return true;
}

bool space_fresh(const struct space *space, const struct span *span, addr128 *found)
{
	return scan(space, BIT_TOUCHED, false, span, found);
}

bool space_gap(const struct space *space, const struct span *span, struct span *gap)
{
	struct span left = *span;
	addr128 end;

	if (!scan(space, BIT_BUSY, false, span, &left.lo))
		return false;
	gap->lo = left.lo;
	gap->hi = scan(space, BIT_BUSY, true, &left, &end) ? end - 1 : span->hi;
	return true;
}

uint64_t space_busy(const struct space *space, const struct span *span)
{
	size_t at;
	struct chunk *chunk = chunk_from(space, span->lo, &at);
	unsigned first, last;
	uint64_t sum = 0;

	while (chunk && chunk_part(chunk, span, &first, &last)) {
		if (first == 0 && last == CHUNK_ADDRS - 1) {
			sum += chunk->count[BIT_BUSY];
		} else {
			for (unsigned w = first / 64; w <= last / 64; w++)
				sum += (uint64_t)__builtin_popcountll(chunk->words[BIT_BUSY][w] &
								      word_mask(w, first, last));
		}
		at++;
		chunk =
		    at < space->chunks.count ? *(struct chunk **)vec_at(&space->chunks, at) : NULL;
	}
	return sum;
}

uint64_t space_free(const struct space *space, const struct span *span)
{
	uint64_t busy = space_busy(space, span);
	addr128 reach = span->hi - span->lo; /* size - 1, which fits even for the whole of IPv6 */

	WEFT_ASSERT(busy == 0 || reach >= busy - 1);
	if (busy > 0)
		reach -= busy - 1;
	else if (reach < UINT64_MAX)
		reach++;
	return reach > UINT64_MAX ? UINT64_MAX : (uint64_t)reach;
}

bool space_busy_first(const struct space *space, const struct span *span, addr128 *found)
{
	return scan(space, BIT_BUSY, true, span, found);
}

void space_check(const struct space *space)
{
	const struct chunk *before = NULL;

	for (size_t i = 0; i < space->chunks.count; i++) {
		const struct chunk *chunk = *(struct chunk **)vec_at(&space->chunks, i);
		uint32_t count[2] = {0, 0};
		WEFT_ASSERT(!before || before->index < chunk->index);
		for (unsigned w = 0; w < CHUNK_WORDS; w++) {
			WEFT_ASSERT((chunk->words[BIT_BUSY][w] & ~chunk->words[BIT_TOUCHED][w]) ==
				    0);
			count[BIT_BUSY] +=
			    (uint32_t)__builtin_popcountll(chunk->words[BIT_BUSY][w]);
			count[BIT_TOUCHED] +=
			    (uint32_t)__builtin_popcountll(chunk->words[BIT_TOUCHED][w]);
		}
		WEFT_ASSERT(count[0] == chunk->count[0] && count[1] == chunk->count[1]);
		before = chunk;
	}
}
