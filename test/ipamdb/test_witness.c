/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Tests of ipamdb/witness.c: ranges that gave way to another text of their version. */
#include "cluster.h"
#include "ipamdb/query.h"
#include "test/base/cmocka_all.h"

#define LEASES 100 /* so many that the recipient asks more than once */

static struct cluster c;

static int teardown(void **state)
{
	(void)state;
	cluster_close(&c);
	return 0;
}

static bool is_live(const struct cluster_row *row, size_t owner, uint16_t kind)
{
	return row->view.kind == kind && !row->view.deleted &&
	       id_eq(&row->view.owner, &c.nodes[owner].id);
}

/* How many live rows of a kind of owner's lie on node's disk. */
static size_t count_rows(size_t node, size_t owner, uint16_t kind)
{
	const struct vec *rows = &c.nodes[node].disk.rows;
	size_t count = 0;

	for (size_t i = 0; i < rows->count; i++)
		count += is_live(vec_at(rows, i), owner, kind);
	return count;
}

/* All ranges of owner give way on node: they are told as deleted under their own versions. */
static size_t give_way(size_t node, size_t owner)
{
	struct vec *rows = &c.nodes[node].disk.rows;
	size_t count = 0;

	for (size_t i = rows->count; i-- > 0;) {
		struct cluster_row row = *(struct cluster_row *)vec_at(rows, i);
		if (!is_live(&row, owner, ROW_RANGE))
			continue;
		vec_remove(rows, i);
		row.view.deleted = true;
		cluster_show(&c, node, &row);
		count++;
	}
	return count;
}

/* Node 1 gives half of a network to node 2, of which node 0 hears nothing, and collects all rows
 * that those of node 2 outrank. */
static struct id half_given(void)
{
	struct id net = cluster_with_network(&c, 3, 1, 1, "10.1.0.0/24");

	c.cut[2][0] = c.cut[0][2] = true;
	for (int i = 0; i < LEASES; i++)
		cluster_leased(&c, 2, &net);
	cluster_run(&c, 20000);
	assert_int_equal(count_rows(1, 1, ROW_GRANT), 0);
	assert_true(count_rows(1, 2, ROW_RANGE) > 0);
	assert_int_equal(count_rows(0, 2, ROW_RANGE), 0);
	assert_true(cluster_held(&c, 1, &net) < 256);
	return net;
}

static void space_whose_row_gave_way_is_taken_back_by_who_never_saw_it(void **state)
{
	struct id net = half_given();

	(void)state;
	assert_true(give_way(1, 2) > 0);
	cluster_crash(&c, 2);
	cluster_remove(&c, 1, 2);
	cluster_run(&c, 5000);
	assert_true(cluster_held(&c, 0, &net) > 0);
	assert_int_equal(cluster_held(&c, 0, &net) + cluster_held(&c, 1, &net), 256);
	/* What was said is collected like any grant. */
	cluster_run(&c, 120000);
	assert_int_equal(count_rows(1, 1, ROW_GRANT), 0);
	assert_int_equal(cluster_held(&c, 0, &net) + cluster_held(&c, 1, &net), 256);
}

static void who_gave_the_space_away_says_to_whom_in_place_of_the_row(void **state)
{
	struct id net = half_given();
	uint64_t held = cluster_held(&c, 1, &net);
	size_t count;

	(void)state;
	count = give_way(1, 2);
	cluster_run(&c, 1000);
	assert_int_equal(count_rows(1, 1, ROW_GRANT), count);
	assert_int_equal(count_rows(0, 1, ROW_GRANT), count);
	assert_int_equal(cluster_held(&c, 1, &net), held);
	/* Nor is it forgotten in a restart. */
	cluster_crash(&c, 1);
	cluster_start(&c, 1, true);
	cluster_run(&c, 20000);
	assert_int_equal(count_rows(1, 1, ROW_GRANT), count);
	assert_int_equal(cluster_held(&c, 1, &net), held);
}

static void a_word_whose_commit_failed_is_said_again(void **state)
{
	size_t count;

	(void)state;
	(void)half_given();
	c.nodes[1].fail_commits = true;
	count = give_way(1, 2);
	cluster_run(&c, 5000);
	assert_int_equal(count_rows(1, 1, ROW_GRANT), 0);
	c.nodes[1].fail_commits = false;
	cluster_run(&c, 5000);
	assert_int_equal(count_rows(1, 1, ROW_GRANT), count);
}

/* What gave way may have been a lie about space that this node uses, or somebody else. */
static void nobody_is_a_witness_of_space_that_it_has_not_given_up(void **state)
{
	struct cluster_row row = {
	    .view = {.kind = ROW_RANGE, .epoch = 1, .sequence = 99, .key_len = RANGE_KEY_BYTES},
	    .bytes = {0xc0},
	};
	struct range_key key = {.generation = 7};

	(void)state;
	key.network = cluster_with_network(&c, 3, 1, 1, "10.1.0.0/24");
	cluster_crash(&c, 2);
	assert_int_equal(prefix_parse("10.1.0.0/25", &key.range), 0);
	range_key_encode(&key, row.view.key);
	row.view.value_len = 1;
	row.view.owner = c.nodes[2].id;
	for (size_t i = 0; i < 2; i++) {
		row.view.deleted = false;
		cluster_show(&c, i, &row);
		row.view.deleted = true;
		cluster_show(&c, i, &row);
	}
	cluster_run(&c, 60000);
	assert_int_equal(count_rows(0, 0, ROW_GRANT), 0);
	assert_int_equal(count_rows(1, 1, ROW_GRANT), 0);
}

static void a_range_that_its_author_ends_needs_no_witness(void **state)
{
	struct vec *rows;
	struct id net = half_given();

	(void)state;
	(void)net;
	rows = &c.nodes[1].disk.rows;
	cluster_crash(&c, 2);
	for (size_t i = 0; i < rows->count; i++) {
		struct cluster_row *row = vec_at(rows, i);
		if (!is_live(row, 2, ROW_RANGE))
			continue;
		row->view.deleted = true;
		row->view.sequence += 1000;
		cluster_show(&c, 1, row);
	}
	cluster_run(&c, 60000);
	assert_int_equal(count_rows(1, 1, ROW_GRANT), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(space_whose_row_gave_way_is_taken_back_by_who_never_saw_it,
				      teardown),
	    cmocka_unit_test_teardown(who_gave_the_space_away_says_to_whom_in_place_of_the_row,
				      teardown),
	    cmocka_unit_test_teardown(a_word_whose_commit_failed_is_said_again, teardown),
	    cmocka_unit_test_teardown(nobody_is_a_witness_of_space_that_it_has_not_given_up,
				      teardown),
	    cmocka_unit_test_teardown(a_range_that_its_author_ends_needs_no_witness, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
