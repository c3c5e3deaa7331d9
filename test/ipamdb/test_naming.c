/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Tests of ipamdb/naming.c. */
#include "ipamdb/naming.h"

#include <string.h>

#include "cluster.h"
#include "gossip/base/pack.h"
#include "test/base/cmocka_all.h"

static struct cluster c;

static int teardown(void **state)
{
	(void)state;
	cluster_close(&c);
	return 0;
}

/* A version of node 0's first part that names count ids from first on, as node 1 sees it. */
static void show_part(uint64_t sequence, uint8_t first, size_t count, bool deleted)
{
	struct cluster_row row = {.view = {.kind = ROW_PARTING,
					   .owner = c.nodes[0].id,
					   .epoch = 1,
					   .sequence = sequence,
					   .key_len = PART_BYTES,
					   .deleted = deleted}};
	uint8_t ids[NAMED_PER_ROW * ID_BYTES];
	struct pack pack;

	for (size_t i = 0; i < count; i++) {
		struct id id = cluster_stranger_id((uint8_t)(first + i));
		memcpy(ids + i * ID_BYTES, id.b, ID_BYTES);
	}
	pack_init(&pack, row.bytes, sizeof(row.bytes));
	pack_bin(&pack, ids, count * ID_BYTES);
	row.view.value = row.bytes;
	row.view.value_len = pack.len;
	cluster_show(&c, 1, &row);
}

static void only_the_newest_version_of_a_part_counts(void **state)
{
	const struct partings *parting;

	(void)state;
	cluster_with_network(&c, 2, 1, 1, "10.1.0.0/24");
	parting = &c.nodes[1].db->parting;
	show_part(100, 0, 60, false);
	show_part(101, 100, 60, false);
	assert_int_equal(parting->naming_count, 60);
	show_part(102, 0, 0, true);
	assert_int_equal(parting->naming_count, 0);
	assert_int_equal(parting->namings.count, 0);
}

static void who_became_known_or_was_named_by_a_removed_node_is_forgotten(void **state)
{
	const struct partings *parting;

	(void)state;
	cluster_with_network(&c, 3, 1, 1, "10.1.0.0/24");
	parting = &c.nodes[1].db->parting;
	show_part(100, 1, 3, false);
	assert_int_equal(parting->naming_count, 3);
	(void)cluster_stranger(&c, 1, 2);
	cluster_run(&c, 3000);
	assert_int_equal(parting->naming_count, 2);
	cluster_remove(&c, 1, 0);
	cluster_run(&c, 3000);
	assert_int_equal(parting->namings.count, 0);
	assert_int_equal(parting->naming_count, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(only_the_newest_version_of_a_part_counts, teardown),
	    cmocka_unit_test_teardown(who_became_known_or_was_named_by_a_removed_node_is_forgotten,
				      teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
