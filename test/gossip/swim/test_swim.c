/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Stories of whole clusters over frames without seals, under virtual time. */
#include "test/base/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "gossip/swim/swim_parts.h"
#include "swim_net.h"

static struct swim_net net;

static int teardown(void **state)
{
	(void)state;
	swim_net_close(&net);
	return 0;
}

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void a_killed_node_is_failed_everywhere_within_seconds(void **state)
{
	int64_t took[20];

	(void)state;
	for (size_t run = 0; run < 20; run++) {
		swim_net_open(&net, 100, run + 1, PROFILE_LAN);
		swim_net_run(&net, 12000 + (int64_t)run * 137 % 2000);
		swim_net_kill(&net, run * 5);
		took[run] = swim_net_until(&net, run * 5, MEMBER_FAILED, 10000);
		assert_in_range(took[run], 1, 4500);
		assert_false(net.healthy_failed);
		if (run + 1 < 20)
			swim_net_close(&net);
	}
	qsort(took, 20, sizeof(took[0]), by_size);
	assert_in_range(took[10], 1, 3000);
}

static void a_killed_node_is_failed_as_fast_at_a_quarter_loss(void **state)
{
	(void)state;
	swim_net_open(&net, 100, 3, PROFILE_LAN);
	net.loss_percent = 25;
	swim_net_run(&net, 15000);
	swim_net_kill(&net, 42);
	assert_in_range(swim_net_until(&net, 42, MEMBER_FAILED, 10000), 1, 4500);
	assert_false(net.healthy_failed);
}

static void a_quarter_loss_fails_nobody(void **state)
{
	(void)state;
	swim_net_open(&net, 100, 4, PROFILE_LAN);
	net.loss_percent = 25;
	swim_net_run(&net, 120000);
	assert_false(net.healthy_failed);
	for (size_t i = 0; i < 100; i++)
		assert_int_equal(swim_net_count(&net, i, MEMBER_FAILED), 0);
}

static void two_nodes_bear_a_quarter_loss(void **state)
{
	(void)state;
	swim_net_open(&net, 2, 5, PROFILE_LAN);
	net.loss_percent = 25;
	swim_net_run(&net, 3600 * 1000);
	assert_false(net.healthy_failed);
}

static void stalled_nodes_fail_none_of_the_healthy(void **state)
{
	struct rng rng;
	size_t stalls = 0;

	(void)state;
	rng_init(&rng, 6);
	swim_net_open(&net, 100, 6, PROFILE_LAN);
	swim_net_run(&net, 5000);
	for (int tick = 0; tick < 300; tick++) {
		for (size_t i = 0; i < 10; i++) {
			if (net.nodes[i].stalled.ns > net.now.ns || rng_below(&rng, 10) > 0)
				continue;
			swim_net_stall(&net, i, (int64_t)rng_below(&rng, 8000) + 50);
			stalls++;
		}
		swim_net_run(&net, 100);
	}
	assert_in_range(stalls, 20, 1000);
	assert_false(net.healthy_failed);
	swim_net_run(&net, 15000);
	for (size_t i = 0; i < 100; i++)
		assert_int_equal(swim_net_count(&net, i, MEMBER_ALIVE), 99);
}

static void a_stopped_node_comes_back_at_once_when_it_goes_on(void **state)
{
	(void)state;
	swim_net_open(&net, 30, 7, PROFILE_LAN);
	swim_net_run(&net, 5000);
	swim_net_stall(&net, 3, 20000);
	swim_net_run(&net, 19000);
	assert_int_equal(swim_net_count(&net, 3, MEMBER_FAILED), 29);
	swim_net_run(&net, 1000);
	assert_in_range(swim_net_until(&net, 3, MEMBER_ALIVE, 10000), 0, 1000);
	swim_net_run(&net, 5000);
	for (size_t i = 0; i < 30; i++)
		assert_int_equal(swim_net_state(&net, 3, i), MEMBER_ALIVE);
}

static void a_restarted_node_comes_back_with_a_higher_incarnation(void **state)
{
	uint64_t before;

	(void)state;
	swim_net_open(&net, 20, 8, PROFILE_LAN);
	swim_net_run(&net, 5000);
	before = net.nodes[0].core.self.incarnation;
	swim_net_kill(&net, 0);
	assert_in_range(swim_net_until(&net, 0, MEMBER_FAILED, 10000), 1, 4500);
	swim_net_restart(&net, 0);
	assert_in_range(swim_net_until(&net, 0, MEMBER_ALIVE, 10000), 0, 1000);
	assert_true(net.nodes[0].core.self.incarnation > before);
}

static void a_partition_heals_by_itself(void **state)
{
	(void)state;
	swim_net_open(&net, 24, 9, PROFILE_LAN);
	swim_net_run(&net, 5000);
	net.parted = true;
	swim_net_run(&net, 60000);
	for (size_t i = 0; i < 24; i++)
		assert_int_equal(swim_net_count(&net, i, MEMBER_FAILED), 12);
	net.parted = false;
	swim_net_run(&net, 10000);
	for (size_t i = 0; i < 24; i++)
		assert_int_equal(swim_net_count(&net, i, MEMBER_ALIVE), 23);
}

static void a_node_that_hears_nobody_is_isolated_until_it_hears_somebody(void **state)
{
	(void)state;
	swim_net_open(&net, 2, 10, PROFILE_LAN);
	swim_net_run(&net, 5000);
	assert_false(swim_is_isolated(net.nodes[0].swim));
	net.parted = true;
	swim_net_run(&net, 20000);
	assert_true(swim_is_isolated(net.nodes[0].swim));
	assert_true(swim_is_isolated(net.nodes[1].swim));
	net.parted = false;
	swim_net_run(&net, 8000);
	assert_false(swim_is_isolated(net.nodes[0].swim));
	assert_int_equal(swim_net_state(&net, 0, 1), MEMBER_ALIVE);
	assert_int_equal(swim_net_state(&net, 1, 0), MEMBER_ALIVE);
}

static uint64_t idle_bytes(size_t nodes)
{
	uint64_t before, after;

	swim_net_open(&net, nodes, 11, PROFILE_LAN);
	swim_net_run(&net, 20000);
	before = net.bytes;
	swim_net_run(&net, 30000);
	after = net.bytes;
	return (after - before) / nodes / 30;
}

static void idle_traffic_is_small_and_constant_in_the_number_of_nodes(void **state)
{
	uint64_t few, many;

	(void)state;
	few = idle_bytes(5);
	swim_net_close(&net);
	many = idle_bytes(100);
	assert_in_range(many, 100, 180); /* leaves 120 B/s for the tables */
	assert_in_range(few, many * 9 / 10, many * 11 / 10);
}

static void the_round_trip_time_is_measured(void **state)
{
	struct id peer;

	(void)state;
	swim_net_open(&net, 3, 12, PROFILE_LAN);
	net.delay_min_ns = 20 * NS_PER_MS;
	net.delay_max_ns = 22 * NS_PER_MS;
	swim_net_run(&net, 60000);
	peer = net.nodes[1].id;
	assert_in_range(member_find(&net.nodes[0].members, &peer)->srtt_ns, 40 * NS_PER_MS,
			44 * NS_PER_MS);
}

static void a_wide_profile_bears_long_round_trips(void **state)
{
	(void)state;
	swim_net_open(&net, 20, 13, PROFILE_WAN);
	net.delay_min_ns = 80 * NS_PER_MS;
	net.delay_max_ns = 150 * NS_PER_MS;
	net.loss_percent = 5;
	swim_net_run(&net, 300000);
	assert_false(net.healthy_failed);
	swim_net_kill(&net, 4);
	assert_in_range(swim_net_until(&net, 4, MEMBER_FAILED, 60000), 1, 30000);
}

static void half_of_a_cluster_may_die_at_once(void **state)
{
	(void)state;
	swim_net_open(&net, 60, 14, PROFILE_LAN);
	swim_net_run(&net, 5000);
	for (size_t i = 0; i < 60; i += 2)
		swim_net_kill(&net, i);
	swim_net_run(&net, 60000);
	for (size_t i = 0; i < 60; i++)
		assert_int_equal(swim_net_count(&net, i, i % 2 == 0 ? MEMBER_FAILED : MEMBER_ALIVE),
				 i % 2 == 0 ? 30 : 29);
	assert_false(net.healthy_failed);
}

static void one_seed_gives_one_run(void **state)
{
	uint64_t bytes, datagrams;

	(void)state;
	swim_net_open(&net, 20, 15, PROFILE_LAN);
	net.loss_percent = 20;
	swim_net_run(&net, 20000);
	bytes = net.bytes;
	datagrams = net.datagrams;
	swim_net_close(&net);
	swim_net_open(&net, 20, 15, PROFILE_LAN);
	net.loss_percent = 20;
	swim_net_run(&net, 20000);
	assert_int_equal(net.bytes, bytes);
	assert_int_equal(net.datagrams, datagrams);
}

static void every_counter_has_a_name(void **state)
{
	struct gossip_counter counter;
	size_t count = 0;

	(void)state;
	swim_net_open(&net, 3, 16, PROFILE_LAN);
	swim_net_run(&net, 10000);
	while (swim_counter(net.nodes[0].swim, count, &counter)) {
		assert_true(strlen(counter.name) > 0 && strlen(counter.help) > 0);
		if (strcmp(counter.name, "probes") == 0)
			assert_in_range(counter.value, 8, 20);
		count++;
	}
	assert_int_equal(count, SWIM_STAT_COUNT + 1);
}

#define STORY(test) cmocka_unit_test_teardown(test, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    STORY(a_killed_node_is_failed_everywhere_within_seconds),
	    STORY(a_killed_node_is_failed_as_fast_at_a_quarter_loss),
	    STORY(a_quarter_loss_fails_nobody),
	    STORY(two_nodes_bear_a_quarter_loss),
	    STORY(stalled_nodes_fail_none_of_the_healthy),
	    STORY(a_stopped_node_comes_back_at_once_when_it_goes_on),
	    STORY(a_restarted_node_comes_back_with_a_higher_incarnation),
	    STORY(a_partition_heals_by_itself),
	    STORY(a_node_that_hears_nobody_is_isolated_until_it_hears_somebody),
	    STORY(idle_traffic_is_small_and_constant_in_the_number_of_nodes),
	    STORY(the_round_trip_time_is_measured),
	    STORY(a_wide_profile_bears_long_round_trips),
	    STORY(half_of_a_cluster_may_die_at_once),
	    STORY(one_seed_gives_one_run),
	    STORY(every_counter_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
