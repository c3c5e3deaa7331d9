/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Output of a step and memory of a step.
 *
 * The update has fixed capacity and is never cleared as a whole: only its counts go back to zero.
 */
#include "core.h"

#include <string.h>

#define PREFIX_V4_BYTES 15 /* a /24 behind the mapped prefix */
#define PREFIX_V6_BYTES 6  /* a /48 */

static uint32_t or_default(uint32_t value, uint32_t fallback)
{
	return value != 0 ? value : fallback;
}

static struct gossip_limits limits_filled(const struct gossip_limits *given)
{
	return (struct gossip_limits){
	    .members_max = or_default(given->members_max, 20000),
	    .rows_per_owner_topic = or_default(given->rows_per_owner_topic, 1000),
	    .rows_topic0_per_owner = or_default(given->rows_topic0_per_owner, 65536),
	    .facts_max = or_default(given->facts_max, 100000),
	    .facts_per_author = or_default(given->facts_per_author, 20000),
	    .networks_per_author = or_default(given->networks_per_author, 10000),
	    .row_bytes_per_owner_s = or_default(given->row_bytes_per_owner_s, 65536),
	};
}

void core_init(struct core *core, const struct gossip_config *config, struct gossip_update *update)
{
	WEFT_ASSERT(config->crypto != NULL && config->blobs != NULL);
	WEFT_ASSERT(update != NULL);
	*core = (struct core){
	    .crypto = config->crypto,
	    .blobs = config->blobs,
	    .limits = limits_filled(&config->limits),
	    .profile = config->profile,
	    .trace = config->trace,
	    .update = update,
	    .next_token = 1,
	    .advertise = config->advertise,
	    .vtep = config->vtep,
	};
	memcpy(core->name, config->name, sizeof(core->name));
	core->name[sizeof(core->name) - 1] = '\0';
	heap_init(&core->heap, &config->pages);
	rng_init(&core->rng, config->seed);
	core->map_seed = rng_u64(&core->rng);
	outbox_init(&core->outbox, &core->heap);
	scratch_init(&core->scratch, &core->heap);
}

void core_close(struct core *core)
{
	core->crypto->wipe(core->crypto->ctx, &core->self, sizeof(core->self));
	outbox_close(&core->outbox);
	heap_close(&core->heap);
}

void core_begin_step(struct core *core, struct mono now, struct wall wall)
{
	struct gossip_update *update = core->update;

	WEFT_ASSERT(now.ns >= core->now.ns);
	core->now = now;
	/* A clock that was never set counts as one that has just begun. */
	core->wall = (struct wall){wall.ms > 0 ? wall.ms : 0};
	update->send_count = 0;
	update->persist_count = 0;
	update->write_count = 0;
	update->change_count = 0;
	update->delivery_count = 0;
	update->answer_count = 0;
	scratch_reset(&core->scratch);
	core->walked = 0;
}

uint64_t core_persist_begin(struct core *core, uint64_t tag)
{
	struct gossip_update *update = core->update;

	if (update->persist_count == UPDATE_PERSISTS || update->write_count == UPDATE_WRITES)
		return 0;
	update->persists[update->persist_count++] = (struct gossip_persist){
	    .token = core->next_token,
	    .tag = tag,
	    .first = update->write_count,
	};
	return core->next_token++;
}

void core_persist_write(struct core *core, const struct write *write)
{
	struct gossip_update *update = core->update;

	WEFT_ASSERT(update->persist_count > 0);
	WEFT_ASSERT(update->write_count < UPDATE_WRITES);
	update->writes[update->write_count++] = *write;
	update->persists[update->persist_count - 1].count++;
}

struct gossip_answer *core_answer(struct core *core, uint64_t tag)
{
	struct gossip_update *update = core->update;
	struct gossip_answer *answer;

	if (tag == 0) {
		answer = scratch_take(&core->scratch, sizeof(*answer));
	} else {
		WEFT_ASSERT(update->answer_count < UPDATE_ANSWERS);
		answer = &update->answers[update->answer_count++];
	}
	*answer = (struct gossip_answer){.tag = tag};
	return answer;
}

bool core_has_room(const struct core *core, size_t changes, size_t writes, size_t answers)
{
	const struct gossip_update *update = core->update;

	return update->change_count + changes <= UPDATE_CHANGES &&
	       update->write_count + writes <= UPDATE_WRITES &&
	       (writes == 0 || update->persist_count < UPDATE_PERSISTS) &&
	       update->answer_count + answers <= UPDATE_ANSWERS;
}

struct gossip_change *core_change(struct core *core, enum gossip_change_kind kind)
{
	struct gossip_update *update = core->update;
	struct gossip_change *change;

	WEFT_ASSERT(update->change_count < UPDATE_CHANGES);
	change = &update->changes[update->change_count++];
	*change = (struct gossip_change){.kind = kind};
	return change;
}

void core_drop(struct core *core, enum drop_reason reason)
{
	WEFT_ASSERT(reason > DROP_NONE && reason < DROP_END_);
	core->drops[reason]++;
}

void core_trace(struct core *core, enum trace_event event, const struct id *node,
		const struct id *object, const struct hostport *addr, int64_t value)
{
	struct trace_record record = {.event = event, .at = core->now, .value = value};

	if (node != NULL)
		record.node = *node;
	if (object != NULL)
		record.object = *object;
	if (addr != NULL)
		record.addr = *addr;
	trace_emit(&core->trace, &record);
}

size_t core_share(const struct core *core, const struct hostport *from, size_t shares)
{
	size_t len = inet_is_v4(&from->ip) ? PREFIX_V4_BYTES : PREFIX_V6_BYTES;

	WEFT_ASSERT(shares > 0);
	return (size_t)(map_hash(from->ip.b, len, core->map_seed) % shares);
}
