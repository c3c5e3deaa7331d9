/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "test/daemon/diag_world.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/diag/diag_judge.h"
#include "daemon/api/names.h"
#include "gossip/base/err.h"
#include "test/base/cmocka_all.h"

struct diag_world world;

static bool is_silent(size_t nth)
{
	return (world.answers_only != 0 && nth >= world.answers_only) ||
	       (world.silent_each != 0 && nth % world.silent_each == 0);
}

struct id id_at(size_t nth)
{
	return (struct id){{(uint8_t)(nth >> 8), (uint8_t)nth, 1}};
}

static void member_at(size_t nth, struct member_info *info)
{
	memset(info, 0, sizeof(*info));
	info->id = id_at(nth);
	info->state = MEMBER_ALIVE;
	info->vtep = inet_from_v4(0x0a000000 + (uint32_t)nth);
	info->addr = (struct hostport){info->vtep, 7947};
}

/* ---- what a round asks of others ---- */

struct gossip *__wrap_node_gossip(struct node *node);
struct id __wrap_gossip_self(const struct gossip *g);
bool __wrap_gossip_member_next(const struct gossip *g, size_t *at, struct member_info *info);
bool __wrap_gossip_member(const struct gossip *g, const struct id *id, struct member_info *info);
void __wrap_gossip_rows(const struct gossip *g, const struct id *topic, uint16_t kind,
			bool (*visit)(void *ctx, const struct row_view *row), void *ctx);
void __wrap_each_network(struct daemon *d, void *ctx,
			 bool (*visit)(void *ctx, const struct id *id,
				       const struct rec_network *rec));
void __wrap_diag_ask_peer(struct diag *d, struct diag_round *round, size_t nth, const struct id *to,
			  const struct diag_message *message, int64_t ttl_ms);
int __wrap_probe_send(const struct probe *probe);
uint16_t __wrap_diag_mtu(const struct daemon *d);
uint16_t __wrap_diag_overhead(const struct daemon *d);

struct gossip *__wrap_node_gossip(struct node *node)
{
	(void)node;
	return NULL;
}

struct id __wrap_gossip_self(const struct gossip *g)
{
	(void)g;
	return (struct id){{0xff}};
}

bool __wrap_gossip_member_next(const struct gossip *g, size_t *at, struct member_info *info)
{
	(void)g;
	if (*at >= world.members)
		return false;
	member_at((*at)++, info);
	return true;
}

bool __wrap_gossip_member(const struct gossip *g, const struct id *id, struct member_info *info)
{
	(void)g;
	member_at((size_t)id->b[0] << 8 | id->b[1], info);
	if (world.heard)
		info->heard = kit.now;
	return true;
}

void __wrap_gossip_rows(const struct gossip *g, const struct id *topic, uint16_t kind,
			bool (*visit)(void *ctx, const struct row_view *row), void *ctx)
{
	(void)g, (void)topic, (void)kind, (void)visit, (void)ctx;
}

void __wrap_each_network(struct daemon *d, void *ctx,
			 bool (*visit)(void *ctx, const struct id *id,
				       const struct rec_network *rec))
{
	const struct rec_network rec = {.port = 4789};
	const struct id id = {{1}};

	(void)d;
	assert_true(visit(ctx, &id, &rec));
}

void __wrap_diag_ask_peer(struct diag *d, struct diag_round *round, size_t nth, const struct id *to,
			  const struct diag_message *message, int64_t ttl_ms)
{
	(void)d, (void)ttl_ms;
	assert_true(world.asked_count < MEMBERS);
	round->peers[nth].tag = nth + 1;
	if (world.busy > 0 || (message->kind == DIAG_RELAY && world.busy_relays > 0 &&
			       world.relays >= world.busy_relays)) {
		struct node_answer told = {.tag = nth + 1};

		world.busy -= world.busy > 0;
		told.err.code = WEFT_E_BUSY;
		round_answered(kit.diag, round, nth, &told);
		return;
	}
	if (message->kind == DIAG_RELAY && world.helped < 4)
		world.helpers[world.helped++] = *to;
	world.asked[world.asked_count].whom = *to;
	world.asked[world.asked_count].turns =
	    message->kind == DIAG_RELAY || (message->kind == DIAG_HELLO && is_silent(nth))
		? world.slow_turns
		: 0;
	world.asked_now++;
	world.asked[world.asked_count].round = round;
	world.asked[world.asked_count].nth = nth;
	world.asked[world.asked_count++].message = *message;
}

int __wrap_probe_send(const struct probe *probe)
{
	assert_int_equal(probe->port_count, 1);
	world.probed++;
	return 0;
}

uint16_t __wrap_diag_mtu(const struct daemon *d)
{
	(void)d;
	return 1500;
}

uint16_t __wrap_diag_overhead(const struct daemon *d)
{
	(void)d;
	return 50;
}

/* ---- answers ---- */

static void answer_one(struct diag_round *round, size_t nth, const struct diag_message *ask)
{
	struct diag_message answer = {.kind = (uint8_t)(ask->kind + 1),
				      .nonce = ask->nonce,
				      .version = WEFT_VERSION,
				      .mtu_bytes = 1500,
				      .heard_ms = DIAG_NEVER,
				      .sent = true};
	struct node_answer told = {.tag = nth + 1};
	uint8_t bytes[MESSAGE_BYTES_MAX];
	int len;

	answer.wall = daemon_wall();
	for (size_t s = 0; ask->kind == DIAG_COUNT && s < ask->size_count; s++)
		answer.seen[answer.seen_count++] =
		    (struct diag_seen){ask->ports[0], ask->sizes[s], PROBE_COPIES};
	if (ask->kind == DIAG_RELAY && world.reached_ms != 0) {
		answer.reached = true;
		answer.heard_ms = world.reached_ms;
	}
	len = diag_encode(&answer, bytes, sizeof(bytes));
	assert_true(len > 0);
	told.bytes = bytes;
	told.len = (size_t)len;
	world.relays += ask->kind == DIAG_RELAY;
	if (ask->kind == DIAG_HELLO && is_silent(nth))
		told.err.code = WEFT_E_TIMEOUT;
	if (ask->kind == DIAG_RELAY && world.helpers_fail > 0) {
		world.helpers_fail--;
		told.err.code = WEFT_E_TIMEOUT;
	}
	round_answered(kit.diag, round, nth, &told);
}

/* The desk of a helper takes so many of one member. */
static void look_at_waiting(void)
{
	size_t each[MEMBERS] = {0};

	if (world.asked_now > world.asked_most)
		world.asked_most = world.asked_now;
	world.asked_now = 0;
	if (world.asked_count > world.waiting_most)
		world.waiting_most = world.asked_count;
	for (size_t i = 0; i < world.asked_count; i++) {
		const struct id *whom = &world.asked[i].whom;
		size_t nth = (size_t)whom->b[0] << 8 | whom->b[1];

		if (world.asked[i].message.kind == DIAG_RELAY && ++each[nth] > world.relays_most)
			world.relays_most = each[nth];
	}
}

static void answer_all(void)
{
	size_t count = world.asked_count;

	look_at_waiting();
	world.asked_count = 0;
	for (size_t i = 0; i < count; i++) {
		if (world.asked[i].turns-- > 0)
			world.asked[world.asked_count++] = world.asked[i];
		else
			answer_one(world.asked[i].round, world.asked[i].nth,
				   &world.asked[i].message);
	}
}

/* All that was sent came: every size that is probed. */
static void kernel_tells(void)
{
	struct watch_seen *seen = calloc(KERNEL_WANTS_MAX * WATCH_SEEN_MAX, sizeof(*seen));
	struct probe probe;

	assert_non_null(seen);
	probe_sizes(&probe, 0, 1500);
	for (size_t i = 0; i < kit.ask_count; i++) {
		const struct kernel_ask *ask = kit.asks[i];
		struct kernel_tell tell = {.kind = TELL_WATCH, .tag = ask->tag, .seen = seen};

		for (size_t w = 0; ask->kind == ASK_SEEN && w < ask->rec.wants.count; w++) {
			const struct watch_want *want = &ask->rec.wants.list[w];

			for (size_t s = 0; s < probe.size_count; s++)
				seen[tell.seen_count++] = (struct watch_seen){
				    want->number, 4789,
				    probe_udp_bytes(&want->from, probe.sizes[s]), PROBE_COPIES};
		}
		slots_told(kit.diag, &tell);
	}
	kit_forget();
	free(seen);
}

static void judge(struct daemon *d, struct diag_round *round, const struct diag_peer *peer)
{
	const struct judge_pair pair = {.label = "x", .helper = "y", .version = WEFT_VERSION};
	json_t *checks = json_array();
	const json_t *check;

	(void)d;
	judge_pair(checks, &pair, round, peer);
	assert_int_equal(json_array_size(checks), 1);
	check = json_array_get(checks, 0);
	world.ok += strcmp(json_string_value(json_object_get(check, "verdict")), "ok") == 0;
	world.gossip_fails +=
	    strcmp(json_string_value(json_object_get(check, "check")), "gossip") == 0;
	world.there_heard += peer->there_heard;
	world.unheard += peer->relay == RELAY_UNHEARD;
	world.judged++;
	json_decref(checks);
}

static void done(struct daemon *d, struct diag_round *round)
{
	(void)d;
	world.unasked = round->unasked;
	world.done = true;
}

void world_begin(size_t members, size_t silent_each)
{
	memset(&world, 0, sizeof(world));
	world.members = members;
	world.silent_each = silent_each;
}

int64_t world_run(const struct id *only)
{
	const struct diag_client client = {1, judge, done};
	struct weft_err err = {0};
	struct mono began = kit.now;

	assert_int_equal(diag_begin(kit.diag, &client, only, &err), 0);
	for (int turn = 0; turn < 5000 && !world.done; turn++) {
		size_t used = 0, probed = world.probed;

		if (!round_turn(kit.diag, kit.diag->rounds[0]))
			kit.diag->rounds[0] = NULL;
		slots_turn(kit.diag);
		for (size_t i = 0; kit.diag->slots && i < DIAG_SLOTS; i++)
			used += kit.diag->slots[i].state != SLOT_FREE;
		world.slots_most = used > world.slots_most ? used : world.slots_most;
		if (world.probed - probed > world.probed_most)
			world.probed_most = world.probed - probed;
		kit.now = mono_add_ms(kit.now, TURN_MS);
		kernel_tells();
		answer_all();
	}
	assert_true(world.done);
	return mono_diff_ms(kit.now, began);
}
