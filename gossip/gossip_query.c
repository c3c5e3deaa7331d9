/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Questions to the core: members, rows, counters, and the walk over all invariants. */
#include "gossip/tables/batch.h"
#include "gossip_impl.h"

#include <string.h>

struct id gossip_self(const struct gossip *g)
{
	return g->core.self.id;
}

struct id gossip_admitter(const struct gossip *g)
{
	return admission_admitter(g->admission);
}

enum node_phase gossip_phase(const struct gossip *g)
{
	return g->core.self.phase;
}

bool gossip_is_admin(const struct gossip *g)
{
	return g->core.self.is_admin;
}

int gossip_cluster(const struct gossip *g, struct id *id, char *name)
{
	if (id_is_zero(&g->core.self.cluster))
		return WEFT_E_NO_CLUSTER;
	*id = g->core.self.cluster;
	memcpy(name, g->core.self.cluster_name, NAME_BYTES);
	return 0;
}

bool gossip_is_whole(const struct gossip *g)
{
	return tables_is_whole(g->tables);
}

bool gossip_last_sync(const struct gossip *g, struct id *with, struct mono *at)
{
	return tables_synced(g->tables, with, at);
}

bool gossip_is_isolated(const struct gossip *g)
{
	return swim_is_isolated(g->swim);
}

static void info_fill(const struct gossip *g, const struct member *member, struct member_info *info)
{
	*info = (struct member_info){
	    .id = member->id,
	    .name_shared = member->name_shared,
	    .addr = member->addr,
	    .vtep = member->rec->vtep,
	    .state = member->state,
	    .incarnation = member->incarnation,
	    .epoch = member->epoch,
	    .heard = member->heard,
	    .rtt_ns = member->srtt_ns,
	    .wire_min = member->rec->wire_min,
	    .wire_max = member->rec->wire_max,
	    .is_self = id_eq(&member->id, &g->core.self.id),
	    .is_admin = member->is_admin,
	};
	memcpy(info->name, member->rec->name, sizeof(info->name));
}

bool gossip_member(const struct gossip *g, const struct id *id, struct member_info *info)
{
	const struct member *member = member_find(&g->members, id);

	if (member == NULL || member->state == MEMBER_UNKNOWN)
		return false;
	info_fill(g, member, info);
	return true;
}

bool gossip_member_next(const struct gossip *g, size_t *at, struct member_info *info)
{
	while (*at < g->members.ordered.count) {
		const struct member *member = member_at(&g->members, (*at)++);
		if (member->state == MEMBER_UNKNOWN)
			continue;
		info_fill(g, member, info);
		return true;
	}
	return false;
}

bool gossip_tags(const struct gossip *g, const struct id *id, struct rec_tags *tags)
{
	struct row_view row;

	return gossip_row(g, id, &id_none, ROW_TAGS, NULL, 0, &row) &&
	       rec_tags_decode(row.value, row.value_len, tags) == 0;
}

void gossip_rows(const struct gossip *g, const struct id *topic, uint16_t kind,
		 bool (*visit)(void *ctx, const struct row_view *row), void *ctx)
{
	tables_rows(g->tables, topic, kind, visit, ctx);
}

size_t gossip_rows_of(const struct gossip *g, const struct id *owner, const struct id *topic,
		      size_t left, size_t limit,
		      void (*visit)(void *ctx, const struct row_view *row), void *ctx)
{
	return tables_rows_of(g->tables, owner, topic, left, limit, visit, ctx);
}

bool gossip_row(const struct gossip *g, const struct id *owner, const struct id *topic,
		uint16_t kind, const uint8_t *key, size_t key_len, struct row_view *row)
{
	return tables_row(g->tables, owner, topic, kind, key, key_len, row);
}

bool gossip_is_writing(const struct gossip *g, uint16_t kind, const uint8_t *key, size_t key_len)
{
	return batch_has_fact(g->tables, kind, key, key_len);
}

bool gossip_has_rows(const struct gossip *g, const struct id *owner, uint64_t epoch,
		     uint64_t sequence)
{
	return tables_has(g->tables, owner, epoch, sequence);
}

uint64_t gossip_tables_hash(const struct gossip *g)
{
	return tables_hash(g->tables);
}

/* ---- counters ---- */

struct drop_counter {
	const char *name;
	const char *help;
};

static const struct drop_counter drop_counters[] = {
#define DROP_COUNTER_(sym, name, help) {"dropped_" name, help},
    DROP_REASONS(DROP_COUNTER_)
#undef DROP_COUNTER_
};

#define DROP_COUNTERS (sizeof(drop_counters) / sizeof(drop_counters[0]))
_Static_assert(DROP_COUNTERS == DROP_END_ - 1, "one counter for each reason but none");

/* X(name, help, value, is_gauge) */
#define CORE_COUNTERS(X)                                                                           \
	X("datagrams_received", "datagrams that came in", core->traffic.received, false)           \
	X("datagram_bytes_received", "their bytes above UDP", core->traffic.received_bytes, false) \
	X("datagrams_sent", "datagrams handed out", core->traffic.sent, false)                     \
	X("datagram_bytes_sent", "their bytes above UDP", core->traffic.sent_bytes, false)         \
	X("outbox_frames", "frames that wait for room", core->outbox.frames.count, true)           \
	X("heap_held_bytes", "memory taken from the host", core->heap.held_bytes, true)            \
	X("heap_used_bytes", "memory in use", core->heap.used_bytes, true)                         \
	X("members_alive", "members that are alive", states[MEMBER_ALIVE], true)                   \
	X("members_suspect", "members that are suspected", states[MEMBER_SUSPECT], true)           \
	X("members_failed", "members that failed", states[MEMBER_FAILED], true)                    \
	X("members_left", "members that left", states[MEMBER_LEFT], true)                          \
	X("members_removed", "members that were removed", states[MEMBER_REMOVED], true)

static bool core_counter(const struct gossip *g, size_t index, struct gossip_counter *counter)
{
	const struct core *core = &g->core;
	const size_t *states = g->members.state_count;
	const struct gossip_counter all[] = {
#define CORE_COUNTER_(name, help, value, is_gauge) {name, help, value, is_gauge},
	    CORE_COUNTERS(CORE_COUNTER_)
#undef CORE_COUNTER_
	};

	if (index >= sizeof(all) / sizeof(all[0]))
		return false;
	*counter = all[index];
	return true;
}

#define CORE_COUNTER_ONE_(name, help, value, is_gauge) +1
#define CORE_COUNTER_COUNT ((size_t)(0 CORE_COUNTERS(CORE_COUNTER_ONE_)))

bool gossip_counter(const struct gossip *g, size_t index, struct gossip_counter *counter)
{
	struct gossip_counter passed;
	size_t swim_count = 0;

	if (index < DROP_COUNTERS) {
		*counter = (struct gossip_counter){
		    .name = drop_counters[index].name,
		    .help = drop_counters[index].help,
		    .value = g->core.drops[index + 1],
		};
		return true;
	}
	index -= DROP_COUNTERS;
	if (core_counter(g, index, counter))
		return true;
	index -= CORE_COUNTER_COUNT;
	if (swim_counter(g->swim, index, counter))
		return true;
	while (swim_counter(g->swim, swim_count, &passed))
		swim_count++;
	return tables_counter(g->tables, index - swim_count, counter);
}

void gossip_check(const struct gossip *g)
{
	const struct gossip_update *update = &g->update;

	WEFT_ASSERT(update->send_count <= UPDATE_SENDS);
	WEFT_ASSERT(update->write_count <= UPDATE_WRITES);
	WEFT_ASSERT(update->change_count <= UPDATE_CHANGES);
	WEFT_ASSERT(update->answer_count <= UPDATE_ANSWERS);
	for (size_t i = 0; i < update->persist_count; i++) {
		const struct gossip_persist *persist = &update->persists[i];
		WEFT_ASSERT(persist->token > 0 && persist->token < g->core.next_token);
		WEFT_ASSERT(persist->first + persist->count <= update->write_count);
	}
	WEFT_ASSERT(g->members.arrivals.count == 0 && g->members.doubted.count == 0);
	outbox_check(&g->core.outbox);
	member_check(&g->members);
	seal_check(g->seal);
	swim_check(g->swim);
	messages_check(g->messages);
	tables_check(g->tables);
	admission_check(g->admission);
}
