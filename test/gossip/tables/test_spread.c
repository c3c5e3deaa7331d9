/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "tables_net.h"

#include <string.h>

#include "test/base/cmocka_all.h"

TNET_ADMISSION

static void sends_grow_with_the_logarithm_of_the_members(void **state)
{
	(void)state;
	assert_int_equal(spread_sends(1), 4);
	assert_int_equal(spread_sends(3), 4);
	assert_int_equal(spread_sends(5), 8);
	assert_int_equal(spread_sends(100), 16);
	assert_int_equal(spread_sends(1000), 16);
	assert_in_range(spread_sends(10000), 16, 17);
	for (size_t n = 1; n < 100000; n = n * 3 / 2 + 1)
		assert_true(spread_sends(n) <= spread_sends(n * 3 / 2 + 1));
}

static void a_new_row_goes_to_eight_members_at_once_and_to_few_later(void **state)
{
	struct tnet net;

	(void)state;
	tnet_open(&net, 12, 1);
	for (size_t n = 2; n <= 12; n++)
		tnet_cut(&net, 1, n, true); /* nobody passes it on */
	assert_int_equal(tnet_put(&net, 1, ROW_TAGS, NULL, 0, "x"), 0);
	tnet_run(&net, 2);
	assert_int_equal(tnet_node(&net, 1)->tables->counts.told, 8);
	tnet_run(&net, 900);
	assert_int_equal(tnet_node(&net, 1)->tables->counts.told,
			 8 + (spread_sends(12) > 8 ? spread_sends(12) - 8 : 0));
	assert_int_equal(tnet_node(&net, 1)->tables->spread.count, 0);
	tnet_close(&net);
}

static void rows_reach_all_although_a_quarter_of_everything_is_lost(void **state)
{
	struct tnet net;
	size_t missed = 0;

	(void)state;
	tnet_open(&net, 12, 9);
	net.loss_percent = 25;
	for (uint32_t key = 0; key < 200; key++) {
		size_t owner = 1 + key % 12;
		assert_int_equal(tnet_put(&net, owner, ROW_RANGE, NULL, key, "x"), 0);
		tnet_run(&net, 500); /* sooner than the repair path looks */
		for (size_t n = 1; n <= 12; n++)
			missed += !tnet_has(&net, n, owner, NULL, ROW_RANGE, key, "x");
	}
	assert_int_equal(missed, 0);
	tnet_close(&net);
}

static void nobody_is_told_what_he_told_or_wrote(void **state)
{
	struct tnet net;

	(void)state;
	tnet_open(&net, 2, 2);
	assert_int_equal(tnet_put(&net, 1, ROW_TAGS, NULL, 0, "x"), 0);
	tnet_run(&net, 900);
	assert_true(tnet_node(&net, 1)->tables->counts.told > 0);
	assert_int_equal(tnet_node(&net, 2)->tables->counts.told, 0);
	assert_int_equal(tnet_node(&net, 1)->tables->counts.repeated, 0);
	tnet_close(&net);
}

static void a_newer_version_takes_the_place_of_the_older_in_the_queue(void **state)
{
	struct tnet net;

	(void)state;
	tnet_open(&net, 3, 3);
	for (int i = 0; i < 50; i++) {
		assert_int_equal(tnet_put(&net, 1, ROW_TAGS, NULL, 0, i % 2 ? "a" : "b"), 0);
		tnet_run(&net, 2);
		assert_in_range(tnet_node(&net, 1)->tables->spread.count, 0, 1);
		assert_in_range(tnet_node(&net, 2)->tables->spread.count, 0, 1);
		tables_check(tnet_node(&net, 1)->tables);
	}
	tnet_close(&net);
}

static void rows_that_come_together_travel_together(void **state)
{
	struct row_view rows[4] = {
	    {.kind = ROW_RANGE}, {.kind = ROW_RANGE}, {.kind = ROW_RANGE}, {.kind = ROW_RANGE}};
	struct tnet net;
	uint64_t token;

	(void)state;
	tnet_open(&net, 3, 4);
	for (uint32_t i = 0; i < 4; i++)
		tnet_key(&rows[i], i);
	assert_int_equal(tnet_put_rows(&net, 1, rows, 4, &token, NULL), 0);
	tnet_run(&net, 10);
	/* One to each of two, one from each of them to the other. */
	assert_int_equal(net.datagrams, 4);
	tnet_close(&net);
}

static void a_full_queue_is_told_in_bounded_steps(void **state)
{
	struct row_view rows[BATCH_ROWS_MAX];
	uint8_t value[700] = {0};
	struct tnet net;
	uint64_t token;

	(void)state;
	tnet_open(&net, 10, 5);
	for (uint32_t i = 0; i < BATCH_ROWS_MAX; i++) {
		rows[i] = (struct row_view){.kind = ROW_RANGE, .value = value};
		rows[i].value_len = sizeof(value);
		tnet_key(&rows[i], i);
	}
	assert_int_equal(tnet_put_rows(&net, 1, rows, BATCH_ROWS_MAX, &token, NULL), 0);
	tnet_run(&net, 30);
	for (size_t n = 1; n <= 10; n++)
		assert_true(tnet_has(&net, n, 1, NULL, ROW_RANGE, BATCH_ROWS_MAX - 1, NULL));
	tnet_run(&net, 3000);
	for (size_t n = 1; n <= 10; n++)
		assert_int_equal(tnet_node(&net, n)->tables->spread.count, 0);
	tnet_close(&net);
}

static void what_is_left_of_a_datagram_is_filled_with_own_rows_first(void **state)
{
	struct row_view foreign = {.kind = ROW_TAGS, .owner = id_numbered(9), .epoch = 1};
	uint8_t bytes[ROW_BYTES_MAX], out[WIRE_PAYLOAD_MAX];
	struct id to = id_numbered(3);
	struct tnet net;
	struct row_view row;
	struct tnet_node *node;
	size_t len;

	(void)state;
	tnet_open(&net, 3, 6);
	node = tnet_node(&net, 1);
	foreign.sequence = 1;
	tnet_receive(&net, 1, 2, bytes, tnet_sign(&foreign, bytes));
	tnet_run(&net, 3);
	assert_int_equal(tnet_put(&net, 1, ROW_RANGE, NULL, 0, "x"), 0);
	tnet_run(&net, 3);
	assert_int_equal(node->tables->spread.count, 2);
	core_begin_step(&node->kit.core, net.now, (struct wall){0});
	for (size_t i = 1; i < node->tables->spread.entries.count; i++) {
		struct spread_entry *entry = vec_at(&node->tables->spread.entries, i);
		entry->sends = 5;
		entry->last = NONE;
	}
	len = tables_fill(node->tables, member_find(&node->kit.members, &to), out, sizeof(out));
	assert_in_range(len, 100, sizeof(out));
	assert_int_equal(out[0], FRAME_ROW);
	assert_int_equal(row_parse(out + 3, wire_get(out + 1, 2), &row), 0);
	assert_int_equal(row.owner.b[0], 1);
	/* The same is not given to the same peer again. */
	assert_int_equal(
	    tables_fill(node->tables, member_find(&node->kit.members, &to), out, sizeof(out)), 0);
	assert_int_equal(tables_fill(node->tables, member_find(&node->kit.members, &to), out, 20),
			 0);
	tables_check(node->tables);
	tnet_close(&net);
}

static void with_nobody_in_reach_the_queue_is_empty_and_nothing_is_due(void **state)
{
	struct tnet net;

	(void)state;
	tnet_open(&net, 1, 7);
	assert_int_equal(tnet_put(&net, 1, ROW_TAGS, NULL, 0, "x"), 0);
	tnet_run(&net, 5);
	assert_int_equal(tnet_node(&net, 1)->tables->spread.count, 0);
	assert_true(spread_deadline(tnet_node(&net, 1)->tables).ns == INT64_MAX);
	tnet_close(&net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sends_grow_with_the_logarithm_of_the_members),
	    cmocka_unit_test(a_new_row_goes_to_eight_members_at_once_and_to_few_later),
	    cmocka_unit_test(rows_reach_all_although_a_quarter_of_everything_is_lost),
	    cmocka_unit_test(nobody_is_told_what_he_told_or_wrote),
	    cmocka_unit_test(a_newer_version_takes_the_place_of_the_older_in_the_queue),
	    cmocka_unit_test(rows_that_come_together_travel_together),
	    cmocka_unit_test(a_full_queue_is_told_in_bounded_steps),
	    cmocka_unit_test(what_is_left_of_a_datagram_is_filled_with_own_rows_first),
	    cmocka_unit_test(with_nobody_in_reach_the_queue_is_empty_and_nothing_is_due),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
