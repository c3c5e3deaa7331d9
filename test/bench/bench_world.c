/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "bench_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gossip/base/check.h"
#include "test/sim/pages.h"
#include "test/sim/sim_crypto.h"

#define KIND_OF_ROWS 40 /* no kind of weft's: carried as it is */
#define PUT_MAX 100
#define VALUE_BYTES 48
#define LATENCY_NS_MIN (200 * 1000)
#define LATENCY_NS_SPREAD (400 * 1000)
#define COMMIT_NS NS_PER_MS
#define JOIN_GAP_MS 4
#define JOIN_MS_MAX 60000
#define SEEDS 3

enum { TAG_IN = 1, TAG_TOKEN }; /* of commands: this node is in the cluster; the token */

/* A datagram, or a commit (token), or a tick (neither). */
struct bench_event {
	struct mono at;
	uint64_t order;
	uint32_t node;
	uint32_t len;
	uint64_t token;
	struct hostport from;
	uint8_t *bytes;
};

static bool is_before(const struct bench_event *a, const struct bench_event *b)
{
	return a->at.ns != b->at.ns ? a->at.ns < b->at.ns : a->order < b->order;
}

static void queue_push(struct bench_world *world, struct bench_event event)
{
	size_t at = world->queued++;

	if (world->queued > world->queue_room) {
		world->queue_room = world->queue_room ? 2 * world->queue_room : 4096;
		world->queue = realloc(world->queue, world->queue_room * sizeof(*world->queue));
		WEFT_ASSERT(world->queue != NULL);
	}
	event.order = world->order++;
	for (; at > 0 && is_before(&event, &world->queue[(at - 1) / 2]); at = (at - 1) / 2)
		world->queue[at] = world->queue[(at - 1) / 2];
	world->queue[at] = event;
}

static struct bench_event queue_pop(struct bench_world *world)
{
	struct bench_event first = world->queue[0], last = world->queue[--world->queued];
	size_t at = 0;

	for (;;) {
		size_t child = 2 * at + 1;

		if (child >= world->queued)
			break;
		if (child + 1 < world->queued &&
		    is_before(&world->queue[child + 1], &world->queue[child]))
			child++;
		if (!is_before(&world->queue[child], &last))
			break;
		world->queue[at] = world->queue[child];
		at = child;
	}
	world->queue[at] = last;
	return first;
}

static struct hostport addr_of(size_t node)
{
	return (struct hostport){.ip = inet_from_v4(0x0a000001u + (uint32_t)node),
				 .port = GOSSIP_PORT};
}

static size_t node_at(const struct bench_world *world, const struct hostport *addr)
{
	uint32_t v4 = inet_v4(&addr->ip);

	WEFT_ASSERT(v4 > 0x0a000000u && v4 - 0x0a000001u < world->count);
	return v4 - 0x0a000001u;
}

static void send(struct bench_world *world, size_t from, const struct gossip_send *out)
{
	size_t to = node_at(world, &out->to);
	struct bench_event event = {
	    .node = (uint32_t)to, .len = (uint32_t)out->len, .from = world->nodes[from].addr};

	world->nodes[from].datagrams++;
	if (world->nodes[from].side != world->nodes[to].side ||
	    (world->loss_ppm > 0 && rng_below(&world->rng, 1000000) < world->loss_ppm))
		return;
	world->nodes[to].datagrams++;
	event.at = mono_add_ns(world->now,
			       LATENCY_NS_MIN + (int64_t)rng_below(&world->rng, LATENCY_NS_SPREAD));
	event.bytes = malloc(out->len);
	WEFT_ASSERT(event.bytes != NULL);
	memcpy(event.bytes, out->bytes, out->len);
	queue_push(world, event);
}

static void look(struct bench_world *world, struct bench_node *node,
		 const struct gossip_change *change)
{
	const struct row_view *row = &change->row;

	if (change->kind == CHANGE_ROW && row->kind == KIND_OF_ROWS && node->saw.ns == 0 &&
	    id_eq(&row->owner, &world->awaited) && row->value_len == VALUE_BYTES &&
	    memcmp(row->value, &world->awaited_version, sizeof(world->awaited_version)) == 0) {
		node->saw = world->now;
		world->seen++;
	}
	if (change->kind != CHANGE_MEMBER || change->after != MEMBER_FAILED)
		return;
	for (size_t i = 0; i < world->count; i++) {
		if (id_eq(&world->nodes[i].id, &change->member))
			world->verdicts += !world->nodes[i].stalls;
	}
}

static void answer(struct bench_world *world, struct bench_node *node,
		   const struct gossip_answer *answer)
{
	if (answer->err.code != 0)
		return;
	node->joined |= answer->tag == TAG_IN;
	if (answer->tag == TAG_TOKEN && answer->len < sizeof(world->token))
		memcpy(world->token, answer->bytes, answer->len);
}

static void step(struct bench_world *world, size_t index, struct gossip_event *event)
{
	struct bench_node *node = &world->nodes[index];
	const struct gossip_update *update;
	struct mono due;

	event->now = world->now;
	event->wall = (struct wall){INT64_C(1800000000000) + world->now.ns / NS_PER_MS};
	update = gossip_step(node->core, event);
	for (size_t i = 0; i < update->send_count; i++)
		send(world, index, &update->sends[i]);
	for (size_t i = 0; i < update->persist_count; i++)
		queue_push(world, (struct bench_event){.at = mono_add_ns(world->now, COMMIT_NS),
						       .node = (uint32_t)index,
						       .token = update->persists[i].token});
	for (size_t i = 0; i < update->change_count; i++)
		look(world, node, &update->changes[i]);
	for (size_t i = 0; i < update->answer_count; i++)
		answer(world, node, &update->answers[i]);
	due = gossip_deadline(node->core);
	if (due.ns < world->now.ns)
		due = world->now;
	if (node->tick_at.ns < world->now.ns || due.ns < node->tick_at.ns ||
	    event->kind == EV_TICK) {
		node->tick_at = due;
		queue_push(world, (struct bench_event){.at = due, .node = (uint32_t)index});
	}
}

static void handle(struct bench_world *world, struct bench_event *event)
{
	struct bench_node *node = &world->nodes[event->node];
	struct gossip_event in = {.kind = EV_TICK};
	bool is_tick = event->token == 0 && event->bytes == NULL;

	if (node->dead || (is_tick && event->at.ns != node->tick_at.ns))
		return;
	if (node->stalled_until.ns > world->now.ns) {
		event->at = node->stalled_until;
		if (is_tick)
			node->tick_at = event->at;
		queue_push(world, *event);
		event->bytes = NULL;
		return;
	}
	if (event->token != 0)
		in = (struct gossip_event){.kind = EV_DURABLE, .token = event->token, .ok = true};
	else if (event->bytes != NULL)
		in = (struct gossip_event){.kind = EV_DATAGRAM,
					   .from = event->from,
					   .bytes = event->bytes,
					   .len = event->len};
	step(world, event->node, &in);
}

void bench_world_run(struct bench_world *world, int64_t ms)
{
	struct mono end = mono_add_ms(world->now, ms);

	while (world->queued > 0 && world->queue[0].at.ns <= end.ns) {
		struct bench_event event = queue_pop(world);

		world->now = event.at;
		handle(world, &event);
		free(event.bytes);
	}
	world->now = end;
}

/* One command; what it is answered comes out of later steps. */
static void command(struct bench_world *world, size_t node, struct gossip_command *command)
{
	step(world, node, &(struct gossip_event){.kind = EV_COMMAND, .command = command});
}

static bool all_joined(const struct bench_world *world)
{
	for (size_t i = 0; i < world->count; i++) {
		size_t at = 0, alive = 0;
		struct member_info info;

		if (!world->nodes[i].joined)
			return false;
		while (gossip_member_next(world->nodes[i].core, &at, &info))
			alive += info.state == MEMBER_ALIVE;
		if (alive != world->count)
			return false;
	}
	return true;
}

static void node_open(struct bench_world *world, size_t index)
{
	struct bench_node *node = &world->nodes[index];
	struct gossip_config config = {
	    .crypto = sim_crypto_table(world->crypto),
	    .pages = sim_pages_source(world->arena),
	    .blobs = &world->blobs,
	    .seed = rng_u64(&world->rng),
	    .advertise = addr_of(index),
	    .vtep = addr_of(index).ip,
	};

	(void)snprintf(config.name, sizeof(config.name), "host-%zu", index);
	node->addr = config.advertise;
	node->core = gossip_new(&config);
	node->tick_at = (struct mono){-1};
	step(world, index, &(struct gossip_event){.kind = EV_START});
}

static bool found(struct bench_world *world)
{
	struct gossip_command init = {.kind = CMD_INIT, .tag = TAG_IN, .text = "bench"};
	struct gossip_command create = {
	    .kind = CMD_TOKEN_CREATE, .tag = TAG_TOKEN, .ttl_ms = INT64_C(864000000)};

	node_open(world, 0);
	command(world, 0, &init);
	bench_world_run(world, 100);
	command(world, 0, &create);
	bench_world_run(world, 100);
	return world->nodes[0].joined && world->token[0] != '\0';
}

bool bench_world_form(struct bench_world *world, size_t count, uint64_t seed)
{
	struct page_source pages;

	*world = (struct bench_world){.count = count, .now = {NS_PER_S}};
	rng_init(&world->rng, seed);
	world->arena = sim_pages_new();
	pages = sim_pages_source(world->arena);
	heap_init(&world->heap, &pages);
	blob_store_init(&world->blobs, &world->heap, seed);
	world->crypto = sim_crypto_new(seed, 0);
	world->nodes = calloc(count, sizeof(*world->nodes));
	WEFT_ASSERT(world->nodes != NULL);
	if (!found(world))
		return false;
	for (size_t i = 1; i < count; i++) {
		struct hostport seeds[SEEDS];
		struct gossip_command join = {.kind = CMD_JOIN,
					      .tag = TAG_IN,
					      .text = world->token,
					      .addrs = seeds,
					      .addr_count = SEEDS};

		for (size_t j = 0; j < SEEDS; j++)
			seeds[j] = addr_of(rng_below(&world->rng, i));
		node_open(world, i);
		command(world, i, &join);
		bench_world_run(world, JOIN_GAP_MS);
	}
	for (int64_t ms = 0; ms < JOIN_MS_MAX && !all_joined(world); ms += 500)
		bench_world_run(world, 500);
	for (size_t i = 0; i < count; i++)
		world->nodes[i].id = gossip_self(world->nodes[i].core);
	return all_joined(world);
}

void bench_world_close(struct bench_world *world)
{
	for (size_t i = 0; i < world->count; i++) {
		if (world->nodes[i].core)
			gossip_free(world->nodes[i].core);
	}
	while (world->queued > 0)
		free(world->queue[--world->queued].bytes);
	free(world->queue);
	free(world->nodes);
	blob_store_close(&world->blobs);
	heap_close(&world->heap);
	sim_crypto_free(world->crypto);
	sim_pages_free(world->arena);
}

void bench_world_put(struct bench_world *world, size_t node, uint32_t first, uint32_t count)
{
	static struct row_view rows[PUT_MAX];
	static uint8_t values[PUT_MAX][VALUE_BYTES];
	struct gossip_command put = {.kind = CMD_PUT, .rows = rows, .row_count = count};

	WEFT_ASSERT(count <= PUT_MAX);
	world->version++;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t name = first + i;

		memcpy(values[i], &world->version, sizeof(world->version));
		rows[i] = (struct row_view){.kind = KIND_OF_ROWS,
					    .key_len = sizeof(name),
					    .value = values[i],
					    .value_len = VALUE_BYTES};
		memcpy(rows[i].key, &name, sizeof(name));
	}
	command(world, node, &put);
}

void bench_world_change(struct bench_world *world, size_t node, uint32_t name)
{
	for (size_t i = 0; i < world->count; i++) {
		world->nodes[i].saw = (struct mono){0};
		world->nodes[i].datagrams = 0;
	}
	world->seen = 0;
	world->awaited = world->nodes[node].id;
	bench_world_put(world, node, name, 1);
	world->awaited_version = world->version;
}

bool bench_world_is_equal(const struct bench_world *world)
{
	uint64_t hash = gossip_tables_hash(world->nodes[0].core);

	for (size_t i = 1; i < world->count; i++) {
		if (gossip_tables_hash(world->nodes[i].core) != hash)
			return false;
	}
	return true;
}
