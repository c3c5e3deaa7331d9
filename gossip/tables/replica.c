/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Storage of rows.
 *
 * The index is a table of heads with chains through the slots. Its hash is seeded per node, so that
 * nobody can aim rows at one chain; the places and digests that nodes compare use a constant seed,
 * or no two nodes would agree. All sums are commutative: the order in which rows came is forgotten,
 * and a row is taken out by subtracting what it added.
 */
#include "replica.h"

#include <string.h>

#include "gossip/core/core.h"
#include "replica_cap.h"

#define PLACE_SEED UINT64_C(0x77656674706c6163)
#define DIGEST_SEED UINT64_C(0x7765667464696765)
#define TAG_SEED UINT64_C(0x7765667474616773)
#define HEADS_MIN ((size_t)64)

_Static_assert(sizeof(struct slot) == 48, "a row stays cheap");

struct slot *replica_slot(const struct replica *replica, uint32_t slot)
{
	WEFT_ASSERT(slot != NONE);
	return vec_at(&replica->slots, slot);
}

uint64_t replica_place(const struct row_view *key)
{
	uint8_t bytes[2 * ID_BYTES + 2 + KEY_BYTES_MAX];
	size_t len = 0;

	if (!row_is_fact(key)) {
		memcpy(bytes, key->owner.b, ID_BYTES);
		memcpy(bytes + ID_BYTES, key->topic.b, ID_BYTES);
		len = 2 * ID_BYTES;
	}
	wire_put(bytes + len, key->kind, 2);
	len += 2;
	memcpy(bytes + len, key->key, key->key_len);
	return map_hash(bytes, len + key->key_len, PLACE_SEED);
}

struct version replica_version(const struct row_view *row)
{
	if (!row_is_fact(row))
		return (struct version){row->epoch, row->sequence};
	return (struct version){map_hash(row->owner.b, ID_BYTES, TAG_SEED), row->sequence};
}

uint64_t replica_text(const struct replica *replica, const struct slot *slot)
{
	size_t len;
	const uint8_t *bytes = blob_bytes(replica->core->blobs, slot->blob, &len);

	WEFT_ASSERT(len > ROW_SIG_BYTES);
	return wire_get(bytes + len - 8, 8);
}

uint64_t replica_digest(const struct replica *replica, const struct slot *slot)
{
	uint8_t bytes[32];

	wire_put(bytes, slot->place, 8);
	wire_put(bytes + 8, slot->epoch, 8);
	wire_put(bytes + 16, slot->sequence, 8);
	wire_put(bytes + 24, replica_text(replica, slot), 8);
	return map_hash(bytes, sizeof(bytes), DIGEST_SEED);
}

void replica_view(const struct replica *replica, uint32_t slot, struct row_view *row)
{
	const struct slot *at = replica_slot(replica, slot);
	const uint8_t *bytes;
	size_t len;

	WEFT_ASSERT(at->blob != BLOB_NONE);
	bytes = blob_bytes(replica->core->blobs, at->blob, &len);
	row_known(bytes, len, row);
}

static uint32_t *index_head(const struct replica *replica, uint64_t place)
{
	uint64_t hash = map_hash(&place, sizeof(place), replica->core->map_seed);

	WEFT_ASSERT(replica->head_count > 0);
	return &replica->heads[(size_t)hash & (replica->head_count - 1)];
}

static void index_link(struct replica *replica, uint32_t slot)
{
	struct slot *at = replica_slot(replica, slot);
	uint32_t *head = index_head(replica, at->place);

	at->chain = *head;
	*head = slot;
}

static void index_unlink(struct replica *replica, uint32_t slot)
{
	uint32_t *link = index_head(replica, replica_slot(replica, slot)->place);

	while (*link != slot) {
		WEFT_ASSERT(*link != NONE);
		link = &replica_slot(replica, *link)->chain;
	}
	*link = replica_slot(replica, slot)->chain;
}

/* Doubles the heads when the chains get longer than one on average. */
static void index_grow(struct replica *replica)
{
	struct heap *heap = &replica->core->heap;
	size_t want = replica->head_count == 0 ? HEADS_MIN : replica->head_count * 2;

	if ((size_t)replica->row_count + replica->fact_count < replica->head_count)
		return;
	if (replica->heads != NULL)
		heap_give(heap, replica->heads, replica->head_count * sizeof(uint32_t));
	replica->heads = heap_take(heap, want * sizeof(uint32_t));
	replica->head_count = want;
	for (uint32_t i = 1; i < replica->slots.count; i++) {
		if (replica_slot(replica, i)->blob != BLOB_NONE)
			index_link(replica, i);
	}
}

/* Equal places are not taken for equal keys: anybody can aim at them. */
static bool has_key(const struct replica *replica, const struct slot *slot,
		    const struct row_view *key)
{
	size_t len;
	const uint8_t *bytes = blob_bytes(replica->core->blobs, slot->blob, &len);

	return row_is_of(bytes, len, key);
}

uint32_t replica_find(const struct replica *replica, const struct row_view *key)
{
	uint64_t place = replica_place(key);
	uint32_t slot;

	if (replica->head_count == 0)
		return NONE;
	for (slot = *index_head(replica, place); slot != NONE;
	     slot = replica_slot(replica, slot)->chain) {
		const struct slot *at = replica_slot(replica, slot);
		if (at->place == place && has_key(replica, at, key))
			return slot;
	}
	return NONE;
}

bool replica_is_indexed(const struct replica *replica, uint32_t slot, const struct row_view *row)
{
	uint64_t place = replica_slot(replica, slot)->place;
	uint32_t at = *index_head(replica, place);

	while (at != NONE && at != slot) {
		const struct slot *other = replica_slot(replica, at);
		if (other->place == place && has_key(replica, other, row))
			return false;
		at = other->chain;
	}
	return at == slot;
}

uint32_t replica_find_fact(const struct replica *replica, uint64_t place)
{
	uint32_t slot;

	if (replica->head_count == 0)
		return NONE;
	for (slot = *index_head(replica, place); slot != NONE;
	     slot = replica_slot(replica, slot)->chain) {
		const struct slot *at = replica_slot(replica, slot);
		if (at->place == place && at->origin == NONE)
			return slot;
	}
	return NONE;
}

uint32_t replica_find_version(const struct replica *replica, uint32_t origin, struct version at)
{
	uint32_t slot = replica_origin(replica, origin)->first;

	while (slot != NONE && (replica_slot(replica, slot)->epoch != at.epoch ||
				replica_slot(replica, slot)->sequence != at.sequence)) {
		slot = replica_slot(replica, slot)->next;
		replica->core->walked++;
	}
	return slot;
}

/* Adds a digest to the sums that compare it (or, negated, takes it away). */
static void weigh(struct replica *replica, const struct slot *slot, uint64_t digest)
{
	struct topic *topic;

	if (slot->origin != NONE) {
		struct origin *origin = replica_origin(replica, slot->origin);
		if (origin->flags & ORIGIN_CAPPED)
			return;
		origin->hash += digest;
		topic = replica_topic(replica, origin->topic);
		topic->buckets[replica_bucket(origin->place)] += digest;
	} else {
		if (replica_is_capped(replica, slot))
			return;
		topic = replica_topic(replica, TOPIC_ALL);
		topic->buckets[replica_bucket(slot->place)] += digest;
	}
	topic->hash += digest;
}

static uint32_t slot_take(struct replica *replica)
{
	uint32_t slot = replica->free_slot;

	if (slot != NONE) {
		replica->free_slot = replica_slot(replica, slot)->chain;
		return slot;
	}
	WEFT_ASSERT(replica->slots.count < UINT32_MAX);
	vec_push(&replica->slots, NULL);
	return (uint32_t)(replica->slots.count - 1);
}

/* Hangs a new slot into its origin or among the facts and counts it. */
static void slot_link(struct replica *replica, uint32_t slot)
{
	struct slot *at = replica_slot(replica, slot);

	index_link(replica, slot);
	if (at->origin == NONE) {
		at->next = replica->facts;
		replica->facts = slot;
		replica->fact_count++;
	} else {
		struct origin *origin = replica_origin(replica, at->origin);
		at->next = origin->first;
		origin->first = slot;
		origin->count++;
		replica_topic(replica, origin->topic)->rows++;
		replica->row_count++;
	}
}

uint32_t replica_store(struct replica *replica, uint32_t slot, const struct row_view *row,
		       uint32_t blob)
{
	bool fresh = slot == NONE;
	uint32_t origin = NONE;
	struct version version = replica_version(row);
	struct slot *at;

	WEFT_ASSERT(blob != BLOB_NONE);
	if (row_is_fact(row))
		replica_facts_add(replica, row);
	else
		origin = replica_add_origin(replica, replica_add_owner(replica, &row->owner),
					    replica_add_topic(replica, &row->topic));
	if (fresh) {
		index_grow(replica);
		slot = slot_take(replica);
		at = replica_slot(replica, slot);
		*at = (struct slot){
		    .place = replica_place(row),
		    .origin = origin,
		    .kind = row->kind,
		};
		slot_link(replica, slot);
	} else {
		at = replica_slot(replica, slot);
		WEFT_ASSERT(at->blob != BLOB_NONE && at->origin == origin);
		weigh(replica, at, 0 - replica_digest(replica, at));
		if (origin == NONE)
			replica_facts_sub(replica, slot);
		at = replica_slot(replica, slot);
		blob_give(replica->core->blobs, at->blob);
		if (at->flags & SLOT_DELETED)
			replica->dead_count--;
		at->flags &= (uint16_t) ~(SLOT_DELETED | SLOT_STALE);
	}
	at->blob = blob;
	at->epoch = version.epoch;
	at->sequence = version.sequence;
	if (row->deleted) {
		at->flags |= SLOT_DELETED;
		replica->dead_count++;
	}
	weigh(replica, at, replica_digest(replica, at));
	if (origin != NONE)
		watermark_note(&replica_origin(replica, origin)->mark, &replica->core->heap,
			       version);
	return slot;
}

void replica_remove(struct replica *replica, uint32_t slot)
{
	struct slot *at = replica_slot(replica, slot);
	struct origin *origin;
	uint32_t *link;

	WEFT_ASSERT(at->blob != BLOB_NONE && at->origin != NONE);
	WEFT_ASSERT(at->queued == NONE);
	weigh(replica, at, 0 - replica_digest(replica, at));
	index_unlink(replica, slot);
	origin = replica_origin(replica, at->origin);
	for (link = &origin->first; *link != slot; link = &replica_slot(replica, *link)->next)
		WEFT_ASSERT(*link != NONE);
	*link = at->next;
	origin->count--;
	replica_topic(replica, origin->topic)->rows--;
	replica->row_count--;
	if (at->flags & SLOT_DELETED)
		replica->dead_count--;
	blob_give(replica->core->blobs, at->blob);
	*at = (struct slot){.chain = replica->free_slot};
	replica->free_slot = slot;
}

void replica_set_incomplete(struct replica *replica, uint32_t number, bool incomplete)
{
	struct origin *origin = replica_origin(replica, number);

	if (incomplete == ((origin->flags & ORIGIN_INCOMPLETE) != 0))
		return;
	origin->flags ^= ORIGIN_INCOMPLETE;
	if (incomplete)
		replica->incomplete_count++;
	else
		replica->incomplete_count--;
}
