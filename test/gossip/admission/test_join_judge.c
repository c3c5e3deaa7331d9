/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <stdio.h>
#include <string.h>

#include "test/gossip/cluster.h"
#include "gossip/core/wire.h"
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

static void an_expired_token_is_refused_and_both_clocks_are_named(void **state)
{
	struct cluster *c = *state;

	cluster_form(c, 1);
	cluster_make(c, (struct gossip_command){.ttl_ms = 60000});
	c->wall.ms += 61000;
	c->nodes[1].wall_skew_ms = -3600000;
	assert_int_equal(cluster_join(c, 1, c->token, false), WEFT_E_TOKEN_EXPIRED);
	assert_non_null(strstr(c->nodes[1].err.message, "expired at 20"));
	assert_non_null(strstr(c->nodes[1].err.message, "clock of h0 says 20"));
	assert_non_null(strstr(c->nodes[1].err.message, "this host's clock says 20"));
	assert_null(strchr(c->nodes[1].err.message, '\n'));
	assert_true(cluster_is_untouched(c, 1));
}

static void a_revoked_token_is_refused(void **state)
{
	struct cluster *c = *state;
	struct id id;

	cluster_form(c, 2);
	cluster_make(c, (struct gossip_command){0});
	id = c->nodes[0].answer_id;
	assert_int_equal(cluster_do(c, 0, (struct gossip_command){.kind = CMD_TOKEN_RM, .id = id}),
			 0);
	cluster_run(c, 500);
	assert_int_equal(cluster_join(c, 2, c->token, false), WEFT_E_TOKEN_REVOKED);
	assert_true(cluster_is_untouched(c, 2));
}

static void a_second_node_with_a_taken_name_is_refused(void **state)
{
	struct cluster *c = *state;

	cluster_form(c, 2);
	cluster_make(c, (struct gossip_command){0});
	snprintf(c->nodes[2].name, sizeof(c->nodes[2].name), "%s", "h1");
	assert_int_equal(cluster_join(c, 2, c->token, false), WEFT_E_NAME_TAKEN);
	assert_non_null(strstr(c->nodes[2].err.message, "named h1"));
	assert_true(cluster_is_untouched(c, 2));
	assert_int_equal(cluster_alive(c, 0), 2);
}

static void two_newcomers_cannot_take_one_name_at_one_seed(void **state)
{
	struct cluster *c = *state;

	cluster_form(c, 1);
	cluster_make(c, (struct gossip_command){0});
	snprintf(c->nodes[1].name, sizeof(c->nodes[1].name), "%s", "twin");
	snprintf(c->nodes[2].name, sizeof(c->nodes[2].name), "%s", "twin");
	cluster_start(c, 1);
	cluster_start(c, 2);
	cluster_begin(c, 1, (struct gossip_command){.kind = CMD_JOIN, .text = c->token});
	cluster_begin(c, 2, (struct gossip_command){.kind = CMD_JOIN, .text = c->token});
	cluster_run(c, 500);
	assert_true(c->nodes[1].answered && c->nodes[2].answered);
	assert_true((c->nodes[1].err.code == 0) != (c->nodes[2].err.code == 0));
}

static void a_dead_bearer_of_the_name_is_replaced_on_request(void **state)
{
	struct cluster *c = *state;
	struct member_info info;
	struct id old;
	size_t at = 0;
	size_t removed = 0;

	cluster_form(c, 3);
	old = gossip_self(c->nodes[1].g);
	cluster_make(c, (struct gossip_command){0});
	cluster_kill(c, 1);
	cluster_wipe_store(c, 1);
	assert_int_equal(cluster_join(c, 1, c->token, false), WEFT_E_NAME_TAKEN);
	assert_int_equal(cluster_join(c, 1, c->token, true), 0);
	cluster_run(c, 500);
	assert_true(gossip_member(c->nodes[2].g, &old, &info));
	assert_int_equal(info.state, MEMBER_REMOVED);
	while (gossip_member_next(c->nodes[2].g, &at, &info))
		removed += info.state == MEMBER_REMOVED;
	assert_int_equal(removed, 1);
	assert_int_equal(cluster_alive(c, 2), 3);
}

static void a_running_bearer_on_another_host_is_not_replaced(void **state)
{
	struct cluster *c = *state;

	cluster_form(c, 2);
	cluster_make(c, (struct gossip_command){0});
	snprintf(c->nodes[2].name, sizeof(c->nodes[2].name), "%s", "h1");
	assert_int_equal(cluster_join(c, 2, c->token, true), WEFT_E_NAME_TAKEN);
	assert_int_equal(cluster_alive(c, 0), 2);
}

static void a_name_outside_the_tokens_pattern_is_refused(void **state)
{
	struct cluster *c = *state;

	cluster_form(c, 1);
	cluster_make(c, (struct gossip_command){.text = "web*"});
	assert_int_equal(cluster_join(c, 1, c->token, false), WEFT_E_DENIED);
	assert_non_null(strstr(c->nodes[1].err.message, "\"web*\""));
	assert_true(cluster_is_untouched(c, 1));
	snprintf(c->nodes[1].name, sizeof(c->nodes[1].name), "%s", "web7");
	cluster_start(c, 1);
	assert_int_equal(cluster_join(c, 1, c->token, false), 0);
}

static void a_newcomer_stopped_before_its_commit_joins_again_at_once(void **state)
{
	struct cluster *c = *state;
	struct id first, second;

	cluster_form(c, 1);
	cluster_make(c, (struct gossip_command){0});
	cluster_start(c, 1);
	c->nodes[1].store_fails = true;
	assert_int_equal(cluster_join(c, 1, c->token, false), WEFT_E_STORE);
	first = gossip_self(c->nodes[1].g);
	assert_int_equal(c->traces[TRACE_ADMITTED], 1);
	cluster_kill(c, 1);
	c->nodes[1].store_fails = false;
	cluster_start(c, 1);
	assert_int_equal(cluster_join(c, 1, c->token, false), 0);
	second = gossip_self(c->nodes[1].g);
	assert_false(id_eq(&first, &second));
	cluster_run(c, 500);
	assert_int_equal(cluster_alive(c, 0), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	    TEST(an_expired_token_is_refused_and_both_clocks_are_named),
	    TEST(a_revoked_token_is_refused),
	    TEST(a_second_node_with_a_taken_name_is_refused),
	    TEST(two_newcomers_cannot_take_one_name_at_one_seed),
	    TEST(a_dead_bearer_of_the_name_is_replaced_on_request),
	    TEST(a_running_bearer_on_another_host_is_not_replaced),
	    TEST(a_name_outside_the_tokens_pattern_is_refused),
	    TEST(a_newcomer_stopped_before_its_commit_joins_again_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
