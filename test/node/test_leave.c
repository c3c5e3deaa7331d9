/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "cluster.h"
#include "ipamdb/query.h"

static int leave(struct cluster *cluster, size_t host, bool force)
{
	struct node_request request = {.kind = NODE_LEAVE, .flag = force, .ttl_ms = 10000};

	return cluster_call(cluster, host, &request)->err.code;
}

static uint64_t held(struct cluster *cluster, size_t host, const struct id *network)
{
	struct ipam_net_info info;

	return ipamdb_net(node_ipamdb(cluster->hosts[host].node), network, &info) ? info.held : 0;
}

static enum member_state seen(struct cluster *cluster, size_t host, size_t other)
{
	struct member_info info;

	return gossip_member(node_gossip(cluster->hosts[host].node), &cluster->hosts[other].id,
			     &info)
		   ? info.state
		   : MEMBER_UNKNOWN;
}

static void a_node_with_endpoints_stays(void **state)
{
	struct cluster *cluster = cluster_new(2);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");

	(void)state;
	assert_int_equal(cluster_attached(cluster, 1, &network, 12).err.code, 0);
	assert_int_equal(leave(cluster, 1, false), WEFT_E_IN_USE);
	cluster_run(cluster, 500);
	assert_int_equal(seen(cluster, 0, 1), MEMBER_ALIVE);
	assert_int_equal(cluster_boxes(cluster, 1), 1);
	cluster_free(cluster);
}

static void by_force_everything_is_withdrawn_and_the_ranges_handed_over(void **state)
{
	struct cluster *cluster = cluster_new(3);
	struct id network = cluster_network(cluster, 1, "blue", "10.1.0.0/24");
	struct node_request reserve = {.kind = NODE_RESERVE, .id = network, .text = "kept"};

	(void)state;
	assert_int_equal(cluster_attached(cluster, 0, &network, 11).err.code, 0);
	assert_int_equal(cluster_attached(cluster, 1, &network, 12).err.code, 0);
	assert_int_equal(cluster_attached(cluster, 1, &network, 13).err.code, 0);
	assert_int_equal(cluster_call(cluster, 1, &reserve)->err.code, 0);
	assert_int_equal(leave(cluster, 1, true), 0);
	cluster_run(cluster, 3000);
	assert_int_equal(cluster->hosts[1].unplugs, 2);
	assert_int_equal(cluster_endpoints(cluster, 0, &network, true), 2);
	assert_int_equal(seen(cluster, 0, 1), MEMBER_LEFT);
	assert_int_equal(seen(cluster, 2, 1), MEMBER_LEFT);
	assert_int_equal(held(cluster, 0, &network) + held(cluster, 2, &network), 256);
	assert_int_equal(held(cluster, 1, &network), 0);
	assert_int_equal(cluster_attached(cluster, 1, &network, 14).err.code, WEFT_E_NO_CLUSTER);
	cluster_free(cluster);
}

/* Nobody could detach it any more than that. */
static void who_has_asked_for_its_last_detach_may_leave_at_once(void **state)
{
	struct cluster *cluster = cluster_new(2);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");
	struct node_request detach = {.kind = NODE_DETACH};
	struct node_answer box = cluster_attached(cluster, 1, &network, 12);
	uint64_t tag;

	(void)state;
	assert_int_equal(box.err.code, 0);
	detach.id = box.id;
	tag = cluster_ask(cluster, 1, &detach);
	assert_null(cluster_answer(cluster, tag)); /* its end is on its way to disk */
	assert_int_equal(leave(cluster, 1, false), 0);
	assert_int_equal(cluster_answer(cluster, tag)->err.code, 0);
	assert_int_equal(seen(cluster, 0, 1), MEMBER_LEFT);
	cluster_free(cluster);
}

static void nothing_is_attached_and_no_network_made_while_leaving(void **state)
{
	struct cluster *cluster = cluster_new(2);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");
	struct node_request request = {.kind = NODE_LEAVE, .flag = true, .ttl_ms = 10000};
	struct rec_network rec = {.name = "late"};
	struct node_request create = {.kind = NODE_NETWORK_CREATE, .network = &rec};
	uint64_t tag, attach, late;

	(void)state;
	assert_int_equal(cluster_attached(cluster, 1, &network, 12).err.code, 0);
	tag = cluster_ask(cluster, 1, &request);
	attach = cluster_attach(cluster, 1, &network, 13);
	late = cluster_ask(cluster, 1, &create);
	assert_int_equal(cluster_answer(cluster, attach)->err.code, WEFT_E_CONFLICT);
	assert_int_equal(cluster_answer(cluster, late)->err.code, WEFT_E_CONFLICT);
	cluster_run(cluster, 8000);
	assert_int_equal(cluster_answer(cluster, tag)->err.code, 0);
	cluster_free(cluster);
}

static void with_nobody_to_take_its_ranges_a_node_stays(void **state)
{
	struct cluster *cluster = cluster_new(2);
	struct id network = cluster_network(cluster, 1, "blue", "10.1.0.0/24");

	(void)state;
	cluster_stop(cluster, 0);
	cluster_run(cluster, 20000);
	assert_int_equal(leave(cluster, 1, true), WEFT_E_NO_PEER);
	assert_int_equal(held(cluster, 1, &network), 256);
	assert_int_equal(cluster_attached(cluster, 1, &network, 12).err.code, 0);
	cluster_free(cluster);
}

/* So much waits for the store that the core has no room for one more change. */
static void a_leave_that_finds_the_core_busy_is_not_given_up(void **state)
{
	struct cluster *cluster = cluster_new(2);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");
	struct node_request request = {.kind = NODE_LEAVE, .flag = true, .ttl_ms = 10000};
	struct node_request token = {.kind = NODE_TOKEN_CREATE};
	uint64_t tag;

	(void)state;
	cluster->hosts[0].commit_ms_more = 500;
	for (int i = 0; i < 64; i++)
		cluster_ask(cluster, 0, &token);
	cluster->hosts[0].commit_ms_more = 0;
	tag = cluster_ask(cluster, 0, &request);
	cluster_run(cluster, 400);
	assert_null(cluster_answer(cluster, tag));
	assert_int_equal(held(cluster, 1, &network), 256); /* it has handed over */
	assert_int_equal(seen(cluster, 1, 0), MEMBER_ALIVE);
	cluster_run(cluster, 1000);
	assert_non_null(cluster_answer(cluster, tag));
	assert_int_equal(cluster_answer(cluster, tag)->err.code, 0);
	assert_int_equal(seen(cluster, 1, 0), MEMBER_LEFT);
	cluster_free(cluster);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_node_with_endpoints_stays),
	    cmocka_unit_test(by_force_everything_is_withdrawn_and_the_ranges_handed_over),
	    cmocka_unit_test(who_has_asked_for_its_last_detach_may_leave_at_once),
	    cmocka_unit_test(nothing_is_attached_and_no_network_made_while_leaving),
	    cmocka_unit_test(with_nobody_to_take_its_ranges_a_node_stays),
	    cmocka_unit_test(a_leave_that_finds_the_core_busy_is_not_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
