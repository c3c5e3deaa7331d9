/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <stdio.h>
#include <string.h>

#include "cluster.h"
#include "gossip/wire.h"
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

static void the_tags_of_a_token_become_those_of_the_node(void **state)
{
	struct rec_label tag = {"role", "web"};
	struct cluster *c = *state;
	struct rec_tags tags;
	struct id id;

	cluster_form(c, 1);
	cluster_make(c, (struct gossip_command){.label_count = 1, .labels = &tag});
	assert_int_equal(cluster_join(c, 1, c->token, false), 0);
	cluster_run(c, 300);
	id = gossip_self(c->nodes[1].g);
	assert_true(gossip_tags(c->nodes[0].g, &id, &tags));
	assert_int_equal(tags.count, 1);
	assert_string_equal(tags.tags[0].value, "web");
}

static void a_store_that_fails_leaves_the_joiner_outside(void **state)
{
	struct cluster *c = *state;

	cluster_form(c, 1);
	cluster_make(c, (struct gossip_command){0});
	cluster_start(c, 1);
	c->nodes[1].store_fails = true;
	assert_int_equal(cluster_join(c, 1, c->token, false), WEFT_E_STORE);
	assert_true(cluster_is_untouched(c, 1));
	c->nodes[1].store_fails = false;
	assert_int_equal(cluster_join(c, 1, c->token, false), 0);
}

static void a_node_without_an_address_takes_the_one_the_seed_sees(void **state)
{
	struct cluster *c = *state;
	struct hostport real = c->nodes[1].addr;
	struct member_info info;
	struct id id;

	cluster_form(c, 1);
	cluster_make(c, (struct gossip_command){0});
	c->nodes[1].advertise_nothing = true;
	assert_int_equal(cluster_join(c, 1, c->token, false), 0);
	cluster_run(c, 300);
	id = gossip_self(c->nodes[1].g);
	assert_true(gossip_member(c->nodes[0].g, &id, &info));
	assert_true(hostport_eq(&info.addr, &real));
	assert_true(inet_eq(&info.vtep, &real.ip));
}

static void a_node_killed_right_after_its_join_comes_back_as_a_member(void **state)
{
	struct cluster *c = *state;

	cluster_form(c, 1);
	cluster_make(c, (struct gossip_command){0});
	assert_int_equal(cluster_join(c, 1, c->token, false), 0);
	cluster_kill(c, 1);
	cluster_start(c, 1);
	cluster_run(c, 1500);
	assert_int_equal(gossip_phase(c->nodes[1].g), NODE_ACTIVE);
	assert_false(gossip_is_alone(c->nodes[1].g));
	assert_int_equal(cluster_alive(c, 0), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	    TEST(the_tags_of_a_token_become_those_of_the_node),
	    TEST(a_store_that_fails_leaves_the_joiner_outside),
	    TEST(a_node_without_an_address_takes_the_one_the_seed_sees),
	    TEST(a_node_killed_right_after_its_join_comes_back_as_a_member),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
