/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <stdio.h>
#include <string.h>

#include "test/gossip/cluster.h"
#include "gossip/admission/admission_impl.h"
#include "gossip/gossip_impl.h"
#include "test/base/cmocka_all.h"

static int setup(void **state)
{
	*state = cluster_new();
	return 0;
}

static int teardown(void **state)
{
	cluster_free(*state);
	return 0;
}

static void a_node_that_leaves_is_left_everywhere_before_it_is_answered(void **state)
{
	struct cluster *c = *state;

	cluster_form(c, 3);
	assert_int_equal(cluster_do(c, 2, (struct gossip_command){.kind = CMD_LEAVE}), 0);
	assert_int_equal(gossip_phase(c->nodes[2].g), NODE_LEFT);
	assert_int_equal(cluster_state(c, 0, 2), MEMBER_LEFT);
	assert_int_equal(cluster_state(c, 1, 2), MEMBER_LEFT);
	cluster_run(c, 10000);
	assert_int_equal(c->traces[TRACE_MEMBER_FAILED], 0);
	assert_int_equal(cluster_alive(c, 0), 2);
}

static void a_node_that_left_stays_out_after_a_restart_and_its_name_is_free(void **state)
{
	struct cluster *c = *state;
	char token[TOKEN_TEXT_MAX];

	cluster_form(c, 3);
	assert_int_equal(cluster_do(c, 2, (struct gossip_command){.kind = CMD_LEAVE}), 0);
	cluster_kill(c, 2);
	cluster_start(c, 2);
	cluster_run(c, 1000);
	assert_int_equal(gossip_phase(c->nodes[2].g), NODE_LEFT);
	snprintf(token, sizeof(token), "%s", cluster_token(c, 0));
	cluster_kill(c, 2);
	cluster_wipe_store(c, 2);
	assert_int_equal(cluster_join(c, 2, token, false), 0);
	cluster_run(c, 500);
	assert_int_equal(cluster_alive(c, 0), 3);
}

/* A stop between the commit of a leave and its telling. */
static void leave_untold(struct cluster *c, size_t n)
{
	c->nodes[n].cut = true;
	cluster_begin(c, n, (struct gossip_command){.kind = CMD_LEAVE});
	cluster_kill(c, n);
	c->nodes[n].cut = false;
}

static bool all_know(struct cluster *c)
{
	return cluster_state(c, 0, 2) == MEMBER_LEFT && cluster_state(c, 1, 2) == MEMBER_LEFT;
}

struct ear {
	struct hostport at;
	size_t heard;
};

static bool listens(void *ctx, const struct flight *flight)
{
	struct ear *ear = ctx;

	ear->heard += hostport_eq(&flight->from, &ear->at);
	return true;
}

static void a_leave_that_was_not_told_is_told_by_the_next_start(void **state)
{
	struct cluster *c = *state;

	cluster_form(c, 3);
	leave_untold(c, 2);
	cluster_run(c, 200);
	assert_int_equal(cluster_state(c, 0, 2), MEMBER_ALIVE);
	cluster_start(c, 2);
	assert_int_equal(gossip_phase(c->nodes[2].g), NODE_LEFT);
	assert_true(cluster_until(c, 1000, all_know));
	assert_int_equal(gossip_phase(c->nodes[2].g), NODE_LEFT);
	cluster_run(c, 2000);
	assert_int_equal(gossip_fence(c->nodes[2].g), FENCE_LEFT);
	assert_int_equal(c->traces[TRACE_MEMBER_FAILED], 0);
}

static void who_was_taken_for_failed_is_known_to_have_left(void **state)
{
	struct cluster *c = *state;

	cluster_form(c, 3);
	leave_untold(c, 2);
	cluster_run(c, 20000);
	assert_int_equal(cluster_state(c, 0, 2), MEMBER_FAILED);
	c->nodes[2].addr.ip = inet_from_v4(0x0a000063); /* not from where it lived, either */
	cluster_start(c, 2);
	assert_true(cluster_until(c, 5000, all_know));
	cluster_run(c, 20000);
	assert_true(all_know(c));
}

static void telling_ends_when_it_was_heard_and_not_before(void **state)
{
	struct cluster *c = *state;
	struct ear ear = {.at = c->nodes[2].addr};

	cluster_form(c, 3);
	leave_untold(c, 2);
	c->nodes[0].cut = c->nodes[1].cut = true;
	cluster_start(c, 2);
	cluster_run(c, 20000);
	assert_int_equal(gossip_fence(c->nodes[2].g), FENCE_LEAVING);
	c->nodes[0].cut = c->nodes[1].cut = false;
	assert_true(cluster_until(c, 5000, all_know));
	cluster_run(c, 2000);
	c->watch = listens;
	c->watch_ctx = &ear;
	cluster_run(c, 20000);
	cluster_start(c, 2);
	cluster_run(c, 20000);
	assert_int_equal(ear.heard, 0);
	assert_true(all_know(c));
}

static bool is_silent(struct cluster *c)
{
	return gossip_fence(c->nodes[1].g) == FENCE_LEFT;
}

static bool was_heard(struct cluster *c)
{
	return cluster_state(c, 0, 1) == MEMBER_LEFT;
}

static void a_leave_is_known_when_it_is_on_a_members_disk_and_not_before(void **state)
{
	struct cluster *c = *state;

	cluster_form(c, 2);
	c->nodes[0].store_fails = true;
	assert_int_equal(cluster_do(c, 1, (struct gossip_command){.kind = CMD_LEAVE}), 0);
	assert_true(was_heard(c));
	assert_int_equal(gossip_phase(c->nodes[1].g), NODE_LEFT);
	assert_int_equal(gossip_fence(c->nodes[1].g), FENCE_LEAVING);
	c->nodes[0].store_fails = false;
	assert_true(cluster_until(c, 40000, is_silent));
	cluster_kill(c, 0);
	cluster_start(c, 0);
	assert_int_equal(cluster_state(c, 0, 1), MEMBER_LEFT);
}

/* Nobody else has heard it, and what it heard was on its way to disk. */
static void a_leave_outlives_the_only_one_that_heard_it(void **state)
{
	struct cluster *c = *state;

	cluster_form(c, 2);
	cluster_begin(c, 1, (struct gossip_command){.kind = CMD_LEAVE});
	assert_true(cluster_until(c, 1000, was_heard));
	cluster_kill(c, 0);
	cluster_run(c, 1000);
	assert_int_equal(gossip_phase(c->nodes[1].g), NODE_LEFT);
	assert_int_equal(gossip_fence(c->nodes[1].g), FENCE_LEAVING);
	cluster_start(c, 0);
	assert_int_not_equal(cluster_state(c, 0, 1), MEMBER_LEFT);
	assert_true(cluster_until(c, 4000, is_silent));
	assert_int_equal(cluster_state(c, 0, 1), MEMBER_LEFT);
	assert_int_equal(c->traces[TRACE_MEMBER_FAILED], 0);
}

static void members_that_leave_at_once_do_not_wait_for_each_other(void **state)
{
	for (size_t stays = 0; stays < 2; stays++) {
		struct cluster *c = *state;

		cluster_form(c, 3);
		for (size_t n = stays; n < 3; n++)
			cluster_begin(c, n, (struct gossip_command){.kind = CMD_LEAVE});
		cluster_run(c, 1500);
		for (size_t n = stays; n < 3; n++) {
			assert_true(c->nodes[n].answered);
			assert_int_equal(gossip_fence(c->nodes[n].g), FENCE_LEFT);
			assert_true(stays == 0 || cluster_state(c, 0, n) == MEMBER_LEFT);
		}
		cluster_free(c);
		*state = cluster_new();
	}
}

static void who_leaves_while_nobody_is_there_tells_who_comes_back(void **state)
{
	struct cluster *c = *state;

	cluster_form(c, 3);
	c->nodes[0].cut = c->nodes[1].cut = true;
	cluster_run(c, 30000);
	assert_int_equal(cluster_do(c, 2, (struct gossip_command){.kind = CMD_LEAVE}), 0);
	cluster_run(c, 10000);
	assert_false(all_know(c));
	c->nodes[0].cut = c->nodes[1].cut = false;
	assert_true(cluster_until(c, 5000, all_know));
}

static void who_is_removed_before_its_leave_is_told_stands_removed(void **state)
{
	struct cluster *c = *state;
	struct ear ear = {.at = c->nodes[2].addr};
	struct gossip_command remove = {.kind = CMD_REMOVE};

	cluster_form(c, 3);
	remove.id = gossip_self(c->nodes[2].g);
	leave_untold(c, 2);
	assert_int_equal(cluster_do(c, 0, remove), 0);
	cluster_start(c, 2);
	cluster_run(c, 3000);
	assert_int_equal(gossip_phase(c->nodes[2].g), NODE_REMOVED);
	c->watch = listens;
	c->watch_ctx = &ear;
	cluster_run(c, 5000);
	assert_int_equal(ear.heard, 0);
}

struct meter {
	struct hostport at;
	size_t bytes;
};

static bool meters(void *ctx, const struct flight *flight)
{
	struct meter *meter = ctx;

	if (hostport_eq(&flight->from, &meter->at))
		meter->bytes += flight->len + 28; /* with the headers of UDP and IPv4 */
	return true;
}

static void who_left_and_finds_nobody_asks_ever_less_often(void **state)
{
	struct cluster *c = *state;
	struct meter meter = {.at = c->nodes[1].addr};

	cluster_form(c, 3);
	cluster_kill(c, 0);
	cluster_kill(c, 2);
	cluster_run(c, 20000);
	assert_int_equal(cluster_do(c, 1, (struct gossip_command){.kind = CMD_LEAVE}), 0);
	cluster_run(c, 120000);
	c->watch = meters;
	c->watch_ctx = &meter;
	cluster_run(c, 320000);
	assert_in_range(meter.bytes, 1, 320 * 75);
	/* Whoever comes back is asked at once. */
	cluster_start(c, 0);
	assert_true(cluster_until(c, 34000, is_silent));
	assert_int_equal(cluster_state(c, 0, 1), MEMBER_LEFT);
}

/* An address that was to be published when the leave came. */
static void who_left_sleeps(void **state)
{
	struct cluster *c = *state;
	struct admission *adm;

	cluster_form(c, 2);
	assert_int_equal(cluster_do(c, 1, (struct gossip_command){.kind = CMD_LEAVE}), 0);
	cluster_run(c, 1000);
	adm = c->nodes[1].g->admission;
	adm->publish_wanted = true;
	cluster_run(c, 5000);
	assert_true(admission_deadline(adm).ns > mono_add_ms(c->now, 10000).ns);
}

static void leaving_that_cannot_be_stored_does_not_happen(void **state)
{
	struct cluster *c = *state;

	cluster_form(c, 2);
	c->nodes[1].store_fails = true;
	assert_int_equal(cluster_do(c, 1, (struct gossip_command){.kind = CMD_LEAVE}),
			 WEFT_E_STORE);
	cluster_run(c, 1000);
	assert_int_equal(gossip_phase(c->nodes[1].g), NODE_ACTIVE);
	assert_int_equal(cluster_alive(c, 0), 2);
}

/* A fence that was on its way to the store does not get the last word there. */
static void a_leave_outlives_a_weaker_fence_that_was_not_stored_yet(void **state)
{
	struct cluster *c = *state;
	struct admission *adm;

	cluster_form(c, 3);
	adm = c->nodes[2].g->admission;
	adm->retry_due = mono_add_ms(c->now, 50);
	effect_fence(adm, FENCE_SET_BACK);
	cluster_begin(c, 2, (struct gossip_command){.kind = CMD_LEAVE});
	cluster_run(c, 90); /* it tells for longer */
	cluster_kill(c, 2);
	cluster_start(c, 2);
	assert_int_equal(gossip_fence(c->nodes[2].g), FENCE_LEAVING);
	cluster_kill(c, 2);
}

static void the_last_node_leaves_too(void **state)
{
	struct cluster *c = *state;

	cluster_form(c, 1);
	assert_int_equal(cluster_do(c, 0, (struct gossip_command){.kind = CMD_LEAVE}), 0);
	assert_int_equal(gossip_phase(c->nodes[0].g), NODE_LEFT);
	assert_int_equal(gossip_fence(c->nodes[0].g), FENCE_LEFT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	    TEST(a_node_that_leaves_is_left_everywhere_before_it_is_answered),
	    TEST(a_node_that_left_stays_out_after_a_restart_and_its_name_is_free),
	    TEST(a_leave_that_was_not_told_is_told_by_the_next_start),
	    TEST(who_was_taken_for_failed_is_known_to_have_left),
	    TEST(telling_ends_when_it_was_heard_and_not_before),
	    TEST(a_leave_is_known_when_it_is_on_a_members_disk_and_not_before),
	    TEST(a_leave_outlives_the_only_one_that_heard_it),
	    TEST(members_that_leave_at_once_do_not_wait_for_each_other),
	    TEST(who_leaves_while_nobody_is_there_tells_who_comes_back),
	    TEST(who_is_removed_before_its_leave_is_told_stands_removed),
	    TEST(who_left_and_finds_nobody_asks_ever_less_often),
	    TEST(who_left_sleeps),
	    TEST(leaving_that_cannot_be_stored_does_not_happen),
	    TEST(a_leave_outlives_a_weaker_fence_that_was_not_stored_yet),
	    TEST(the_last_node_leaves_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
