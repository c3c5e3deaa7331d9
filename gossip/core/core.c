/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Output of a step and memory of a step.
 *
 * The update has fixed capacity and is never cleared as a whole: only its counts go back to zero.
 * Scratch blocks are kept from step to step, so that a quiet node takes no memory at all while it
 * runs; a burst leaves at most its largest step behind.
 */
#include "core.h"

#include <string.h>

#define SCRATCH_BLOCK_BYTES ((size_t)8192)
#define SCRATCH_ALIGN ((size_t)16)

struct scratch_block {
	uint8_t *bytes;
	size_t cap;
};

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
	vec_init(&core->scratch.blocks, &core->heap, sizeof(struct scratch_block));
}

void core_close(struct core *core)
{
	core->crypto->wipe(core->crypto->ctx, &core->self, sizeof(core->self));
	outbox_close(&core->outbox);
	for (size_t i = 0; i < core->scratch.blocks.count; i++) {
		struct scratch_block *block = vec_at(&core->scratch.blocks, i);
		heap_give(&core->heap, block->bytes, block->cap);
	}
	vec_close(&core->scratch.blocks);
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
	core->scratch.at = 0;
	core->scratch.used = 0;
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

/* Moves on to a block with this much room: the next one that is large enough, or a new one. */
static void scratch_advance(struct core *core, size_t bytes)
{
	struct scratch *scratch = &core->scratch;
	struct scratch_block fresh = {.cap = bytes > SCRATCH_BLOCK_BYTES ? bytes
									 : SCRATCH_BLOCK_BYTES};

	scratch->used = 0;
	while (++scratch->at < scratch->blocks.count) {
		const struct scratch_block *block = vec_at(&scratch->blocks, scratch->at);
		if (block->cap >= bytes)
			return;
	}
	fresh.bytes = heap_take(&core->heap, fresh.cap);
	vec_push(&scratch->blocks, &fresh);
	scratch->at = scratch->blocks.count - 1;
}

void *core_scratch(struct core *core, size_t bytes)
{
	struct scratch *scratch = &core->scratch;
	size_t need = (bytes + SCRATCH_ALIGN - 1) & ~(SCRATCH_ALIGN - 1);
	const struct scratch_block *block;
	void *at;

	WEFT_ASSERT(bytes > 0 && bytes < SIZE_MAX / 2);
	if (scratch->blocks.count == 0 ||
	    ((const struct scratch_block *)vec_at(&scratch->blocks, scratch->at))->cap -
		    scratch->used <
		need)
		scratch_advance(core, need);
	block = vec_at(&scratch->blocks, scratch->at);
	WEFT_ASSERT(scratch->used + need <= block->cap);
	at = block->bytes + scratch->used;
	scratch->used += need;
	return at;
}

struct gossip_answer *core_answer(struct core *core, uint64_t tag)
{
	struct gossip_update *update = core->update;
	struct gossip_answer *answer;

	if (tag == 0) {
		answer = core_scratch(core, sizeof(*answer));
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
