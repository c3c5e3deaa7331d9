/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "tables_net.h"

#include <string.h>

#include "test/base/cmocka_all.h"

TNET_ADMISSION

static void a_row_reaches_three_nodes_within_five_milliseconds(void **state)
{
	struct tnet net;

	(void)state;
	tnet_open(&net, 3, 2);
	assert_int_equal(tnet_put(&net, 1, ROW_TAGS, NULL, 0, "x"), 0);
	tnet_run(&net, 5);
	for (size_t n = 1; n <= 3; n++) {
		assert_true(tnet_has(&net, n, 1, NULL, ROW_TAGS, 0, "x"));
		assert_int_equal(tnet_node(&net, n)->changes, 1);
		assert_int_equal(tnet_node(&net, n)->rows_seen, 1);
	}
	tnet_run(&net, 1000);
	assert_int_equal(tnet_node(&net, 2)->changes, 1); /* copies change nothing */
	tnet_close(&net);
}

static void a_facts_register_goes_to_the_highest_counter_then_author(void **state)
{
	struct tnet net;

	(void)state;
	tnet_open(&net, 3, 12);
	assert_int_equal(tnet_put(&net, 1, FACT_NETWORK, NULL, 5, "a"), 0);
	tnet_run(&net, 20);
	/* Two change it at once: both choose the next counter, the higher id stands. */
	assert_int_equal(tnet_put(&net, 2, FACT_NETWORK, NULL, 5, "b"), 0);
	assert_int_equal(tnet_put(&net, 3, FACT_NETWORK, NULL, 5, "c"), 0);
	tnet_run(&net, 100);
	for (size_t n = 1; n <= 3; n++)
		assert_true(tnet_has(&net, n, 0, NULL, FACT_NETWORK, 5, "c"));
	assert_true(tnet_is_equal(&net));
	/* Whoever writes next is above both. */
	assert_int_equal(tnet_put(&net, 1, FACT_NETWORK, NULL, 5, "d"), 0);
	tnet_run(&net, 100);
	assert_true(tnet_has(&net, 3, 0, NULL, FACT_NETWORK, 5, "d"));
	assert_int_equal(tnet_node(&net, 3)->last_change.sequence, 3);
	tnet_close(&net);
}

static void a_restarted_node_has_its_rows_and_goes_on_above_its_sequences(void **state)
{
	struct tnet net;

	(void)state;
	tnet_open(&net, 2, 16);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(tnet_put(&net, 1, ROW_RANGE, NULL, i, "x"), 0);
	assert_int_equal(tnet_put(&net, 2, ROW_TAGS, NULL, 0, "y"), 0);
	tnet_run(&net, SNAPSHOT_MS + 100);
	tnet_restart(&net, 1);
	assert_true(tnet_has(&net, 1, 1, NULL, ROW_RANGE, 2, "x"));
	assert_true(tnet_has(&net, 1, 2, NULL, ROW_TAGS, 0, "y"));
	assert_int_equal(tnet_put(&net, 1, ROW_RANGE, NULL, 7, "z"), 0);
	tnet_run(&net, 20);
	assert_true(tnet_has(&net, 2, 1, NULL, ROW_RANGE, 7, "z"));
	assert_int_equal(tnet_node(&net, 2)->last_change.epoch, 2);
	assert_int_equal(tnet_node(&net, 2)->last_change.sequence, 4);
	assert_true(tnet_is_equal(&net));
	tnet_close(&net);
}

/* Puts a row of owner 9 with version 1 onto the disk of node 1. */
static void to_disk(struct tnet *net, uint16_t kind, uint32_t key)
{
	struct row_view row = {.kind = kind, .owner = id_numbered(9), .epoch = 1, .sequence = 1};
	struct tnet_store stored = {.kind = WRITE_SNAPSHOT};

	tnet_key(&row, key);
	stored.len = tnet_sign(&row, stored.bytes);
	tnet_store_fold(tnet_node(net, 1), &stored);
}

/* Killed between the keep of one and the drop of the other: whichever is loaded first, the
 * weightier one stays, and everybody is told so. */
static void of_two_rows_of_a_version_on_the_disk_one_stays(void **state)
{
	(void)state;
	for (int first = 0; first < 2; first++) {
		struct tnet_node *node;
		struct tnet net;

		tnet_open(&net, 1, 17);
		node = tnet_node(&net, 1);
		to_disk(&net, first == 0 ? ROW_RANGE : ROW_TAGS, 5);
		to_disk(&net, first == 0 ? ROW_TAGS : ROW_RANGE, 6);
		tnet_restart(&net, 1);
		assert_int_equal(node->tables->replica.row_count, 1);
		assert_true(tnet_has(&net, 1, 9, NULL, ROW_RANGE, first == 0 ? 5 : 6, NULL));
		assert_int_equal(node->changes, first == 0 ? 0 : 2);
		assert_int_equal(node->retracted, first == 0 ? 0 : 1);
		tnet_run(&net, 100);
		assert_int_equal(node->store_count, 1);
		tnet_restart(&net, 1);
		tnet_run(&net, 100);
		assert_true(tnet_has(&net, 1, 9, NULL, ROW_RANGE, first == 0 ? 5 : 6, NULL));
		assert_int_equal(node->store_count, 1);
		tnet_close(&net);
	}
}

static size_t row_frame(uint16_t kind, uint32_t key, uint64_t sequence, uint8_t out[ROW_BYTES_MAX])
{
	struct row_view row = {
	    .kind = kind, .owner = id_numbered(9), .epoch = 1, .sequence = sequence};

	tnet_key(&row, key);
	return tnet_sign(&row, out);
}

/* Rows are heard before the start decides between those of the disk. */
static void what_the_disk_held_in_second_place_replaces_nothing_newer(void **state)
{
	struct tnet_node *node;
	struct tnet net;
	uint8_t bytes[ROW_BYTES_MAX];
	struct write write = {.kind = WRITE_SNAPSHOT, .bytes = bytes};

	(void)state;
	tnet_open(&net, 2, 18);
	node = tnet_node(&net, 1);
	write.len = row_frame(ROW_TAGS, 5, 1, bytes);
	assert_int_equal(tables_load(node->tables, &write), 0);
	write.len = row_frame(ROW_RANGE, 6, 1, bytes);
	assert_int_equal(tables_load(node->tables, &write), LOAD_PASSED_OVER);
	assert_int_equal(tnet_receive(&net, 1, 2, bytes, row_frame(ROW_RANGE, 6, 2, bytes)),
			 DROP_NONE);
	tnet_run(&net, SNAPSHOT_MS + 100);
	assert_int_equal(node->tables->loads.passed.count, 0);
	assert_true(tnet_has(&net, 1, 9, NULL, ROW_RANGE, 6, NULL));
	assert_true(tnet_has(&net, 1, 9, NULL, ROW_TAGS, 5, NULL));
	assert_int_equal(node->last_change.sequence, 2);
	assert_int_equal(node->retracted, 0);
	tnet_restart(&net, 1);
	tnet_run(&net, 100);
	assert_int_equal(node->last_change.sequence, 2);
	tnet_close(&net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_row_reaches_three_nodes_within_five_milliseconds),
	    cmocka_unit_test(a_facts_register_goes_to_the_highest_counter_then_author),
	    cmocka_unit_test(of_two_rows_of_a_version_on_the_disk_one_stays),
	    cmocka_unit_test(what_the_disk_held_in_second_place_replaces_nothing_newer),
	    cmocka_unit_test(a_restarted_node_has_its_rows_and_goes_on_above_its_sequences),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
