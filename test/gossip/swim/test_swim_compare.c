/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "test/base/cmocka_all.h"

#include <string.h>

#include "test/gossip/core_kit.h"
#include "gossip/swim/swim_parts.h"
#include "test/gossip/seeded.h"
#include "swim_net.h"
#include "test/gossip/vectors/wire_v1.h"

static struct swim_net net;

static int teardown(void **state)
{
	(void)state;
	swim_net_close(&net);
	return 0;
}

static struct member *member_of(size_t viewer, size_t subject)
{
	return member_find(&net.nodes[viewer].members, &net.nodes[subject].id);
}

/* Whether all nodes hold the incarnation of each that it has. */
static bool all_agree(void)
{
	for (size_t i = 0; i < net.count; i++) {
		for (size_t j = 0; j < net.count; j++) {
			if (member_of(i, j)->incarnation != net.nodes[j].core.self.incarnation)
				return false;
		}
	}
	return true;
}

static int64_t until_all_agree(int64_t ms)
{
	struct mono start = net.now;

	while (!all_agree()) {
		if (mono_diff_ms(net.now, start) >= ms)
			return -1;
		swim_net_run(&net, 10);
	}
	return mono_diff_ms(net.now, start);
}

static void an_incarnation_of_a_run_that_was_forgotten_is_taken_up(void **state)
{
	static const uint64_t forgotten[] = {3, 1000}; /* within what is reserved, and above it */

	(void)state;
	swim_net_open(&net, 5, 2, PROFILE_LAN);
	swim_net_run(&net, 2000);
	for (size_t f = 0; f < 2; f++) {
		for (size_t i = 0; i < net.count; i++)
			if (i != 1)
				member_set_incarnation(&net.nodes[i].members, member_of(i, 1),
						       forgotten[f]);
		assert_in_range(until_all_agree(5000), 0, 5000);
		assert_int_equal(net.nodes[1].core.self.incarnation, forgotten[f]);
	}
	assert_int_equal(net.nodes[1].swim->stats[SWIM_REFUTATIONS], 0);
}

static void a_first_life_has_no_incarnation_to_tell(void **state)
{
	(void)state;
	swim_net_open(&net, 20, 1, PROFILE_LAN);
	swim_net_run(&net, 5000);
	for (size_t i = 0; i < net.count; i++) {
		assert_int_equal(net.nodes[i].core.self.incarnation, 0);
		assert_int_equal(net.nodes[i].swim->stats[SWIM_TOLD], 0);
	}
	assert_true(all_agree());
}

/* Who starts knows nothing of the others but their records, so each start is that of a newcomer
 * among members of later lives. The first comparison is after 300 ms, then some of 250 and more;
 * to learn of 100 takes three answers at least. */
static void newcomers_learn_every_incarnation_within_seconds(void **state)
{
	static const struct {
		size_t nodes;
		int64_t ms;
	} clusters[] = {{5, 1000}, {25, 2000}, {100, 4000}};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		for (uint64_t seed = 1; seed <= 4; seed++) {
			swim_net_open(&net, clusters[i].nodes, seed, PROFILE_LAN);
			for (size_t j = 0; j < net.count; j++) {
				swim_net_run(&net, 20);
				swim_net_kill(&net, j);
				swim_net_restart(&net, j);
			}
			assert_in_range(until_all_agree(clusters[i].ms), 1, clusters[i].ms);
			if (i < 2 || seed < 4)
				swim_net_close(&net);
		}
	}
}

static void a_node_learns_of_the_dead_without_probing_them(void **state)
{
	struct member_table *members = &net.nodes[0].members;

	(void)state;
	swim_net_open(&net, 5, 1, PROFILE_LAN);
	swim_net_run(&net, 5000);
	swim_net_kill(&net, 4);
	assert_in_range(swim_net_until(&net, 4, MEMBER_FAILED, 10000), 1, 4500);
	swim_net_run(&net, 5000);
	/* As if it had joined later: the dead one looks alive. */
	member_set_state(members, member_of(0, 4), MEMBER_ALIVE);
	members->arrivals.count = 0;
	swim_net_run(&net, 30000);
	assert_int_equal(swim_net_state(&net, 0, 4), MEMBER_FAILED);
}

/* The frames that node 0 has for node 1 when that one compares. */
static struct outbox *asked(void)
{
	struct swim_net_node *node = &net.nodes[0];
	uint8_t body[SWIM_PING_STATES_BYTES] = {[4] = SWIM_PING_STATES};

	for (size_t i = 0; i < MEMBER_BUCKETS; i++)
		wire_put(body + 5 + 4 * i, net.nodes[1].members.liveness[i], 4);
	core_begin_step(&node->core, net.now, (struct wall){0});
	states_asked(node->swim, member_of(0, 1), body, sizeof(body));
	return &node->core.outbox;
}

static void who_knows_the_same_is_told_nothing(void **state)
{
	(void)state;
	swim_net_open(&net, 30, 2, PROFILE_LAN);
	for (size_t i = 0; i < 2; i++) {
		struct member_table *members = &net.nodes[i].members;
		member_set_state(members, member_of(i, 9 - i), MEMBER_FAILED);
		member_set_state(members, member_of(i, 8 + i), MEMBER_FAILED);
		member_set_incarnation(members, member_of(i, 20 + i), 7);
		member_set_incarnation(members, member_of(i, 21 - i), 7);
	}
	assert_int_equal(asked()->frames.count, 0);
}

static void an_answer_keeps_to_the_buckets_that_differ(void **state)
{
	const struct outbox_frame *frame;
	const uint8_t *body;
	struct outbox *box;
	size_t bucket;

	(void)state;
	swim_net_open(&net, 60, 3, PROFILE_LAN);
	bucket = member_bucket(&net.nodes[20].id);
	for (size_t i = 2; i < net.count; i++) {
		for (size_t viewer = 0; viewer < 2; viewer++)
			member_set_incarnation(&net.nodes[viewer].members, member_of(viewer, i),
					       i == 20 ? 7 + viewer : 5);
	}
	box = asked();
	assert_int_equal(box->frames.count, 2); /* and asks back */
	frame = vec_at(&box->frames, 0);
	assert_int_equal(frame->type, FRAME_INCARNATIONS);
	assert_int_equal(frame->len % SWIM_SUBJECT_BYTES, 0);
	assert_in_range(frame->len, SWIM_SUBJECT_BYTES, 15 * SWIM_SUBJECT_BYTES);
	body = outbox_body(box, frame);
	for (size_t at = 0; at < frame->len; at += SWIM_SUBJECT_BYTES)
		assert_int_equal(body[at] % MEMBER_BUCKETS, bucket);
}

/* One comparison is enough for two, whoever of them knows more. */
static void who_is_asked_learns_too(void **state)
{
	(void)state;
	swim_net_open(&net, 2, 7, PROFILE_LAN);
	swim_net_run(&net, 20000);
	for (size_t i = 0; i < 2; i++) {
		struct swim *swim = net.nodes[i].swim;
		core_begin_step(&net.nodes[i].core, net.now, (struct wall){0});
		state_refute(swim, 0);
		swim->telling.count = 0;
		swim_peer(swim, member_of(i, i))->tell_left = 0;
		swim->states_due = i == 0 ? net.now : mono_add_ms(net.now, 60000);
		swim->period_due = mono_add_ms(net.now, 60000);
	}
	assert_in_range(until_all_agree(100), 1, 100);
}

static void what_an_answer_said_is_not_passed_on(void **state)
{
	uint8_t body[2 * SWIM_SUBJECT_BYTES];

	(void)state;
	swim_net_open(&net, 5, 4, PROFILE_LAN);
	swim_net_run(&net, 5000);
	for (size_t i = 0; i < 2; i++) {
		memcpy(body + i * SWIM_SUBJECT_BYTES, net.nodes[2 + i].id.b, ID_BYTES);
		wire_put(body + i * SWIM_SUBJECT_BYTES + ID_BYTES, 9, 8);
	}
	assert_int_equal(swim_net_frame(&net, 0, 1, FRAME_INCARNATIONS, body, sizeof(body)),
			 DROP_NONE);
	assert_int_equal(member_of(0, 2)->incarnation, 9);
	assert_int_equal(member_of(0, 3)->incarnation, 9);
	assert_int_equal(net.nodes[0].swim->telling.count, 0);
	assert_in_range(mono_diff_ms(net.nodes[0].swim->states_due, net.now), 0, 250);
}

static void an_incarnation_of_its_own_that_it_never_had_becomes_its_own(void **state)
{
	uint8_t body[SWIM_SUBJECT_BYTES];

	(void)state;
	swim_net_open(&net, 3, 5, PROFILE_LAN);
	swim_net_run(&net, 1000);
	memcpy(body, net.nodes[0].id.b, ID_BYTES);
	wire_put(body + ID_BYTES, 1000, 8);
	assert_int_equal(swim_net_frame(&net, 0, 1, FRAME_INCARNATIONS, body, sizeof(body)),
			 DROP_NONE);
	swim_net_run(&net, 100);
	assert_int_equal(net.nodes[0].core.self.incarnation, 1000);
}

static void a_malformed_list_is_refused(void **state)
{
	uint8_t body[2 * SWIM_SUBJECT_BYTES] = {0};

	(void)state;
	swim_net_open(&net, 3, 6, PROFILE_LAN);
	assert_int_equal(swim_net_frame(&net, 0, 1, FRAME_INCARNATIONS, body, sizeof(body) - 1),
			 DROP_FRAME);
	wire_put(body + ID_BYTES, 2 * SWIM_LEAP_MAX, 8);
	assert_int_equal(swim_net_frame(&net, 0, 1, FRAME_INCARNATIONS, body, sizeof(body)),
			 DROP_FRAME);
}

/* The frame that was added last, without its random sequence number. */
static bool last_frame_fits(struct core_kit *kit, uint8_t type, size_t skip, const char *name,
			    const char *hex)
{
	const struct vec *frames = &kit->core.outbox.frames;
	const struct outbox_frame *frame = vec_at(frames, frames->count - 1);

	return frame->type == type &&
	       vector_fits(name, hex, outbox_body(&kit->core.outbox, frame) + skip,
			   frame->len - skip);
}

static void a_comparison_has_these_bytes(void **state)
{
	static struct core_kit kit;
	uint8_t body[SWIM_PING_STATES_BYTES] = {[4] = SWIM_PING_STATES};
	struct member *peer;
	struct swim *swim;

	(void)state;
	core_kit_open(&kit, 1);
	peer = core_kit_member(&kit, 2, "peer");
	member_set_incarnation(&kit.members, peer, 17);
	member_set_state(&kit.members, core_kit_member(&kit, 3, "dead"), MEMBER_FAILED);
	swim = swim_new(&kit.core, &kit.members);
	swim_start(swim);
	core_kit_step(&kit, 300);
	states_tick(swim);
	assert_true(last_frame_fits(&kit, FRAME_PING, 4, "ping_states", vector_ping_states));
	body[4] |= SWIM_PING_STATES_BACK;
	states_asked(swim, peer, body, sizeof(body));
	assert_true(
	    last_frame_fits(&kit, FRAME_INCARNATIONS, 0, "incarnations", vector_incarnations));
	swim_free(swim);
	core_kit_close(&kit);
}

#define STORY(test) cmocka_unit_test_teardown(test, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    STORY(a_first_life_has_no_incarnation_to_tell),
	    STORY(an_incarnation_of_a_run_that_was_forgotten_is_taken_up),
	    STORY(newcomers_learn_every_incarnation_within_seconds),
	    STORY(a_node_learns_of_the_dead_without_probing_them),
	    STORY(who_knows_the_same_is_told_nothing),
	    STORY(an_answer_keeps_to_the_buckets_that_differ),
	    STORY(who_is_asked_learns_too),
	    STORY(what_an_answer_said_is_not_passed_on),
	    STORY(an_incarnation_of_its_own_that_it_never_had_becomes_its_own),
	    STORY(a_malformed_list_is_refused),
	    cmocka_unit_test(a_comparison_has_these_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
