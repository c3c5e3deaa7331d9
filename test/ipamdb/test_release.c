/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Tests of ipamdb/release.c. */
#include "cluster.h"
#include "ipamdb/query.h"
#include "test/base/cmocka_all.h"

static struct cluster c;
static struct id net;

static int teardown(void **state)
{
	(void)state;
	cluster_close(&c);
	return 0;
}

static void begin(size_t nodes, const char *pool)
{
	net = cluster_with_network(&c, nodes, 1, 0, pool);
}

static int released(size_t node, struct ipam_request *req)
{
	uint64_t tag;

	req->network = net;
	tag = cluster_request(&c, node, req);
	cluster_run(&c, 20);
	assert_non_null(cluster_answer(&c, tag));
	return cluster_answer(&c, tag)->err.code;
}

static int release(size_t node, const struct lease *lease, uint64_t sequence, bool force)
{
	struct ipam_request req = {
	    .kind = IPAM_RELEASE,
	    .addr_count = 1,
	    .addrs = {lease->address},
	    .sequence = sequence,
	    .force = force,
	};

	return released(node, &req);
}

static struct lease reserved(const char *addr)
{
	uint64_t tag = cluster_reserve(&c, 0, &net, addr);

	cluster_run(&c, 20);
	assert_int_equal(cluster_answer(&c, tag)->err.code, 0);
	return cluster_answer(&c, tag)->leases[0];
}

/* The code of a try to reserve the same address again. */
static int named(const struct lease *lease)
{
	char text[INET_TEXT_BYTES];
	uint64_t tag;

	inet_format(&lease->address, text);
	tag = cluster_reserve(&c, 0, &net, text);
	cluster_run(&c, 20);
	assert_non_null(cluster_answer(&c, tag));
	return cluster_answer(&c, tag)->err.code;
}

static void a_double_release_is_harmless(void **state)
{
	struct lease lease;

	(void)state;
	begin(1, "10.1.0.0/24");
	lease = reserved("10.1.0.9");
	assert_int_equal(release(0, &lease, lease.sequence, false), 0);
	assert_int_equal(release(0, &lease, lease.sequence, false), 0);
	assert_int_equal(release(0, &lease, 0, false), 0);
}

static void a_late_release_frees_nobody_elses_lease(void **state)
{
	struct lease first, second, there;

	(void)state;
	begin(1, "10.1.0.0/24");
	first = reserved("10.1.0.9");
	assert_int_equal(release(0, &first, first.sequence, false), 0);
	second = reserved("10.1.0.9");
	assert_true(second.sequence > first.sequence);
	assert_int_equal(release(0, &first, first.sequence, false), WEFT_E_CONFLICT);
	assert_true(ipamdb_lease(c.nodes[0].db, &net, &second.address, &there));
	assert_false(there.cooling);
}

static void numbers_of_leases_rise_over_a_restart_that_remembers_no_lease(void **state)
{
	struct lease first, second;

	(void)state;
	begin(1, "10.1.0.0/24");
	first = reserved("10.1.0.9");
	assert_int_equal(release(0, &first, first.sequence, false), 0);
	cluster_run(&c, 61000);
	assert_int_equal(c.nodes[0].disk.leases.count, 0);
	cluster_crash(&c, 0);
	cluster_start(&c, 0, true);
	second = reserved("10.1.0.9");
	assert_true(second.sequence > first.sequence);
}

static void the_lease_of_a_live_endpoint_is_released_only_by_force(void **state)
{
	struct lease lease;

	(void)state;
	begin(1, "10.1.0.0/24");
	lease = cluster_leased(&c, 0, &net);
	assert_int_equal(release(0, &lease, 0, false), WEFT_E_IN_USE);
	assert_int_equal(release(0, &lease, 0, true), 0);
}

static void another_hosts_lease_is_refused_even_by_force(void **state)
{
	struct lease lease;

	(void)state;
	begin(2, "10.1.0.0/24");
	lease = cluster_leased(&c, 0, &net);
	assert_int_equal(release(1, &lease, 0, true), WEFT_E_CONFLICT);
}

static void an_endpoint_gives_all_its_addresses_back_in_one_commit(void **state)
{
	struct ipam_request req = {.kind = IPAM_RELEASE_ENDPOINT};
	struct ipam_net_info info;
	struct lease lease;

	(void)state;
	begin(1, "10.1.0.0/24");
	lease = cluster_leased(&c, 0, &net);
	req.endpoint = lease.endpoint;
	assert_int_equal(released(0, &req), 0);
	assert_true(ipamdb_net(c.nodes[0].db, &net, &info));
	assert_int_equal(info.leased, 0);
	assert_int_equal(info.cooling, 1);
	assert_int_equal(released(0, &req), 0); /* again: nothing is there, nothing is wrong */
}

static void a_failed_commit_leaves_the_lease_as_it_was(void **state)
{
	struct lease lease;

	(void)state;
	begin(1, "10.1.0.0/30");
	lease = reserved(NULL);
	c.nodes[0].fail_commits = true;
	assert_int_equal(release(0, &lease, 0, false), WEFT_E_STORE);
	c.nodes[0].fail_commits = false;
	cluster_run(&c, 100000);
	assert_int_equal(cluster_answer(&c, cluster_lease(&c, 0, &net, NULL))->err.code,
			 WEFT_E_POOL_FULL);
	assert_int_equal(release(0, &lease, lease.sequence, false), 0);
}

static void a_cooling_address_may_be_asked_for_by_name(void **state)
{
	struct lease lease, again;

	(void)state;
	begin(1, "10.1.0.0/24");
	lease = reserved("10.1.0.9");
	assert_int_equal(release(0, &lease, 0, false), 0);
	again = reserved("10.1.0.9");
	assert_true(inet_eq(&again.address, &lease.address));
	cluster_run(&c, 120000); /* the old rest ends and must not free the new lease */
	assert_int_equal(cluster_answer(&c, cluster_lease(&c, 0, &net, "10.1.0.9"))->err.code,
			 WEFT_E_ADDRESS_IN_USE);
}

static void a_lease_that_failed_over_a_cooling_address_lets_it_cool_on(void **state)
{
	struct ipam_net_info info;
	struct lease lease;

	(void)state;
	begin(1, "10.1.0.0/30");
	lease = reserved(NULL);
	assert_int_equal(release(0, &lease, 0, false), 0);
	cluster_run(&c, 20000);
	c.nodes[0].fail_commits = true;
	assert_int_equal(named(&lease), WEFT_E_STORE);
	c.nodes[0].fail_commits = false;
	assert_true(ipamdb_net(c.nodes[0].db, &net, &info));
	assert_int_equal(info.cooling, 1);
	assert_int_equal(info.reserved, 0);
	cluster_run(&c, 39000);
	assert_int_equal(cluster_answer(&c, cluster_lease(&c, 0, &net, NULL))->err.code,
			 WEFT_E_POOL_FULL);
	cluster_run(&c, 1000);
	assert_true(ipamdb_net(c.nodes[0].db, &net, &info));
	assert_int_equal(info.cooling, 0);
	assert_int_equal(info.free, 1);
}

static void a_lease_that_failed_after_the_address_cooled_down_leaves_it_free(void **state)
{
	struct ipam_net_info info;
	struct lease lease;
	uint64_t tag;

	(void)state;
	begin(1, "10.1.0.0/30");
	lease = reserved(NULL);
	assert_int_equal(release(0, &lease, 0, false), 0);
	cluster_run(&c, 50000);
	c.nodes[0].hold_commits = true;
	tag = cluster_reserve(&c, 0, &net, "10.1.0.2");
	cluster_run(&c, 20000);
	c.nodes[0].hold_commits = false;
	c.nodes[0].fail_commits = true;
	cluster_run(&c, 10);
	c.nodes[0].fail_commits = false;
	assert_int_equal(cluster_answer(&c, tag)->err.code, WEFT_E_STORE);
	assert_true(ipamdb_net(c.nodes[0].db, &net, &info));
	assert_int_equal(info.cooling, 0);
	cluster_leased(&c, 0, &net);
}

static size_t cooling(void)
{
	struct ipam_net_info info;

	assert_true(ipamdb_net(c.nodes[0].db, &net, &info));
	assert_int_equal(info.cooling + info.free + info.reserved, 1);
	return info.cooling;
}

/* Releases the pool's only address, which takes a while, and restarts when it is durable. */
static void release_late(int64_t late_ms)
{
	struct lease lease;
	uint64_t tag;

	begin(1, "10.1.0.0/30");
	lease = reserved(NULL);
	c.nodes[0].hold_commits = true;
	tag = cluster_release(&c, 0, &net, &lease);
	cluster_run(&c, late_ms);
	assert_null(cluster_answer(&c, tag));
	c.nodes[0].hold_commits = false;
	cluster_run(&c, 10);
	assert_non_null(cluster_answer(&c, tag));
	assert_int_equal(cooling(), 1);
	cluster_crash(&c, 0);
	cluster_start(&c, 0, true);
}

/* Until then its box was there, and the others knew it. */
static void an_address_rests_from_the_moment_its_release_is_durable(void **state)
{
	(void)state;
	release_late(20000);
	cluster_run(&c, IPAM_COOLDOWN_MS - 1000);
	assert_int_equal(cooling(), 1);
	assert_int_equal(cluster_answer(&c, cluster_lease(&c, 0, &net, NULL))->err.code,
			 WEFT_E_POOL_FULL);
	cluster_run(&c, 2000);
	assert_int_equal(cooling(), 0);
	cluster_leased(&c, 0, &net);
}

static void the_rest_after_a_release_that_took_very_long_outlives_a_restart(void **state)
{
	(void)state;
	release_late(IPAM_COOLDOWN_MS - 1000);
	cluster_run(&c, IPAM_COOLDOWN_MS - 1000);
	assert_int_equal(cooling(), 1);
	cluster_run(&c, 2000);
	assert_int_equal(cooling(), 0);
}

/* A host that starts over and over gets its addresses back all the same. */
static void restarts_prolong_no_rest_for_ever(void **state)
{
	(void)state;
	release_late(10);
	for (int i = 0; i < 3; i++) {
		cluster_run(&c, IPAM_COOLDOWN_MS / 2);
		assert_int_equal(cooling(), 1);
		cluster_crash(&c, 0);
		cluster_start(&c, 0, true);
	}
	cluster_run(&c, IPAM_COOLDOWN_MS / 2 + 1000);
	assert_int_equal(cooling(), 0);
}

static void what_was_released_first_is_leased_first_after_a_restart_too(void **state)
{
	struct lease leases[5], again;

	(void)state;
	begin(1, "10.1.0.0/29");
	for (size_t i = 0; i < 5; i++)
		leases[i] = reserved(NULL);
	for (size_t i = 5; i-- > 0;) {
		assert_int_equal(release(0, &leases[i], 0, false), 0);
		cluster_run(&c, 100);
	}
	cluster_crash(&c, 0);
	cluster_start(&c, 0, true);
	cluster_run(&c, IPAM_COOLDOWN_MS + 1000);
	for (size_t i = 5; i-- > 0;) {
		again = reserved(NULL);
		assert_true(inet_eq(&again.address, &leases[i].address));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(a_double_release_is_harmless, teardown),
	    cmocka_unit_test_teardown(a_late_release_frees_nobody_elses_lease, teardown),
	    cmocka_unit_test_teardown(numbers_of_leases_rise_over_a_restart_that_remembers_no_lease,
				      teardown),
	    cmocka_unit_test_teardown(the_lease_of_a_live_endpoint_is_released_only_by_force,
				      teardown),
	    cmocka_unit_test_teardown(another_hosts_lease_is_refused_even_by_force, teardown),
	    cmocka_unit_test_teardown(an_endpoint_gives_all_its_addresses_back_in_one_commit,
				      teardown),
	    cmocka_unit_test_teardown(a_failed_commit_leaves_the_lease_as_it_was, teardown),
	    cmocka_unit_test_teardown(a_cooling_address_may_be_asked_for_by_name, teardown),
	    cmocka_unit_test_teardown(a_lease_that_failed_over_a_cooling_address_lets_it_cool_on,
				      teardown),
	    cmocka_unit_test_teardown(
		a_lease_that_failed_after_the_address_cooled_down_leaves_it_free, teardown),
	    cmocka_unit_test_teardown(an_address_rests_from_the_moment_its_release_is_durable,
				      teardown),
	    cmocka_unit_test_teardown(
		the_rest_after_a_release_that_took_very_long_outlives_a_restart, teardown),
	    cmocka_unit_test_teardown(restarts_prolong_no_rest_for_ever, teardown),
	    cmocka_unit_test_teardown(what_was_released_first_is_leased_first_after_a_restart_too,
				      teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
