/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <stdio.h>

#include "cluster.h"
#include "ipamdb/query.h"

static struct node_answer reserve(struct cluster *cluster, const struct id *network,
				  const char *address)
{
	struct hostport wanted = {.port = 0};
	struct node_request request = {.kind = NODE_RESERVE, .id = *network, .text = "printer"};

	if (address) {
		assert_int_equal(inet_parse(address, &wanted.ip), 0);
		request.addrs = &wanted;
		request.addr_count = 1;
	}
	return *cluster_call(cluster, 0, &request);
}

static int release(struct cluster *cluster, const struct id *network, const struct inet *address,
		   bool force)
{
	struct hostport addr = {*address, 0};
	struct node_request request = {
	    .kind = NODE_RELEASE, .id = *network, .addrs = &addr, .addr_count = 1, .flag = force};

	return cluster_call(cluster, 0, &request)->err.code;
}

static void an_address_is_reserved_and_released(void **state)
{
	struct cluster *cluster = cluster_new(1);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");
	struct node_answer answer = reserve(cluster, &network, "10.1.0.77");

	(void)state;
	assert_int_equal(answer.err.code, 0);
	assert_int_equal(answer.endpoint_addr_count, 1);
	assert_int_equal(inet_v4(&answer.addrs[0].ip), 0x0a01004d);
	assert_int_equal(reserve(cluster, &network, "10.1.0.77").err.code, WEFT_E_ADDRESS_IN_USE);
	assert_int_equal(release(cluster, &network, &answer.addrs[0].ip, false), 0);
	assert_int_equal(release(cluster, &network, &answer.addrs[0].ip, false), 0);
	assert_int_equal(reserve(cluster, &network, NULL).err.code, 0);
	cluster_free(cluster);
}

static void an_address_of_no_pool_is_not_released(void **state)
{
	struct cluster *cluster = cluster_new(1);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");
	struct inet outside = inet_from_v4(0x0a020001u);

	(void)state;
	assert_int_equal(release(cluster, &network, &outside, false), WEFT_E_ADDRESS_OUTSIDE);
	assert_int_equal(release(cluster, &network, &outside, true), WEFT_E_ADDRESS_OUTSIDE);
	cluster_free(cluster);
}

static void the_address_of_a_live_endpoint_is_not_released_even_by_force(void **state)
{
	struct cluster *cluster = cluster_new(1);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");
	struct node_answer box = cluster_attached(cluster, 0, &network, 11);

	(void)state;
	assert_int_equal(release(cluster, &network, &box.addrs[0].ip, false), WEFT_E_IN_USE);
	assert_int_equal(release(cluster, &network, &box.addrs[0].ip, true), WEFT_E_IN_USE);
	assert_int_equal(cluster_leases(cluster, 0, false), 2);
	cluster_free(cluster);
}

static size_t reserved(struct cluster *cluster, size_t host)
{
	struct lease lease;
	size_t count = 0;

	for (size_t at = 0; ipamdb_lease_next(node_ipamdb(cluster->hosts[host].node), &at, &lease);)
		count += lease.reserved && !lease.cooling;
	return count;
}

/* Else their leases would stay for ever in a network that nobody can name any more. */
static void a_network_that_ends_takes_all_hosts_reservations_along(void **state)
{
	struct cluster *cluster = cluster_new(2);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");
	struct node_request request = {.kind = NODE_RESERVE, .id = network, .text = "kept"};
	struct node_request end = {.kind = NODE_NETWORK_RM, .id = network, .flag = true};

	(void)state;
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(cluster_call(cluster, i % 2, &request)->err.code, 0);
	assert_int_equal(reserved(cluster, 0), 3);
	cluster_stop(cluster, 1); /* it hears of the end when it is back */
	assert_int_equal(cluster_call(cluster, 0, &end)->err.code, 0);
	cluster_run(cluster, 200);
	assert_int_equal(reserved(cluster, 0), 0);
	cluster_start(cluster, 1);
	cluster_run(cluster, 3000);
	assert_int_equal(reserved(cluster, 1), 0);
	cluster_free(cluster);
}

static void a_death_before_reservations_ended_leaves_none(void **state)
{
	struct cluster *cluster = cluster_new(1);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");
	struct node_request request = {.kind = NODE_RESERVE, .id = network, .text = "kept"};
	struct node_request end = {.kind = NODE_NETWORK_RM, .id = network, .flag = true};
	uint64_t tag;

	(void)state;
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(cluster_call(cluster, 0, &request)->err.code, 0);
	tag = cluster_ask(cluster, 0, &end);
	while (cluster_answer(cluster, tag) == NULL)
		cluster_run(cluster, 1);
	cluster_stop(cluster, 0);
	cluster_start(cluster, 0);
	cluster_run(cluster, 1000);
	assert_int_equal(reserved(cluster, 0), 0);
	cluster_free(cluster);
}

/* Another call may be at one of them, or the disk be full: that ends only this try. */
static void reservations_of_an_ended_network_go_when_the_store_works_again(void **state)
{
	struct cluster *cluster = cluster_new(2);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");
	struct node_request request = {.kind = NODE_RESERVE, .id = network, .text = "kept"};
	struct node_request end = {.kind = NODE_NETWORK_RM, .id = network, .flag = true};

	(void)state;
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(cluster_call(cluster, 1, &request)->err.code, 0);
	cluster->hosts[1].commits_fail = true;
	assert_int_equal(cluster_call(cluster, 0, &end)->err.code, 0);
	cluster_run(cluster, 3000);
	assert_int_equal(reserved(cluster, 1), 3);
	cluster->hosts[1].commits_fail = false;
	cluster_run(cluster, 2000);
	assert_int_equal(reserved(cluster, 1), 0);
	cluster_free(cluster);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_address_is_reserved_and_released),
	    cmocka_unit_test(an_address_of_no_pool_is_not_released),
	    cmocka_unit_test(the_address_of_a_live_endpoint_is_not_released_even_by_force),
	    cmocka_unit_test(a_network_that_ends_takes_all_hosts_reservations_along),
	    cmocka_unit_test(a_death_before_reservations_ended_leaves_none),
	    cmocka_unit_test(reservations_of_an_ended_network_go_when_the_store_works_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
