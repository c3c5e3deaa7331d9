/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* A round in a large cluster that is the test: it answers all questions, and time is its own. */
#include <stdlib.h>
#include <string.h>

#include "daemon/diag/diag_judge.h"
#include "daemon/api/names.h"
#include "gossip/base/err.h"
#include "test/base/cmocka_all.h"
#include "test/daemon/diag_kit.h"

#define MEMBERS 1500
#define TURN_MS 20

static struct {
	size_t members;
	size_t silent_each;   /* every so manieth answers nobody; 0: all answer */
	size_t answers_only;  /* unless 0: only so many of the first answer */
	int slow_turns;       /* until silence and what helpers say is known */
	size_t busy;          /* so many more questions are refused */
	size_t busy_relays;   /* after so many questions about others each more is refused */
	size_t helpers_fail;  /* so many more times who is asked about others does not answer */
	struct id helpers[4]; /* who was asked about others first */
	bool heard;           /* this host hears everybody */
	size_t relays;        /* questions about others */
	size_t asked_count, asked_now, asked_most, probed, probed_most;
	struct {
		struct diag_round *round;
		size_t nth;
		struct diag_message message;
		struct id whom;
		int turns;
	} asked[MEMBERS + 1];
	size_t waiting_most, relays_most; /* at once, of one helper */
	size_t slots_most;
	size_t judged, ok, gossip_fails, unheard, unasked, helped;
	bool done;
} world;

static bool is_silent(size_t nth)
{
	return (world.answers_only != 0 && nth >= world.answers_only) ||
	       (world.silent_each != 0 && nth % world.silent_each == 0);
}

static struct id id_at(size_t nth)
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

static void world_begin(size_t members, size_t silent_each)
{
	memset(&world, 0, sizeof(world));
	world.members = members;
	world.silent_each = silent_each;
}

/* Lets a round run to its end, over all members or the only one; how long it took. */
static int64_t run_over(const struct id *only)
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

static int64_t run(void)
{
	return run_over(NULL);
}

static void in_a_large_healthy_cluster_nobody_is_called_blocked(void **state)
{
	int64_t took_ms;

	(void)state;
	world_begin(MEMBERS, 0);
	took_ms = run();
	assert_int_equal(world.judged, MEMBERS);
	assert_int_equal(world.ok, MEMBERS);
	assert_int_equal(world.unasked, 0);
	assert_int_equal(world.probed, MEMBERS);
	assert_true(took_ms < 20000);
}

static void a_turn_does_so_much_and_no_more(void **state)
{
	(void)state;
	world_begin(MEMBERS, 0);
	(void)run();
	assert_true(world.asked_most <= 64);
	assert_true(world.probed_most <= 8);
	assert_true(world.slots_most <= DIAG_SLOTS_ROUND);
}

static void who_is_silent_holds_up_nobody_else(void **state)
{
	(void)state;
	world_begin(300, 3);
	(void)run();
	assert_int_equal(world.judged, 300);
	assert_int_equal(world.ok, 200);
	assert_int_equal(world.gossip_fails, 100);
}

/* Who does not answer has said nothing; who is not reached by a helper but heard here is asked
 * about again. One helper alone is asked once more. */
static void helpers_are_asked_until_one_has_said_enough(void **state)
{
	static const struct {
		size_t members, silent_each, helpers_fail;
		bool heard;
		size_t gossip_fails, unheard, relays;
	} rows[] = {
	    {30, 3, 0, false, 10, 0, 10},    {30, 3, MEMBERS, false, 10, 10, 30},
	    {30, 3, 13, false, 10, 0, 23},   {30, 3, 0, true, 10, 0, 30},
	    {2, 2, MEMBERS, false, 1, 1, 2},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		world_begin(rows[i].members, rows[i].silent_each);
		world.helpers_fail = rows[i].helpers_fail;
		world.heard = rows[i].heard;
		(void)run();
		assert_int_equal(world.gossip_fails, rows[i].gossip_fails);
		assert_int_equal(world.unheard, rows[i].unheard);
		assert_int_equal(world.relays, rows[i].relays);
	}
}

static void about_one_host_alone_each_time_another_member_is_asked(void **state)
{
	const struct id order[] = {id_at(1), id_at(2), id_at(1)}, silent = id_at(0);

	(void)state;
	world_begin(3, 3);
	world.helpers_fail = MEMBERS;
	(void)run_over(&silent);
	assert_int_equal(world.unheard, 1);
	assert_int_equal(world.helped, 3);
	assert_memory_equal(world.helpers, order, sizeof(order));
}

/* Two are silent, and of two who could help none answers. */
static void in_a_round_over_all_each_time_another_member_is_asked(void **state)
{
	const struct id order[] = {id_at(1), id_at(3), id_at(3), id_at(1)};

	(void)state;
	world_begin(4, 2);
	world.helpers_fail = MEMBERS;
	(void)run();
	assert_int_equal(world.relays, 6);
	assert_memory_equal(world.helpers, order, sizeof(order));
}

static void what_one_helper_said_counts_though_no_other_can_be_asked(void **state)
{
	(void)state;
	world_begin(30, 30);
	world.heard = true;
	world.busy_relays = 1;
	(void)run();
	assert_int_equal(world.unasked, 0);
	assert_int_equal(world.gossip_fails, 1);
}

/* What a helper is asked beyond its share it drops. */
static void one_helper_is_asked_about_few_at_once(void **state)
{
	(void)state;
	world_begin(21, 0);
	world.answers_only = 1;
	world.slow_turns = 60;
	(void)run();
	assert_int_equal(world.relays_most, 4);
	assert_int_equal(world.judged, 21);
	assert_int_equal(world.ok, 1);
	assert_int_equal(world.gossip_fails, 20);
	assert_int_equal(world.unasked, 0);
}

static void what_two_rounds_ask_of_a_helper_is_counted_together(void **state)
{
	struct diag_round other = {.count = 1};
	struct diag_peer helper = {.id = id_at(0), .relays = 3};

	(void)state;
	world_begin(21, 0);
	world.answers_only = 1;
	other.peers = &helper;
	kit.diag->rounds[1] = &other;
	(void)run();
	assert_int_equal(world.relays_most, 1);
	assert_int_equal(world.gossip_fails, 20);
}

static void so_many_are_asked_at_once_and_no_more(void **state)
{
	(void)state;
	world_begin(MEMBERS, 0);
	world.answers_only = 300;
	world.slow_turns = 100;
	(void)run();
	/* And those who answered are probed meanwhile. */
	assert_in_range(world.waiting_most, 256, 256 + DIAG_SLOTS_ROUND);
	assert_int_equal(world.ok, 300);
	assert_int_equal(world.judged + world.unasked, MEMBERS);
}

static void who_could_not_be_asked_is_not_silent(void **state)
{
	(void)state;
	world_begin(MEMBERS, 0);
	world.busy = 1000;
	(void)run();
	assert_int_equal(world.ok, MEMBERS);
	world_begin(30, 3);
	world.busy = 200;
	(void)run();
	assert_int_equal(world.ok, 20);
	assert_int_equal(world.gossip_fails, 10);
}

int main(void)
{
#define ALONE(test) cmocka_unit_test_setup_teardown(test, kit_set_up, kit_tear_down)
	const struct CMUnitTest tests[] = {
	    ALONE(in_a_large_healthy_cluster_nobody_is_called_blocked),
	    ALONE(a_turn_does_so_much_and_no_more),
	    ALONE(who_is_silent_holds_up_nobody_else),
	    ALONE(helpers_are_asked_until_one_has_said_enough),
	    ALONE(about_one_host_alone_each_time_another_member_is_asked),
	    ALONE(in_a_round_over_all_each_time_another_member_is_asked),
	    ALONE(what_one_helper_said_counts_though_no_other_can_be_asked),
	    ALONE(one_helper_is_asked_about_few_at_once),
	    ALONE(what_two_rounds_ask_of_a_helper_is_counted_together),
	    ALONE(so_many_are_asked_at_once_and_no_more),
	    ALONE(who_could_not_be_asked_is_not_silent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
