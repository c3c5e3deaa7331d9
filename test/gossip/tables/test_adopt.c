/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <string.h>

#include "gossip/tables/adopt.h"
#include "gossip/tables/tables_state.h"
#include "tables_net.h"
#include "test/base/cmocka_all.h"

TNET_ADMISSION

static enum drop_reason shown(struct tnet *net, uint16_t kind, uint64_t epoch, uint64_t sequence,
			      uint32_t key, const char *value)
{
	uint8_t bytes[ROW_BYTES_MAX];
	struct row_view row = {.kind = kind, .owner = id_numbered(1), .epoch = epoch};

	row.sequence = sequence;
	row.value = (const uint8_t *)value;
	row.value_len = strlen(value);
	tnet_key(&row, key);
	return tnet_receive(net, 1, 2, bytes, tnet_sign(&row, bytes));
}

static void a_forgotten_row_is_taken_in_and_stored_as_an_own_one(void **state)
{
	struct tnet net;
	size_t own;

	(void)state;
	tnet_open(&net, 2, 31);
	own = tnet_node(&net, 1)->writes[WRITE_OWN_ROW];
	assert_int_equal(shown(&net, ROW_RANGE, 9, 40, 7, "r"), DROP_NONE);
	assert_true(tnet_has(&net, 1, 1, NULL, ROW_RANGE, 7, "r"));
	assert_false(adopt_is_stored(tnet_node(&net, 1)->tables));
	tnet_run(&net, 100);
	assert_int_equal(tnet_node(&net, 1)->writes[WRITE_OWN_ROW], own + 1);
	assert_true(adopt_is_stored(tnet_node(&net, 1)->tables));
	assert_int_equal(tnet_node(&net, 1)->twins, 1);
	/* And again: it is no news. */
	assert_int_equal(shown(&net, ROW_RANGE, 9, 40, 7, "r"), DROP_NONE);
	assert_int_equal(tnet_node(&net, 1)->twins, 1);
	tnet_close(&net);
}

static void later_rows_are_numbered_above_what_was_forgotten(void **state)
{
	struct row_view row = {.kind = ROW_RANGE, .owner = id_numbered(1)};
	struct id all = {{0}};
	struct row_view held;
	struct tnet net;

	(void)state;
	tnet_open(&net, 2, 32);
	assert_int_equal(shown(&net, ROW_RANGE, 1, 40, 7, "r"), DROP_NONE);
	assert_int_equal(tnet_put(&net, 1, ROW_RANGE, NULL, 8, "new"), 0);
	tnet_run(&net, 50);
	tnet_key(&row, 8);
	assert_true(tables_row(tnet_node(&net, 1)->tables, &row.owner, &all, ROW_RANGE, row.key,
			       row.key_len, &held));
	assert_true(held.sequence > 40);
	tnet_close(&net);
}

static void a_version_used_twice_goes_to_the_row_that_others_have(void **state)
{
	struct row_view held, row = {.kind = ROW_GRANT, .owner = id_numbered(1)};
	struct id all = {{0}};
	struct tnet net;

	(void)state;
	tnet_open(&net, 2, 33);
	tnet_cut(&net, 1, 2, true);
	assert_int_equal(tnet_put(&net, 1, ROW_GRANT, NULL, 8, "mine"), 0);
	tnet_run(&net, 50);
	tnet_key(&row, 8);
	assert_true(tables_row(tnet_node(&net, 1)->tables, &row.owner, &all, ROW_GRANT, row.key,
			       row.key_len, &held));
	/* The same version on another row, then on the same one. */
	assert_int_equal(shown(&net, ROW_GRANT, held.epoch, held.sequence, 9, "theirs"), DROP_NONE);
	assert_true(tnet_has(&net, 1, 1, NULL, ROW_GRANT, 9, "theirs"));
	assert_false(tnet_has(&net, 1, 1, NULL, ROW_GRANT, 8, NULL));
	assert_int_equal(shown(&net, ROW_GRANT, held.epoch, held.sequence, 9, "other"), DROP_NONE);
	assert_true(tnet_has(&net, 1, 1, NULL, ROW_GRANT, 9, "other"));
	tnet_run(&net, 100);
	assert_true(tnet_node(&net, 1)->writes[WRITE_ROW_DROP] >= 1);
	tables_check(tnet_node(&net, 1)->tables);
	tnet_close(&net);
}

static void what_has_a_version_on_its_way_to_disk_is_waited_for(void **state)
{
	struct row_view held, row = {.kind = ROW_TAGS, .owner = id_numbered(1)};
	struct id all = {{0}};
	struct tnet net;

	(void)state;
	tnet_open(&net, 2, 36);
	tnet_cut(&net, 1, 2, true);
	assert_int_equal(tnet_put(&net, 1, ROW_TAGS, NULL, 7, "before"), 0);
	tnet_run(&net, 50);
	tnet_key(&row, 7);
	assert_true(tables_row(tnet_node(&net, 1)->tables, &row.owner, &all, ROW_TAGS, row.key,
			       row.key_len, &held));
	assert_int_equal(tnet_put(&net, 1, ROW_TAGS, NULL, 8, "mine"), 0);
	assert_int_equal(shown(&net, ROW_TAGS, held.epoch, held.sequence + 1, 9, "theirs"),
			 DROP_NONE);
	assert_int_equal(tnet_node(&net, 1)->twins, 1);
	assert_false(tnet_has(&net, 1, 1, NULL, ROW_TAGS, 9, NULL));
	tnet_run(&net, 50);
	assert_true(tnet_has(&net, 1, 1, NULL, ROW_TAGS, 8, "mine"));
	assert_int_equal(shown(&net, ROW_TAGS, held.epoch, held.sequence + 1, 9, "theirs"),
			 DROP_NONE);
	assert_true(tnet_has(&net, 1, 1, NULL, ROW_TAGS, 9, "theirs"));
	assert_false(tnet_has(&net, 1, 1, NULL, ROW_TAGS, 8, NULL));
	tnet_close(&net);
}

static void a_range_that_nobody_saw_gets_a_new_version_instead(void **state)
{
	struct row_view held, row = {.kind = ROW_RANGE, .owner = id_numbered(1)};
	struct id all = {{0}};
	struct tnet net;

	(void)state;
	tnet_open(&net, 2, 34);
	tnet_cut(&net, 1, 2, true);
	assert_int_equal(tnet_put(&net, 1, ROW_RANGE, NULL, 8, "mine"), 0);
	tnet_run(&net, 50);
	tnet_key(&row, 8);
	assert_true(tables_row(tnet_node(&net, 1)->tables, &row.owner, &all, ROW_RANGE, row.key,
			       row.key_len, &held));
	assert_int_equal(shown(&net, ROW_RANGE, held.epoch, held.sequence, 9, "theirs"), DROP_NONE);
	tnet_run(&net, 50);
	assert_int_equal(shown(&net, ROW_RANGE, held.epoch, held.sequence, 9, "theirs"), DROP_NONE);
	assert_true(tnet_has(&net, 1, 1, NULL, ROW_RANGE, 9, "theirs"));
	assert_true(tnet_has(&net, 1, 1, NULL, ROW_RANGE, 8, "mine"));
	tnet_close(&net);
}

static void a_fact_that_it_never_wrote_fences_a_node_as_well(void **state)
{
	struct row_view row = {.kind = FACT_CLOSURE, .owner = id_numbered(1), .sequence = 1};
	uint8_t bytes[ROW_BYTES_MAX];
	struct tnet net;

	(void)state;
	tnet_open(&net, 2, 35);
	row.value = (const uint8_t *)"\xc0";
	row.value_len = 1;
	tnet_key(&row, 3);
	assert_int_equal(tnet_receive(&net, 1, 2, bytes, tnet_sign(&row, bytes)), DROP_NONE);
	assert_int_equal(tnet_node(&net, 1)->twins, 1);
	assert_int_equal(tnet_receive(&net, 2, 2, bytes, tnet_sign(&row, bytes)), DROP_NONE);
	assert_int_equal(tnet_node(&net, 2)->twins, 0);
	tnet_close(&net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_forgotten_row_is_taken_in_and_stored_as_an_own_one),
	    cmocka_unit_test(later_rows_are_numbered_above_what_was_forgotten),
	    cmocka_unit_test(a_version_used_twice_goes_to_the_row_that_others_have),
	    cmocka_unit_test(what_has_a_version_on_its_way_to_disk_is_waited_for),
	    cmocka_unit_test(a_range_that_nobody_saw_gets_a_new_version_instead),
	    cmocka_unit_test(a_fact_that_it_never_wrote_fences_a_node_as_well),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
