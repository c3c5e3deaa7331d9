/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Tests of ipamdb/claim.c: what is remembered of ranges that ended. */
#include "cluster.h"
#include "ipamdb/author.h"
#include "ipamdb/db.h"
#include "test/base/cmocka_all.h"

static struct cluster c;

static int teardown(void **state)
{
	(void)state;
	cluster_close(&c);
	return 0;
}

/* Node 1 sees the tombstones of many ranges of node 2's, each of its own generation. */
static void show_ends(const struct id *network, uint64_t first, uint64_t count)
{
	struct row_view row = {.kind = ROW_RANGE,
			       .deleted = true,
			       .owner = c.nodes[2].id,
			       .epoch = 1,
			       .key_len = RANGE_KEY_BYTES};
	struct range_key key = {.network = *network};
	struct ipam_event event = {.kind = IPAM_EV_ROW, .now = c.now, .row = &row};

	assert_int_equal(prefix_parse("10.1.0.0/25", &key.range), 0);
	for (uint64_t i = 0; i < count; i++) {
		key.generation = row.sequence = first + i;
		range_key_encode(&key, row.key);
		ipamdb_step(c.nodes[1].db, &event);
	}
}

static size_t count_ended(void)
{
	const struct ipamdb *db = c.nodes[1].db;
	size_t sum = 0;

	for (size_t i = 0; i < db->nets.count; i++)
		sum += net_at(db, i)->ended_claims;
	return sum;
}

/* Ranges of one who makes and ends them for ever count while others may not know what outranks
 * them: but not more of them than anybody may have rows, in all networks together. */
static void ended_ranges_of_one_author_are_bounded(void **state)
{
	struct id id = cluster_with_network(&c, 3, 1, 1, "10.1.0.0/16");
	struct id other = cluster_network(&c, 1, "green", "10.2.0.0/16");

	(void)state;
	cluster_run(&c, 1000);
	cluster_crash(&c, 2);
	show_ends(&id, 1U << 20, 40000);
	show_ends(&other, 1U << 20, 40000);
	assert_int_equal(count_ended(), ENDED_MAX);
	ipamdb_check(c.nodes[1].db);
	/* More are not taken in either. */
	show_ends(&id, 1U << 21, 10);
	assert_int_equal(count_ended(), ENDED_MAX);
}

/* One row above all of them, and room is made in no time. */
static void what_is_outranked_leaves_room(void **state)
{
	struct id id = cluster_with_network(&c, 3, 1, 1, "10.1.0.0/16");
	struct range_key key = {.network = id, .generation = 1U << 22};
	struct cluster_row row = {.view = {.kind = ROW_RANGE,
					   .owner = c.nodes[2].id,
					   .epoch = 1,
					   .sequence = 1U << 22,
					   .key_len = RANGE_KEY_BYTES,
					   .value_len = 1},
				  .bytes = {0xc0}};

	(void)state;
	cluster_crash(&c, 2);
	show_ends(&id, 1U << 20, 40000);
	assert_int_equal(prefix_parse("10.1.0.0/24", &key.range), 0);
	range_key_encode(&key, row.view.key);
	cluster_show(&c, 1, &row);
	cluster_run(&c, 5000);
	assert_int_equal(count_ended(), 0);
	assert_int_equal(c.nodes[1].db->authors.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(ended_ranges_of_one_author_are_bounded, teardown),
	    cmocka_unit_test_teardown(what_is_outranked_leaves_room, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
