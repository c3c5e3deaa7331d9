/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Topics: the whole cluster, and the endpoints of each network, which only those get who are
 * attached.
 *
 * A topic is known from the first row or wish that names it. Attachments, rows of topic 0, say who
 * takes part; one that came before its topic was known is found by looking through all owners then.
 * A topic that this node takes part in is kept; when that ends, what others wrote in it is
 * forgotten, and own rows stay. A topic in which this node begins to take part is compared with
 * somebody who is attached as well, until one comparison was whole (repair.c): before that it is
 * not served.
 */
#include "topic.h"

#include <string.h>

#include "onesided.h"
#include "tables_state.h"

#define PICK_MAX 16
#define SHARED_SEED UINT64_C(0x7765667473686172)

static int number_cmp(const void *key, const void *item)
{
	uint32_t a = *(const uint32_t *)key;
	uint32_t b = *(const uint32_t *)item;

	return a < b ? -1 : a > b;
}

static size_t attached_at(const struct topic *topic, uint32_t owner, bool *found)
{
	size_t at = vec_lower_bound(&topic->attached, &owner, number_cmp);

	*found =
	    at < topic->attached.count && *(const uint32_t *)vec_at(&topic->attached, at) == owner;
	return at;
}

static void attach(struct topic *topic, uint32_t owner, bool attached)
{
	bool found;
	size_t at = attached_at(topic, owner, &found);

	if (attached && !found)
		vec_insert(&topic->attached, at, &owner);
	else if (!attached && found)
		vec_remove(&topic->attached, at);
}

void topic_note(struct tables *tables, const struct row_view *attachment)
{
	struct replica *replica = &tables->replica;
	struct id id = row_key_id(attachment);
	uint32_t topic = id_is_zero(&id) ? NONE : replica_find_topic(replica, &id);

	WEFT_ASSERT(attachment->kind == ROW_ATTACHMENT);
	if (topic == NONE)
		return;
	attach(replica_topic(replica, topic), replica_add_owner(replica, &attachment->owner),
	       !attachment->deleted);
	onesided_forget(tables, topic, &attachment->owner);
	if (id_eq(&attachment->owner, &tables->core->self.id) && !attachment->deleted)
		repair_topic(tables, topic);
}

/* Attachments that came before anybody here cared for the topic. */
static void find_attached(struct tables *tables, uint32_t number)
{
	struct replica *replica = &tables->replica;
	struct topic *topic = replica_topic(replica, number);
	struct row_view key = {.kind = ROW_ATTACHMENT, .key_len = ID_BYTES};

	memcpy(key.key, topic->id.b, ID_BYTES);
	for (uint32_t owner = 1; owner < replica->owners.count; owner++) {
		uint32_t slot;
		key.owner = replica_owner(replica, owner)->id;
		slot = replica_find(replica, &key);
		attach(topic, owner,
		       slot != NONE && !(replica_slot(replica, slot)->flags & SLOT_DELETED));
	}
}

uint32_t topic_intern(struct tables *tables, const struct id *id)
{
	uint32_t topic = replica_find_topic(&tables->replica, id);

	if (topic != NONE)
		return topic;
	topic = replica_add_topic(&tables->replica, id);
	find_attached(tables, topic);
	return topic;
}

/* Forgets what others wrote in a topic; own rows stay, they are the truth. */
static void drop_foreign(struct tables *tables, uint32_t number)
{
	struct replica *replica = &tables->replica;
	uint32_t at = replica_topic(replica, number)->origins;

	onesided_forget(tables, number, NULL);
	for (; at != NONE; at = replica_origin(replica, at)->next_of_topic) {
		struct origin *origin = replica_origin(replica, at);
		if (id_eq(&replica_owner(replica, origin->owner)->id, &tables->core->self.id))
			continue;
		while (origin->first != NONE)
			receive_remove(tables, origin->first);
		watermark_close(&origin->mark, &tables->core->heap);
		replica_set_incomplete(replica, at, false);
		WEFT_ASSERT(origin->count == 0 && origin->hash == 0);
		origin->flags = 0;
	}
}

static bool is_listed(const struct id *topics, size_t count, const struct id *id)
{
	for (size_t i = 0; i < count; i++) {
		if (id_eq(&topics[i], id))
			return true;
	}
	return false;
}

void topic_set_kept(struct tables *tables, const struct id *topics, size_t count)
{
	struct replica *replica = &tables->replica;

	for (uint32_t i = TOPIC_ALL + 1; i < replica->topics.count; i++) {
		struct topic *topic = replica_topic(replica, i);
		if (!topic->kept || is_listed(topics, count, &topic->id))
			continue;
		topic->kept = false;
		drop_foreign(tables, i);
	}
	for (size_t i = 0; i < count; i++) {
		uint32_t number;
		if (id_is_zero(&topics[i]))
			continue;
		number = topic_intern(tables, &topics[i]);
		if (replica_topic(replica, number)->kept)
			continue;
		replica_topic(replica, number)->kept = true;
		if (topic_has(tables, number, &tables->core->self.id))
			repair_topic(tables, number);
	}
}

bool topic_has(const struct tables *tables, uint32_t topic, const struct id *member)
{
	uint32_t owner;
	bool found;

	if (topic == TOPIC_ALL)
		return true;
	owner = replica_find_owner(&tables->replica, member);
	if (owner == NONE)
		return false;
	attached_at(replica_topic(&tables->replica, topic), owner, &found);
	return found;
}

bool topic_is_shared(const struct tables *tables, uint32_t topic, const struct id *member)
{
	return replica_topic(&tables->replica, topic)->kept && topic_has(tables, topic, member);
}

/* The present member with this place among the attached, unless it was chosen already. */
static struct member *attached_member(struct tables *tables, const struct topic *topic, size_t i,
				      struct member *const *chosen, size_t count)
{
	uint32_t owner = *(const uint32_t *)vec_at(&topic->attached, i);
	struct member *member =
	    member_find(tables->members, &replica_owner(&tables->replica, owner)->id);

	if (member == NULL || !member_is_present(member) ||
	    id_eq(&member->id, &tables->core->self.id))
		return NULL;
	for (size_t j = 0; j < count; j++) {
		if (chosen[j] == member)
			return NULL;
	}
	return member;
}

/* Throws dice while that is likely to find somebody, then takes the rest in order. */
static size_t pick_attached(struct tables *tables, const struct topic *topic, struct member **out,
			    size_t max)
{
	size_t count = topic->attached.count;
	size_t tries = count > 2 * max ? 4 * max : 0;
	size_t found = 0;
	size_t start;

	if (count == 0)
		return 0;
	for (; tries > 0 && found < max; tries--) {
		size_t i = (size_t)rng_below(&tables->core->rng, count);
		struct member *member = attached_member(tables, topic, i, out, found);
		if (member != NULL)
			out[found++] = member;
	}
	start = (size_t)rng_below(&tables->core->rng, count);
	for (size_t i = 0; i < count && found < max; i++) {
		struct member *member =
		    attached_member(tables, topic, (start + i) % count, out, found);
		if (member != NULL)
			out[found++] = member;
	}
	return found;
}

size_t topic_pick(struct tables *tables, uint32_t topic, struct member **out, size_t max)
{
	struct id skip[PICK_MAX];
	size_t found = 0;

	WEFT_ASSERT(max <= PICK_MAX);
	if (topic != TOPIC_ALL)
		return pick_attached(tables, replica_topic(&tables->replica, topic), out, max);
	while (found < max) {
		struct member *member = member_pick(tables->members, skip, found);
		if (member == NULL)
			break;
		skip[found] = member->id;
		out[found++] = member;
	}
	return found;
}

uint64_t topic_shared_hash(const struct tables *tables, const struct id *member,
			   const struct session *session, size_t *count)
{
	uint64_t sum = 0;

	*count = 0;
	tables->core->walked += tables->replica.topics.count;
	for (uint32_t i = TOPIC_ALL + 1; i < tables->replica.topics.count; i++) {
		const struct topic *topic = replica_topic(&tables->replica, i);
		if (!topic_is_shared(tables, i, member) ||
		    !topic_has(tables, i, &tables->core->self.id))
			continue;
		(*count)++;
		sum += map_hash(topic->id.b, ID_BYTES,
				SHARED_SEED ^ onesided_hash(tables, session, i));
	}
	return sum;
}
