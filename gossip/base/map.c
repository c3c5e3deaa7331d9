/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Hash map with linear probing.
 *
 * One array of slot_count entries is followed by one state byte a slot: 0 for an empty slot, or
 * 0x80 and seven bits of the hash, so that a probe seldom has to look at a key that differs.
 * Removing closes the gap by moving later entries of the same run back (no tombstones), so a map
 * that lived long is as fast as a new one. It doubles at three quarters and halves below an
 * eighth. The hash is SipHash-1-3 (Aumasson, Bernstein: "SipHash: a fast short-input PRF").
 */
#include "map.h"

#include <endian.h>
#include <string.h>

#include "check.h"

#define SLOTS_MIN ((size_t)8)
#define STATE_USED 0x80u

static inline uint64_t load_le64(const unsigned char *at)
{
	uint64_t word;

	memcpy(&word, at, sizeof(word));
	return le64toh(word);
}

/* The last bytes, fewer than eight. */
static uint64_t load_rest(const unsigned char *at, size_t len)
{
	uint64_t word = 0;

	for (size_t i = 0; i < len; i++)
		word |= (uint64_t)at[i] << (8 * i);
	return word;
}

static inline uint64_t rotate(uint64_t x, unsigned bits)
{
	return (x << bits) | (x >> (64 - bits));
}

static inline void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] = rotate(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] = rotate(v[2], 32);
}

uint64_t map_hash(const void *bytes, size_t len, uint64_t seed)
{
	const unsigned char *at = bytes;
	uint64_t second = seed * UINT64_C(0x9e3779b97f4a7c15) + 1; /* the key is twice as wide */
	uint64_t v[4] = {
	    seed ^ UINT64_C(0x736f6d6570736575),
	    second ^ UINT64_C(0x646f72616e646f6d),
	    seed ^ UINT64_C(0x6c7967656e657261),
	    second ^ UINT64_C(0x7465646279746573),
	};
	uint64_t word;
	size_t left = len;

	for (; left >= 8; left -= 8, at += 8) {
		word = load_le64(at);
		v[3] ^= word;
		sip_round(v);
		v[0] ^= word;
	}
	word = load_rest(at, left) | (uint64_t)len << 56;
	v[3] ^= word;
	sip_round(v);
	v[0] ^= word;
	v[2] ^= 0xff;
	sip_round(v);
	sip_round(v);
	sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static size_t array_bytes(const struct map *map, size_t slot_count)
{
	return slot_count * ((size_t)map->entry_bytes + 1);
}

static unsigned char *entry_at(const struct map *map, size_t slot)
{
	return map->slots + slot * map->entry_bytes;
}

static unsigned char *state_at(const struct map *map, size_t slot)
{
	return map->slots + map->slot_count * map->entry_bytes + slot;
}

static unsigned char state_of(uint64_t hash)
{
	return (unsigned char)(STATE_USED | hash >> 57);
}

/* Most keys are ids: two words, which are compared without a call. */
static inline bool is_key_at(const struct map *map, size_t slot, const unsigned char *key)
{
	const unsigned char *at = entry_at(map, slot);

	if (map->key_bytes != 16)
		return memcmp(at, key, map->key_bytes) == 0;
	return ((load_le64(at) ^ load_le64(key)) | (load_le64(at + 8) ^ load_le64(key + 8))) == 0;
}

/* The slot of the key, or the empty slot where its run ends. The map has at least one of either. */
static inline size_t probe(const struct map *map, const void *key, uint64_t hash, bool *found)
{
	size_t mask = map->slot_count - 1;
	unsigned char want = state_of(hash);

	for (size_t slot = (size_t)hash & mask;; slot = (slot + 1) & mask) {
		unsigned char state = *state_at(map, slot);
		if (state == 0) {
			*found = false;
			return slot;
		}
		if (state == want && is_key_at(map, slot, key)) {
			*found = true;
			return slot;
		}
	}
}

/* Copies all entries to a new array of slot_count slots, in the order of the old one, which is
 * returned: its memory stays until old_give, since a caller's key may point into it. */
static struct map rehash(struct map *map, size_t slot_count)
{
	struct map old = *map;

	WEFT_ASSERT((slot_count & (slot_count - 1)) == 0);
	WEFT_ASSERT(slot_count > map->count);
	WEFT_ASSERT(slot_count <= SIZE_MAX / 4 / ((size_t)map->entry_bytes + 1));
	map->slots = heap_take(map->heap, array_bytes(map, slot_count));
	map->slot_count = slot_count;
	for (size_t i = 0; i < old.slot_count; i++) {
		const unsigned char *entry = entry_at(&old, i);
		uint64_t hash;
		size_t slot;
		bool found;
		if (*state_at(&old, i) == 0)
			continue;
		hash = map_hash(entry, map->key_bytes, map->seed);
		slot = probe(map, entry, hash, &found);
		WEFT_ASSERT(!found);
		memcpy(entry_at(map, slot), entry, map->entry_bytes);
		*state_at(map, slot) = state_of(hash);
	}
	return old;
}

static void old_give(struct map *old)
{
	if (old->slots != NULL)
		heap_give(old->heap, old->slots, array_bytes(old, old->slot_count));
}

void map_init(struct map *map, struct heap *heap, size_t key_bytes, size_t entry_bytes,
	      uint64_t seed)
{
	WEFT_ASSERT(key_bytes > 0 && key_bytes <= entry_bytes);
	WEFT_ASSERT(entry_bytes <= UINT32_MAX / 2);
	*map = (struct map){
	    .heap = heap,
	    .seed = seed,
	    .key_bytes = (uint32_t)key_bytes,
	    .entry_bytes = (uint32_t)entry_bytes,
	};
}

void map_close(struct map *map)
{
	if (map->slots != NULL)
		heap_give(map->heap, map->slots, array_bytes(map, map->slot_count));
	map->slots = NULL;
	map->slot_count = 0;
	map->count = 0;
}

void *map_find(const struct map *map, const void *key)
{
	bool found;
	size_t slot;

	if (map->count == 0)
		return NULL;
	slot = probe(map, key, map_hash(key, map->key_bytes, map->seed), &found);
	return found ? entry_at(map, slot) : NULL;
}

void *map_insert(struct map *map, const void *key, bool *fresh)
{
	uint64_t hash = map_hash(key, map->key_bytes, map->seed);
	struct map old = {.slots = NULL};
	bool found = false;
	size_t slot = 0;

	if (map->slot_count > 0)
		slot = probe(map, key, hash, &found);
	if (fresh != NULL)
		*fresh = !found;
	if (found)
		return entry_at(map, slot);
	if ((map->count + 1) * 4 > map->slot_count * 3) {
		old = rehash(map, map->slot_count == 0 ? SLOTS_MIN : map->slot_count * 2);
		slot = probe(map, key, hash, &found);
		WEFT_ASSERT(!found);
	}
	memcpy(entry_at(map, slot), key, map->key_bytes);
	*state_at(map, slot) = state_of(hash);
	map->count++;
	old_give(&old);
	return entry_at(map, slot);
}

bool map_remove(struct map *map, const void *key)
{
	size_t mask = map->slot_count - 1;
	size_t hole;
	bool found;

	if (map->count == 0)
		return false;
	hole = probe(map, key, map_hash(key, map->key_bytes, map->seed), &found);
	if (!found)
		return false;
	for (size_t slot = (hole + 1) & mask; *state_at(map, slot) != 0; slot = (slot + 1) & mask) {
		uint64_t hash = map_hash(entry_at(map, slot), map->key_bytes, map->seed);
		size_t from_home = (slot - (size_t)hash) & mask;
		/* An entry may move back to the hole only if its probe would still pass there. */
		if (from_home < ((slot - hole) & mask))
			continue;
		memcpy(entry_at(map, hole), entry_at(map, slot), map->entry_bytes);
		*state_at(map, hole) = *state_at(map, slot);
		hole = slot;
	}
	*state_at(map, hole) = 0;
	memset(entry_at(map, hole), 0, map->entry_bytes);
	map->count--;
	if (map->slot_count > SLOTS_MIN && map->count * 8 < map->slot_count) {
		struct map old = rehash(map, map->slot_count / 2);
		old_give(&old);
	}
	return true;
}

void *map_next(const struct map *map, size_t *pos)
{
	while (*pos < map->slot_count) {
		size_t slot = (*pos)++;
		if (*state_at(map, slot) != 0)
			return entry_at(map, slot);
	}
	return NULL;
}
