/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Tests of ipamdb/query.c. */
#include "ipamdb/query.h"

#include <string.h>
#include <time.h>

#include "cluster.h"
#include "test/base/cmocka_all.h"

static struct cluster c;
static struct id net;

static int teardown(void **state)
{
	(void)state;
	cluster_close(&c);
	return 0;
}

static void begin(size_t nodes)
{
	net = cluster_with_network(&c, nodes, 1, 0, "10.1.0.0/24");
}

static bool nobody_is_live(void *ctx, const struct id *endpoint)
{
	(void)ctx, (void)endpoint;
	return false;
}

static bool all_are_live(void *ctx, const struct id *endpoint)
{
	(void)ctx, (void)endpoint;
	return true;
}

static void the_sums_of_a_pool_add_up(void **state)
{
	struct ipam_net_info info;
	struct lease lease;

	(void)state;
	begin(2);
	cluster_leased(&c, 1, &net);
	cluster_leased(&c, 0, &net);
	cluster_reserve(&c, 0, &net, NULL);
	lease = cluster_leased(&c, 0, &net);
	cluster_release(&c, 0, &net, &lease);
	cluster_run(&c, 20);
	assert_true(ipamdb_net(c.nodes[0].db, &net, &info));
	assert_string_equal(info.name, "blue");
	assert_int_equal(info.total, 256);
	assert_int_equal(info.held, 192);
	assert_int_equal(info.leased, 2);
	assert_int_equal(info.reserved, 1);
	assert_int_equal(info.cooling, 1);
	assert_int_equal(info.special, 3);
	assert_int_equal(info.free, 186);
	assert_int_equal(info.holders, 2);
	assert_int_equal(ipamdb_free_log2(c.nodes[0].db, &net), 8);
}

static void the_ring_names_the_holder_of_every_part(void **state)
{
	struct ipam_ring_info part;
	uint64_t sum = 0;
	size_t at = 0, parts = 0;

	(void)state;
	begin(2);
	cluster_leased(&c, 1, &net);
	cluster_run(&c, 10); /* the recipient's row travels */
	while (ipamdb_ring_next(c.nodes[0].db, &net, &at, &part)) {
		assert_true(part.held && !part.clash && !part.removed);
		sum += part.count;
		parts++;
		if (id_eq(&part.holder, &c.nodes[1].id)) {
			assert_int_equal(part.count, 64);
			assert_int_equal(part.generation, 2);
		}
	}
	assert_int_equal(sum, 256);
	assert_int_equal(parts, 3);
}

static void a_lease_without_its_endpoint_is_a_leak(void **state)
{
	struct ipam_finding finding;
	struct lease lease;

	(void)state;
	begin(1);
	lease = cluster_leased(&c, 0, &net);
	cluster_reserve(&c, 0, &net, NULL); /* has no endpoint by intention */
	cluster_run(&c, 20);
	assert_int_equal(ipamdb_findings(c.nodes[0].db, all_are_live, NULL, &finding, 1), 0);
	assert_int_equal(ipamdb_findings(c.nodes[0].db, nobody_is_live, NULL, &finding, 1), 1);
	assert_int_equal(finding.kind, IPAM_FINDING_LEAK);
	assert_true(id_eq(&finding.endpoint, &lease.endpoint));
	assert_int_equal(finding.sequence, lease.sequence);
}

/* A row that another node cannot rightly have written, as after a lost disk. */
static void claim_all(size_t author, uint64_t generation)
{
	struct cluster_row row = {.view = {.kind = ROW_RANGE, .key_len = RANGE_KEY_BYTES}};
	struct range_key key = {.network = net, .generation = generation};

	assert_int_equal(prefix_parse("10.1.0.0/24", &key.range), 0);
	range_key_encode(&key, row.view.key);
	row.view.owner = c.nodes[author].id;
	row.view.epoch = 1;
	row.view.sequence = 1000;
	row.view.value_len = 1;
	row.bytes[0] = 0xc0;
	cluster_show(&c, 0, &row);
}

static void two_holders_of_one_generation_are_a_conflict_where_nobody_leases(void **state)
{
	struct ipam_finding findings[4];
	uint64_t tag;

	(void)state;
	begin(2);
	cluster_leased(&c, 0, &net);
	claim_all(1, 1);
	assert_int_equal(ipamdb_findings(c.nodes[0].db, all_are_live, NULL, findings, 4), 2);
	assert_int_equal(findings[0].kind, IPAM_FINDING_STRAY);
	assert_true(findings[0].is_disputed); /* so it may be this node's own */
	assert_int_equal(findings[1].kind, IPAM_FINDING_CONFLICT);
	tag = cluster_lease(&c, 0, &net, "10.1.0.9");
	assert_int_equal(cluster_answer(&c, tag)->err.code, WEFT_E_CONFLICT);
}

static void a_lease_in_anothers_range_is_a_stray(void **state)
{
	struct ipam_finding finding;

	(void)state;
	begin(2);
	cluster_leased(&c, 0, &net);
	claim_all(1, 9);
	assert_int_equal(ipamdb_findings(c.nodes[0].db, all_are_live, NULL, &finding, 1), 1);
	assert_int_equal(finding.kind, IPAM_FINDING_STRAY);
	assert_false(finding.is_disputed);
	assert_true(id_eq(&finding.other, &c.nodes[1].id));
}

static void leases_are_listed_once_each(void **state)
{
	struct lease lease;
	size_t at = 0, count = 0;

	(void)state;
	begin(1);
	for (int i = 0; i < 20; i++)
		cluster_leased(&c, 0, &net);
	while (ipamdb_lease_next(c.nodes[0].db, &at, &lease))
		count++;
	assert_int_equal(count, 20);
}

/* Beyond 2^64 addresses all sums end at the largest number, and none goes below nothing. */
static void sums_of_a_network_wider_than_64_bits_stay_sound(void **state)
{
	struct ipam_request rest = {.kind = IPAM_REST};
	struct ipam_net_info info;
	struct ipam_ring_info part;
	size_t at = 0;

	(void)state;
	rest.network = net = cluster_with_network(&c, 2, 1, 0, "fd00:1::/62");
	cluster_leased(&c, 0, &net);
	cluster_leased(&c, 1, &net); /* a /64 of it goes there: the rest is more than one block */
	cluster_run(&c, 10);
	assert_true(ipamdb_net(c.nodes[0].db, &net, &info));
	assert_true(info.free == UINT64_MAX && info.held == UINT64_MAX);
	assert_int_equal(info.cooling, 0);
	cluster_request(&c, 0, &rest);
	cluster_run(&c, 10);
	assert_true(ipamdb_net(c.nodes[0].db, &net, &info));
	assert_true(info.cooling == UINT64_MAX);
	assert_int_equal(info.free, 0);
	while (ipamdb_ring_next(c.nodes[0].db, &net, &at, &part)) {
		bool is_own = id_eq(&part.holder, &c.nodes[0].id);
		assert_int_equal(part.free, 0);
		assert_true(part.cooling == (is_own ? part.count : 0) || part.leased > 0);
	}
}

/* Some of a very wide range rests, some does not. */
static void what_rests_of_a_wide_range_is_not_all_of_it(void **state)
{
	struct ipam_net_info info;
	struct lease lease;

	(void)state;
	net = cluster_with_network(&c, 2, 1, 0, "fd00:1::/56");
	lease = cluster_leased(&c, 0, &net);
	cluster_release(&c, 0, &net, &lease);
	cluster_run(&c, 10);
	cluster_hand_over(&c, 0);
	cluster_run(&c, 200);
	assert_true(ipamdb_net(c.nodes[1].db, &net, &info));
	assert_true(info.free == UINT64_MAX);
	assert_true(info.cooling == UINT64_MAX); /* 1/16 of a /56 is a /60 */
	assert_true(ipamdb_free_log2(c.nodes[1].db, &net) == 64);
}

static void a_cooling_address_that_was_given_away_counts_in_no_sum(void **state)
{
	struct ipam_ring_info part;
	struct ipam_net_info info;
	struct lease lease;
	size_t at = 0;

	(void)state;
	begin(2);
	lease = cluster_leased(&c, 0, &net);
	cluster_leased(&c, 0, &net);
	cluster_release(&c, 0, &net, &lease);
	cluster_run(&c, 10);
	claim_all(1, 9);
	assert_true(ipamdb_net(c.nodes[0].db, &net, &info));
	assert_int_equal(info.held, 0);
	assert_int_equal(info.cooling, 0);
	assert_int_equal(info.leased, 1); /* a stray, see ipamdb_findings */
	while (ipamdb_ring_next(c.nodes[0].db, &net, &at, &part))
		assert_int_equal(part.cooling + part.leased, 0);
}

#define OTHERS 20000
#define LOOKS 20

/* CPU time of some looks at the network, the least of a few tries. */
static clock_t cost(const struct id *network)
{
	clock_t least = 0;

	for (int i = 0; i < 5; i++) {
		clock_t begin = clock(), took;
		for (int look = 0; look < LOOKS; look++) {
			struct ipam_net_info info;
			struct ipam_ring_info part;
			assert_true(ipamdb_net(c.nodes[0].db, network, &info));
			for (size_t at = 0; ipamdb_ring_next(c.nodes[0].db, network, &at, &part);)
				assert_int_equal(part.leased + part.cooling, info.leased + 1);
		}
		took = clock() - begin;
		least = i == 0 || took < least ? took : least;
	}
	return least;
}

/* Else a host with many networks looks at all its leases once for each of them. */
static void looking_at_a_network_costs_what_is_leased_of_it(void **state)
{
	struct lease lease = {.since = {1}};
	struct id red;

	(void)state;
	begin(1);
	red = cluster_network(&c, 0, "red", "10.2.0.0/16");
	cluster_leased(&c, 0, &net);
	lease = cluster_leased(&c, 0, &net);
	cluster_release(&c, 0, &net, &lease);
	cluster_leased(&c, 0, &red);
	lease = cluster_leased(&c, 0, &red);
	cluster_release(&c, 0, &red, &lease);
	cluster_run(&c, 10);
	cluster_crash(&c, 0);
	for (uint32_t i = 0; i < OTHERS; i++) {
		struct cluster_lease other = {.lease = {.network = red, .sequence = i + 10}};
		other.lease.address = inet_from_v4(0x0a020100u + i);
		vec_push(&c.nodes[0].disk.leases, &other);
	}
	cluster_start(&c, 0, true);
	assert_true(cost(&red) > 20 * cost(&net));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(the_sums_of_a_pool_add_up, teardown),
	    cmocka_unit_test_teardown(the_ring_names_the_holder_of_every_part, teardown),
	    cmocka_unit_test_teardown(a_lease_without_its_endpoint_is_a_leak, teardown),
	    cmocka_unit_test_teardown(
		two_holders_of_one_generation_are_a_conflict_where_nobody_leases, teardown),
	    cmocka_unit_test_teardown(a_lease_in_anothers_range_is_a_stray, teardown),
	    cmocka_unit_test_teardown(leases_are_listed_once_each, teardown),
	    cmocka_unit_test_teardown(sums_of_a_network_wider_than_64_bits_stay_sound, teardown),
	    cmocka_unit_test_teardown(what_rests_of_a_wide_range_is_not_all_of_it, teardown),
	    cmocka_unit_test_teardown(a_cooling_address_that_was_given_away_counts_in_no_sum,
				      teardown),
	    cmocka_unit_test_teardown(looking_at_a_network_costs_what_is_leased_of_it, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
