/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Owners, topics and origins of a replica: the numbers behind ids, and the lists between them. */
#include <string.h>

#include "gossip/core/core.h"
#include "replica_cap.h"

#define ORIGIN_SEED UINT64_C(0x776566746f726967)

/* An entry of owner_ids and topic_ids. */
struct number {
	struct id id;
	uint32_t number;
};

void replica_init(struct replica *replica, struct core *core)
{
	struct heap *heap = &core->heap;
	struct id all = {{0}};

	*replica = (struct replica){.core = core};
	vec_init(&replica->slots, heap, sizeof(struct slot));
	vec_init(&replica->origins, heap, sizeof(struct origin));
	vec_init(&replica->capped, &core->heap, sizeof(uint64_t));
	vec_init(&replica->owners, heap, sizeof(struct owner));
	vec_init(&replica->topics, heap, sizeof(struct topic *));
	vec_push(&replica->slots, NULL);
	vec_push(&replica->origins, NULL);
	vec_push(&replica->owners, NULL);
	vec_push(&replica->topics, NULL);
	map_init(&replica->owner_ids, heap, sizeof(struct id), sizeof(struct number),
		 core->map_seed);
	map_init(&replica->topic_ids, heap, sizeof(struct id), sizeof(struct number),
		 core->map_seed);
	WEFT_ASSERT(replica_add_topic(replica, &all) == TOPIC_ALL);
	replica_topic(replica, TOPIC_ALL)->kept = true;
}

void replica_close(struct replica *replica)
{
	struct heap *heap = &replica->core->heap;

	for (uint32_t i = 1; i < replica->slots.count; i++) {
		if (replica_slot(replica, i)->blob != BLOB_NONE)
			blob_give(replica->core->blobs, replica_slot(replica, i)->blob);
	}
	for (uint32_t i = 1; i < replica->origins.count; i++) {
		struct origin *origin = replica_origin(replica, i);
		watermark_close(&origin->mark, heap);
	}
	for (uint32_t i = 1; i < replica->topics.count; i++) {
		struct topic *topic = replica_topic(replica, i);
		vec_close(&topic->attached);
		heap_give(heap, topic, sizeof(*topic));
	}
	if (replica->heads != NULL)
		heap_give(heap, replica->heads, replica->head_count * sizeof(uint32_t));
	map_close(&replica->owner_ids);
	map_close(&replica->topic_ids);
	vec_close(&replica->slots);
	vec_close(&replica->origins);
	vec_close(&replica->owners);
	vec_close(&replica->capped);
	vec_close(&replica->topics);
}

struct origin *replica_origin(const struct replica *replica, uint32_t origin)
{
	WEFT_ASSERT(origin != NONE);
	return vec_at(&replica->origins, origin);
}

struct owner *replica_owner(const struct replica *replica, uint32_t owner)
{
	WEFT_ASSERT(owner != NONE);
	return vec_at(&replica->owners, owner);
}

struct topic *replica_topic(const struct replica *replica, uint32_t topic)
{
	WEFT_ASSERT(topic != NONE);
	return *(struct topic **)vec_at(&replica->topics, topic);
}

uint32_t replica_find_owner(const struct replica *replica, const struct id *id)
{
	const struct number *entry = map_find(&replica->owner_ids, id);

	return entry != NULL ? entry->number : NONE;
}

uint32_t replica_find_topic(const struct replica *replica, const struct id *id)
{
	const struct number *entry;

	if (id_is_zero(id) && replica->topics.count > TOPIC_ALL)
		return TOPIC_ALL;
	entry = map_find(&replica->topic_ids, id);
	return entry != NULL ? entry->number : NONE;
}

uint32_t replica_add_owner(struct replica *replica, const struct id *id)
{
	struct owner owner = {.id = *id};
	struct number *entry;
	bool fresh;

	entry = map_insert(&replica->owner_ids, id, &fresh);
	if (fresh) {
		entry->number = (uint32_t)replica->owners.count;
		vec_push(&replica->owners, &owner);
	}
	return entry->number;
}

uint32_t replica_add_topic(struct replica *replica, const struct id *id)
{
	struct topic *topic;
	struct number *entry;
	bool fresh;

	entry = map_insert(&replica->topic_ids, id, &fresh);
	if (fresh) {
		topic = heap_take(&replica->core->heap, sizeof(*topic));
		topic->id = *id;
		vec_init(&topic->attached, &replica->core->heap, sizeof(uint32_t));
		entry->number = (uint32_t)replica->topics.count;
		vec_push(&replica->topics, &topic);
	}
	return entry->number;
}

uint32_t replica_find_origin(const struct replica *replica, uint32_t owner, uint32_t topic)
{
	uint32_t at;

	if (owner == NONE || topic == NONE)
		return NONE;
	at = replica_owner(replica, owner)->origins;
	while (at != NONE && replica_origin(replica, at)->topic != topic)
		at = replica_origin(replica, at)->next_of_owner;
	return at;
}

uint64_t replica_origin_place(const struct id *owner, const struct id *topic)
{
	uint8_t bytes[2 * ID_BYTES];

	memcpy(bytes, owner->b, ID_BYTES);
	memcpy(bytes + ID_BYTES, topic->b, ID_BYTES);
	return map_hash(bytes, sizeof(bytes), ORIGIN_SEED);
}

uint32_t replica_origin_of(const struct replica *replica, const struct id *owner, uint32_t topic)
{
	return replica_find_origin(replica, replica_find_owner(replica, owner), topic);
}

uint32_t replica_add_origin(struct replica *replica, uint32_t owner, uint32_t topic)
{
	uint32_t number = replica_find_origin(replica, owner, topic);
	struct origin *origin;

	if (number != NONE)
		return number;
	WEFT_ASSERT(owner < replica->owners.count && topic < replica->topics.count);
	number = (uint32_t)replica->origins.count;
	origin = vec_push(&replica->origins, NULL);
	origin->place = replica_origin_place(&replica_owner(replica, owner)->id,
					     &replica_topic(replica, topic)->id);
	origin->owner = owner;
	origin->topic = topic;
	origin->next_of_owner = replica_owner(replica, owner)->origins;
	replica_owner(replica, owner)->origins = number;
	origin->next_of_topic = replica_topic(replica, topic)->origins;
	replica_topic(replica, topic)->origins = number;
	replica_topic(replica, topic)->origin_count++;
	return number;
}

/* Sums of one topic, counted anew. */
static void topic_check(const struct replica *replica, uint32_t number)
{
	const struct topic *topic = replica_topic(replica, number);
	uint64_t buckets[BUCKETS] = {0};
	uint64_t sum = 0;
	uint32_t rows = 0, origins = 0;

	for (uint32_t i = topic->origins; i != NONE;
	     i = replica_origin(replica, i)->next_of_topic) {
		const struct origin *origin = replica_origin(replica, i);
		uint64_t hash = 0;
		uint32_t count = 0;
		for (uint32_t s = origin->first; s != NONE; s = replica_slot(replica, s)->next) {
			WEFT_ASSERT(replica_slot(replica, s)->origin == i);
			hash += replica_digest(replica, replica_slot(replica, s));
			count++;
		}
		WEFT_ASSERT(origin->topic == number && origin->count == count);
		WEFT_ASSERT(origin->hash == (origin->flags & ORIGIN_CAPPED ? 0 : hash));
		watermark_check(&origin->mark);
		buckets[replica_bucket(origin->place)] += origin->hash;
		rows += count;
		origins++;
	}
	for (uint32_t s = number == TOPIC_ALL ? replica->facts : NONE; s != NONE;
	     s = replica_slot(replica, s)->next) {
		const struct slot *fact = replica_slot(replica, s);
		if (!replica_is_capped(replica, fact))
			buckets[replica_bucket(fact->place)] += replica_digest(replica, fact);
	}
	for (unsigned b = 0; b < BUCKETS; b++) {
		WEFT_ASSERT(buckets[b] == topic->buckets[b]);
		sum += buckets[b];
	}
	WEFT_ASSERT(sum == topic->hash && rows == topic->rows && origins == topic->origin_count);
}

void replica_check(const struct replica *replica)
{
	uint32_t rows = 0, facts = 0, dead = 0, incomplete = 0, authored = 0;

	for (uint32_t i = 1; i < replica->slots.count; i++) {
		const struct slot *slot = replica_slot(replica, i);
		struct row_view row;
		if (slot->blob == BLOB_NONE)
			continue;
		replica_view(replica, i, &row);
		WEFT_ASSERT(slot->place == replica_place(&row) && slot->kind == row.kind);
		WEFT_ASSERT(replica_is_indexed(replica, i, &row));
		WEFT_ASSERT(row.deleted == ((slot->flags & SLOT_DELETED) != 0));
		WEFT_ASSERT(row_is_fact(&row) == (slot->origin == NONE));
		rows += slot->origin != NONE;
		facts += slot->origin == NONE;
		dead += row.deleted;
	}
	WEFT_ASSERT(rows == replica->row_count && facts == replica->fact_count);
	for (uint32_t i = 1; i < replica->owners.count; i++)
		authored += replica_owner(replica, i)->facts;
	WEFT_ASSERT(authored == facts);
	WEFT_ASSERT(dead == replica->dead_count);
	for (uint32_t i = 1; i < replica->topics.count; i++)
		topic_check(replica, i);
	for (uint32_t i = 1; i < replica->origins.count; i++)
		incomplete += (replica_origin(replica, i)->flags & ORIGIN_INCOMPLETE) != 0;
	WEFT_ASSERT(incomplete == replica->incomplete_count);
}
