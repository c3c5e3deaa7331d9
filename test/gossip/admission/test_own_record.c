/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <stdio.h>
#include <string.h>

#include "test/gossip/cluster.h"
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

static void a_new_address_is_told_to_all_and_used(void **state)
{
	struct cluster *c = *state;
	struct hostport moved = {inet_from_v4(0x0a000063), 7000};
	struct member_info info;
	struct id id;

	cluster_form(c, 3);
	id = gossip_self(c->nodes[1].g);
	c->nodes[1].addr = moved;
	assert_int_equal(cluster_do(c, 1,
				    (struct gossip_command){.kind = CMD_ADVERTISE,
							    .addr_count = 1,
							    .addrs = &moved,
							    .vtep = moved.ip}),
			 0);
	cluster_run(c, 3000);
	for (size_t n = 0; n < 3; n += 2) {
		assert_true(gossip_member(c->nodes[n].g, &id, &info));
		assert_true(hostport_eq(&info.addr, &moved));
		assert_true(inet_eq(&info.vtep, &moved.ip));
		assert_int_equal(info.state, MEMBER_ALIVE);
	}
}

static void an_address_that_cannot_be_sent_to_is_refused_and_changes_nothing(void **state)
{
	struct cluster *c = *state;
	struct hostport bad = {inet_from_v4(0xe0000001), 7000}; /* multicast */
	struct member_info info;
	struct id id;

	cluster_form(c, 2);
	id = gossip_self(c->nodes[1].g);
	assert_int_equal(cluster_do(c, 1,
				    (struct gossip_command){
					.kind = CMD_ADVERTISE, .addr_count = 1, .addrs = &bad}),
			 WEFT_E_INVALID);
	cluster_run(c, 500);
	assert_true(gossip_member(c->nodes[0].g, &id, &info));
	assert_int_equal(info.addr.port, GOSSIP_PORT);
}

static void a_restart_with_another_address_publishes_it(void **state)
{
	struct cluster *c = *state;
	struct member_info info;
	struct id id;

	cluster_form(c, 2);
	id = gossip_self(c->nodes[1].g);
	cluster_kill(c, 1);
	c->nodes[1].addr.port = 8000;
	cluster_start(c, 1);
	cluster_run(c, 4000);
	assert_true(gossip_member(c->nodes[0].g, &id, &info));
	assert_int_equal(info.addr.port, 8000);
	cluster_kill(c, 0);
	cluster_start(c, 0);
	cluster_run(c, 2000);
	assert_true(gossip_member(c->nodes[0].g, &id, &info));
	assert_int_equal(info.addr.port, 8000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	    TEST(a_new_address_is_told_to_all_and_used),
	    TEST(an_address_that_cannot_be_sent_to_is_refused_and_changes_nothing),
	    TEST(a_restart_with_another_address_publishes_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
