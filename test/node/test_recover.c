/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "cluster.h"
#include "ipamdb/query.h"

static enum node_fence fence_of(struct cluster *cluster, size_t host)
{
	return gossip_fence(node_gossip(cluster->hosts[host].node));
}

static const struct node_answer *recover(struct cluster *cluster, size_t host, bool force)
{
	struct node_request request = {.kind = NODE_RECOVER, .flag = force};

	return cluster_call(cluster, host, &request);
}

/* The code of a try to reserve an address. */
static int reserve(struct cluster *cluster, size_t host, const struct id *network,
		   const struct inet *address)
{
	struct hostport wanted = {.ip = *address};
	struct node_request request = {.kind = NODE_RESERVE,
				       .id = *network,
				       .addr_count = 1,
				       .addrs = &wanted,
				       .ttl_ms = 1000};

	return cluster_call(cluster, host, &request)->err.code;
}

static void restart(struct cluster *cluster, size_t host)
{
	cluster_stop(cluster, host);
	cluster_start(cluster, host);
	cluster_run(cluster, 2000);
}

/* Host 1 comes up with the disk that was kept. */
static void put_back(struct cluster *cluster, struct kept_disk *kept)
{
	cluster_stop(cluster, 1);
	disk_restore(&cluster->hosts[1], kept);
	cluster->hosts[1].marker_lost = true;
	cluster_start(cluster, 1);
	cluster_run(cluster, 3000);
	assert_int_equal(fence_of(cluster, 1), FENCE_SET_BACK);
}

static bool owns(struct cluster *cluster, size_t host, const struct id *network,
		 const struct inet *address)
{
	struct lease lease;

	return ipamdb_lease(node_ipamdb(cluster->hosts[host].node), network, address, &lease) &&
	       !lease.cooling;
}

static void a_disk_that_went_back_keeps_its_leases_and_makes_none_until_recovered(void **state)
{
	struct cluster *cluster = cluster_new(3);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");
	const struct node_answer *answer;
	static struct kept_disk kept;
	struct node_answer before, lost;

	(void)state;
	assert_int_equal(cluster_attached(cluster, 0, &network, 10).err.code, 0);
	before = cluster_attached(cluster, 1, &network, 11);
	disk_keep(&cluster->hosts[1], &kept);
	restart(cluster, 1);
	lost = cluster_attached(cluster, 1, &network, 12);
	assert_int_equal(lost.err.code, 0);
	put_back(cluster, &kept);
	assert_int_equal(cluster_boxes(cluster, 1), 1);
	assert_int_equal(cluster_endpoints(cluster, 0, &network, false), 3);
	assert_int_equal(cluster_attached(cluster, 1, &network, 13).err.code, WEFT_E_FENCED);

	answer = recover(cluster, 1, false);
	assert_int_equal(answer->err.code, 0);
	assert_int_equal(answer->finding_count, 1);
	assert_int_equal(answer->findings[0].kind, FINDING_LOST);
	assert_true(id_eq(&answer->findings[0].endpoint, &lost.id));
	assert_true(inet_eq(&answer->findings[0].address, &lost.addrs[0].ip));
	assert_int_equal(fence_of(cluster, 1), FENCE_NONE);
	assert_true(owns(cluster, 1, &network, &before.addrs[0].ip));
	/* What the lost endpoint had is not free at once. */
	assert_int_equal(reserve(cluster, 1, &network, &lost.addrs[0].ip), WEFT_E_ADDRESS_IN_USE);
	cluster_run(cluster, 500);
	assert_int_equal(cluster_endpoints(cluster, 0, &network, false), 2);
	assert_int_equal(cluster_attached(cluster, 1, &network, 14).err.code, 0);
	cluster_run(cluster, 500);
	assert_int_equal(cluster_endpoints(cluster, 0, &network, false), 3);
	restart(cluster, 1);
	assert_int_equal(fence_of(cluster, 1), FENCE_NONE);
	assert_int_equal(reserve(cluster, 1, &network, &lost.addrs[0].ip), 0);
	disk_forget(&kept);
	cluster_free(cluster);
}

static void an_address_that_somebody_else_holds_now_is_given_up_with_its_endpoint(void **state)
{
	struct cluster *cluster = cluster_new(3);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");
	struct node_answer moved, stays;
	const struct node_answer *answer;
	struct hostport wanted = {.port = 0};
	struct local_endpoint place = {.netns_inode = 21, .netns = "/x", .ifname = "eth0"};
	struct node_request request = {.kind = NODE_ATTACH,
				       .id = network,
				       .endpoint = &place,
				       .addr_count = 1,
				       .addrs = &wanted,
				       .ttl_ms = 10000};
	static struct kept_disk kept;

	(void)state;
	stays = cluster_attached(cluster, 1, &network, 11);
	moved = cluster_attached(cluster, 1, &network, 12);
	assert_int_equal(cluster_attached(cluster, 2, &network, 20).err.code, 0);
	disk_keep(&cluster->hosts[1], &kept);
	restart(cluster, 1);
	assert_int_equal(cluster_detach(cluster, 1, &moved.id), 0);
	cluster_run(cluster, 4000); /* it has cooled down */
	wanted.ip = moved.addrs[0].ip;
	assert_int_equal(cluster_call(cluster, 2, &request)->err.code, 0);
	assert_true(owns(cluster, 2, &network, &wanted.ip));
	put_back(cluster, &kept);
	assert_int_equal(cluster_boxes(cluster, 1), 2);

	answer = recover(cluster, 1, false);
	assert_int_equal(answer->err.code, 0);
	assert_int_equal(answer->finding_count, 1);
	assert_int_equal(answer->findings[0].kind, FINDING_STRAY);
	assert_true(inet_eq(&answer->findings[0].address, &wanted.ip));
	assert_true(id_eq(&answer->findings[0].other, &cluster->hosts[2].id));
	assert_int_equal(cluster_boxes(cluster, 1), 1);
	assert_true(owns(cluster, 1, &network, &stays.addrs[0].ip));
	assert_false(owns(cluster, 1, &network, &wanted.ip));
	assert_true(owns(cluster, 2, &network, &wanted.ip));
	cluster_run(cluster, 500);
	assert_int_equal(cluster_endpoints(cluster, 0, &network, false), 0);
	assert_int_equal(cluster_endpoints(cluster, 2, &network, false), 3);
	disk_forget(&kept);
	cluster_free(cluster);
}

static void stopped_anywhere_the_recovery_is_repeated(void **state)
{
	struct cluster *cluster = cluster_new(3);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");
	struct node_request request = {.kind = NODE_RECOVER};
	static struct kept_disk kept;

	(void)state;
	assert_int_equal(cluster_attached(cluster, 1, &network, 11).err.code, 0);
	disk_keep(&cluster->hosts[1], &kept);
	restart(cluster, 1);
	assert_int_equal(cluster_attached(cluster, 1, &network, 12).err.code, 0);
	put_back(cluster, &kept);
	for (int64_t ms = 0; ms < 400; ms += 23) {
		uint64_t tag = cluster_ask(cluster, 1, &request);

		cluster_run(cluster, ms);
		if (cluster_answer(cluster, tag) != NULL)
			break;
		restart(cluster, 1);
		if (fence_of(cluster, 1) == FENCE_NONE)
			break; /* it was durable, only not told */
		assert_int_equal(fence_of(cluster, 1), FENCE_SET_BACK);
	}
	assert_int_equal(recover(cluster, 1, false)->err.code, 0);
	cluster_run(cluster, 500);
	assert_int_equal(cluster_boxes(cluster, 1), 1);
	assert_int_equal(cluster_endpoints(cluster, 1, &network, false), 1);
	assert_int_equal(cluster_attached(cluster, 1, &network, 13).err.code, 0);
	disk_forget(&kept);
	cluster_free(cluster);
}

static void a_host_that_is_not_fenced_has_nothing_to_do(void **state)
{
	struct cluster *cluster = cluster_new(2);
	const struct node_answer *answer = recover(cluster, 1, false);

	(void)state;
	assert_int_equal(answer->err.code, 0);
	assert_int_equal(answer->finding_count, 0);
	cluster_free(cluster);
}

static void a_pool_whose_rows_nobody_saw_is_its_makers_again(void **state)
{
	struct cluster *cluster = cluster_new(3);
	struct ipam_net_info info;
	static struct kept_disk kept;
	struct id network;

	(void)state;
	disk_keep(&cluster->hosts[1], &kept);
	network = cluster_network(cluster, 1, "blue", "10.1.0.0/24");
	cluster_run(cluster, 500);
	restart(cluster, 1);
	/* The fact is worth a commit at once, rows of others wait for their snapshot. */
	cluster_stop(cluster, 0);
	cluster_stop(cluster, 2);
	cluster_stop(cluster, 1);
	disk_restore(&cluster->hosts[1], &kept);
	cluster->hosts[1].marker_lost = true;
	for (size_t host = 0; host < 3; host++)
		cluster_start(cluster, host);
	cluster_run(cluster, 8000);
	assert_true(ipamdb_net(node_ipamdb(cluster->hosts[0].node), &network, &info));
	assert_int_equal(info.holders, 1); /* by the fact alone */
	assert_int_equal(info.held, 0);
	assert_int_equal(fence_of(cluster, 1), FENCE_SET_BACK);
	assert_int_equal(recover(cluster, 1, false)->err.code, 0);
	cluster_run(cluster, 500);
	assert_true(ipamdb_net(node_ipamdb(cluster->hosts[1].node), &network, &info));
	assert_int_equal(info.held, 256);
	assert_int_equal(cluster_attached(cluster, 0, &network, 13).err.code, 0);
	disk_forget(&kept);
	cluster_free(cluster);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_disk_that_went_back_keeps_its_leases_and_makes_none_until_recovered),
	    cmocka_unit_test(an_address_that_somebody_else_holds_now_is_given_up_with_its_endpoint),
	    cmocka_unit_test(stopped_anywhere_the_recovery_is_repeated),
	    cmocka_unit_test(a_host_that_is_not_fenced_has_nothing_to_do),
	    cmocka_unit_test(a_pool_whose_rows_nobody_saw_is_its_makers_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
