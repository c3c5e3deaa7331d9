/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "cluster.h"

static void a_detach_ends_row_lease_and_devices(void **state)
{
	struct cluster *cluster = cluster_new(2);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");
	struct node_answer box = cluster_attached(cluster, 0, &network, 11);

	(void)state;
	assert_int_equal(cluster_attached(cluster, 1, &network, 12).err.code, 0);
	assert_int_equal(cluster_detach(cluster, 0, &box.id), 0);
	assert_int_equal(cluster->hosts[0].unplugs, 1);
	assert_true(id_eq(&cluster->hosts[0].last_unplugged.id, &box.id));
	assert_int_equal(cluster_boxes(cluster, 0), 0);
	assert_int_equal(cluster_leases(cluster, 0, true), 1);
	cluster_run(cluster, 500);
	assert_int_equal(cluster_endpoints(cluster, 1, &network, false), 1);
	cluster_free(cluster);
}

static void a_second_detach_finds_nothing(void **state)
{
	struct cluster *cluster = cluster_new(1);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");
	struct node_answer box = cluster_attached(cluster, 0, &network, 11);

	(void)state;
	assert_int_equal(cluster_detach(cluster, 0, &box.id), 0);
	assert_int_equal(cluster_detach(cluster, 0, &box.id), WEFT_E_NOT_FOUND);
	cluster_free(cluster);
}

static void two_detaches_at_once_are_one(void **state)
{
	struct cluster *cluster = cluster_new(1);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");
	struct node_answer box = cluster_attached(cluster, 0, &network, 11);
	struct node_request request = {.kind = NODE_DETACH, .id = box.id};
	uint64_t one = cluster_ask(cluster, 0, &request);
	uint64_t two = cluster_ask(cluster, 0, &request);

	(void)state;
	cluster_run(cluster, 500);
	assert_int_equal(cluster_answer(cluster, one)->err.code, 0);
	assert_int_equal(cluster_answer(cluster, two)->err.code, 0);
	assert_int_equal(cluster->hosts[0].unplugs, 1);
	cluster_free(cluster);
}

static void a_detach_during_the_attach_waits_for_the_plug(void **state)
{
	struct cluster *cluster = cluster_new(1);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");
	struct node_request request = {.kind = NODE_DETACH};
	struct node_event plugged = {.kind = NODE_EV_PLUGGED, .ok = true};
	struct local_endpoint endpoint;
	uint64_t attach, detach;
	size_t at = 0;

	(void)state;
	assert_int_equal(cluster_attached(cluster, 0, &network, 11).err.code, 0);
	cluster->hosts[0].plugs_wait = true;
	attach = cluster_attach(cluster, 0, &network, 12);
	cluster_run(cluster, 20);
	while (node_endpoint_next(cluster->hosts[0].node, &at, &endpoint) &&
	       (endpoint.is_host || endpoint.netns_inode != 12))
		;
	request.id = endpoint.id;
	detach = cluster_ask(cluster, 0, &request);
	cluster_run(cluster, 500);
	assert_null(cluster_answer(cluster, detach));
	plugged.id = endpoint.id;
	cluster_tell(cluster, 0, &plugged);
	cluster_run(cluster, 500);
	assert_int_equal(cluster_answer(cluster, attach)->err.code, WEFT_E_CONFLICT);
	assert_int_equal(cluster_answer(cluster, detach)->err.code, 0);
	assert_int_equal(cluster_boxes(cluster, 0), 1);
	assert_int_equal(cluster->hosts[0].unplugs, 1);
	cluster_free(cluster);
}

static void a_detach_whose_commit_fails_changes_nothing(void **state)
{
	struct cluster *cluster = cluster_new(1);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");
	struct node_answer box = cluster_attached(cluster, 0, &network, 11);

	(void)state;
	cluster->hosts[0].commits_fail = true;
	assert_int_equal(cluster_detach(cluster, 0, &box.id), WEFT_E_STORE);
	cluster->hosts[0].commits_fail = false;
	assert_int_equal(cluster_boxes(cluster, 0), 1);
	assert_int_equal(cluster_endpoints(cluster, 0, &network, false), 1);
	assert_int_equal(cluster_leases(cluster, 0, false), 2);
	assert_int_equal(cluster->hosts[0].unplugs, 0);
	assert_int_equal(cluster_detach(cluster, 0, &box.id), 0);
	cluster_free(cluster);
}

static void the_host_s_own_endpoint_cannot_be_detached(void **state)
{
	struct cluster *cluster = cluster_new(1);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");
	struct local_endpoint endpoint;
	size_t at = 0;

	(void)state;
	assert_int_equal(cluster_attached(cluster, 0, &network, 11).err.code, 0);
	while (node_endpoint_next(cluster->hosts[0].node, &at, &endpoint) && !endpoint.is_host)
		;
	assert_true(endpoint.is_host);
	assert_int_equal(cluster_detach(cluster, 0, &endpoint.id), WEFT_E_NOT_FOUND);
	cluster_free(cluster);
}

static void a_box_whose_namespace_is_gone_is_withdrawn(void **state)
{
	struct cluster *cluster = cluster_new(2);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");
	struct node_answer box = cluster_attached(cluster, 0, &network, 11);
	struct node_event gone = {.kind = NODE_EV_GONE, .id = box.id};

	(void)state;
	assert_int_equal(cluster_attached(cluster, 1, &network, 12).err.code, 0);
	cluster_tell(cluster, 0, &gone);
	cluster_run(cluster, 1000);
	assert_int_equal(cluster_boxes(cluster, 0), 0);
	assert_int_equal(cluster_endpoints(cluster, 1, &network, false), 1);
	assert_int_equal(cluster_leases(cluster, 0, true), 1);
	cluster_free(cluster);
}

static void a_removed_node_gives_up_what_it_has_and_attaches_nothing(void **state)
{
	struct cluster *cluster = cluster_new(2);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");
	struct node_request remove = {.kind = NODE_REMOVE, .text = "sold"};

	(void)state;
	assert_int_equal(cluster_attached(cluster, 1, &network, 12).err.code, 0);
	remove.id = cluster->hosts[1].id;
	assert_int_equal(cluster_call(cluster, 0, &remove)->err.code, 0);
	cluster_run(cluster, 5000);
	assert_int_equal(cluster_boxes(cluster, 1), 0);
	assert_int_equal(cluster_leases(cluster, 1, false), 0);
	assert_int_equal(cluster->hosts[1].unplugs, 1);
	assert_int_equal(cluster_attached(cluster, 1, &network, 13).err.code, WEFT_E_REMOVED);
	cluster_free(cluster);
}

static void an_attach_that_a_removal_overtakes_says_so(void **state)
{
	struct cluster *cluster = cluster_new(2);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");
	struct node_request remove = {.kind = NODE_REMOVE, .text = "sold"};
	struct node_event plugged = {.kind = NODE_EV_PLUGGED, .ok = true};
	struct local_endpoint endpoint = {.is_host = true};
	uint64_t attach;

	(void)state;
	assert_int_equal(cluster_attached(cluster, 1, &network, 11).err.code, 0);
	cluster->hosts[1].plugs_wait = true;
	attach = cluster_attach(cluster, 1, &network, 12);
	cluster_run(cluster, 20);
	remove.id = cluster->hosts[1].id;
	assert_int_equal(cluster_call(cluster, 0, &remove)->err.code, 0);
	cluster_run(cluster, 1000);
	assert_null(cluster_answer(cluster, attach));
	for (size_t at = 0; endpoint.netns_inode != 12;)
		assert_true(node_endpoint_next(cluster->hosts[1].node, &at, &endpoint));
	plugged.id = endpoint.id;
	cluster_tell(cluster, 1, &plugged);
	cluster_run(cluster, 1000);
	assert_int_equal(cluster_answer(cluster, attach)->err.code, WEFT_E_REMOVED);
	assert_int_equal(cluster_boxes(cluster, 1), 0);
	cluster_free(cluster);
}

/* The stored removal on a host's disk, or NULL. */
static const struct write *removal_on(const struct host *host)
{
	struct row_view row;

	for (size_t i = 0; i < host->disk_count; i++) {
		const struct write *write = &host->disk[i].write;

		if (write->kind == WRITE_FACT && row_parse(write->bytes, write->len, &row) == 0 &&
		    row.kind == FACT_REMOVAL)
			return write;
	}
	return NULL;
}

/* It was stopped when its removal was durable and nothing that follows from it. */
static void a_removed_node_that_starts_with_boxes_withdraws_them(void **state)
{
	struct cluster *cluster = cluster_new(2);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");
	struct node_request remove = {.kind = NODE_REMOVE, .text = "sold"};
	struct host *host = &cluster->hosts[1];

	(void)state;
	assert_int_equal(cluster_attached(cluster, 1, &network, 12).err.code, 0);
	remove.id = host->id;
	cluster_stop(cluster, 1);
	assert_int_equal(cluster_call(cluster, 0, &remove)->err.code, 0);
	assert_non_null(removal_on(&cluster->hosts[0]));
	disk_put(host, removal_on(&cluster->hosts[0]));
	cluster_start(cluster, 1);
	cluster_run(cluster, 5000);
	assert_int_equal(cluster_boxes(cluster, 1), 0);
	assert_int_equal(cluster_leases(cluster, 1, false), 0);
	cluster_free(cluster);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_detach_ends_row_lease_and_devices),
	    cmocka_unit_test(a_second_detach_finds_nothing),
	    cmocka_unit_test(two_detaches_at_once_are_one),
	    cmocka_unit_test(a_detach_during_the_attach_waits_for_the_plug),
	    cmocka_unit_test(a_detach_whose_commit_fails_changes_nothing),
	    cmocka_unit_test(the_host_s_own_endpoint_cannot_be_detached),
	    cmocka_unit_test(a_box_whose_namespace_is_gone_is_withdrawn),
	    cmocka_unit_test(a_removed_node_gives_up_what_it_has_and_attaches_nothing),
	    cmocka_unit_test(an_attach_that_a_removal_overtakes_says_so),
	    cmocka_unit_test(a_removed_node_that_starts_with_boxes_withdraws_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
