/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "replica_cap.h"

#include "gossip/core/core.h"

uint32_t replica_origin_cap(const struct replica *replica, const struct origin *origin)
{
	const struct gossip_limits *limits = &replica->core->limits;

	return origin->topic == TOPIC_ALL ? limits->rows_topic0_per_owner
					  : limits->rows_per_owner_topic;
}

void replica_cap(struct replica *replica, uint32_t number)
{
	struct origin *origin = replica_origin(replica, number);
	struct topic *topic = replica_topic(replica, origin->topic);

	if (origin->flags & ORIGIN_CAPPED)
		return;
	topic->buckets[replica_bucket(origin->place)] -= origin->hash;
	topic->hash -= origin->hash;
	origin->hash = 0;
	origin->flags |= ORIGIN_CAPPED;
}

bool replica_is_capped(const struct replica *replica, const struct slot *fact)
{
	for (size_t i = 0; i < replica->capped.count; i++) {
		if (*(const uint64_t *)vec_at(&replica->capped, i) == fact->epoch)
			return true;
	}
	return false;
}

void replica_cap_author(struct replica *replica, const struct id *author)
{
	const struct row_view fact = {.kind = ROW_KIND_FACTS, .owner = *author};
	const struct slot key = {.epoch = replica_version(&fact).epoch};
	struct topic *topic = replica_topic(replica, TOPIC_ALL);

	if (replica_is_capped(replica, &key))
		return;
	for (uint32_t s = replica->facts; s != NONE; s = replica_slot(replica, s)->next) {
		const struct slot *slot = replica_slot(replica, s);
		if (slot->epoch != key.epoch)
			continue;
		topic->buckets[replica_bucket(slot->place)] -= replica_digest(replica, slot);
		topic->hash -= replica_digest(replica, slot);
	}
	vec_push(&replica->capped, &key.epoch);
}

uint32_t replica_facts_cap(const struct replica *replica, const struct id *author, uint16_t kind,
			   uint32_t more)
{
	const struct gossip_limits *limits = &replica->core->limits;
	uint32_t number = replica_find_owner(replica, author);
	const struct owner *owner = number != NONE ? replica_owner(replica, number) : NULL;

	if (owner == NULL)
		return 0;
	if (kind == FACT_NETWORK && owner->networks + more > limits->networks_per_author)
		return limits->networks_per_author;
	return owner->facts + more > limits->facts_per_author ? limits->facts_per_author : 0;
}

void replica_facts_add(struct replica *replica, const struct row_view *fact)
{
	struct owner *owner = replica_owner(replica, replica_add_owner(replica, &fact->owner));

	owner->facts++;
	owner->networks += fact->kind == FACT_NETWORK;
}

void replica_facts_sub(struct replica *replica, uint32_t slot)
{
	struct row_view row;
	uint32_t number;

	replica_view(replica, slot, &row);
	number = replica_find_owner(replica, &row.owner);
	WEFT_ASSERT(row_is_fact(&row) && number != NONE);
	WEFT_ASSERT(replica_owner(replica, number)->facts > 0);
	replica_owner(replica, number)->facts--;
	if (row.kind != FACT_NETWORK)
		return;
	WEFT_ASSERT(replica_owner(replica, number)->networks > 0);
	replica_owner(replica, number)->networks--;
}
