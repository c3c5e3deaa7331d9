/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Tests of daemon/node/network.c: networks by what rows say of them. */
#include "cluster.h"
#include "daemon/node/network.h"
#include "daemon/node/route.h"
#include "ipamdb/query.h"
#include "test/base/cmocka_all.h"

static struct cluster *cluster;

static int setup(void **state)
{
	(void)state;
	cluster = cluster_new(2);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	cluster_free(cluster);
	return 0;
}

/* A row comes to host 0, as route.c tells it. */
static void show_row(const struct row_view *row)
{
	struct ipam_event event = {.kind = IPAM_EV_ROW, .row = row};

	route_ipam(cluster->hosts[0].node, &event);
	network_row_changed(cluster->hosts[0].node, row);
}

/* Somebody's attachment to a network of this id comes to host 0, or its end. */
static void show(const struct id *network, bool deleted)
{
	struct rec_attachment rec = {.mtu_bytes = 1450};
	uint8_t value[VALUE_BYTES_MAX];
	struct row_view row = {.kind = ROW_ATTACHMENT,
			       .deleted = deleted,
			       .owner = {{9}},
			       .epoch = 1,
			       .sequence = 1,
			       .key_len = ID_BYTES,
			       .value = value};

	row.value_len = (size_t)rec_attachment_encode(&rec, value, sizeof(value));
	memcpy(row.key, network->b, ID_BYTES);
	show_row(&row);
}

static void show_end(const struct id *network)
{
	struct row_view row = {.kind = FACT_NETWORK_END,
			       .owner = {{9}},
			       .sequence = 1,
			       .key_len = ID_BYTES,
			       .value = (const uint8_t *)"\xc0",
			       .value_len = 1};

	memcpy(row.key, network->b, ID_BYTES);
	show_row(&row);
}

static void a_network_that_rows_made_up_goes_with_the_last_of_them(void **state)
{
	const struct node *node = cluster->hosts[0].node;
	struct id made_up = {{7}};

	(void)state;
	show(&made_up, false);
	assert_non_null(network_find(node, &made_up));
	show(&made_up, true);
	assert_null(network_find(node, &made_up));
	show(&made_up, true);
	assert_null(network_find(node, &made_up));
}

static void one_author_can_make_up_few_networks(void **state)
{
	const struct node *node = cluster->hosts[0].node;

	(void)state;
	for (uint32_t i = 0; i < 2000; i++) {
		struct id made_up = {{7}};

		memcpy(made_up.b + 4, &i, sizeof(i));
		show(&made_up, false);
	}
	assert_in_range(node->networks.count, 100, 300);
	for (uint32_t i = 0; i < 2000; i++) {
		struct id made_up = {{7}};

		memcpy(made_up.b + 4, &i, sizeof(i));
		show(&made_up, true);
	}
	assert_int_equal(node->networks.count, 0);
}

static void the_end_of_a_network_that_never_was_is_no_network(void **state)
{
	const struct node *node = cluster->hosts[0].node;
	struct id made_up = {{7}};

	(void)state;
	show_end(&made_up);
	assert_int_equal(node->networks.count, 0);
	assert_true(ipamdb_has_ended(node->ipamdb, &made_up));
	assert_true(network_intern((struct node *)(uintptr_t)node, &made_up)->ended);
}

static void a_network_that_somebody_made_stays(void **state)
{
	const struct node *node = cluster->hosts[0].node;
	struct id id = cluster_network(cluster, 0, "blue", "10.1.0.0/24");

	(void)state;
	show(&id, false);
	show(&id, true);
	assert_non_null(network_find(node, &id));
	assert_true(network_find(node, &id)->known);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(a_network_that_rows_made_up_goes_with_the_last_of_them,
					    setup, teardown),
	    cmocka_unit_test_setup_teardown(one_author_can_make_up_few_networks, setup, teardown),
	    cmocka_unit_test_setup_teardown(the_end_of_a_network_that_never_was_is_no_network,
					    setup, teardown),
	    cmocka_unit_test_setup_teardown(a_network_that_somebody_made_stays, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
