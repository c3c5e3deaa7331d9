/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <stdio.h>
#include <string.h>

#include "test/gossip/cluster.h"
#include "test/gossip/core_net.h"
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

/* The founder is away; who admits is heard for the admission alone, in whatever order its datagrams
 * come, some of them while the newcomer's store is at work. Then both are gone from where they were
 * known: the newcomer needs somebody else to ask. */
static void who_is_admitted_knows_others_than_the_seed_at_its_next_start(void **state)
{
	static struct core_net net;

	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct core_net_answer token;
		struct gossip_command join = {.kind = CMD_JOIN, .addr_count = 1};

		core_net_open(&net, 3, seed);
		net.count = 2;
		assert_true(core_net_form(&net));
		net.count = 3;
		token = core_net_token(&net, 0);
		net.nodes[0].deaf = true;
		join.text = (const char *)token.bytes;
		join.addrs = &net.nodes[1].addr;
		assert_int_equal(core_net_command(&net, 2, &join, 5000).err.code, 0);
		net.nodes[1].deaf = true;
		core_net_run(&net, 100);
		core_net_kill(&net, 2);
		core_net_start(&net, 2);
		assert_int_not_equal(core_net_state(&net, 2, 1), MEMBER_UNKNOWN);
		assert_int_not_equal(core_net_state(&net, 2, 0), MEMBER_UNKNOWN);
		core_net_close(&net);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	    TEST(the_tags_of_a_token_become_those_of_the_node),
	    TEST(a_store_that_fails_leaves_the_joiner_outside),
	    TEST(a_node_without_an_address_takes_the_one_the_seed_sees),
	    TEST(a_node_killed_right_after_its_join_comes_back_as_a_member),
	    TEST(who_is_admitted_knows_others_than_the_seed_at_its_next_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
