/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <stdio.h>
#include <string.h>

#include "cluster.h"

static void an_attach_is_leased_plugged_and_known_to_the_others(void **state)
{
	struct cluster *cluster = cluster_new(2);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");
	struct node_answer one = cluster_attached(cluster, 0, &network, 11);
	struct node_answer two = cluster_attached(cluster, 1, &network, 12);
	struct inet gateway = inet_from_v4(0x0a010001);

	(void)state;
	assert_int_equal(one.err.code, 0);
	assert_int_equal(two.err.code, 0);
	assert_int_equal(one.endpoint_addr_count, 1);
	assert_false(inet_eq(&one.addrs[0].ip, &two.addrs[0].ip));
	assert_int_equal(one.addrs[0].bits, 120);
	assert_true(inet_eq(&one.gateway, &gateway));
	assert_int_equal(one.mtu_bytes, 1450);
	assert_int_equal(one.endpoint.mac.b[0], 2);
	assert_int_equal(cluster->hosts[0].plugs, 1);
	cluster_run(cluster, 500);
	for (size_t host = 0; host < 2; host++) {
		assert_int_equal(cluster_endpoints(cluster, host, &network, false), 2);
		assert_int_equal(cluster_endpoints(cluster, host, &network, true), 4);
		assert_int_equal(cluster_leases(cluster, host, false), 2);
	}
	cluster_free(cluster);
}

static void each_address_has_the_length_of_the_pool_it_is_from(void **state)
{
	struct cluster *cluster = cluster_new(1);
	struct rec_network rec = {.name = "both", .pool_count = 2};
	struct node_request request = {.kind = NODE_NETWORK_CREATE, .network = &rec};
	struct node_answer one;
	struct id network;

	(void)state;
	assert_int_equal(prefix_parse("10.1.0.0/24", &rec.pools[0].subnet), 0);
	assert_int_equal(prefix_parse("fd00:1::/64", &rec.pools[1].subnet), 0);
	network = cluster_call(cluster, 0, &request)->id;
	cluster_run(cluster, 200);
	one = cluster_attached(cluster, 0, &network, 11);
	assert_int_equal(one.err.code, 0);
	assert_int_equal(one.endpoint_addr_count, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_true(prefix_has(&rec.pools[i].subnet, &one.addrs[i].ip));
		assert_int_equal(one.addrs[i].bits, i == 0 ? 96 + 24 : 64);
	}
	cluster_free(cluster);
}

static void an_attach_answers_as_soon_as_all_live_hosts_have_applied_it(void **state)
{
	struct cluster *cluster = cluster_new(3);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");
	struct mono before;
	uint64_t tag;

	(void)state;
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(cluster_attached(cluster, i, &network, 10 + i).err.code, 0);
	cluster_run(cluster, 500);
	before = cluster->now;
	tag = cluster_attach(cluster, 0, &network, 20);
	cluster_run(cluster, 200);
	assert_non_null(cluster_answer(cluster, tag));
	assert_int_equal(cluster_answer(cluster, tag)->pending_count, 0);
	assert_in_range(mono_diff_ms(cluster_answered_at(cluster, tag), before), 0, 20);
	cluster_free(cluster);
}

static void a_host_that_applies_nothing_is_named_after_the_wait(void **state)
{
	struct cluster *cluster = cluster_new(2);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");
	struct node_answer answer;

	(void)state;
	assert_int_equal(cluster_attached(cluster, 1, &network, 11).err.code, 0);
	assert_int_equal(cluster_attached(cluster, 0, &network, 12).err.code, 0);
	cluster_run(cluster, 500);
	cluster->hosts[1].deaf = true;
	answer = cluster_attached(cluster, 0, &network, 13);
	assert_int_equal(answer.err.code, 0);
	assert_int_equal(answer.pending_count, 1);
	assert_true(id_eq(&answer.pending[0], &cluster->hosts[1].id));
	cluster_free(cluster);
}

static void a_failed_host_is_not_waited_for(void **state)
{
	struct cluster *cluster = cluster_new(2);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");
	struct node_answer answer;

	(void)state;
	assert_int_equal(cluster_attached(cluster, 1, &network, 11).err.code, 0);
	assert_int_equal(cluster_attached(cluster, 0, &network, 12).err.code, 0);
	cluster_stop(cluster, 1);
	cluster_run(cluster, 20000);
	answer = cluster_attached(cluster, 0, &network, 13);
	assert_int_equal(answer.err.code, 0);
	assert_int_equal(answer.pending_count, 0);
	cluster_free(cluster);
}

static void a_failed_plug_leaves_nothing_behind(void **state)
{
	struct cluster *cluster = cluster_new(2);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");
	struct node_answer answer;

	(void)state;
	assert_int_equal(cluster_attached(cluster, 1, &network, 11).err.code, 0);
	cluster->hosts[0].plugs_fail = true;
	answer = cluster_attached(cluster, 0, &network, 12);
	assert_int_equal(answer.err.code, WEFT_E_KERNEL);
	assert_string_equal(answer.err.message, "no veth for you");
	cluster_run(cluster, 1000);
	assert_int_equal(cluster_boxes(cluster, 0), 0);
	assert_int_equal(cluster_leases(cluster, 0, false), 1); /* the host's own */
	assert_int_equal(cluster_endpoints(cluster, 0, &network, false), 1);
	assert_int_equal(cluster_endpoints(cluster, 1, &network, false), 1);
	cluster->hosts[0].plugs_fail = false;
	assert_int_equal(cluster_attached(cluster, 0, &network, 12).err.code, 0);
	cluster_free(cluster);
}

static void a_failed_commit_leaves_nothing_behind(void **state)
{
	struct cluster *cluster = cluster_new(1);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");
	struct node_answer answer;

	(void)state;
	assert_int_equal(cluster_attached(cluster, 0, &network, 11).err.code, 0);
	cluster->hosts[0].commits_fail = true;
	answer = cluster_attached(cluster, 0, &network, 12);
	assert_int_equal(answer.err.code, WEFT_E_STORE);
	cluster->hosts[0].commits_fail = false;
	assert_int_equal(cluster->hosts[0].plugs, 1);
	assert_int_equal(cluster->hosts[0].made, 0);
	assert_int_equal(cluster_boxes(cluster, 0), 1);
	assert_int_equal(cluster_endpoints(cluster, 0, &network, false), 1);
	assert_int_equal(cluster_leases(cluster, 0, false), 2);
	cluster_free(cluster);
}

static void nothing_is_plugged_or_told_before_the_commit(void **state)
{
	struct cluster *cluster = cluster_new(2);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");
	uint64_t tag;

	(void)state;
	assert_int_equal(cluster_attached(cluster, 0, &network, 11).err.code, 0);
	assert_int_equal(cluster_attached(cluster, 1, &network, 12).err.code, 0);
	cluster->hosts[0].commits_wait = true;
	tag = cluster_attach(cluster, 0, &network, 13);
	cluster_run(cluster, 2000);
	assert_null(cluster_answer(cluster, tag));
	assert_int_equal(cluster->hosts[0].plugs, 1);
	assert_int_equal(cluster->hosts[0].made, 1); /* which shows nobody the address */
	assert_int_equal(cluster_endpoints(cluster, 1, &network, false), 2);
	cluster_free(cluster);
}

static void a_mac_is_given_once_a_network(void **state)
{
	struct cluster *cluster = cluster_new(1);
	struct id blue = cluster_network(cluster, 0, "blue", "10.1.0.0/24");
	struct id red = cluster_network(cluster, 0, "red", "10.2.0.0/24");
	struct local_endpoint endpoint = {.ifname = "eth0",
					  .netns = "/run/netns/box",
					  .netns_inode = 11,
					  .netns_dev = 4,
					  .mac = {{2, 0, 0, 0, 0, 1}}};
	struct node_request request = {
	    .kind = NODE_ATTACH, .id = blue, .endpoint = &endpoint, .ttl_ms = 5000};

	(void)state;
	assert_int_equal(cluster_call(cluster, 0, &request)->err.code, 0);
	endpoint.netns_inode = 12;
	assert_int_equal(cluster_call(cluster, 0, &request)->err.code, WEFT_E_CONFLICT);
	assert_int_equal(cluster_boxes(cluster, 0), 1);
	request.id = red;
	assert_int_equal(cluster_call(cluster, 0, &request)->err.code, 0);
	cluster_free(cluster);
}

static void a_place_that_is_taken_is_refused_at_once(void **state)
{
	struct cluster *cluster = cluster_new(1);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");
	uint64_t first = cluster_attach(cluster, 0, &network, 11);
	uint64_t second = cluster_attach(cluster, 0, &network, 11);

	(void)state;
	assert_non_null(cluster_answer(cluster, second));
	assert_int_equal(cluster_answer(cluster, second)->err.code, WEFT_E_CONFLICT);
	cluster_run(cluster, 500);
	assert_int_equal(cluster_answer(cluster, first)->err.code, 0);
	assert_int_equal(cluster_boxes(cluster, 0), 1);
	cluster_free(cluster);
}

static void a_full_pool_answers_at_once_and_serves_again_after_a_release(void **state)
{
	struct cluster *cluster = cluster_new(1);
	struct id network = cluster_network(cluster, 0, "tiny", "10.1.0.0/29");
	struct node_answer boxes[4], last;
	struct mono before;

	(void)state;
	/* Of six usable addresses one is the gateway's and one the host's. */
	for (size_t i = 0; i < 4; i++) {
		boxes[i] = cluster_attached(cluster, 0, &network, 20 + i);
		assert_int_equal(boxes[i].err.code, 0);
	}
	before = cluster->now;
	last = cluster_attached(cluster, 0, &network, 30);
	assert_int_equal(last.err.code, WEFT_E_POOL_FULL);
	assert_in_range(mono_diff_ms(cluster->now, before), 0, 100);
	assert_int_equal(cluster_boxes(cluster, 0), 4);
	assert_int_equal(cluster_detach(cluster, 0, &boxes[1].id), 0);
	cluster_run(cluster, 3000);
	last = cluster_attached(cluster, 0, &network, 30);
	assert_int_equal(last.err.code, 0);
	assert_true(inet_eq(&last.addrs[0].ip, &boxes[1].addrs[0].ip));
	cluster_free(cluster);
}

static void an_address_that_was_named_is_given_or_refused(void **state)
{
	struct cluster *cluster = cluster_new(2);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");
	struct local_endpoint endpoint = {.ifname = "eth0", .netns_inode = 7};
	struct hostport address = {inet_from_v4(0x0a010064), 0};
	struct node_request request = {.kind = NODE_ATTACH,
				       .id = network,
				       .endpoint = &endpoint,
				       .addrs = &address,
				       .addr_count = 1,
				       .ttl_ms = 5000};
	struct node_answer answer = *cluster_call(cluster, 1, &request);

	(void)state;
	assert_int_equal(answer.err.code, 0);
	assert_true(inet_eq(&answer.addrs[0].ip, &address.ip));
	endpoint.netns_inode = 8;
	answer = *cluster_call(cluster, 1, &request);
	assert_int_equal(answer.err.code, WEFT_E_ADDRESS_IN_USE);
	address.ip = inet_from_v4(0x0a020064);
	answer = *cluster_call(cluster, 1, &request);
	assert_int_equal(answer.err.code, WEFT_E_ADDRESS_OUTSIDE);
	assert_int_equal(cluster_boxes(cluster, 1), 1);
	cluster_free(cluster);
}

static void an_unknown_network_is_not_found(void **state)
{
	struct cluster *cluster = cluster_new(1);
	struct id network = {{9}};

	(void)state;
	assert_int_equal(cluster_attached(cluster, 0, &network, 1).err.code, WEFT_E_NOT_FOUND);
	cluster_free(cluster);
}

/* The first endpoint of the host that is not its own. */
static struct local_endpoint box_of(const struct cluster *cluster, size_t host)
{
	struct local_endpoint endpoint;
	size_t at = 0;

	do
		assert_true(node_endpoint_next(cluster->hosts[host].node, &at, &endpoint));
	while (endpoint.is_host);
	return endpoint;
}

static void a_kernel_that_never_answers_ends_the_attach(void **state)
{
	struct cluster *cluster = cluster_new(1);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");
	struct node_event plugged = {.kind = NODE_EV_PLUGGED, .ok = true};
	struct host *host = &cluster->hosts[0];
	uint64_t tag;

	(void)state;
	host->plugs_wait = true;
	tag = cluster_attach(cluster, 0, &network, 11);
	cluster_run(cluster, 100);
	plugged.id = box_of(cluster, 0).id;
	cluster_run(cluster, NODE_PLUG_MS - 200);
	assert_null(cluster_answer(cluster, tag));
	cluster_run(cluster, 300);
	assert_non_null(cluster_answer(cluster, tag));
	assert_int_equal(cluster_answer(cluster, tag)->err.code, WEFT_E_TIMEOUT);
	assert_int_equal(cluster_boxes(cluster, 0), 0);
	assert_int_equal(cluster_leases(cluster, 0, false), 1); /* the host's own */

	/* Behind what hangs the kernel finds that it is to be taken back. */
	assert_int_equal(host->unplugs, 1);
	assert_true(id_eq(&host->last_unplugged.id, &plugged.id));
	assert_true(id_eq(&host->last_unplugged.network, &network));
	cluster_tell(cluster, 0, &plugged);
	assert_int_equal(host->unplugs, 1);
	assert_int_equal(cluster_boxes(cluster, 0), 0);
	cluster_free(cluster);
}

/* Who heard that it failed finds nothing of it, after a death either; who asks again is served
 * anew, and behind what hangs in the kernel. */
static void what_a_hanging_kernel_ended_is_off_the_disk_when_it_is_told(void **state)
{
	struct cluster *cluster = cluster_new(1);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");
	struct local_endpoint endpoint = {.ifname = "eth0", .netns_inode = 11};
	struct node_request request = {.kind = NODE_ATTACH,
				       .id = network,
				       .endpoint = &endpoint,
				       .request_id = "one",
				       .ttl_ms = 5000};
	struct host *host = &cluster->hosts[0];
	uint64_t first, again, other;

	(void)state;
	host->plugs_wait = true;
	first = cluster_ask(cluster, 0, &request);
	cluster_run(cluster, 5000);
	again = cluster_ask(cluster, 0, &request); /* the caller died, say */
	request.request_id[0] = '\0';
	other = cluster_ask(cluster, 0, &request);
	assert_int_equal(cluster_answer(cluster, other)->err.code, WEFT_E_CONFLICT);
	assert_non_null(strstr(cluster_answer(cluster, other)->err.message, "is being made"));
	for (int i = 0; i < 6000 && !cluster_answer(cluster, first); i++)
		cluster_run(cluster, 1);
	assert_int_equal(cluster_answer(cluster, first)->err.code, WEFT_E_TIMEOUT);
	assert_int_equal(cluster_answer(cluster, again)->err.code, WEFT_E_TIMEOUT);
	cluster_stop(cluster, 0);
	cluster_start(cluster, 0);
	assert_int_equal(cluster_boxes(cluster, 0), 0);
	cluster_run(cluster, 1000);
	host->plugs_wait = false;
	snprintf(request.request_id, sizeof(request.request_id), "one");
	assert_int_equal(cluster_call(cluster, 0, &request)->err.code, 0);
	assert_int_equal(host->plugs, 2);
	assert_int_equal(cluster_boxes(cluster, 0), 1);
	cluster_free(cluster);
}

/* Its caller may be told any moment that the disk did not answer. */
static void what_was_leased_too_late_is_not_plugged(void **state)
{
	struct cluster *cluster = cluster_new(1);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");
	struct host *host = &cluster->hosts[0];
	uint64_t tag;

	(void)state;
	assert_int_equal(cluster_attached(cluster, 0, &network, 11).err.code, 0);
	host->commit_ms_more = 6000;
	tag = cluster_attach(cluster, 0, &network, 12);
	host->commit_ms_more = 0;
	cluster_run(cluster, 5900);
	assert_null(cluster_answer(cluster, tag));
	cluster_run(cluster, 200);
	assert_non_null(cluster_answer(cluster, tag));
	assert_int_equal(cluster_answer(cluster, tag)->err.code, WEFT_E_TIMEOUT);
	assert_int_equal(host->plugs, 1);
	assert_int_equal(host->made, 0);
	assert_int_equal(cluster_boxes(cluster, 0), 1);
	assert_int_equal(cluster_leases(cluster, 0, false), 2);
	cluster_free(cluster);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_attach_is_leased_plugged_and_known_to_the_others),
	    cmocka_unit_test(each_address_has_the_length_of_the_pool_it_is_from),
	    cmocka_unit_test(an_attach_answers_as_soon_as_all_live_hosts_have_applied_it),
	    cmocka_unit_test(a_host_that_applies_nothing_is_named_after_the_wait),
	    cmocka_unit_test(a_failed_host_is_not_waited_for),
	    cmocka_unit_test(a_failed_plug_leaves_nothing_behind),
	    cmocka_unit_test(a_failed_commit_leaves_nothing_behind),
	    cmocka_unit_test(nothing_is_plugged_or_told_before_the_commit),
	    cmocka_unit_test(a_mac_is_given_once_a_network),
	    cmocka_unit_test(a_place_that_is_taken_is_refused_at_once),
	    cmocka_unit_test(a_full_pool_answers_at_once_and_serves_again_after_a_release),
	    cmocka_unit_test(an_address_that_was_named_is_given_or_refused),
	    cmocka_unit_test(an_unknown_network_is_not_found),
	    cmocka_unit_test(a_kernel_that_never_answers_ends_the_attach),
	    cmocka_unit_test(what_a_hanging_kernel_ended_is_off_the_disk_when_it_is_told),
	    cmocka_unit_test(what_was_leased_too_late_is_not_plugged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
