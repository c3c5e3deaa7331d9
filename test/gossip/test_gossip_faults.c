/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Whole cores under kills, cuts and loss; everything is well again soon after the last fault. */
#include "test/base/cmocka_all.h"

#include <string.h>

#include "cluster.h"
#include "core_net.h"

#define KIND_OF_LATER 40
#define FACT_OF_LATER 200

static struct core_net net;

static int teardown(void **state)
{
	(void)state;
	core_net_close(&net);
	return 0;
}

static bool all_well(const struct core_net *of)
{
	return core_net_all_alive(of) && core_net_equal_tables(of);
}

/* The last node in the eyes of all. */
static bool last_is_known(const struct core_net *of)
{
	for (size_t i = 0; i < of->count; i++) {
		if (core_net_state(of, i, of->count - 1) != MEMBER_ALIVE)
			return false;
	}
	return true;
}

static void a_newcomer_is_known_to_all_within_a_moment(void **state)
{
	struct gossip_command init = {.kind = CMD_INIT, .text = "lab"};
	struct core_net_answer token;

	(void)state;
	core_net_open(&net, 30, 1);
	assert_int_equal(core_net_command(&net, 0, &init, 1000).err.code, 0);
	token = core_net_token(&net, 0);
	net.count = 1;
	for (size_t i = 1; i < 30; i++) {
		net.count = i + 1;
		assert_int_equal(core_net_join(&net, i, (const char *)token.bytes).err.code, 0);
		assert_true(core_net_until(&net, last_is_known, 100));
		assert_true(core_net_until(&net, core_net_all_alive, 1000));
	}
}

/* All hold the same incarnation of each. */
static bool incarnations_agree(const struct core_net *of)
{
	for (size_t i = 1; i < of->count; i++) {
		struct member_info ours, theirs;

		for (size_t a = 0, b = 0; gossip_member_next(of->nodes[0].core, &a, &ours);) {
			if (!gossip_member_next(of->nodes[i].core, &b, &theirs) ||
			    ours.incarnation != theirs.incarnation)
				return false;
		}
	}
	return true;
}

/* Each start is news for all who are there; who joins then was not there. */
static void members_of_a_calm_cluster_agree_on_incarnations(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 3; seed++) {
		struct core_net_answer token;

		core_net_open(&net, 25, seed);
		net.count = 20;
		assert_true(core_net_form(&net));
		assert_true(incarnations_agree(&net));
		for (size_t i = 0; i < net.count; i++) {
			core_net_kill(&net, i);
			core_net_start(&net, i);
			core_net_run(&net, 100);
		}
		assert_true(core_net_until(&net, core_net_all_alive, 2000));
		token = core_net_token(&net, 0);
		for (net.count = 21; net.count <= 25; net.count++)
			assert_int_equal(
			    core_net_join(&net, net.count - 1, (const char *)token.bytes).err.code,
			    0);
		net.count = 25;
		assert_true(core_net_until(&net, incarnations_agree, 2000));
		if (seed < 3)
			core_net_close(&net);
	}
}

static bool the_two_meet(struct cluster *c)
{
	return cluster_alive(c, 0) == 2 && cluster_alive(c, 1) == 2;
}

/* The founder dies before the row of who joined is in its store, and is down for so long. */
static void forget_the_newcomer(int64_t down_ms)
{
	struct cluster *c = cluster_new();

	cluster_form(c, 1);
	cluster_make(c, (struct gossip_command){0});
	cluster_copy_store(c, 0, 5);
	assert_int_equal(cluster_join(c, 1, c->token, false), 0);
	cluster_run(c, 3000);
	assert_true(the_two_meet(c));
	cluster_kill(c, 0);
	cluster_copy_store(c, 5, 0);
	cluster_run(c, down_ms);
	cluster_start(c, 0);
	assert_int_equal(cluster_alive(c, 0), 1);
	assert_true(cluster_until(c, 5000, the_two_meet));
	assert_int_equal(gossip_fence(c->nodes[0].g), FENCE_NONE);
	cluster_free(c);
}

static void a_founder_that_forgot_whom_it_admitted_is_told_by_him(void **state)
{
	(void)state;
	for (int64_t down_ms = 10; down_ms < 60000; down_ms = down_ms * 3 / 2)
		forget_the_newcomer(down_ms);
}

static void a_node_that_dies_right_after_its_first_contact_finds_the_others_again(void **state)
{
	(void)state;
	core_net_open(&net, 3, 2);
	assert_true(core_net_form(&net));
	core_net_run(&net, 100);
	for (size_t i = 0; i < 3; i++)
		core_net_kill(&net, i);
	for (size_t i = 0; i < 3; i++)
		core_net_start(&net, i);
	assert_true(core_net_until(&net, all_well, 10000));
}

static void a_seed_that_dies_before_it_stored_the_newcomer_is_reminded_by_it(void **state)
{
	(void)state;
	core_net_open(&net, 2, 4);
	assert_true(core_net_form(&net));
	core_net_kill(&net, 0);
	core_net_start(&net, 0);
	assert_int_equal(core_net_state(&net, 0, 1), MEMBER_UNKNOWN);
	assert_true(core_net_until(&net, all_well, 60000));
}

static void a_member_whose_row_was_missed_is_asked_about_when_it_speaks(void **state)
{
	struct core_net_answer token;

	(void)state;
	core_net_open(&net, 4, 3);
	net.count = 3;
	assert_true(core_net_form(&net));
	net.count = 4;
	core_net_run(&net, 20000);
	net.nodes[2].deaf = true;
	token = core_net_token(&net, 0);
	assert_int_equal(core_net_join(&net, 3, (const char *)token.bytes).err.code, 0);
	core_net_run(&net, 500);
	assert_int_equal(core_net_state(&net, 2, 3), MEMBER_UNKNOWN);
	net.nodes[2].deaf = false;
	assert_true(core_net_until(&net, core_net_all_alive, 4000));
}

/* As if a translator of addresses stood before two nodes for a while, and then no more. */
static void two_who_remember_ports_that_are_gone_find_each_other_when_one_asks(void **state)
{
	struct gossip_command ask = {
	    .kind = CMD_MESSAGE, .bytes = (const uint8_t *)"x", .len = 1, .ttl_ms = 4000};

	(void)state;
	core_net_open(&net, 20, 5);
	assert_true(core_net_form(&net));
	for (size_t i = 0; i < 2; i++) {
		net.nodes[i].addr.port = (uint16_t)(40000 + i);
		core_net_run(&net, 100000);
	}
	ask.id = gossip_self(net.nodes[1].core);
	assert_int_equal(core_net_command(&net, 0, &ask, 5000).err.code, 0);
	for (size_t i = 0; i < 2; i++)
		net.nodes[i].addr.port = GOSSIP_PORT;
	assert_int_equal(core_net_command(&net, 0, &ask, 5000).err.code, 0);
	assert_true(core_net_all_alive(&net));
}

/* One fault or one change, chosen by the dice. */
static void something_happens(struct rng *dice)
{
	struct core_net_node *node = &net.nodes[rng_below(dice, net.count)];
	size_t index = (size_t)(node - net.nodes);
	bool is_fact = rng_below(dice, 2) == 0;
	struct row_view row = {
	    .kind = is_fact ? FACT_OF_LATER : KIND_OF_LATER,
	    .key_len = 1,
	    .key = {(uint8_t)rng_below(dice, 5)},
	    .deleted = !is_fact && rng_below(dice, 4) == 0,
	    .value = (const uint8_t *)"abcdefgh",
	};
	struct gossip_command put = {.kind = CMD_PUT, .row_count = 1, .rows = &row};

	switch (rng_below(dice, 6)) {
	case 0:
		if (node->core != NULL)
			core_net_kill(&net, index);
		break;
	case 1:
	case 2:
		if (node->core == NULL)
			core_net_start(&net, index);
		break;
	case 3:
		node->deaf = !node->deaf;
		break;
	default:
		if (node->core == NULL || gossip_phase(node->core) != NODE_ACTIVE)
			break;
		row.value_len = row.deleted ? 0 : (size_t)rng_below(dice, 8);
		assert_int_equal(core_net_command(&net, index, &put, 1000).err.code, 0);
	}
}

static void after_kills_cuts_and_loss_all_are_alive_and_equal(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 15; seed++) {
		struct rng dice;
		rng_init(&dice, seed);
		core_net_open(&net, 2 + (size_t)rng_below(&dice, 7), seed);
		assert_true(core_net_form(&net));
		core_net_run(&net, 100);
		net.loss_percent = (unsigned)rng_below(&dice, 26);
		for (int i = 0; i < 60; i++) {
			something_happens(&dice);
			core_net_run(&net, (int64_t)rng_below(&dice, 4000));
		}
		net.loss_percent = 0;
		for (size_t i = 0; i < net.count; i++) {
			net.nodes[i].deaf = false;
			if (net.nodes[i].core == NULL)
				core_net_start(&net, i);
		}
		if (!core_net_until(&net, all_well, 15000))
			fail_msg("seed %u does not heal", (unsigned)seed);
		if (seed < 15)
			core_net_close(&net);
	}
}

#define STORY(test) cmocka_unit_test_teardown(test, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    STORY(a_newcomer_is_known_to_all_within_a_moment),
	    STORY(members_of_a_calm_cluster_agree_on_incarnations),
	    cmocka_unit_test(a_founder_that_forgot_whom_it_admitted_is_told_by_him),
	    STORY(a_node_that_dies_right_after_its_first_contact_finds_the_others_again),
	    STORY(a_seed_that_dies_before_it_stored_the_newcomer_is_reminded_by_it),
	    STORY(a_member_whose_row_was_missed_is_asked_about_when_it_speaks),
	    STORY(two_who_remember_ports_that_are_gone_find_each_other_when_one_asks),
	    STORY(after_kills_cuts_and_loss_all_are_alive_and_equal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
