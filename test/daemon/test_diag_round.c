/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* A round of diag in a large cluster. */
#include "test/base/cmocka_all.h"
#include "test/daemon/diag_world.h"

static void in_a_large_healthy_cluster_nobody_is_called_blocked(void **state)
{
	int64_t took_ms;

	(void)state;
	world_begin(MEMBERS, 0);
	took_ms = world_run(NULL);
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
	(void)world_run(NULL);
	assert_true(world.asked_most <= 64);
	assert_true(world.probed_most <= 8);
	assert_true(world.slots_most <= DIAG_SLOTS_ROUND);
}

static void who_is_silent_holds_up_nobody_else(void **state)
{
	(void)state;
	world_begin(300, 3);
	(void)world_run(NULL);
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
		(void)world_run(NULL);
		assert_int_equal(world.gossip_fails, rows[i].gossip_fails);
		assert_int_equal(world.unheard, rows[i].unheard);
		assert_int_equal(world.relays, rows[i].relays);
	}
}

/* Silence and the way of what was said take a second each. */
static void what_was_heard_before_the_round_is_no_sign_that_the_way_is_open(void **state)
{
	(void)state;
	world_begin(30, 3);
	world.slow_turns = 50;
	world.reached_ms = 1500;
	(void)world_run(NULL);
	assert_int_equal(world.there_heard, 0);
	world_begin(30, 3);
	world.slow_turns = 50;
	world.reached_ms = 900;
	(void)world_run(NULL);
	assert_int_equal(world.there_heard, 10);
}

static void about_one_host_alone_each_time_another_member_is_asked(void **state)
{
	const struct id order[] = {id_at(1), id_at(2), id_at(1)}, silent = id_at(0);

	(void)state;
	world_begin(3, 3);
	world.helpers_fail = MEMBERS;
	(void)world_run(&silent);
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
	(void)world_run(NULL);
	assert_int_equal(world.relays, 6);
	assert_memory_equal(world.helpers, order, sizeof(order));
}

static void what_one_helper_said_counts_though_no_other_can_be_asked(void **state)
{
	(void)state;
	world_begin(30, 30);
	world.heard = true;
	world.busy_relays = 1;
	(void)world_run(NULL);
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
	(void)world_run(NULL);
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
	(void)world_run(NULL);
	assert_int_equal(world.relays_most, 1);
	assert_int_equal(world.gossip_fails, 20);
}

static void so_many_are_asked_at_once_and_no_more(void **state)
{
	(void)state;
	world_begin(MEMBERS, 0);
	world.answers_only = 300;
	world.slow_turns = 100;
	(void)world_run(NULL);
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
	(void)world_run(NULL);
	assert_int_equal(world.ok, MEMBERS);
	world_begin(30, 3);
	world.busy = 200;
	(void)world_run(NULL);
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
	    ALONE(what_was_heard_before_the_round_is_no_sign_that_the_way_is_open),
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
