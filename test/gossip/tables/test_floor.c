/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "tables_net.h"

#include <string.h>

#include "test/base/cmocka_all.h"

TNET_ADMISSION

#define HOUR_MS (INT64_C(3600) * 1000)

static void write_and_delete(struct tnet *net)
{
	for (uint32_t i = 0; i < 6; i++) {
		assert_int_equal(tnet_put(net, 1, ROW_RANGE, NULL, i, "r"), 0);
		tnet_run(net, 5);
	}
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(tnet_delete(net, 1, ROW_RANGE, NULL, i), 0);
		tnet_run(net, 5);
	}
}

static uint32_t dead(struct tnet *net, size_t number)
{
	return tnet_node(net, number)->tables->replica.dead_count;
}

static void tombstones_are_kept_for_a_day_and_then_gone_everywhere(void **state)
{
	struct tnet net;

	(void)state;
	tnet_open(&net, 3, 1);
	write_and_delete(&net);
	tnet_run(&net, 23 * HOUR_MS);
	for (size_t n = 1; n <= 3; n++)
		assert_int_equal(dead(&net, n), 3);
	tnet_run(&net, 2 * HOUR_MS);
	for (size_t n = 1; n <= 3; n++) {
		assert_int_equal(dead(&net, n), 0);
		assert_false(tnet_has(&net, n, 1, NULL, ROW_RANGE, 0, NULL));
		assert_true(tnet_has(&net, n, 1, NULL, ROW_RANGE, 5, "r"));
		assert_int_equal(tnet_node(&net, n)->tables->replica.incomplete_count, 0);
	}
	assert_true(tnet_is_equal(&net));
	assert_int_equal(tnet_node(&net, 1)->writes[WRITE_ROW_DROP], 3);
	assert_int_equal(tnet_node(&net, 2)->writes[WRITE_SNAPSHOT_DROP], 3);
	tnet_close(&net);
}

/* The others keep what its record buried, and would keep the floor. */
static void who_left_publishes_no_floor(void **state)
{
	struct tnet net;

	(void)state;
	tnet_open(&net, 2, 10);
	write_and_delete(&net);
	tnet_run(&net, 1000);
	tables_farewell(tnet_node(&net, 1)->tables, FAREWELL_MUTE);
	tables_farewell(tnet_node(&net, 1)->tables, FAREWELL_TELLS);
	tnet_run(&net, 30 * HOUR_MS);
	for (size_t n = 1; n <= 2; n++)
		assert_int_equal(dead(&net, n), 3);
	assert_int_equal(tnet_node(&net, 1)->writes[WRITE_ROW_DROP], 0);
	tnet_close(&net);
}

static void a_replica_that_missed_a_deletion_below_the_floor_drops_the_row(void **state)
{
	struct tnet net;

	(void)state;
	tnet_open(&net, 3, 2);
	for (uint32_t i = 0; i < 6; i++) {
		assert_int_equal(tnet_put(&net, 1, ROW_RANGE, NULL, i, "r"), 0);
		tnet_run(&net, 5);
	}
	tnet_run(&net, 2000);
	tnet_cut(&net, 1, 3, true);
	tnet_cut(&net, 2, 3, true);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(tnet_delete(&net, 1, ROW_RANGE, NULL, i), 0);
	tnet_run(&net, 25 * HOUR_MS);
	assert_int_equal(dead(&net, 1), 0);
	assert_true(tnet_has(&net, 3, 1, NULL, ROW_RANGE, 0, "r"));
	/* It meets another replica, not the owner. */
	tnet_cut(&net, 2, 3, false);
	tnet_run(&net, 20000);
	assert_true(tnet_is_equal(&net));
	for (size_t n = 1; n <= 3; n++) {
		assert_false(tnet_has(&net, n, 1, NULL, ROW_RANGE, 0, NULL));
		assert_true(tnet_has(&net, n, 1, NULL, ROW_RANGE, 4, "r"));
	}
	assert_int_equal(tnet_node(&net, 3)->retracted, 3);
	assert_int_equal(tnet_node(&net, 3)->tables->replica.incomplete_count, 0);
	tnet_close(&net);
}

static void an_origin_below_its_floor_is_not_served_meanwhile(void **state)
{
	struct row_view row = {.kind = ROW_FLOOR, .owner = id_numbered(9), .epoch = 1};
	uint8_t bytes[ROW_BYTES_MAX];
	uint8_t floor[] = {0x92, 1, 8};
	struct row_view held;
	struct id all = {{0}};
	struct tnet net;

	(void)state;
	tnet_open(&net, 1, 3);
	row.kind = ROW_RANGE;
	row.sequence = 1;
	tnet_key(&row, 1);
	tnet_receive(&net, 1, 1, bytes, tnet_sign(&row, bytes));
	assert_true(tables_row(tnet_node(&net, 1)->tables, &row.owner, &all, ROW_RANGE, row.key,
			       row.key_len, &held));
	row.kind = ROW_FLOOR;
	row.sequence = 9;
	memset(row.key, 0, sizeof(row.key)); /* of topic 0 */
	row.value = floor;
	row.value_len = sizeof(floor);
	tnet_receive(&net, 1, 1, bytes, tnet_sign(&row, bytes));
	assert_int_equal(tnet_node(&net, 1)->tables->replica.incomplete_count, 1);
	tnet_key(&row, 1);
	assert_false(tables_row(tnet_node(&net, 1)->tables, &row.owner, &all, ROW_RANGE, row.key,
				row.key_len, &held));
	tnet_close(&net);
}

static void a_young_tombstone_holds_the_floor_down(void **state)
{
	struct tnet net;

	(void)state;
	tnet_open(&net, 2, 4);
	write_and_delete(&net);
	tnet_run(&net, 20 * HOUR_MS);
	assert_int_equal(tnet_delete(&net, 1, ROW_RANGE, NULL, 4), 0);
	tnet_run(&net, 5 * HOUR_MS);
	assert_int_equal(dead(&net, 1), 1);
	assert_int_equal(dead(&net, 2), 1);
	assert_true(tnet_is_equal(&net));
	tnet_close(&net);
}

static void a_frozen_owner_is_not_collected(void **state)
{
	struct id owner = id_numbered(1);
	struct tnet net;

	(void)state;
	tnet_open(&net, 2, 5);
	write_and_delete(&net);
	tables_freeze(tnet_node(&net, 2)->tables, &owner);
	tnet_run(&net, 25 * HOUR_MS);
	assert_int_equal(dead(&net, 1), 0);
	assert_int_equal(dead(&net, 2), 3);
	tnet_close(&net);
}

/* Who was away had no chance to collect, and never will: the others take the tombstones back. */
static void tombstones_that_one_kept_of_a_frozen_owner_are_kept_by_all(void **state)
{
	struct id owner = id_numbered(1);
	struct tnet net;

	(void)state;
	tnet_open(&net, 3, 7);
	write_and_delete(&net);
	tnet_cut(&net, 1, 3, true);
	tnet_cut(&net, 2, 3, true);
	tnet_run(&net, 25 * HOUR_MS);
	assert_int_equal(dead(&net, 2), 0);
	assert_int_equal(dead(&net, 3), 3);
	tnet_cut(&net, 1, 2, true);
	for (size_t n = 2; n <= 3; n++)
		tables_freeze(tnet_node(&net, n)->tables, &owner);
	tnet_cut(&net, 2, 3, false);
	tnet_run(&net, 60000);
	assert_int_equal(dead(&net, 2), 3);
	assert_true(tables_hash(tnet_node(&net, 2)->tables) ==
		    tables_hash(tnet_node(&net, 3)->tables));
	tnet_close(&net);
}

static void a_restart_after_a_floor_serves_at_once(void **state)
{
	struct tnet net;

	(void)state;
	tnet_open(&net, 2, 6);
	write_and_delete(&net);
	tnet_run(&net, 25 * HOUR_MS);
	tnet_cut(&net, 1, 2, true);
	tnet_restart(&net, 2);
	assert_true(tnet_has(&net, 2, 1, NULL, ROW_RANGE, 5, "r"));
	assert_int_equal(tnet_node(&net, 2)->tables->replica.incomplete_count, 0);
	assert_int_equal(dead(&net, 2), 0);
	assert_true(tnet_is_equal(&net));
	/* And the owner does not use a sequence again, although the highest one was collected. */
	tnet_restart(&net, 1);
	assert_int_equal(tnet_put(&net, 1, ROW_RANGE, NULL, 9, "n"), 0);
	tnet_run(&net, 5);
	assert_true(tnet_node(&net, 1)->last_change.sequence >= 11);
	tnet_close(&net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(tombstones_are_kept_for_a_day_and_then_gone_everywhere),
	    cmocka_unit_test(who_left_publishes_no_floor),
	    cmocka_unit_test(a_replica_that_missed_a_deletion_below_the_floor_drops_the_row),
	    cmocka_unit_test(an_origin_below_its_floor_is_not_served_meanwhile),
	    cmocka_unit_test(a_young_tombstone_holds_the_floor_down),
	    cmocka_unit_test(a_frozen_owner_is_not_collected),
	    cmocka_unit_test(tombstones_that_one_kept_of_a_frozen_owner_are_kept_by_all),
	    cmocka_unit_test(a_restart_after_a_floor_serves_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
