/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Tests of ipamdb/ipamdb.c: clusters under random faults. The cluster itself asserts after every
 * step that no address is leased twice; here it is shown that none is lost either.
 */
#include <stdlib.h>
#include <string.h>

#include "cluster.h"
#include "ipamdb/query.h"
#include "test/base/cmocka_all.h"

static struct cluster c;

static void random_lease(struct cluster *cl, size_t node, const struct id *net)
{
	char addr[INET_TEXT_BYTES];
	struct inet ip;

	if (rng_below(&cl->rng, 4) != 0) {
		cluster_lease(cl, node, net, NULL);
		return;
	}
	assert_int_equal(inet_parse("10.1.0.0", &ip), 0);
	ip = inet_add(&ip, (int64_t)rng_below(&cl->rng, 64));
	inet_format(&ip, addr);
	cluster_reserve(cl, node, net, addr);
}

static void random_release(struct cluster *cl, size_t node, const struct id *net)
{
	struct cluster_disk *disk = &cl->nodes[node].disk;
	struct cluster_lease *held;

	if (disk->leases.count == 0)
		return;
	held = vec_at(&disk->leases, rng_below(&cl->rng, disk->leases.count));
	cluster_release(cl, node, net, &held->lease);
}

static void random_fault(struct cluster *cl, size_t node)
{
	switch (rng_below(&cl->rng, 5)) {
	case 0:
		if (cl->nodes[node].up)
			cluster_crash(cl, node);
		break;
	case 1:
		if (!cl->nodes[node].up)
			cluster_start(cl, node, rng_below(&cl->rng, 2) == 0);
		break;
	case 2: {
		size_t other = rng_below(&cl->rng, cl->count);
		cl->cut[node][other] = cl->cut[other][node] = rng_below(&cl->rng, 2) == 0;
		break;
	}
	case 3:
		cl->nodes[node].fail_commits = rng_below(&cl->rng, 3) == 0;
		break;
	case 4:
		cluster_sync(cl);
		break;
	}
}

static void calm_without(struct cluster *cl, size_t off)
{
	memset(cl->cut, 0, sizeof(cl->cut));
	cl->loss_percent = 0;
	for (size_t i = 0; i < cl->count; i++) {
		cl->nodes[i].fail_commits = false;
		if (!cl->nodes[i].up && i != off)
			cluster_start(cl, i, true);
	}
	for (int i = 0; i < 4; i++) {
		cluster_run(cl, 3000);
		cluster_sync(cl);
	}
}

/* What all nodes hold together; sums must fit at any time. */
static uint64_t held_by_all(struct cluster *cl, const struct id *net, uint64_t *total)
{
	struct ipam_net_info info;
	uint64_t held = 0;

	for (size_t i = 0; i < cl->count; i++) {
		if (!cl->nodes[i].up)
			continue;
		assert_true(ipamdb_net(cl->nodes[i].db, net, &info));
		assert_int_equal(info.held, info.free + info.leased + info.cooling + info.special +
						info.promised);
		assert_int_equal(info.conflicts, 0);
		held += info.held;
		*total = info.total;
	}
	return held;
}

/* The whole pool has owners. A range that changes hands at this very moment belongs to nobody
 * until its recipient's row is on disk, which takes no longer than the bound. */
static void assert_nothing_is_lost(struct cluster *cl, const struct id *net)
{
	uint64_t total = 0;
	uint64_t held = held_by_all(cl, net, &total);

	for (int i = 0; i < 100 && held != total; i++) {
		cluster_run(cl, 10);
		held = held_by_all(cl, net, &total);
	}
	assert_int_equal(held, total);
}

/* One seed; how many leases were answered. */
static size_t chaos(uint64_t seed)
{
	size_t leases = 0;
	size_t nodes = 2 + seed % 4;
	struct id net;

	cluster_init(&c, nodes, seed);
	net = cluster_network(&c, 0, "blue", "10.1.0.0/26");
	c.delay_ms_max = 30;
	cluster_run(&c, 100);
	c.loss_percent = (uint32_t)(seed % 3) * 15;
	for (int op = 0; op < 400; op++) {
		size_t node = rng_below(&c.rng, nodes);
		uint64_t what = rng_below(&c.rng, 100);
		if (what < 50)
			random_lease(&c, node, &net);
		else if (what < 85)
			random_release(&c, node, &net);
		else
			random_fault(&c, node);
		cluster_run(&c, (int64_t)rng_below(&c.rng, op % 50 == 0 ? 70000 : 60));
	}
	calm_without(&c, SIZE_MAX);
	assert_nothing_is_lost(&c, &net);
	leases += c.leases_answered;
	cluster_close(&c);
	return leases;
}

static void no_address_is_leased_twice_or_lost_whatever_fails(void **state)
{
	(void)state;
	size_t leases = 0;
	const char *only = getenv("IPAMDB_SEED"); /* to replay one */
	uint64_t first = only ? strtoull(only, NULL, 10) : 1;
	uint64_t last = only ? first : 60;

	for (uint64_t seed = first; seed <= last; seed++) {
		print_message("seed %llu, %zu leases before\n", (unsigned long long)seed, leases);
		leases += chaos(seed);
	}
	assert_true(only || leases > 2000);
}

static void remove_member(struct cluster *cl, size_t victim)
{
	struct rec_removal rec = {.reason = "off"};
	uint8_t value[128];
	int len = rec_removal_encode(&rec, value, sizeof(value));
	size_t by = (victim + 1) % cl->count;

	assert_true(len > 0);
	if (!cl->nodes[by].up)
		cluster_start(cl, by, true);
	cluster_member(cl, victim, false, true);
	cluster_fact(cl, by, FACT_REMOVAL, cl->nodes[victim].id.b, ID_BYTES, value, (size_t)len);
}

/* It goes down some time before it is removed; tables of whoever can hear are equal by then. */
static void switch_off(struct cluster *cl, size_t victim)
{
	cluster_sync(cl);
	if (cl->nodes[victim].up)
		cluster_crash(cl, victim);
	cluster_run(cl, 100);
	cluster_sync(cl);
}

/* One member is removed in the middle of it all: it is off, as its removal says; or it runs on, cut
 * off or not, leases and grants. */
static void removal(uint64_t seed, bool is_off)
{
	size_t nodes = 3 + seed % 3, victim = seed % nodes;
	struct id net;

	cluster_init(&c, nodes, seed);
	net = cluster_network(&c, 0, "blue", "10.1.0.0/26");
	c.delay_ms_max = 30;
	c.keep_snapshots = true; /* whose rows everybody forgot are lost with their owner */
	cluster_run(&c, 100);
	for (int op = 0; op < 160; op++) {
		size_t node = rng_below(&c.rng, nodes);
		uint64_t what = rng_below(&c.rng, 100);
		if (op == 80 && is_off)
			switch_off(&c, victim);
		if (op == 80)
			remove_member(&c, victim);
		if (what < 60)
			random_lease(&c, node, &net);
		else if (what < 80)
			random_release(&c, node, &net);
		else if (node != victim || !is_off || op < 80)
			random_fault(&c, node);
		cluster_run(&c, (int64_t)rng_below(&c.rng, 60));
	}
	/* It hears of its removal at last, and goes off. */
	if (c.nodes[victim].up)
		cluster_crash(&c, victim);
	calm_without(&c, victim);
	if (is_off)
		assert_nothing_is_lost(&c, &net);
	cluster_close(&c);
}

static void the_space_of_a_removed_member_comes_back_and_is_not_leased_twice(void **state)
{
	const char *only = getenv("IPAMDB_SEED");
	uint64_t first = only ? strtoull(only, NULL, 10) : 1;

	(void)state;
	for (uint64_t seed = first; seed <= (only ? first : 60); seed++) {
		print_message("seed %llu\n", (unsigned long long)seed);
		removal(seed, true);
	}
}

static void a_removed_member_that_runs_on_makes_nobody_lease_an_address_twice(void **state)
{
	const char *only = getenv("IPAMDB_SEED");
	uint64_t first = only ? strtoull(only, NULL, 10) : 1;

	(void)state;
	for (uint64_t seed = first; seed <= (only ? first : 60); seed++) {
		print_message("seed %llu\n", (unsigned long long)seed);
		removal(seed, false);
	}
}

static void after_everything_is_released_the_whole_pool_can_be_leased_again(void **state)
{
	struct id net;

	(void)state;
	net = cluster_with_network(&c, 3, 5, 0, "10.1.0.0/26");
	for (int round = 0; round < 3; round++) {
		struct lease leases[61];
		for (size_t i = 0; i < 61; i++)
			leases[i] = cluster_leased(&c, i % 3, &net);
		for (size_t i = 0; i < 61; i++)
			cluster_release(&c, i % 3, &net, &leases[i]);
		cluster_run(&c, 130000);
	}
	assert_nothing_is_lost(&c, &net);
	cluster_close(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(no_address_is_leased_twice_or_lost_whatever_fails),
	    cmocka_unit_test(the_space_of_a_removed_member_comes_back_and_is_not_leased_twice),
	    cmocka_unit_test(a_removed_member_that_runs_on_makes_nobody_lease_an_address_twice),
	    cmocka_unit_test(after_everything_is_released_the_whole_pool_can_be_leased_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
