/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Tests of daemon/node/network.c: networks by what rows say of them. */
#include "cluster.h"
#include "daemon/node/network.h"
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
	network_row_changed(cluster->hosts[0].node, &row);
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
	    cmocka_unit_test_setup_teardown(a_network_that_somebody_made_stays, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
