/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <string.h>

#include "cluster.h"
#include "gossip/base/record.h"
#include "ipamdb/query.h"

static void a_restart_from_its_writes_finds_everything_as_it_was(void **state)
{
	struct cluster *cluster = cluster_new(2);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");
	struct node_answer box = cluster_attached(cluster, 1, &network, 12);
	struct node_answer next;
	struct id self = cluster->hosts[1].id;
	size_t plugs = cluster->hosts[1].plugs;

	(void)state;
	assert_int_equal(cluster_attached(cluster, 0, &network, 11).err.code, 0);
	cluster_stop(cluster, 1);
	cluster_start(cluster, 1);
	cluster_run(cluster, 2000);
	assert_true(id_eq(&cluster->hosts[1].id, &self));
	assert_true(node_is_ready(cluster->hosts[1].node));
	assert_int_equal(cluster_boxes(cluster, 1), 1);
	assert_int_equal(cluster_leases(cluster, 1, false), 2);
	assert_int_equal(cluster_endpoints(cluster, 1, &network, true), 4);
	assert_int_equal(cluster->hosts[1].plugs, plugs);
	next = cluster_attached(cluster, 1, &network, 13);
	assert_int_equal(next.err.code, 0);
	assert_false(inet_eq(&next.addrs[0].ip, &box.addrs[0].ip));
	assert_int_equal(cluster_attached(cluster, 1, &network, 12).err.code, WEFT_E_CONFLICT);
	assert_int_equal(cluster_detach(cluster, 1, &box.id), 0);
	cluster_free(cluster);
}

/* An admission brings the rows of three members beside the seed's: the others come with a sync. */
static void who_hears_that_it_joined_knows_all_members(void **state)
{
	struct cluster *cluster = cluster_new(HOSTS_MAX - 1);
	struct node_request join = {.kind = NODE_JOIN, .text = cluster->token};
	size_t last = cluster_add(cluster), members = 0;
	uint64_t tag = cluster_ask(cluster, last, &join);
	struct member_info info;

	(void)state;
	for (int i = 0; i < 10000 && !cluster_answer(cluster, tag); i++)
		cluster_run(cluster, 1);
	assert_non_null(cluster_answer(cluster, tag));
	assert_int_equal(cluster_answer(cluster, tag)->err.code, 0);
	for (size_t at = 0; gossip_member_next(node_gossip(cluster->hosts[last].node), &at, &info);)
		members += info.state == MEMBER_ALIVE;
	assert_int_equal(members, HOSTS_MAX);
	cluster_free(cluster);
}

static void boxes_of_an_earlier_boot_are_withdrawn(void **state)
{
	struct cluster *cluster = cluster_new(2);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");

	(void)state;
	assert_int_equal(cluster_attached(cluster, 0, &network, 11).err.code, 0);
	assert_int_equal(cluster_attached(cluster, 1, &network, 12).err.code, 0);
	cluster_stop(cluster, 1);
	cluster->hosts[1].boot.b[1] = 1;
	cluster_start(cluster, 1);
	cluster_run(cluster, 3000);
	assert_int_equal(cluster_boxes(cluster, 1), 0);
	assert_int_equal(cluster_endpoints(cluster, 0, &network, false), 1);
	cluster_free(cluster);
}

/* Is a part of the network held under this generation, for all that a host knows? */
static bool holds_generation(struct cluster *cluster, size_t host, const struct id *network,
			     uint64_t generation)
{
	struct ipamdb *ipamdb = node_ipamdb(cluster->hosts[host].node);
	struct ipam_ring_info part;

	for (size_t at = 0; ipamdb_ring_next(ipamdb, network, &at, &part);)
		if (part.generation == generation)
			return true;
	return false;
}

/* The row of a range that host 0 wrote, as host 1 has it on its disk. */
static struct row_view stored_range(struct cluster *cluster)
{
	for (size_t i = 0; i < cluster->hosts[1].disk_count; i++) {
		const struct write *write = &cluster->hosts[1].disk[i].write;
		if (write->kind == WRITE_SNAPSHOT && write->row.kind == ROW_RANGE &&
		    id_eq(&write->row.owner, &cluster->hosts[0].id))
			return write->row;
	}
	fail();
	return (struct row_view){0};
}

/* Its owner signed two rows of one version, and the one that gave way was not forgotten. */
static void what_the_tables_pass_over_at_the_start_is_no_claim(void **state)
{
	struct cluster *cluster = cluster_new(2);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");
	struct write twin = {.kind = WRITE_SNAPSHOT};
	uint8_t bytes[ROW_BYTES_MAX] = {0};
	struct range_key key;
	struct row_view row;
	int len;

	(void)state;
	assert_int_equal(cluster_attached(cluster, 1, &network, 11).err.code, 0);
	cluster_run(cluster, 31000);
	row = stored_range(cluster);
	assert_int_equal(range_key_decode(row.key, row.key_len, &key), 0);
	assert_true(holds_generation(cluster, 1, &network, key.generation));
	key.generation += 90;
	range_key_encode(&key, row.key);
	len = row_encode(&row, bytes, sizeof(bytes));
	assert_true(len > 0);
	twin.bytes = bytes;
	twin.len = (size_t)len + ROW_SIG_BYTES;
	assert_int_equal(row_parse(twin.bytes, twin.len, &twin.row), 0);
	cluster_stop(cluster, 0);
	cluster_stop(cluster, 1);
	disk_put(&cluster->hosts[1], &twin);
	cluster_start(cluster, 1);
	cluster_run(cluster, 1000);
	assert_true(holds_generation(cluster, 1, &network, key.generation - 90));
	assert_false(holds_generation(cluster, 1, &network, key.generation));
	cluster_free(cluster);
}

static void a_node_without_a_cluster_is_not_ready_and_says_so(void **state)
{
	struct cluster *cluster = cluster_new(1);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");

	(void)state;
	cluster->count = 2;
	cluster->hosts[1].addr = (struct hostport){inet_from_v4(0x0a000002), GOSSIP_PORT};
	cluster_start(cluster, 1);
	cluster_run(cluster, 10000);
	assert_false(node_is_ready(cluster->hosts[1].node));
	assert_int_equal(cluster_attached(cluster, 1, &network, 1).err.code, WEFT_E_NOT_FOUND);
	cluster_free(cluster);
}

static void a_restarted_node_is_ready_once_it_has_synced(void **state)
{
	struct cluster *cluster = cluster_new(2);

	(void)state;
	cluster_stop(cluster, 1);
	cluster_start(cluster, 1);
	assert_false(node_is_ready(cluster->hosts[1].node));
	cluster_run(cluster, 1500);
	assert_true(node_is_ready(cluster->hosts[1].node));
	cluster_free(cluster);
}

static void a_restarted_node_that_reaches_nobody_is_ready_after_the_wait(void **state)
{
	struct cluster *cluster = cluster_new(2);

	(void)state;
	cluster_stop(cluster, 0);
	cluster_stop(cluster, 1);
	cluster_start(cluster, 1);
	cluster_run(cluster, 1000);
	assert_false(node_is_ready(cluster->hosts[1].node));
	cluster_run(cluster, 20000);
	assert_true(node_is_ready(cluster->hosts[1].node));
	cluster_free(cluster);
}

static void the_last_box_takes_the_host_s_own_endpoint_with_it_after_a_while(void **state)
{
	struct cluster *cluster = cluster_new(2);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");
	struct node_answer box = cluster_attached(cluster, 1, &network, 12);

	(void)state;
	assert_int_equal(cluster_attached(cluster, 0, &network, 11).err.code, 0);
	assert_int_equal(cluster_detach(cluster, 1, &box.id), 0);
	cluster_run(cluster, 2000);
	assert_int_equal(cluster_endpoints(cluster, 0, &network, true), 3);
	cluster_run(cluster, 20000);
	assert_int_equal(cluster_endpoints(cluster, 0, &network, true), 2);
	assert_int_equal(cluster_leases(cluster, 1, false), 0);
	assert_int_equal(cluster_attached(cluster, 1, &network, 12).err.code, 0);
	cluster_run(cluster, 1000);
	assert_int_equal(cluster_endpoints(cluster, 0, &network, true), 4);
	cluster_free(cluster);
}

/* Alone means: no member consented to this start. A disk that went back in time, or a copy of one,
 * may know nothing of leases that were handed out since. */
static void alone_after_a_reboot_a_node_leases_nothing_new(void **state)
{
	struct cluster *cluster = cluster_new(2);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");
	struct weft_err err;

	(void)state;
	assert_int_equal(cluster_attached(cluster, 0, &network, 11).err.code, 0);
	cluster_stop(cluster, 1);
	cluster_stop(cluster, 0);
	cluster->hosts[0].marker_lost = true;
	cluster_start(cluster, 0);
	cluster_run(cluster, 10000);
	assert_true(gossip_is_alone(node_gossip(cluster->hosts[0].node)));
	err = cluster_attached(cluster, 0, &network, 12).err;
	assert_int_equal(err.code, WEFT_E_GUARDED);
	assert_non_null(strstr(err.message, "weft ipam confirm"));
	assert_int_equal(cluster_boxes(cluster, 0), 1);
	cluster_start(cluster, 1);
	cluster_run(cluster, 10000);
	assert_false(gossip_is_alone(node_gossip(cluster->hosts[0].node)));
	assert_int_equal(cluster_attached(cluster, 0, &network, 12).err.code, 0);
	cluster_free(cluster);
}

static bool is_guarded(struct cluster *cluster, size_t host)
{
	return ipamdb_is_guarded(node_ipamdb(cluster->hosts[host].node));
}

/* By chance alone it would have met all of them only after many comparisons. */
static void with_guard_all_the_members_are_met_one_after_the_other(void **state)
{
	struct cluster *cluster = cluster_new(4);

	(void)state;
	cluster_stop(cluster, 0);
	cluster_stop(cluster, 1);
	cluster->hosts[0].marker_lost = true;
	cluster->guard = GUARD_ALL;
	cluster_start(cluster, 0);
	cluster_run(cluster, 1500);
	assert_true(is_guarded(cluster, 0)); /* one is missing */
	cluster_start(cluster, 1);
	cluster_run(cluster, 1500);
	assert_false(is_guarded(cluster, 0));
	cluster_free(cluster);
}

static void many_attaches_at_once_all_end_well(void **state)
{
	struct cluster *cluster = cluster_new(2);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");
	uint64_t tags[100];

	(void)state;
	for (size_t i = 0; i < 100; i++)
		tags[i] = cluster_attach(cluster, i % 2, &network, 100 + i);
	cluster_run(cluster, 3000);
	for (size_t i = 0; i < 100; i++) {
		assert_non_null(cluster_answer(cluster, tags[i]));
		assert_int_equal(cluster_answer(cluster, tags[i])->err.code, 0);
		for (size_t j = 0; j < i; j++)
			assert_false(inet_eq(&cluster_answer(cluster, tags[i])->addrs[0].ip,
					     &cluster_answer(cluster, tags[j])->addrs[0].ip));
	}
	assert_int_equal(cluster_endpoints(cluster, 1, &network, false), 100);
	cluster_free(cluster);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_restart_from_its_writes_finds_everything_as_it_was),
	    cmocka_unit_test(who_hears_that_it_joined_knows_all_members),
	    cmocka_unit_test(boxes_of_an_earlier_boot_are_withdrawn),
	    cmocka_unit_test(what_the_tables_pass_over_at_the_start_is_no_claim),
	    cmocka_unit_test(a_node_without_a_cluster_is_not_ready_and_says_so),
	    cmocka_unit_test(a_restarted_node_is_ready_once_it_has_synced),
	    cmocka_unit_test(a_restarted_node_that_reaches_nobody_is_ready_after_the_wait),
	    cmocka_unit_test(the_last_box_takes_the_host_s_own_endpoint_with_it_after_a_while),
	    cmocka_unit_test(alone_after_a_reboot_a_node_leases_nothing_new),
	    cmocka_unit_test(with_guard_all_the_members_are_met_one_after_the_other),
	    cmocka_unit_test(many_attaches_at_once_all_end_well),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
