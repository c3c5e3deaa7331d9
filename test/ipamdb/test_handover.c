/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Tests of ipamdb/handover.c. */
#include "cluster_impl.h"
#include "ipamdb/query.h"
#include "test/base/cmocka_all.h"

static struct cluster c;

static int teardown(void **state)
{
	(void)state;
	cluster_close(&c);
	return 0;
}

static void a_leaving_node_gives_all_it_holds_and_waits_for_the_recipients_row(void **state)
{
	struct id net;
	uint64_t tag;

	(void)state;
	net = cluster_with_network(&c, 2, 1, 0, "10.1.0.0/24");
	c.nodes[1].hold_commits = true;
	tag = cluster_hand_over(&c, 0);
	cluster_run(&c, 100);
	assert_null(cluster_answer(&c, tag));
	c.nodes[1].hold_commits = false;
	cluster_run(&c, 100);
	assert_non_null(cluster_answer(&c, tag));
	assert_int_equal(cluster_answer(&c, tag)->err.code, 0);
	assert_int_equal(cluster_held(&c, 0, &net), 0);
	assert_int_equal(cluster_held(&c, 1, &net), 256);
}

static void a_node_with_live_leases_does_not_hand_over(void **state)
{
	struct id net;
	uint64_t tag;

	(void)state;
	cluster_init(&c, 2, 1);
	net = cluster_network(&c, 0, "blue", "10.1.0.0/24");
	cluster_leased(&c, 0, &net);
	tag = cluster_hand_over(&c, 0);
	assert_int_equal(cluster_answer(&c, tag)->err.code, WEFT_E_IN_USE);
	assert_int_equal(cluster_held(&c, 0, &net), 256);
}

static void the_last_member_has_nobody_to_wait_for(void **state)
{
	uint64_t tag;

	(void)state;
	cluster_init(&c, 1, 1);
	cluster_network(&c, 0, "blue", "10.1.0.0/24");
	tag = cluster_hand_over(&c, 0);
	assert_int_equal(cluster_answer(&c, tag)->err.code, 0);
}

static void without_anybody_in_reach_it_says_so_at_once_and_keeps_all(void **state)
{
	struct id net;
	uint64_t tag;

	(void)state;
	cluster_init(&c, 2, 1);
	net = cluster_network(&c, 0, "blue", "10.1.0.0/24");
	cluster_crash(&c, 1);
	tag = cluster_hand_over(&c, 0);
	assert_int_equal(cluster_answer(&c, tag)->err.code, WEFT_E_NO_PEER);
	assert_int_equal(cluster_held(&c, 0, &net), 256);
	cluster_leased(&c, 0, &net);
}

static void a_recipient_that_falls_silent_ends_the_wait_at_the_deadline(void **state)
{
	struct ipam_request req = {.kind = IPAM_HAND_OVER};
	uint64_t tag;

	(void)state;
	cluster_init(&c, 2, 1);
	cluster_network(&c, 0, "blue", "10.1.0.0/24");
	cluster_run(&c, 10);
	c.nodes[1].hold_commits = true;
	req.deadline = mono_add_ms(c.now, 300);
	tag = cluster_request(&c, 0, &req);
	cluster_run(&c, 299);
	assert_null(cluster_answer(&c, tag));
	cluster_run(&c, 2);
	assert_int_equal(cluster_answer(&c, tag)->err.code, WEFT_E_TIMEOUT);
}

static void cooling_addresses_are_handed_over_too(void **state)
{
	struct id net;
	struct lease lease;
	uint64_t tag;

	(void)state;
	net = cluster_with_network(&c, 3, 1, 0, "10.1.0.0/24");
	lease = cluster_leased(&c, 0, &net);
	cluster_leased(&c, 1, &net);
	cluster_leased(&c, 2, &net);
	cluster_release(&c, 0, &net, &lease);
	cluster_run(&c, 10);
	tag = cluster_hand_over(&c, 0);
	cluster_run(&c, 200);
	assert_int_equal(cluster_answer(&c, tag)->err.code, 0);
	assert_int_equal(cluster_held(&c, 1, &net) + cluster_held(&c, 2, &net), 256);
}

static void two_that_leave_at_once_and_choose_each_other_give_all_to_the_third(void **state)
{
	struct id net;
	uint64_t first, second;

	(void)state;
	net = cluster_with_network(&c, 3, 1, 0, "10.1.0.0/24");
	for (size_t i = 1; i < 3; i++) {
		struct lease lease = cluster_leased(&c, i, &net);
		cluster_release(&c, i, &net, &lease);
	}
	cluster_attachment(&c, 0, &net, 1);
	cluster_attachment(&c, 1, &net, 1);
	cluster_attachment(&c, 2, &net, 9);
	cluster_run(&c, 100);
	first = cluster_hand_over(&c, 0);
	second = cluster_hand_over(&c, 1);
	cluster_run(&c, 1000);
	assert_non_null(cluster_answer(&c, first));
	assert_non_null(cluster_answer(&c, second));
	assert_int_equal(cluster_answer(&c, first)->err.code, 0);
	assert_int_equal(cluster_answer(&c, second)->err.code, 0);
	assert_int_equal(cluster_held(&c, 2, &net), 256);
}

static void of_the_last_two_that_leave_at_once_one_waits_for_the_other_to_be_gone(void **state)
{
	struct id net;
	uint64_t first, second;
	struct lease lease;

	(void)state;
	net = cluster_with_network(&c, 2, 1, 0, "10.1.0.0/24");
	lease = cluster_leased(&c, 1, &net);
	cluster_release(&c, 1, &net, &lease);
	cluster_run(&c, 100);
	first = cluster_hand_over(&c, 0);
	second = cluster_hand_over(&c, 1);
	cluster_run(&c, 1000);
	assert_null(cluster_answer(&c, first));
	assert_non_null(cluster_answer(&c, second));
	assert_int_equal(cluster_answer(&c, second)->err.code, 0);
	assert_int_equal(cluster_held(&c, 0, &net), 256);
	cluster_member(&c, 1, false, true);
	cluster_run(&c, 100);
	assert_non_null(cluster_answer(&c, first));
	assert_int_equal(cluster_answer(&c, first)->err.code, 0);
}

static void a_guarded_node_hands_nothing_over_before_it_has_met_a_member(void **state)
{
	struct ipam_event synced = {.kind = IPAM_EV_SYNCED};
	struct id net;
	uint64_t tag;

	(void)state;
	net = cluster_with_network(&c, 2, 1, 0, "10.1.0.0/24");
	c.guard = GUARD_ONE;
	cluster_crash(&c, 0);
	cluster_start(&c, 0, false);
	tag = cluster_hand_over(&c, 0);
	cluster_run(&c, 100);
	assert_null(cluster_answer(&c, tag));
	assert_int_equal(cluster_held(&c, 0, &net), 256);
	synced.member = c.nodes[1].id;
	cluster_step(&c, 0, &synced);
	cluster_run(&c, 100);
	assert_non_null(cluster_answer(&c, tag));
	assert_int_equal(cluster_answer(&c, tag)->err.code, 0);
	assert_int_equal(cluster_held(&c, 1, &net), 256);
}

static void what_rests_wholly_is_granted_in_whole_blocks(void **state)
{
	struct ipam_request rest = {.kind = IPAM_REST};
	struct id net;
	size_t grants = 0;

	(void)state;
	rest.network = net = cluster_with_network(&c, 2, 1, 0, "10.1.0.0/24");
	cluster_request(&c, 0, &rest);
	cluster_run(&c, 10);
	cluster_hand_over(&c, 0);
	cluster_run(&c, 10); /* durable, and nothing is tidied up yet */
	for (size_t i = 0; i < c.nodes[0].disk.rows.count; i++) {
		const struct cluster_row *row = vec_at(&c.nodes[0].disk.rows, i);
		grants += row->view.kind == ROW_GRANT;
	}
	assert_int_equal(grants, 1);
	cluster_run(&c, 100);
	assert_int_equal(cluster_held(&c, 1, &net), 256);
}

/* What cools goes in blocks that rest, whatever else of the pool is busy for good. */
static void what_is_never_leased_does_not_make_a_block_rest(void **state)
{
	struct ipam_net_info info;
	struct id net;

	(void)state;
	net = cluster_with_network(&c, 2, 1, 0, "10.1.0.0/24");
	cluster_hand_over(&c, 0);
	cluster_run(&c, 100);
	assert_true(ipamdb_net(c.nodes[1].db, &net, &info));
	assert_int_equal(info.cooling, 0);
	assert_int_equal(info.free, 253);
}

static void who_has_handed_over_takes_up_nothing_until_its_leave_comes_to_nothing(void **state)
{
	struct ipam_event fenced = {.kind = IPAM_EV_ACTIVE, .ok = false};
	struct ipam_event active = {.kind = IPAM_EV_ACTIVE, .ok = true};
	struct ipam_event stays = {.kind = IPAM_EV_STAYS};
	struct id net;
	uint64_t tag;

	(void)state;
	net = cluster_with_network(&c, 2, 1, 0, "10.1.0.0/24");
	tag = cluster_hand_over(&c, 0);
	cluster_run(&c, 3000);
	assert_int_equal(cluster_answer(&c, tag)->err.code, 0);
	cluster_hand_over(&c, 1); /* gives all of it back */
	cluster_step(&c, 0, &fenced);
	cluster_step(&c, 0, &active);
	cluster_run(&c, 3000);
	assert_int_equal(cluster_held(&c, 1, &net), 0);
	assert_int_equal(cluster_held(&c, 0, &net), 0);
	cluster_step(&c, 0, &stays);
	cluster_run(&c, 3000);
	assert_int_equal(cluster_held(&c, 0, &net), 256);
}

static void a_second_hand_over_that_is_refused_undoes_the_first(void **state)
{
	struct ipam_event fenced = {.kind = IPAM_EV_ACTIVE, .ok = false};
	struct ipam_event active = {.kind = IPAM_EV_ACTIVE, .ok = true};
	struct id net;
	uint64_t tag;

	(void)state;
	net = cluster_with_network(&c, 2, 1, 0, "10.1.0.0/24");
	cluster_hand_over(&c, 0);
	cluster_run(&c, 3000);
	cluster_step(&c, 0, &fenced);
	tag = cluster_hand_over(&c, 0);
	assert_int_equal(cluster_answer(&c, tag)->err.code, WEFT_E_FENCED);
	cluster_step(&c, 0, &active);
	cluster_hand_over(&c, 1);
	cluster_run(&c, 3000);
	assert_int_equal(cluster_held(&c, 0, &net), 256);
}

static void who_is_no_member_yet_is_told_so(void **state)
{
	uint64_t tag;

	(void)state;
	cluster_init(&c, 1, 1);
	ipamdb_free(c.nodes[0].db);
	c.nodes[0].db = cluster_db_make(&c, 0);
	ipamdb_start(c.nodes[0].db, c.now, (struct wall){1}, true);
	tag = cluster_hand_over(&c, 0);
	assert_int_equal(cluster_answer(&c, tag)->err.code, WEFT_E_NO_CLUSTER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(who_is_no_member_yet_is_told_so, teardown),
	    cmocka_unit_test_teardown(a_guarded_node_hands_nothing_over_before_it_has_met_a_member,
				      teardown),
	    cmocka_unit_test_teardown(
		a_leaving_node_gives_all_it_holds_and_waits_for_the_recipients_row, teardown),
	    cmocka_unit_test_teardown(a_node_with_live_leases_does_not_hand_over, teardown),
	    cmocka_unit_test_teardown(the_last_member_has_nobody_to_wait_for, teardown),
	    cmocka_unit_test_teardown(without_anybody_in_reach_it_says_so_at_once_and_keeps_all,
				      teardown),
	    cmocka_unit_test_teardown(a_recipient_that_falls_silent_ends_the_wait_at_the_deadline,
				      teardown),
	    cmocka_unit_test_teardown(cooling_addresses_are_handed_over_too, teardown),
	    cmocka_unit_test_teardown(
		two_that_leave_at_once_and_choose_each_other_give_all_to_the_third, teardown),
	    cmocka_unit_test_teardown(
		of_the_last_two_that_leave_at_once_one_waits_for_the_other_to_be_gone, teardown),
	    cmocka_unit_test_teardown(
		who_has_handed_over_takes_up_nothing_until_its_leave_comes_to_nothing, teardown),
	    cmocka_unit_test_teardown(a_second_hand_over_that_is_refused_undoes_the_first,
				      teardown),
	    cmocka_unit_test_teardown(what_rests_wholly_is_granted_in_whole_blocks, teardown),
	    cmocka_unit_test_teardown(what_is_never_leased_does_not_make_a_block_rest, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
