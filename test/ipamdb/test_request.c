/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Tests of ipamdb/request.c: addresses of this node's own, and of others by grant. */
#include "cluster.h"
#include "ipamdb/query.h"
#include <string.h>

#include "test/base/cmocka_all.h"

static struct cluster c;

static int teardown(void **state)
{
	(void)state;
	cluster_close(&c);
	return 0;
}

static void assert_code(uint64_t tag, int code)
{
	const struct ipam_answer *answer = cluster_answer(&c, tag);

	assert_non_null(answer);
	if (answer->err.code != code)
		print_error("%s\n", answer->err.message);
	assert_int_equal(answer->err.code, code);
}

static void nothing_is_answered_before_it_is_durable(void **state)
{
	struct id net;
	uint64_t tag;

	(void)state;
	cluster_init(&c, 1, 1);
	net = cluster_network(&c, 0, "blue", "10.1.0.0/24");
	c.nodes[0].hold_commits = true;
	tag = cluster_lease(&c, 0, &net, NULL);
	cluster_run(&c, 1000);
	assert_null(cluster_answer(&c, tag));
	c.nodes[0].hold_commits = false;
	cluster_run(&c, 10);
	assert_code(tag, 0);
	assert_int_equal(cluster_answer(&c, tag)->lease_count, 1);
}

static void a_failed_commit_leaves_the_address_free(void **state)
{
	struct id net;
	uint64_t tag;

	(void)state;
	cluster_init(&c, 1, 1);
	net = cluster_network(&c, 0, "blue", "10.1.0.0/30");
	c.nodes[0].fail_commits = true;
	tag = cluster_lease(&c, 0, &net, NULL);
	cluster_run(&c, 10);
	assert_code(tag, WEFT_E_STORE);
	c.nodes[0].fail_commits = false;
	cluster_leased(&c, 0, &net);
}

static void a_pool_gives_each_address_once_and_then_says_that_it_is_full(void **state)
{
	struct id net;
	uint64_t tag;
	struct mono before;

	(void)state;
	cluster_init(&c, 1, 1);
	net = cluster_network(&c, 0, "blue", "10.1.0.0/28");
	for (int i = 0; i < 13; i++) /* less network, broadcast, gateway */
		cluster_leased(&c, 0, &net);
	before = c.now;
	tag = cluster_lease(&c, 0, &net, NULL);
	assert_code(tag, WEFT_E_POOL_FULL);
	assert_int_equal(before.ns, c.now.ns);
	assert_non_null(strstr(cluster_answer(&c, tag)->err.message, "holds 16"));
}

static void a_released_address_rests_and_the_oldest_comes_back_first(void **state)
{
	struct id net;
	struct lease leases[5], again;

	(void)state;
	cluster_init(&c, 1, 1);
	net = cluster_network(&c, 0, "blue", "10.1.0.0/29");
	for (int i = 0; i < 5; i++)
		leases[i] = cluster_leased(&c, 0, &net);
	cluster_release(&c, 0, &net, &leases[3]);
	cluster_run(&c, 1000);
	cluster_release(&c, 0, &net, &leases[1]);
	cluster_run(&c, 58000);
	assert_code(cluster_lease(&c, 0, &net, NULL), WEFT_E_POOL_FULL);
	cluster_run(&c, 3000);
	again = cluster_leased(&c, 0, &net);
	assert_true(inet_eq(&again.address, &leases[3].address));
	again = cluster_leased(&c, 0, &net);
	assert_true(inet_eq(&again.address, &leases[1].address));
}

static void a_rest_goes_on_over_a_restart(void **state)
{
	struct id net;
	struct lease lease;

	(void)state;
	cluster_init(&c, 1, 1);
	net = cluster_network(&c, 0, "blue", "10.1.0.0/30");
	lease = cluster_leased(&c, 0, &net);
	cluster_release(&c, 0, &net, &lease);
	cluster_run(&c, 40000);
	cluster_crash(&c, 0);
	cluster_start(&c, 0, true);
	assert_code(cluster_lease(&c, 0, &net, NULL), WEFT_E_POOL_FULL);
	cluster_run(&c, 19000);
	assert_code(cluster_lease(&c, 0, &net, NULL), WEFT_E_POOL_FULL);
	cluster_run(&c, IPAM_COOLDOWN_MS - 18000); /* at the latest, see lease.c */
	cluster_leased(&c, 0, &net);
}

static void a_named_address_is_given_once(void **state)
{
	struct id net;
	uint64_t tag;

	(void)state;
	cluster_init(&c, 1, 1);
	net = cluster_network(&c, 0, "blue", "10.1.0.0/24");
	tag = cluster_lease(&c, 0, &net, "10.1.0.77");
	cluster_run(&c, 10);
	assert_code(tag, 0);
	assert_code(cluster_lease(&c, 0, &net, "10.1.0.77"), WEFT_E_ADDRESS_IN_USE);
	assert_code(cluster_lease(&c, 0, &net, "10.1.0.1"), WEFT_E_ADDRESS_IN_USE);
	assert_code(cluster_lease(&c, 0, &net, "10.1.0.255"), WEFT_E_ADDRESS_IN_USE);
	assert_code(cluster_lease(&c, 0, &net, "10.2.0.1"), WEFT_E_ADDRESS_OUTSIDE);
}

static void an_unknown_network_is_not_found(void **state)
{
	struct id net = {{9}};

	(void)state;
	cluster_init(&c, 1, 1);
	assert_code(cluster_lease(&c, 0, &net, NULL), WEFT_E_NOT_FOUND);
}

static void the_second_node_gets_a_share_from_the_first(void **state)
{
	struct id net;
	struct lease first, second;

	(void)state;
	net = cluster_with_network(&c, 2, 1, 0, "10.1.0.0/24");
	second = cluster_leased(&c, 1, &net);
	first = cluster_leased(&c, 0, &net);
	assert_false(inet_eq(&first.address, &second.address));
	for (int i = 0; i < 40; i++)
		cluster_leased(&c, 1, &net);
	assert_int_equal(c.leases_answered, 42);
}

static void two_nodes_share_out_a_pool_to_the_last_address(void **state)
{
	struct id net;
	uint64_t tag;

	(void)state;
	net = cluster_with_network(&c, 2, 3, 0, "10.1.0.0/26");
	for (int i = 0; i < 61; i++)
		cluster_leased(&c, 1, &net);
	tag = cluster_lease(&c, 1, &net, NULL);
	cluster_run(&c, 100);
	assert_code(tag, WEFT_E_POOL_FULL);
	assert_non_null(strstr(cluster_answer(&c, tag)->err.message, "host0"));
}

static void an_unreachable_holder_is_named_at_once(void **state)
{
	struct id net;
	struct mono before;
	uint64_t tag;

	(void)state;
	net = cluster_with_network(&c, 2, 1, 0, "10.1.0.0/24");
	cluster_crash(&c, 0);
	before = c.now;
	tag = cluster_lease(&c, 1, &net, NULL);
	assert_code(tag, WEFT_E_POOL_FULL);
	assert_non_null(
	    strstr(cluster_answer(&c, tag)->err.message, "host0 holds 256 (unreachable)"));
	assert_code(cluster_lease(&c, 1, &net, "10.1.0.9"), WEFT_E_NO_PEER);
	assert_int_equal(before.ns, c.now.ns);
}

static void a_silent_donor_costs_one_deadline_and_never_a_hang(void **state)
{
	struct id net;
	struct ipam_request req = {.kind = IPAM_LEASE, .endpoint = {{7}}};
	uint64_t tag;

	(void)state;
	net = cluster_with_network(&c, 2, 1, 0, "10.1.0.0/24");
	c.nodes[0].hold_commits = true; /* it promises and never comes to answer */
	req.network = net;
	req.deadline = mono_add_ms(c.now, 100);
	tag = cluster_request(&c, 1, &req);
	cluster_run(&c, 99);
	assert_null(cluster_answer(&c, tag));
	cluster_run(&c, 2);
	assert_code(tag, WEFT_E_TIMEOUT);
}

static void a_named_address_is_granted_by_its_owner_alone(void **state)
{
	struct id net;
	uint64_t tag;

	(void)state;
	net = cluster_with_network(&c, 3, 1, 0, "10.1.0.0/24");
	tag = cluster_lease(&c, 1, &net, "10.1.0.50");
	cluster_run(&c, 50);
	assert_code(tag, 0);
	tag = cluster_lease(&c, 2, &net, "10.1.0.50");
	cluster_run(&c, 50);
	assert_code(tag, WEFT_E_ADDRESS_IN_USE);
	assert_non_null(strstr(cluster_answer(&c, tag)->err.message, "host1"));
}

static void a_fenced_node_leases_nothing(void **state)
{
	struct ipam_event fence = {.kind = IPAM_EV_ACTIVE, .ok = false};
	struct id net;

	(void)state;
	cluster_init(&c, 1, 1);
	net = cluster_network(&c, 0, "blue", "10.1.0.0/24");
	cluster_step(&c, 0, &fence);
	assert_code(cluster_lease(&c, 0, &net, NULL), WEFT_E_FENCED);
}

static void after_a_reboot_leases_wait_for_one_sync_unless_confirmed(void **state)
{
	struct ipam_event confirm = {.kind = IPAM_EV_CONFIRM};
	struct id net;

	(void)state;
	net = cluster_with_network(&c, 2, 1, 0, "10.1.0.0/24");
	cluster_crash(&c, 0);
	cluster_start(&c, 0, false);
	assert_code(cluster_lease(&c, 0, &net, NULL), WEFT_E_GUARDED);
	cluster_sync(&c);
	cluster_leased(&c, 0, &net);
	cluster_crash(&c, 0);
	cluster_start(&c, 0, false);
	assert_code(cluster_lease(&c, 0, &net, NULL), WEFT_E_GUARDED);
	cluster_step(&c, 0, &confirm);
	cluster_leased(&c, 0, &net);
	cluster_crash(&c, 0);
	cluster_start(&c, 0, true);
	cluster_leased(&c, 0, &net);
}

static void a_confirm_does_not_end_a_fence(void **state)
{
	struct ipam_event confirm = {.kind = IPAM_EV_CONFIRM};
	struct ipam_event fence = {.kind = IPAM_EV_ACTIVE, .ok = false};
	struct id net;

	(void)state;
	net = cluster_with_network(&c, 2, 1, 0, "10.1.0.0/24");
	cluster_crash(&c, 0);
	cluster_start(&c, 0, false);
	cluster_step(&c, 0, &fence);
	cluster_step(&c, 0, &confirm);
	assert_code(cluster_lease(&c, 0, &net, NULL), WEFT_E_FENCED);
}

static void a_cluster_of_one_does_not_wait_after_a_reboot(void **state)
{
	struct id net;

	(void)state;
	cluster_init(&c, 1, 1);
	net = cluster_network(&c, 0, "blue", "10.1.0.0/24");
	cluster_crash(&c, 0);
	cluster_start(&c, 0, false);
	cluster_leased(&c, 0, &net);
}

static void both_families_of_a_request_are_one_commit(void **state)
{
	const struct ipam_answer *answer;
	struct id net;
	uint64_t tag;

	(void)state;
	net = cluster_with_network(&c, 2, 1, 0, "10.1.0.0/24,fd00:1::/64");
	tag = cluster_lease(&c, 1, &net, NULL); /* both by grants of the other node */
	cluster_run(&c, 50);
	assert_code(tag, 0);
	answer = cluster_answer(&c, tag);
	assert_int_equal(answer->lease_count, 2);
	assert_true(inet_is_v4(&answer->leases[0].address));
	assert_false(inet_is_v4(&answer->leases[1].address));
	tag = cluster_lease(&c, 0, &net, "fd00:1::77");
	cluster_run(&c, 50);
	assert_int_equal(cluster_answer(&c, tag)->lease_count, 2);
}

static void a_family_that_is_full_gives_the_other_back(void **state)
{
	struct id net;
	struct ipam_net_info info;
	uint64_t tag;

	(void)state;
	cluster_init(&c, 1, 1);
	net = cluster_network(&c, 0, "blue", "10.1.0.0/24,fd00:1::/127");
	tag = cluster_lease(&c, 0, &net, NULL); /* fd00:1:: is the only one of its family */
	cluster_run(&c, 10);
	assert_code(tag, 0);
	tag = cluster_lease(&c, 0, &net, NULL);
	assert_code(tag, WEFT_E_POOL_FULL);
	assert_non_null(strstr(cluster_answer(&c, tag)->err.message, "IPv6"));
	assert_true(ipamdb_net(c.nodes[0].db, &net, &info));
	assert_int_equal(info.leased, 2);
}

static void with_guard_all_every_member_must_have_been_synced_with(void **state)
{
	struct ipam_event synced = {.kind = IPAM_EV_SYNCED};
	struct id net;

	(void)state;
	net = cluster_with_network(&c, 3, 1, 0, "10.1.0.0/24");
	c.guard = GUARD_ALL;
	cluster_crash(&c, 0);
	cluster_start(&c, 0, false);
	synced.member = c.nodes[1].id;
	cluster_step(&c, 0, &synced);
	assert_code(cluster_lease(&c, 0, &net, NULL), WEFT_E_GUARDED);
	synced.member = c.nodes[2].id;
	cluster_step(&c, 0, &synced);
	cluster_leased(&c, 0, &net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(nothing_is_answered_before_it_is_durable, teardown),
	    cmocka_unit_test_teardown(a_failed_commit_leaves_the_address_free, teardown),
	    cmocka_unit_test_teardown(a_pool_gives_each_address_once_and_then_says_that_it_is_full,
				      teardown),
	    cmocka_unit_test_teardown(a_released_address_rests_and_the_oldest_comes_back_first,
				      teardown),
	    cmocka_unit_test_teardown(a_rest_goes_on_over_a_restart, teardown),
	    cmocka_unit_test_teardown(a_named_address_is_given_once, teardown),
	    cmocka_unit_test_teardown(an_unknown_network_is_not_found, teardown),
	    cmocka_unit_test_teardown(the_second_node_gets_a_share_from_the_first, teardown),
	    cmocka_unit_test_teardown(two_nodes_share_out_a_pool_to_the_last_address, teardown),
	    cmocka_unit_test_teardown(an_unreachable_holder_is_named_at_once, teardown),
	    cmocka_unit_test_teardown(a_silent_donor_costs_one_deadline_and_never_a_hang, teardown),
	    cmocka_unit_test_teardown(a_named_address_is_granted_by_its_owner_alone, teardown),
	    cmocka_unit_test_teardown(a_fenced_node_leases_nothing, teardown),
	    cmocka_unit_test_teardown(after_a_reboot_leases_wait_for_one_sync_unless_confirmed,
				      teardown),
	    cmocka_unit_test_teardown(a_confirm_does_not_end_a_fence, teardown),
	    cmocka_unit_test_teardown(a_cluster_of_one_does_not_wait_after_a_reboot, teardown),
	    cmocka_unit_test_teardown(both_families_of_a_request_are_one_commit, teardown),
	    cmocka_unit_test_teardown(a_family_that_is_full_gives_the_other_back, teardown),
	    cmocka_unit_test_teardown(with_guard_all_every_member_must_have_been_synced_with,
				      teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
