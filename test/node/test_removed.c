/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Removals by more than one author: two admins who are cut off from each other end each other. A
 * removal holds whatever becomes of its author (admission/effect.c), so both are off where each of
 * them was heard by somebody; who was alone had nobody to tell it to, and is not heard any more.
 * Those who are left agree and take back the space.
 */
#include "cluster.h"
#include "ipamdb/query.h"

#define ADMINS 2 /* the first hosts */
#define HOSTS 5
#define SPACE 256 /* addresses of the network */
#define BOXES 6   /* that each attaches at the end */
#define LEASES_MAX 128

/* Sets of hosts: on the side of the second admin is he alone, or are all but the first one. */
#define ALONE_1 2u
#define ALL_BUT_0 30u

static int ask(struct cluster *cluster, size_t host, enum node_request_kind kind, size_t whom)
{
	struct node_request request = {.kind = kind, .id = cluster->hosts[whom].id, .text = "off"};

	return cluster_call(cluster, host, &request)->err.code;
}

static enum member_state seen(struct cluster *cluster, size_t host, size_t other)
{
	struct member_info info;

	assert_true(gossip_member(node_gossip(cluster->hosts[host].node), &cluster->hosts[other].id,
				  &info));
	return info.state;
}

static uint64_t frozen(struct cluster *cluster, size_t host, const struct id *network)
{
	struct ipam_net_info info;

	assert_true(ipamdb_net(node_ipamdb(cluster->hosts[host].node), network, &info));
	return info.frozen;
}

static bool is_in(unsigned set, size_t host)
{
	return set >> host & 1;
}

/* Five hosts with a box each; the network's maker is the second admin. */
static struct id make(struct cluster **cluster)
{
	struct id network;

	*cluster = cluster_new(HOSTS);
	assert_int_equal(ask(*cluster, 0, NODE_ADMIN_ADD, 1), 0);
	network = cluster_network(*cluster, 1, "blue", "10.1.0.0/24");
	for (size_t host = 0; host < HOSTS; host++)
		assert_int_equal(cluster_attached(*cluster, host, &network, 10 + host).err.code, 0);
	cluster_run(*cluster, 500);
	return network;
}

/* Who is off: a bit for each host. Who is left knows just that, has all of the space with the
 * others, and waits for nobody. */
static void assert_all_agree(struct cluster *cluster, const struct id *network, unsigned off)
{
	struct ipam_net_info info;
	uint64_t held = 0;
	const size_t endpoints = cluster_endpoints(cluster, HOSTS - 1, network, true);

	for (size_t host = 0; host < HOSTS; host++) {
		struct ipamdb *ipamdb = node_ipamdb(cluster->hosts[host].node);

		if (is_in(off, host))
			continue;
		assert_int_equal(gossip_phase(node_gossip(cluster->hosts[host].node)), NODE_ACTIVE);
		for (size_t other = 0; other < HOSTS; other++)
			assert_int_equal(seen(cluster, host, other),
					 is_in(off, other) ? MEMBER_REMOVED : MEMBER_ALIVE);
		assert_true(ipamdb_net(ipamdb, network, &info));
		assert_int_equal(info.frozen, 0);
		assert_int_equal(info.conflicts, 0);
		assert_int_equal(ipamdb_blocks(ipamdb, NULL, NULL, 0), 0);
		assert_int_equal(cluster_endpoints(cluster, host, network, true), endpoints);
		held += info.held;
	}
	assert_int_equal(held, SPACE);
}

/* Everybody who is left leases, and nobody what another one has, whoever gave it to him. */
static void assert_all_lease(struct cluster *cluster, const struct id *network, unsigned off)
{
	struct inet leased[LEASES_MAX];
	struct lease lease;
	size_t count = 0;

	for (size_t host = 0; host < HOSTS; host++) {
		for (uint64_t box = 0; box < BOXES && !is_in(off, host); box++)
			assert_int_equal(
			    cluster_attached(cluster, host, network, 100 + BOXES * host + box)
				.err.code,
			    0);
	}
	for (size_t host = 0; host < HOSTS; host++) {
		struct ipamdb *ipamdb = node_ipamdb(cluster->hosts[host].node);

		for (size_t at = 0; !is_in(off, host) && ipamdb_lease_next(ipamdb, &at, &lease);) {
			for (size_t i = 0; i < count; i++)
				assert_false(inet_eq(&lease.address, &leased[i]));
			assert_true(count < LEASES_MAX);
			leased[count++] = lease.address;
		}
	}
	assert_true(count > BOXES);
}

/* with_second: who of all is on the second admin's side; waited: each side has found the other one
 * failed before. */
static void two_remove_each_other(unsigned with_second, bool waited)
{
	struct cluster *cluster;
	struct id network = make(&cluster);
	const unsigned off = (with_second != ALONE_1 ? 1 : 0) | (with_second != ALL_BUT_0 ? 2 : 0);

	for (size_t host = 0; host < HOSTS; host++)
		cluster->hosts[host].island = is_in(with_second, host);
	if (waited)
		cluster_run(cluster, 30000);
	for (size_t host = 0; host < ADMINS; host++)
		assert_int_equal(ask(cluster, host, NODE_REMOVE, 1 - host), 0);
	/* They go on meanwhile; but only who has all others at hand takes anything back. */
	cluster_run(cluster, 5000);
	for (size_t host = ADMINS; host < HOSTS; host++)
		assert_int_equal(frozen(cluster, host, &network) == 0, off != 3);
	for (size_t host = 0; host < ADMINS; host++)
		assert_int_equal(cluster_attached(cluster, host, &network, 20 + host).err.code, 0);
	for (size_t host = 0; host < HOSTS; host++)
		cluster->hosts[host].island = 0;
	cluster_run(cluster, 30000);

	for (size_t host = 0; host < ADMINS; host++) {
		if (!is_in(off, host))
			continue;
		assert_int_equal(gossip_phase(node_gossip(cluster->hosts[host].node)),
				 NODE_REMOVED);
		assert_int_equal(cluster_boxes(cluster, host), 0);
		assert_int_equal(cluster_attached(cluster, host, &network, 30).err.code,
				 WEFT_E_REMOVED);
	}
	assert_all_agree(cluster, &network, off);
	assert_all_lease(cluster, &network, off);
	cluster_free(cluster);
}

static void two_admins_that_remove_each_other_in_a_cut_are_both_off(void **state)
{
	(void)state;
	for (unsigned with_second = ALONE_1; with_second <= ALL_BUT_0; with_second += 4)
		two_remove_each_other(with_second, false);
}

static void so_they_are_when_each_side_had_taken_the_other_for_failed(void **state)
{
	(void)state;
	for (unsigned with_second = ALONE_1; with_second <= ALL_BUT_0; with_second += 4)
		two_remove_each_other(with_second, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(two_admins_that_remove_each_other_in_a_cut_are_both_off),
	    cmocka_unit_test(so_they_are_when_each_side_had_taken_the_other_for_failed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
