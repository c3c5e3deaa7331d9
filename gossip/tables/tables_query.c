/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* What others may ask the tables: rows, hashes, counters, and whether they are sound. */
#include <string.h>

#include "tables_state.h"

#define HASH_SEED UINT64_C(0x7765667461626c65)

/* The kind of fact that ends this one for good; 0 when none does. */
static uint16_t end_of(uint16_t kind)
{
	switch (kind) {
	case FACT_NETWORK:
		return FACT_NETWORK_END;
	case FACT_TOKEN:
		return FACT_TOKEN_END;
	case FACT_ADMIN:
		return FACT_ADMIN_END;
	default:
		return 0;
	}
}

static bool has_ended(const struct tables *tables, const struct row_view *fact)
{
	struct row_view end = {.kind = end_of(fact->kind), .key_len = fact->key_len};

	if (end.kind == 0)
		return false;
	memcpy(end.key, fact->key, fact->key_len);
	return replica_find(&tables->replica, &end) != NONE;
}

bool tables_has(const struct tables *tables, const struct id *owner, uint64_t epoch,
		uint64_t sequence)
{
	struct version version = {epoch, sequence};
	const struct replica *replica = &tables->replica;
	uint32_t number = replica_origin_of(replica, owner, TOPIC_ALL);
	const struct origin *origin = number != NONE ? replica_origin(replica, number) : NULL;

	if (version_cmp(version, (struct version){0, 0}) == 0)
		return true;
	return origin != NULL && !(origin->flags & ORIGIN_INCOMPLETE) &&
	       version_cmp(origin->mark.upto, version) >= 0;
}

bool tables_has_stored(const struct tables *tables, const struct id *member)
{
	struct row_view record = {.kind = ROW_MEMBER, .owner = *member};
	uint32_t slot = replica_find(&tables->replica, &record);

	return slot != NONE && snapshot_has(tables, slot) && snapshot_is_done(tables) &&
	       snapshot_is_whole(tables);
}

static void visit_facts(const struct tables *tables, uint16_t kind,
			bool (*visit)(void *ctx, const struct row_view *row), void *ctx)
{
	const struct replica *replica = &tables->replica;

	for (uint32_t s = replica->facts; s != NONE; s = replica_slot(replica, s)->next) {
		struct row_view row;
		if (replica_slot(replica, s)->kind != kind)
			continue;
		replica_view(replica, s, &row);
		if (!has_ended(tables, &row) && !visit(ctx, &row))
			return;
	}
}

void tables_rows(const struct tables *tables, const struct id *topic, uint16_t kind,
		 bool (*visit)(void *ctx, const struct row_view *row), void *ctx)
{
	const struct replica *replica = &tables->replica;
	uint32_t number = replica_find_topic(replica, topic);
	uint32_t at = number != NONE ? replica_topic(replica, number)->origins : NONE;

	if (kind >= ROW_KIND_FACTS) {
		if (id_is_zero(topic))
			visit_facts(tables, kind, visit, ctx);
		return;
	}
	for (; at != NONE; at = replica_origin(replica, at)->next_of_topic) {
		const struct origin *origin = replica_origin(replica, at);
		if (origin->flags & ORIGIN_INCOMPLETE)
			continue;
		for (uint32_t s = origin->first; s != NONE; s = replica_slot(replica, s)->next) {
			const struct slot *slot = replica_slot(replica, s);
			struct row_view row;
			if (slot->kind != kind || slot->flags & SLOT_DELETED)
				continue;
			replica_view(replica, s, &row);
			if (!visit(ctx, &row))
				return;
		}
	}
}

size_t tables_rows_of(const struct tables *tables, const struct id *owner, const struct id *topic,
		      size_t left, size_t limit,
		      void (*visit)(void *ctx, const struct row_view *row), void *ctx)
{
	const struct replica *replica = &tables->replica;
	uint32_t topic_number = replica_find_topic(replica, topic);
	uint32_t number =
	    topic_number != NONE ? replica_origin_of(replica, owner, topic_number) : NONE;
	const struct origin *origin = number != NONE ? replica_origin(replica, number) : NULL;
	uint32_t s = origin ? origin->first : NONE;

	if (!origin)
		return 0;
	/* New ones come in front: those that are left are the last ones, whatever came and went. */
	for (size_t i = origin->count; i > left; i--)
		s = replica_slot(replica, s)->next;
	if (left > origin->count)
		left = origin->count;
	for (; left > 0 && limit > 0; left--, limit--) {
		struct row_view row;
		replica_view(replica, s, &row);
		s = replica_slot(replica, s)->next;
		visit(ctx, &row);
	}
	return left;
}

bool tables_row(const struct tables *tables, const struct id *owner, const struct id *topic,
		uint16_t kind, const uint8_t *key, size_t key_len, struct row_view *row)
{
	const struct replica *replica = &tables->replica;
	struct row_view wanted = {.kind = kind, .topic = *topic, .key_len = key_len};
	const struct slot *slot;
	uint32_t number;

	if (key_len > KEY_BYTES_MAX || (owner == NULL) != (kind >= ROW_KIND_FACTS))
		return false;
	if (owner != NULL)
		wanted.owner = *owner;
	if (key_len > 0)
		memcpy(wanted.key, key, key_len);
	number = replica_find(replica, &wanted);
	if (number == NONE)
		return false;
	slot = replica_slot(replica, number);
	if (slot->flags & SLOT_DELETED ||
	    (slot->origin != NONE &&
	     replica_origin(replica, slot->origin)->flags & ORIGIN_INCOMPLETE))
		return false;
	replica_view(replica, number, row);
	return slot->origin != NONE || !has_ended(tables, row);
}

const uint8_t *tables_member_row(const struct tables *tables, const struct id *owner, size_t *len)
{
	struct row_view row;

	if (!tables_row(tables, owner, &id_none, ROW_MEMBER, NULL, 0, &row))
		return NULL;
	return row_bytes(&row, len);
}

uint64_t tables_hash(const struct tables *tables)
{
	uint64_t sum = 0;

	for (uint32_t i = 1; i < tables->replica.topics.count; i++) {
		const struct topic *topic = replica_topic(&tables->replica, i);
		if (topic->kept && topic->hash != 0)
			sum += map_hash(topic->id.b, ID_BYTES, HASH_SEED ^ topic->hash);
	}
	return sum;
}

static uint64_t sessions_count(const struct tables *tables)
{
	uint64_t count = 0;

	for (size_t i = 0; i < REPAIR_SESSIONS; i++)
		count += tables->repair.sessions[i].used;
	return count;
}

/* X(value, name, help): what goes up and down. */
#define TABLE_GAUGES(X)                                                                         \
	X(tables->replica.row_count, "rows", "owned rows held, tombstones included")            \
	X(tables->replica.fact_count, "facts", "facts held")                                    \
	X(tables->replica.dead_count, "tombstones", "deleted rows that are still remembered")   \
	X(tables->spread.count, "rows_queued", "rows that the fast path still tells")           \
	X(sessions_count(tables), "repair_sessions", "peers with whom tables are compared now") \
	X(tables->replica.incomplete_count, "origins_incomplete",                               \
	  "owners and topics below their floor, not served")

/* Gauges first, then what only rises. */
bool tables_counter(const struct tables *tables, size_t index, struct gossip_counter *counter)
{
	const struct gossip_counter counters[] = {
#define TABLE_GAUGE_ROW_(value, name, help) {name, help, value, true},
	    TABLE_GAUGES(TABLE_GAUGE_ROW_)
#undef TABLE_GAUGE_ROW_
#define TABLE_COUNT_ROW_(field, name, help) {name, help, tables->counts.field, false},
		TABLE_COUNTS(TABLE_COUNT_ROW_)
#undef TABLE_COUNT_ROW_
	};

	if (index >= sizeof(counters) / sizeof(counters[0]))
		return false;
	*counter = counters[index];
	return true;
}

void tables_check(const struct tables *tables)
{
	size_t parked = 0;

	replica_check(&tables->replica);
	spread_check(tables);
	snapshot_check(tables);
	for (size_t i = 0; i < PARK_ROWS; i++)
		parked += tables->park.blobs[i] != BLOB_NONE;
	WEFT_ASSERT(parked == tables->park.count);
	for (size_t i = 1; i < tables->batches.pending.count; i++) {
		const struct batch *before = vec_at(&tables->batches.pending, i - 1);
		const struct batch *batch = vec_at(&tables->batches.pending, i);
		WEFT_ASSERT(before->token < batch->token);
	}
	for (size_t i = 0; i < REPAIR_SESSIONS; i++) {
		const struct session *session = &tables->repair.sessions[i];
		WEFT_ASSERT(session->used || session->wants.count == 0);
		for (size_t j = 0; j < i && session->used; j++)
			WEFT_ASSERT(!tables->repair.sessions[j].used ||
				    !id_eq(&tables->repair.sessions[j].peer, &session->peer));
	}
}
