/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Tests of ipamdb/rest.c. */
#include "cluster.h"
#include "ipamdb/query.h"
#include "test/base/cmocka_all.h"

static struct cluster c;

static int teardown(void **state)
{
	(void)state;
	cluster_close(&c);
	return 0;
}

static struct ipam_net_info info_of(size_t node, const struct id *net)
{
	struct ipam_net_info info;

	assert_true(ipamdb_net(c.nodes[node].db, net, &info));
	assert_int_equal(info.held,
			 info.leased + info.cooling + info.special + info.free + info.promised);
	return info;
}

static int code_of(uint64_t tag)
{
	cluster_run(&c, 50);
	assert_non_null(cluster_answer(&c, tag));
	return cluster_answer(&c, tag)->err.code;
}

static int named(size_t node, const struct id *net, const struct lease *lease)
{
	char text[INET_TEXT_BYTES];

	inet_format(&lease->address, text);
	return code_of(cluster_reserve(&c, node, net, text));
}

/* Node 0 releases an address and hands everything over; the lease that it was. */
static struct lease release_and_leave(const struct id *net)
{
	struct lease lease = cluster_leased(&c, 0, net);

	cluster_release(&c, 0, net, &lease);
	cluster_run(&c, 10);
	assert_int_equal(code_of(cluster_hand_over(&c, 0)), 0);
	return lease;
}

static void what_a_leaver_released_is_not_leased_before_it_has_cooled_down(void **state)
{
	struct id net;
	struct lease lease, last;

	(void)state;
	net = cluster_with_network(&c, 2, 1, 0, "10.1.0.0/28");
	lease = release_and_leave(&net);
	assert_int_equal(info_of(0, &net).cooling, 0); /* not its own any more */
	assert_int_equal(info_of(1, &net).held, 16);
	assert_int_equal(named(1, &net, &lease), WEFT_E_ADDRESS_IN_USE);
	/* Two addresses are never leased, one is the gateway. */
	for (int i = 0; i < 12; i++) {
		struct lease other = cluster_leased(&c, 1, &net);
		assert_false(inet_eq(&other.address, &lease.address));
	}
	assert_int_equal(info_of(1, &net).free, 0);
	assert_int_equal(info_of(1, &net).cooling, 1);
	assert_int_equal(code_of(cluster_lease(&c, 1, &net, NULL)), WEFT_E_POOL_FULL);
	cluster_run(&c, IPAM_COOLDOWN_MS - 1000);
	assert_int_equal(code_of(cluster_lease(&c, 1, &net, NULL)), WEFT_E_POOL_FULL);
	cluster_run(&c, 1000);
	assert_int_equal(info_of(1, &net).cooling, 0);
	last = cluster_leased(&c, 1, &net);
	assert_true(inet_eq(&last.address, &lease.address));
}

static void what_nobody_used_is_leased_at_once_after_a_leave(void **state)
{
	struct id net;

	(void)state;
	net = cluster_with_network(&c, 2, 1, 0, "10.1.0.0/24");
	assert_int_equal(code_of(cluster_hand_over(&c, 0)), 0);
	assert_int_equal(info_of(1, &net).cooling, 0);
	cluster_leased(&c, 1, &net);
}

static void most_of_a_large_block_need_not_rest_with_what_was_in_use(void **state)
{
	struct id net;

	(void)state;
	net = cluster_with_network(&c, 2, 1, 0, "10.1.0.0/16");
	release_and_leave(&net);
	assert_int_equal(info_of(1, &net).held, 65536);
	assert_true(info_of(1, &net).cooling <= 65536 / 16);
	cluster_leased(&c, 1, &net);
}

static void a_restart_does_not_end_the_rest(void **state)
{
	struct id net;
	struct lease lease;

	(void)state;
	net = cluster_with_network(&c, 2, 1, 0, "10.1.0.0/28");
	lease = release_and_leave(&net);
	cluster_run(&c, 20000);
	cluster_crash(&c, 1);
	cluster_start_keeping(&c, 1);
	assert_int_equal(named(1, &net, &lease), WEFT_E_ADDRESS_IN_USE);
	cluster_run(&c, IPAM_COOLDOWN_MS - 22000);
	assert_int_equal(named(1, &net, &lease), WEFT_E_ADDRESS_IN_USE);
	cluster_run(&c, 2000);
	assert_int_equal(named(1, &net, &lease), 0);
}

static void a_clock_that_was_set_back_does_not_rest_longer_than_once(void **state)
{
	struct id net;
	struct lease lease;

	(void)state;
	cluster_init(&c, 2, 1);
	c.now = mono_add_ms(c.now, 1000000);
	net = cluster_network(&c, 0, "blue", "10.1.0.0/28");
	cluster_run(&c, 10);
	lease = release_and_leave(&net);
	cluster_crash(&c, 1);
	c.wall_back_ms = 900000;
	cluster_start_keeping(&c, 1);
	assert_int_equal(named(1, &net, &lease), WEFT_E_ADDRESS_IN_USE);
	cluster_run(&c, IPAM_COOLDOWN_MS);
	assert_int_equal(named(1, &net, &lease), 0);
}

static void what_rests_is_handed_on_and_rests_there(void **state)
{
	struct id net;
	struct lease lease;
	size_t heir = 1, last = 2;

	(void)state;
	net = cluster_with_network(&c, 3, 1, 0, "10.1.0.0/28");
	lease = release_and_leave(&net);
	if (info_of(2, &net).held == 16)
		heir = 2, last = 1;
	cluster_member(&c, 0, false, true);
	cluster_run(&c, 10);
	assert_int_equal(code_of(cluster_hand_over(&c, heir)), 0);
	assert_int_equal(info_of(last, &net).held, 16);
	assert_int_equal(named(last, &net, &lease), WEFT_E_ADDRESS_IN_USE);
}

static void what_rests_is_not_granted(void **state)
{
	struct id net;
	struct lease lease;
	char text[INET_TEXT_BYTES];

	(void)state;
	cluster_init(&c, 3, 1);
	net = cluster_network(&c, 0, "blue", "10.1.0.0/28");
	cluster_attachment(&c, 1, &net, 0);
	cluster_attachment(&c, 2, &net, 5);
	cluster_run(&c, 10);
	lease = release_and_leave(&net);
	cluster_member(&c, 0, false, true);
	assert_int_equal(info_of(1, &net).held, 16);
	inet_format(&lease.address, text);
	assert_int_equal(code_of(cluster_reserve(&c, 2, &net, text)), WEFT_E_ADDRESS_IN_USE);
	for (int i = 0; i < 12; i++) {
		struct lease other = cluster_leased(&c, 2, &net);
		assert_false(inet_eq(&other.address, &lease.address));
	}
	assert_int_equal(code_of(cluster_lease(&c, 2, &net, NULL)), WEFT_E_POOL_FULL);
}

static void what_is_taken_back_rests(void **state)
{
	struct rec_removal rec = {.reason = "gone"};
	uint8_t value[128];
	struct id net;
	int len = rec_removal_encode(&rec, value, sizeof(value));

	(void)state;
	net = cluster_with_network(&c, 3, 1, 2, "10.1.0.0/28");
	cluster_leased(&c, 2, &net);
	cluster_crash(&c, 2);
	cluster_fact(&c, 0, FACT_REMOVAL, c.nodes[2].id.b, ID_BYTES, value, (size_t)len);
	cluster_member(&c, 2, false, true);
	cluster_run(&c, 5000);
	assert_int_equal(info_of(0, &net).held, 16);
	assert_int_equal(info_of(0, &net).free, 0);
	assert_int_equal(code_of(cluster_lease(&c, 0, &net, NULL)), WEFT_E_POOL_FULL);
	cluster_run(&c, IPAM_COOLDOWN_MS);
	cluster_leased(&c, 0, &net);
	cluster_leased(&c, 1, &net);
}

/* As a recovery asks for it: leases go on, all that is free waits. */
static void all_that_is_free_rests_on_demand_and_leases_go_on(void **state)
{
	struct ipam_request rest = {.kind = IPAM_REST};
	struct id net;
	struct lease lease;

	(void)state;
	rest.network = net = cluster_with_network(&c, 1, 1, 0, "10.1.0.0/28");
	lease = cluster_leased(&c, 0, &net);
	assert_int_equal(code_of(cluster_request(&c, 0, &rest)), 0);
	assert_int_equal(info_of(0, &net).free, 0);
	assert_int_equal(info_of(0, &net).leased, 1);
	assert_int_equal(info_of(0, &net).cooling, 12);
	assert_int_equal(named(0, &net, &lease), WEFT_E_ADDRESS_IN_USE);
	assert_int_equal(code_of(cluster_release(&c, 0, &net, &lease)), 0);
	assert_int_equal(info_of(0, &net).cooling, 13);
	assert_int_equal(code_of(cluster_request(&c, 0, &rest)), 0);
	cluster_run(&c, IPAM_COOLDOWN_MS + 1000);
	assert_int_equal(info_of(0, &net).free, 13);
	for (int i = 0; i < 13; i++)
		cluster_leased(&c, 0, &net);
}

/* The end of the rest finds also what was used before it and is in no queue any more. */
static void what_was_used_before_is_free_again_after_the_rest(void **state)
{
	struct ipam_request rest = {.kind = IPAM_REST};
	struct lease leases[13];
	struct id net;

	(void)state;
	rest.network = net = cluster_with_network(&c, 1, 1, 0, "10.1.0.0/28");
	for (size_t i = 0; i < 13; i++)
		leases[i] = cluster_leased(&c, 0, &net);
	for (size_t i = 0; i < 13; i++)
		cluster_release(&c, 0, &net, &leases[i]);
	cluster_run(&c, IPAM_COOLDOWN_MS + 1000);
	assert_int_equal(info_of(0, &net).free, 13);
	assert_int_equal(code_of(cluster_request(&c, 0, &rest)), 0);
	assert_int_equal(code_of(cluster_lease(&c, 0, &net, NULL)), WEFT_E_POOL_FULL);
	cluster_run(&c, IPAM_COOLDOWN_MS + 1000);
	for (size_t i = 0; i < 13; i++)
		cluster_leased(&c, 0, &net);
}

/* Given away and given back, by a clock that says less than the first time. */
static void a_rest_that_begins_anew_after_the_clock_was_set_back_lasts_as_long(void **state)
{
	struct ipam_request rest = {.kind = IPAM_REST};
	struct ipam_event stays = {.kind = IPAM_EV_STAYS};
	struct id net;

	(void)state;
	cluster_init(&c, 2, 1);
	c.now = mono_add_ms(c.now, 1000000);
	rest.network = net = cluster_network(&c, 0, "blue", "10.1.0.0/28");
	cluster_run(&c, 10);
	assert_int_equal(code_of(cluster_request(&c, 0, &rest)), 0);
	cluster_run(&c, 20000);
	assert_int_equal(code_of(cluster_hand_over(&c, 0)), 0);
	cluster_step(&c, 0, &stays);
	c.wall_back_ms = 900000;
	assert_int_equal(code_of(cluster_hand_over(&c, 1)), 0);
	assert_int_equal(info_of(0, &net).held, 16);
	cluster_run(&c, IPAM_COOLDOWN_MS - 10000);
	assert_int_equal(info_of(0, &net).free, 0);
	cluster_run(&c, 10000);
	assert_int_equal(info_of(0, &net).free, 13);
}

/* A clock that is set right while the row is on its way to disk ends nothing. */
static void a_clock_that_was_set_forward_meanwhile_shortens_no_rest(void **state)
{
	struct ipam_request rest = {.kind = IPAM_REST};
	struct id net;

	(void)state;
	cluster_init(&c, 1, 1);
	c.now = mono_add_ms(c.now, 1000000);
	c.wall_back_ms = 900000;
	rest.network = net = cluster_network(&c, 0, "blue", "10.1.0.0/28");
	cluster_run(&c, 10);
	c.nodes[0].hold_commits = true;
	cluster_request(&c, 0, &rest);
	c.wall_back_ms = 0;
	c.nodes[0].hold_commits = false;
	cluster_run(&c, 10);
	assert_int_equal(info_of(0, &net).free, 0);
	cluster_run(&c, IPAM_COOLDOWN_MS - 100);
	assert_int_equal(info_of(0, &net).free, 0);
	cluster_run(&c, 100);
	assert_int_equal(info_of(0, &net).free, 13);
}

/* Nor for who waits for an address while that row is on its way: it is served as soon as the row is
 * there, before the group is known to be durable. */
static void who_waits_gets_nothing_that_begins_to_rest(void **state)
{
	uint64_t waits, owned;
	struct id net;

	(void)state;
	cluster_init(&c, 3, 1);
	c.now = mono_add_ms(c.now, 1000000);
	c.wall_back_ms = 900000;
	net = cluster_network(&c, 2, "blue", "10.1.0.0/28");
	cluster_run(&c, 10);
	cluster_leased(&c, 1, &net);
	owned = info_of(1, &net).held;
	cluster_crash(&c, 1);
	cluster_crash(&c, 2);
	cluster_remove(&c, 0, 2);
	cluster_run(&c, 5000);
	c.nodes[0].hold_commits = true;
	cluster_start(&c, 1, true);
	cluster_sync(&c);
	cluster_run(&c, 5000); /* all have closed; the reclaim waits for the disk */
	assert_int_equal(info_of(0, &net).held, 0);
	c.nodes[1].hold_commits = true; /* it grants, and its disk never says so */
	waits = cluster_lease(&c, 0, &net, NULL);
	assert_null(cluster_answer(&c, waits));
	c.wall_back_ms = 0;
	c.nodes[0].hold_commits = false;
	cluster_run(&c, 1000);
	assert_int_equal(info_of(0, &net).held, 16 - owned);
	assert_int_equal(info_of(0, &net).leased, 0);
	c.nodes[1].hold_commits = false;
	assert_int_not_equal(code_of(waits), 0);
	cluster_run(&c, IPAM_COOLDOWN_MS);
	cluster_leased(&c, 0, &net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(
		what_a_leaver_released_is_not_leased_before_it_has_cooled_down, teardown),
	    cmocka_unit_test_teardown(what_nobody_used_is_leased_at_once_after_a_leave, teardown),
	    cmocka_unit_test_teardown(most_of_a_large_block_need_not_rest_with_what_was_in_use,
				      teardown),
	    cmocka_unit_test_teardown(a_restart_does_not_end_the_rest, teardown),
	    cmocka_unit_test_teardown(a_clock_that_was_set_back_does_not_rest_longer_than_once,
				      teardown),
	    cmocka_unit_test_teardown(what_rests_is_handed_on_and_rests_there, teardown),
	    cmocka_unit_test_teardown(what_rests_is_not_granted, teardown),
	    cmocka_unit_test_teardown(what_is_taken_back_rests, teardown),
	    cmocka_unit_test_teardown(all_that_is_free_rests_on_demand_and_leases_go_on, teardown),
	    cmocka_unit_test_teardown(what_was_used_before_is_free_again_after_the_rest, teardown),
	    cmocka_unit_test_teardown(a_clock_that_was_set_forward_meanwhile_shortens_no_rest,
				      teardown),
	    cmocka_unit_test_teardown(who_waits_gets_nothing_that_begins_to_rest, teardown),
	    cmocka_unit_test_teardown(
		a_rest_that_begins_anew_after_the_clock_was_set_back_lasts_as_long, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
