/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* What weft never does by itself is written to a host's disk here while it is down. */
#include "cluster.h"
#include "ipamdb/query.h"

static int reserve(struct cluster *cluster, size_t host, const struct id *network,
		   const struct inet *address)
{
	struct hostport wanted = {.ip = *address};
	struct node_request request = {
	    .kind = NODE_RESERVE, .id = *network, .addr_count = 1, .addrs = &wanted};

	return cluster_call(cluster, host, &request)->err.code;
}

static const struct node_answer *check(struct cluster *cluster, size_t host, bool fix, bool force)
{
	struct node_request request = {.kind = NODE_CHECK, .flag = fix, .force = force};
	const struct node_answer *answer = cluster_call(cluster, host, &request);

	assert_int_equal(answer->err.code, 0);
	return answer;
}

static void assert_found(const struct node_answer *answer, size_t i, enum node_finding_kind kind,
			 const struct inet *address, enum node_remedy remedy, bool fixed)
{
	assert_true(i < answer->finding_count);
	assert_int_equal(answer->findings[i].kind, kind);
	assert_true(inet_eq(&answer->findings[i].address, address));
	assert_int_equal(answer->findings[i].remedy, remedy);
	assert_int_equal(answer->findings[i].fixed, fixed);
}

static bool leases(struct cluster *cluster, size_t host, const struct id *network,
		   const struct inet *address)
{
	struct lease lease;

	return ipamdb_lease(node_ipamdb(cluster->hosts[host].node), network, address, &lease) &&
	       !lease.cooling;
}

static void restart_with(struct cluster *cluster, size_t host, const struct write *first,
			 const struct write *second)
{
	cluster_stop(cluster, host);
	disk_put(&cluster->hosts[host], first);
	if (second)
		disk_put(&cluster->hosts[host], second);
	cluster_start(cluster, host);
	cluster_run(cluster, 2000);
}

/* A lease of an endpoint that no longer exists, as a lost write would leave it. */
static void leak_a_lease(struct cluster *cluster, const struct id *endpoint)
{
	struct write drop = {.kind = WRITE_ENDPOINT_DROP};

	drop.endpoint.id = *endpoint;
	cluster_stop(cluster, 0);
	disk_put(&cluster->hosts[0], &drop);
	cluster_start(cluster, 0);
	cluster_run(cluster, 1000);
}

/* Host 0 has an address reserved that is another host's. */
static void stray(struct cluster *cluster, const struct id *network, const struct inet *address)
{
	struct write lease = {.kind = WRITE_LEASE,
			      .lease = {.network = *network,
					.address = *address,
					.endpoint = {{7}},
					.sequence = 1000,
					.reserved = true}};

	restart_with(cluster, 0, &lease, NULL);
}

/* The box of host 0 has this address instead of its own. */
static void readdress(struct cluster *cluster, const struct id *endpoint,
		      const struct inet *address)
{
	struct write box = {.kind = 0}, drop = {.kind = WRITE_LEASE_DROP},
		     lease = {.kind = WRITE_LEASE};
	const struct host *host = &cluster->hosts[0];

	for (size_t i = 0; i < host->disk_count; i++) {
		const struct write *write = &host->disk[i].write;

		if (write->kind == WRITE_ENDPOINT && id_eq(&write->endpoint.id, endpoint))
			box = *write;
		if (write->kind == WRITE_LEASE && id_eq(&write->lease.endpoint, endpoint))
			lease.lease = drop.lease = write->lease;
	}
	assert_int_equal(box.kind, WRITE_ENDPOINT);
	assert_int_equal(box.endpoint.addr_count, 1);
	box.endpoint.addrs[0].ip = lease.lease.address = *address;
	cluster_stop(cluster, 0);
	disk_put(&cluster->hosts[0], &drop);
	restart_with(cluster, 0, &box, &lease);
}

static void a_leaked_lease_is_found_and_mended_on_demand(void **state)
{
	struct cluster *cluster = cluster_new(1);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");
	struct node_answer box = cluster_attached(cluster, 0, &network, 11);
	struct node_request check = {.kind = NODE_CHECK};
	const struct node_answer *answer;

	(void)state;
	assert_int_equal(cluster_call(cluster, 0, &check)->finding_count, 0);
	assert_int_equal(cluster_attached(cluster, 0, &network, 12).err.code, 0);
	leak_a_lease(cluster, &box.id);
	answer = cluster_call(cluster, 0, &check);
	assert_int_equal(answer->finding_count, 1);
	assert_int_equal(answer->findings[0].kind, FINDING_LEAK);
	assert_true(inet_eq(&answer->findings[0].address, &box.addrs[0].ip));
	assert_false(answer->findings[0].fixed);
	check.flag = true;
	answer = cluster_call(cluster, 0, &check);
	assert_int_equal(answer->finding_count, 1);
	assert_true(answer->findings[0].fixed);
	check.flag = false;
	assert_int_equal(cluster_call(cluster, 0, &check)->finding_count, 0);
	assert_int_equal(cluster_leases(cluster, 0, false), 2);
	cluster_free(cluster);
}

static void an_address_that_was_a_removed_node_s_is_no_double(void **state)
{
	struct cluster *cluster = cluster_new(2);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/28");
	struct node_request remove = {.kind = NODE_REMOVE, .text = "sold"};
	struct node_request check = {.kind = NODE_CHECK};
	struct node_answer box, here;

	(void)state;
	here = cluster_attached(cluster, 0, &network, 11);
	box = cluster_attached(cluster, 1, &network, 12);
	assert_int_equal(here.err.code, 0);
	assert_int_equal(box.err.code, 0);
	remove.id = cluster->hosts[1].id;
	assert_int_equal(cluster_call(cluster, 0, &remove)->err.code, 0);
	cluster_run(cluster, 5000);
	assert_int_equal(reserve(cluster, 0, &network, &box.addrs[0].ip), 0);
	assert_int_equal(cluster_call(cluster, 0, &check)->finding_count, 0);
	cluster_free(cluster);
}

static void a_reservation_that_another_host_owns_is_found_and_released(void **state)
{
	struct cluster *cluster = cluster_new(2);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");
	struct inet address;
	const struct node_answer *answer;

	(void)state;
	address = cluster_attached(cluster, 1, &network, 11).addrs[0].ip;
	address.b[15]++; /* the next of its range */
	stray(cluster, &network, &address);
	for (int fix = 0; fix < 3; fix++) { /* it is somebody's: with force alone */
		answer = check(cluster, 0, fix > 0, fix == 2);
		assert_int_equal(answer->finding_count, 1);
		assert_found(answer, 0, FINDING_STRAY, &address, REMEDY_UNRESERVE, fix == 2);
		assert_true(id_eq(&answer->findings[0].other, &cluster->hosts[1].id));
	}
	assert_int_equal(check(cluster, 0, false, false)->finding_count, 0);
	assert_false(leases(cluster, 0, &network, &address));
	cluster_free(cluster);
}

static void a_reservation_of_another_host_s_endpoint_is_found_as_both_and_released(void **state)
{
	struct cluster *cluster = cluster_new(2);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");
	struct node_answer box = cluster_attached(cluster, 1, &network, 11);
	const struct inet *address = &box.addrs[0].ip;
	const struct node_answer *answer;

	(void)state;
	/* Who has no endpoint in a network hears of no others there. */
	assert_int_equal(cluster_attached(cluster, 0, &network, 10).err.code, 0);
	stray(cluster, &network, address);
	for (int fix = 0; fix < 3; fix++) { /* it is somebody's: with force alone */
		answer = check(cluster, 0, fix > 0, fix == 2);
		assert_int_equal(answer->finding_count, 2);
		assert_found(answer, 0, FINDING_STRAY, address, REMEDY_UNRESERVE, fix == 2);
		assert_found(answer, 1, FINDING_DOUBLE, address, REMEDY_UNRESERVE, fix == 2);
		assert_true(id_eq(&answer->findings[1].other, &cluster->hosts[1].id));
	}
	assert_int_equal(check(cluster, 0, false, false)->finding_count, 0);
	assert_false(leases(cluster, 0, &network, address));
	assert_true(leases(cluster, 1, &network, address));
	assert_int_equal(cluster_boxes(cluster, 1), 1);
	cluster_free(cluster);
}

/* It may be the rows that are wrong: a member that lies claims what others have. */
static void a_box_loses_an_address_that_another_host_owns_only_by_force(void **state)
{
	struct cluster *cluster = cluster_new(2);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");
	struct node_answer here = cluster_attached(cluster, 0, &network, 10);
	struct node_answer stays = cluster_attached(cluster, 0, &network, 12);
	struct node_answer there = cluster_attached(cluster, 1, &network, 11);
	const struct inet *address = &there.addrs[0].ip;
	const struct node_answer *answer;

	(void)state;
	readdress(cluster, &here.id, address);
	for (int fix = 0; fix < 3; fix++) {
		answer = check(cluster, 0, fix > 0, fix > 1);
		assert_int_equal(answer->finding_count, 2);
		assert_found(answer, 0, FINDING_STRAY, address, REMEDY_DETACH, fix > 1);
		assert_found(answer, 1, FINDING_DOUBLE, address, REMEDY_DETACH, fix > 1);
		assert_true(id_eq(&answer->findings[0].endpoint, &here.id));
		assert_int_equal(cluster_boxes(cluster, 0), fix > 1 ? 1 : 2);
	}
	assert_int_equal(check(cluster, 0, false, false)->finding_count, 0);
	assert_true(leases(cluster, 0, &network, &stays.addrs[0].ip));
	assert_true(leases(cluster, 1, &network, address));
	assert_int_equal(cluster_boxes(cluster, 1), 1);
	assert_int_equal(cluster_endpoints(cluster, 1, &network, false), 2);
	cluster_free(cluster);
}

static void a_disk_that_refuses_ends_a_check_with_what_is_left(void **state)
{
	struct cluster *cluster = cluster_new(2);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");
	struct node_answer here = cluster_attached(cluster, 0, &network, 10);
	struct node_answer there = cluster_attached(cluster, 1, &network, 11);
	const struct node_answer *answer;

	(void)state;
	readdress(cluster, &here.id, &there.addrs[0].ip);
	cluster->hosts[0].commits_fail = true;
	answer = check(cluster, 0, true, true);
	assert_found(answer, 0, FINDING_STRAY, &there.addrs[0].ip, REMEDY_DETACH, false);
	assert_int_equal(cluster_boxes(cluster, 0), 1);
	cluster->hosts[0].commits_fail = false;
	answer = check(cluster, 0, true, true);
	assert_found(answer, 0, FINDING_STRAY, &there.addrs[0].ip, REMEDY_DETACH, true);
	assert_found(answer, 1, FINDING_DOUBLE, &there.addrs[0].ip, REMEDY_DETACH, true);
	cluster_run(cluster, 2000);
	assert_int_equal(check(cluster, 0, false, false)->finding_count, 0);
	cluster_free(cluster);
}

/* The owner of an address has nothing to mend: whoever else has it gives it up. */
static void a_double_of_an_own_address_is_the_other_host_s_to_mend(void **state)
{
	struct cluster *cluster = cluster_new(2);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");
	struct node_answer box = cluster_attached(cluster, 1, &network, 11);
	const struct inet *address = &box.addrs[0].ip;
	struct write forget = {.kind = WRITE_LEASE_DROP,
			       .lease = {.network = network, .address = *address}};
	const struct node_answer *answer;

	(void)state;
	assert_int_equal(cluster_attached(cluster, 0, &network, 10).err.code, 0);
	/* It forgot its lease and grants the address, its endpoint still has it. */
	restart_with(cluster, 1, &forget, NULL);
	assert_int_equal(reserve(cluster, 0, &network, address), 0);
	for (int force = 0; force < 2; force++) {
		answer = check(cluster, 0, true, force);
		assert_int_equal(answer->finding_count, 1);
		assert_found(answer, 0, FINDING_DOUBLE, address, REMEDY_THERE, false);
	}
	assert_true(leases(cluster, 0, &network, address));
	cluster_free(cluster);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_leaked_lease_is_found_and_mended_on_demand),
	    cmocka_unit_test(an_address_that_was_a_removed_node_s_is_no_double),
	    cmocka_unit_test(a_reservation_that_another_host_owns_is_found_and_released),
	    cmocka_unit_test(
		a_reservation_of_another_host_s_endpoint_is_found_as_both_and_released),
	    cmocka_unit_test(a_box_loses_an_address_that_another_host_owns_only_by_force),
	    cmocka_unit_test(a_disk_that_refuses_ends_a_check_with_what_is_left),
	    cmocka_unit_test(a_double_of_an_own_address_is_the_other_host_s_to_mend),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
