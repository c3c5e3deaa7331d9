/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <string.h>

#include "gossip/tables/adopt.h"
#include "gossip/tables/tables_state.h"
#include "tables_net.h"
#include "test/base/cmocka_all.h"

TNET_ADMISSION

static enum drop_reason told(struct tnet *net, uint8_t owner, uint16_t kind, uint64_t epoch,
			     uint64_t sequence, uint32_t key, const char *value)
{
	uint8_t bytes[ROW_BYTES_MAX];
	struct row_view row = {.kind = kind, .owner = id_numbered(owner), .epoch = epoch};

	row.sequence = sequence;
	row.value = (const uint8_t *)value;
	row.value_len = strlen(value);
	tnet_key(&row, key);
	return tnet_receive(net, 1, 2, bytes, tnet_sign(&row, bytes));
}

/* Node 1 is shown what it wrote. */
static enum drop_reason shown(struct tnet *net, uint16_t kind, uint64_t epoch, uint64_t sequence,
			      uint32_t key, const char *value)
{
	return told(net, 1, kind, epoch, sequence, key, value);
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

/* Is a row of node 1 on its own disk? */
static bool on_disk(struct tnet *net, uint16_t kind, uint32_t key)
{
	const struct tnet_node *node = tnet_node(net, 1);
	struct row_view row, like = {.kind = kind};

	tnet_key(&like, key);
	for (size_t i = 0; i < node->store_count; i++) {
		assert_int_equal(row_parse(node->store[i].bytes, node->store[i].len, &row), 0);
		if (row.kind == kind && row.owner.b[0] == 1 &&
		    memcmp(row.key, like.key, ID_BYTES) == 0)
			return true;
	}
	return false;
}

/* It waits for the drops of rows that gave way, which take more than one commit. */
static void a_forgotten_floor_is_on_the_disk_before_all_is_said_to_be(void **state)
{
	struct tnet_node *node;
	struct tnet net;

	(void)state;
	tnet_open(&net, 2, 37);
	node = tnet_node(&net, 1);
	for (uint32_t i = 0; i < 70; i++)
		assert_int_equal(tnet_put(&net, 1, ROW_TAGS, NULL, i, "mine"), 0);
	tnet_run(&net, 50);
	tnet_cut(&net, 1, 2, true);
	node->disk_slow_ms = 100;
	for (uint32_t i = 0; i < 70; i++)
		assert_int_equal(shown(&net, ROW_TAGS, 1, i + 1, 100 + i, "theirs"), DROP_NONE);
	assert_int_equal(shown(&net, ROW_FLOOR, 1, 500, 0, "\x92\x01\x01"), DROP_NONE);
	assert_true(tnet_has(&net, 1, 1, NULL, ROW_FLOOR, 0, NULL));
	for (int ms = 0; ms < 2000 && !adopt_is_stored(node->tables); ms++)
		tnet_run(&net, 1);
	assert_true(adopt_is_stored(node->tables));
	assert_true(on_disk(&net, ROW_TAGS, 169));
	assert_false(on_disk(&net, ROW_TAGS, 0));
	assert_true(on_disk(&net, ROW_FLOOR, 0));
	tnet_close(&net);
}

/* So much of others is to be stored that commits follow each other on a slow disk. */
static void what_others_wrote_is_not_waited_for(void **state)
{
	struct tnet_node *node;
	struct tnet net;

	(void)state;
	tnet_open(&net, 2, 38);
	node = tnet_node(&net, 1);
	tnet_cut(&net, 1, 2, true);
	node->disk_slow_ms = 100;
	for (uint32_t i = 0; i < 4000; i++)
		assert_int_equal(told(&net, (uint8_t)(10 + i % 100), ROW_TAGS, 1, i + 1, i, "r"),
				 DROP_NONE);
	while (node->writes[WRITE_SNAPSHOT] == 0)
		tnet_run(&net, 1);
	assert_true(adopt_is_stored(node->tables));
	assert_int_equal(shown(&net, ROW_TAGS, 9, 40, 7, "mine"), DROP_NONE);
	assert_false(adopt_is_stored(node->tables));
	tnet_run(&net, 60);
	assert_false(adopt_is_stored(node->tables)); /* on its way */
	assert_false(on_disk(&net, ROW_TAGS, 7));
	tnet_run(&net, 100);
	assert_true(adopt_is_stored(node->tables));
	assert_true(on_disk(&net, ROW_TAGS, 7));
	assert_false(snapshot_is_done(node->tables));
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
	    cmocka_unit_test(a_forgotten_floor_is_on_the_disk_before_all_is_said_to_be),
	    cmocka_unit_test(what_others_wrote_is_not_waited_for),
	    cmocka_unit_test(a_fact_that_it_never_wrote_fences_a_node_as_well),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
