/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <stdio.h>
#include <string.h>

#include "cluster.h"
#include "gossip/base/derive.h"
#include "ipamdb/query.h"

static const struct id topic_all;

static bool read_network(struct cluster *cluster, size_t host, const struct id *id,
			 struct rec_network *rec)
{
	struct row_view row;

	return gossip_row(node_gossip(cluster->hosts[host].node), NULL, &topic_all, FACT_NETWORK,
			  id->b, ID_BYTES, &row) &&
	       rec_network_decode(row.value, row.value_len, rec) == 0;
}

static int create(struct cluster *cluster, size_t host, const struct rec_network *rec, bool force,
		  struct id *id)
{
	struct node_request request = {.kind = NODE_NETWORK_CREATE, .network = rec, .flag = force};
	const struct node_answer *answer = cluster_call(cluster, host, &request);

	if (id)
		*id = answer->id;
	return answer->err.code;
}

static struct rec_network named(const char *name, const char *subnet)
{
	struct rec_network rec = {.pool_count = subnet ? 1 : 0};

	snprintf(rec.name, sizeof(rec.name), "%s", name);
	if (subnet)
		assert_int_equal(prefix_parse(subnet, &rec.pools[0].subnet), 0);
	return rec;
}

static void what_its_maker_left_open_is_derived_and_known_to_all(void **state)
{
	struct cluster *cluster = cluster_new(2);
	struct rec_network rec = named("blue", NULL), seen;
	struct ipam_net_info info;
	struct id id;

	(void)state;
	assert_int_equal(create(cluster, 0, &rec, false, &id), 0);
	cluster_run(cluster, 500);
	assert_true(read_network(cluster, 1, &id, &seen));
	assert_string_equal(seen.name, "blue");
	assert_int_equal(seen.vni, vni_of_network(&id, 0));
	assert_int_equal(seen.port, 4789);
	assert_int_equal(seen.pool_count, 1);
	assert_int_equal(prefix_len(&seen.pools[0].subnet), 24);
	assert_true(inet_v4(&seen.pools[0].subnet.ip) >> 22 == 0x0a400000u >> 22);
	assert_int_equal(inet_v4(&seen.pools[0].gateway), inet_v4(&seen.pools[0].subnet.ip) + 1);
	assert_true(ipamdb_net(node_ipamdb(cluster->hosts[0].node), &id, &info));
	assert_int_equal(info.held, info.total);
	cluster_free(cluster);
}

static void a_name_is_made_once(void **state)
{
	struct cluster *cluster = cluster_new(2);
	struct rec_network rec = named("blue", NULL);

	(void)state;
	assert_int_equal(create(cluster, 0, &rec, false, NULL), 0);
	assert_int_equal(create(cluster, 0, &rec, false, NULL), WEFT_E_EXISTS);
	cluster_run(cluster, 500);
	assert_int_equal(create(cluster, 1, &rec, false, NULL), WEFT_E_EXISTS);
	cluster_free(cluster);
}

static void a_name_that_is_being_made_is_taken_already(void **state)
{
	struct cluster *cluster = cluster_new(1);
	struct rec_network rec = named("blue", NULL);
	struct node_request request = {.kind = NODE_NETWORK_CREATE, .network = &rec};
	uint64_t one = cluster_ask(cluster, 0, &request);
	uint64_t two = cluster_ask(cluster, 0, &request);

	(void)state;
	assert_int_equal(cluster_answer(cluster, two)->err.code, WEFT_E_EXISTS);
	cluster_run(cluster, 100);
	assert_int_equal(cluster_answer(cluster, one)->err.code, 0);
	cluster_free(cluster);
}

static void a_failed_commit_leaves_the_name_free(void **state)
{
	struct cluster *cluster = cluster_new(1);
	struct rec_network rec = named("blue", NULL);

	(void)state;
	cluster->hosts[0].commits_fail = true;
	assert_int_equal(create(cluster, 0, &rec, false, NULL), WEFT_E_STORE);
	cluster->hosts[0].commits_fail = false;
	assert_int_equal(create(cluster, 0, &rec, false, NULL), 0);
	cluster_free(cluster);
}

static void overlapping_pools_need_force_and_two_internal_networks(void **state)
{
	struct cluster *cluster = cluster_new(1);
	struct rec_network blue = named("blue", "10.1.0.0/16");
	struct rec_network red = named("red", "10.1.2.0/24");
	struct rec_network inner = named("inner", "10.9.0.0/16");

	(void)state;
	assert_int_equal(create(cluster, 0, &blue, false, NULL), 0);
	assert_int_equal(create(cluster, 0, &red, false, NULL), WEFT_E_POOL_OVERLAP);
	assert_int_equal(create(cluster, 0, &red, true, NULL), WEFT_E_POOL_OVERLAP);
	inner.internal = true;
	assert_int_equal(create(cluster, 0, &inner, false, NULL), 0);
	snprintf(inner.name, sizeof(inner.name), "inner2");
	assert_int_equal(create(cluster, 0, &inner, false, NULL), WEFT_E_POOL_OVERLAP);
	assert_int_equal(create(cluster, 0, &inner, true, NULL), 0);
	cluster_free(cluster);
}

static void bad_options_are_refused_with_nothing_made(void **state)
{
	struct cluster *cluster = cluster_new(1);
	struct rec_network rec = named("blue", "10.1.0.0/16");
	struct rec_network fine = named("blue", "10.1.0.0/16");

	(void)state;
	rec.pools[0].subnet.ip = inet_from_v4(0x0a010203);
	assert_int_equal(create(cluster, 0, &rec, false, NULL), WEFT_E_INVALID);
	rec = fine;
	rec.pools[0].gateway = inet_from_v4(0x0b000001);
	assert_int_equal(create(cluster, 0, &rec, false, NULL), WEFT_E_INVALID);
	rec = fine;
	rec.vni = 5;
	assert_int_equal(create(cluster, 0, &rec, false, NULL), WEFT_E_INVALID);
	rec = fine;
	rec.mtu_bytes = 20;
	assert_int_equal(create(cluster, 0, &rec, false, NULL), WEFT_E_INVALID);
	rec = named("no blanks", NULL);
	assert_int_equal(create(cluster, 0, &rec, false, NULL), WEFT_E_INVALID);
	rec = named("tiny", "10.2.0.0/32");
	assert_int_equal(create(cluster, 0, &rec, false, NULL), WEFT_E_INVALID);
	assert_int_equal(create(cluster, 0, &fine, false, NULL), 0);
	cluster_free(cluster);
}

static void subnets_that_no_host_can_have_are_refused(void **state)
{
	static const char *const subnets[] = {"0.0.0.0/8",    "127.0.0.0/24", "224.0.0.0/24",
					      "239.1.0.0/16", "240.0.0.0/24", "255.255.255.0/24"};
	struct cluster *cluster = cluster_new(1);

	(void)state;
	for (size_t i = 0; i < sizeof(subnets) / sizeof(subnets[0]); i++) {
		struct rec_network rec = named("blue", subnets[i]);

		assert_int_equal(create(cluster, 0, &rec, false, NULL), WEFT_E_INVALID);
	}
	cluster_free(cluster);
}

static void a_gateway_is_neither_the_first_nor_the_last_address(void **state)
{
	struct cluster *cluster = cluster_new(1);
	struct rec_network rec = named("blue", "10.1.0.0/24");

	(void)state;
	rec.pools[0].gateway = inet_from_v4(0x0a010000);
	assert_int_equal(create(cluster, 0, &rec, false, NULL), WEFT_E_INVALID);
	rec.pools[0].gateway = inet_from_v4(0x0a0100ff);
	assert_int_equal(create(cluster, 0, &rec, false, NULL), WEFT_E_INVALID);
	rec.pools[0].gateway = inet_from_v4(0x0a0100fe);
	assert_int_equal(create(cluster, 0, &rec, false, NULL), 0);
	cluster_free(cluster);
}

static void an_ip_range_leaves_something_to_lease(void **state)
{
	struct cluster *cluster = cluster_new(1);
	struct rec_network rec = named("blue", "10.1.0.0/24");

	(void)state;
	assert_int_equal(prefix_parse("10.1.0.0/31", &rec.pools[0].ip_range), 0);
	assert_int_equal(create(cluster, 0, &rec, false, NULL), WEFT_E_INVALID);
	assert_int_equal(prefix_parse("10.1.0.2/32", &rec.pools[0].ip_range), 0);
	rec.pools[0].aux[rec.pools[0].aux_count++] = inet_from_v4(0x0a010002);
	assert_int_equal(create(cluster, 0, &rec, false, NULL), WEFT_E_INVALID);
	rec.pools[0].aux_count = 0;
	assert_int_equal(create(cluster, 0, &rec, false, NULL), 0);
	cluster_free(cluster);
}

static void a_chosen_vni_is_made_once(void **state)
{
	struct cluster *cluster = cluster_new(1);
	struct rec_network blue = named("blue", NULL), red = named("red", NULL);

	(void)state;
	blue.vni = red.vni = 5000;
	assert_int_equal(create(cluster, 0, &blue, false, NULL), 0);
	assert_int_equal(create(cluster, 0, &red, false, NULL), WEFT_E_EXISTS);
	cluster_free(cluster);
}

static uint32_t vni_at(struct cluster *cluster, size_t host, const struct id *network)
{
	return node_network_vni(cluster->hosts[host].node, network);
}

static void of_two_made_apart_with_one_vni_the_higher_id_moves_on_every_host(void **state)
{
	struct cluster *cluster = cluster_new(2);
	struct rec_network blue = named("blue", "10.1.0.0/24"), red = named("red", "10.2.0.0/24");
	struct node_request end = {.kind = NODE_NETWORK_RM, .flag = true};
	struct id low, high, swap;

	(void)state;
	blue.vni = red.vni = 5000;
	cluster_stop(cluster, 1);
	assert_int_equal(create(cluster, 0, &blue, false, &low), 0);
	cluster_stop(cluster, 0);
	cluster_start(cluster, 1);
	cluster_run(cluster, 6000); /* alone */
	assert_int_equal(create(cluster, 1, &red, false, &high), 0);
	assert_int_equal(vni_at(cluster, 1, &high), 5000);
	cluster_start(cluster, 0);
	cluster_run(cluster, 5000);
	if (id_cmp(&low, &high) > 0) {
		swap = low;
		low = high;
		high = swap;
	}
	for (size_t host = 0; host < 2; host++) {
		assert_int_equal(vni_at(cluster, host, &low), 5000);
		assert_int_equal(vni_at(cluster, host, &high), vni_of_network(&high, 0));
	}

	/* Neither number is given to a third. */
	blue = named("green", "10.3.0.0/24");
	blue.vni = vni_of_network(&high, 0);
	assert_int_equal(create(cluster, 0, &blue, false, NULL), WEFT_E_EXISTS);
	end.id = low;
	assert_int_equal(cluster_call(cluster, 0, &end)->err.code, 0);
	cluster_run(cluster, 500);
	for (size_t host = 0; host < 2; host++)
		assert_int_equal(vni_at(cluster, host, &high), 5000);
	cluster_free(cluster);
}

static int rm(struct cluster *cluster, size_t host, const struct id *id, bool force,
	      struct weft_err *err)
{
	struct node_request request = {.kind = NODE_NETWORK_RM, .id = *id, .flag = force};

	*err = cluster_call(cluster, host, &request)->err;
	return err->code;
}

static void a_network_with_endpoints_is_not_removed_and_their_hosts_are_named(void **state)
{
	struct cluster *cluster = cluster_new(3);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");
	struct node_answer box = cluster_attached(cluster, 1, &network, 12);
	struct weft_err err;

	(void)state;
	cluster_run(cluster, 500);
	assert_int_equal(rm(cluster, 2, &network, false, &err), WEFT_E_IN_USE);
	assert_non_null(strstr(err.message, "host1 (1)"));
	assert_null(strstr(err.message, "host0"));
	assert_int_equal(cluster_detach(cluster, 1, &box.id), 0);
	cluster_run(cluster, 500);
	assert_int_equal(rm(cluster, 2, &network, false, &err), 0);
	assert_int_equal(rm(cluster, 2, &network, false, &err), WEFT_E_NOT_FOUND);
	cluster_free(cluster);
}

static void a_removed_network_is_withdrawn_everywhere(void **state)
{
	struct cluster *cluster = cluster_new(2);
	struct id network = cluster_network(cluster, 0, "blue", "10.1.0.0/24");
	struct weft_err err;

	(void)state;
	assert_int_equal(cluster_attached(cluster, 0, &network, 11).err.code, 0);
	assert_int_equal(cluster_attached(cluster, 1, &network, 12).err.code, 0);
	cluster_run(cluster, 500);
	assert_int_equal(rm(cluster, 1, &network, true, &err), 0);
	cluster_run(cluster, 3000);
	for (size_t host = 0; host < 2; host++) {
		struct local_endpoint endpoint;
		size_t at = 0;

		assert_false(node_endpoint_next(cluster->hosts[host].node, &at, &endpoint));
		assert_int_equal(cluster_leases(cluster, host, false), 0);
		assert_int_equal(cluster->hosts[host].unplugs, 1);
	}
	assert_int_equal(cluster_attached(cluster, 0, &network, 13).err.code, WEFT_E_NOT_FOUND);
	cluster_free(cluster);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_its_maker_left_open_is_derived_and_known_to_all),
	    cmocka_unit_test(a_name_is_made_once),
	    cmocka_unit_test(a_name_that_is_being_made_is_taken_already),
	    cmocka_unit_test(a_failed_commit_leaves_the_name_free),
	    cmocka_unit_test(overlapping_pools_need_force_and_two_internal_networks),
	    cmocka_unit_test(bad_options_are_refused_with_nothing_made),
	    cmocka_unit_test(subnets_that_no_host_can_have_are_refused),
	    cmocka_unit_test(a_gateway_is_neither_the_first_nor_the_last_address),
	    cmocka_unit_test(an_ip_range_leaves_something_to_lease),
	    cmocka_unit_test(a_chosen_vni_is_made_once),
	    cmocka_unit_test(of_two_made_apart_with_one_vni_the_higher_id_moves_on_every_host),
	    cmocka_unit_test(a_network_with_endpoints_is_not_removed_and_their_hosts_are_named),
	    cmocka_unit_test(a_removed_network_is_withdrawn_everywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
