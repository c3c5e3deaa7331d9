/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cluster.h"

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

static void the_last_node_leaves_too(void **state)
{
	struct cluster *c = *state;

	cluster_form(c, 1);
	assert_int_equal(cluster_do(c, 0, (struct gossip_command){.kind = CMD_LEAVE}), 0);
	assert_int_equal(gossip_phase(c->nodes[0].g), NODE_LEFT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	    TEST(a_node_that_leaves_is_left_everywhere_before_it_is_answered),
	    TEST(a_node_that_left_stays_out_after_a_restart_and_its_name_is_free),
	    TEST(leaving_that_cannot_be_stored_does_not_happen),
	    TEST(the_last_node_leaves_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
