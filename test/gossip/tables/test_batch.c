/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "tables_net.h"

#include <string.h>

#include "test/base/cmocka_all.h"

TNET_ADMISSION

static const struct id tnet_a = {{0xaa}};

static void a_row_is_seen_by_nobody_before_it_is_durable(void **state)
{
	struct tnet net;

	(void)state;
	tnet_open(&net, 3, 1);
	assert_int_equal(tnet_put(&net, 1, ROW_TAGS, NULL, 0, "x"), 0);
	assert_false(tnet_has(&net, 1, 1, NULL, ROW_TAGS, 0, NULL));
	assert_int_equal(net.datagrams, 0);
	tnet_run(&net, 5);
	assert_true(tnet_has(&net, 1, 1, NULL, ROW_TAGS, 0, "x"));
	tnet_close(&net);
}

static void a_failed_commit_leaves_nothing_and_its_sequence_is_not_used_again(void **state)
{
	struct tnet net;

	(void)state;
	tnet_open(&net, 2, 3);
	tnet_node(&net, 1)->disk_fails = true;
	assert_int_equal(tnet_put(&net, 1, ROW_TAGS, NULL, 0, "lost"), 0);
	tnet_run(&net, 50);
	assert_false(tnet_has(&net, 1, 1, NULL, ROW_TAGS, 0, NULL));
	assert_int_equal(net.datagrams, 0);
	tnet_node(&net, 1)->disk_fails = false;
	assert_int_equal(tnet_put(&net, 1, ROW_TAGS, NULL, 0, "kept"), 0);
	tnet_run(&net, 50);
	assert_true(tnet_has(&net, 2, 1, NULL, ROW_TAGS, 0, "kept"));
	assert_int_equal(tnet_node(&net, 2)->last_change.sequence, 2);
	tnet_close(&net);
}

static void rows_of_one_batch_become_visible_together(void **state)
{
	struct row_view rows[3] = {{.kind = ROW_RANGE}, {.kind = ROW_RANGE}, {.kind = ROW_RANGE}};
	struct tnet net;
	uint64_t token;

	(void)state;
	tnet_open(&net, 1, 4);
	for (uint32_t i = 0; i < 3; i++)
		tnet_key(&rows[i], i);
	assert_int_equal(tnet_put_rows(&net, 1, rows, 3, &token, NULL), 0);
	assert_int_equal(tnet_node(&net, 1)->writes[WRITE_OWN_ROW], 3);
	assert_int_equal(tnet_node(&net, 1)->changes, 0);
	tnet_run(&net, 2);
	assert_int_equal(tnet_node(&net, 1)->changes, 3);
	tnet_close(&net);
}

static void a_batch_that_cannot_be_written_changes_nothing(void **state)
{
	struct row_view rows[2] = {{.kind = ROW_RANGE}, {.kind = FACT_NETWORK, .deleted = true}};
	struct weft_err err = {0};
	struct tnet net;
	uint64_t token;
	size_t before;

	(void)state;
	tnet_open(&net, 1, 5);
	before = tnet_node(&net, 1)->kit.blobs.count;
	assert_int_equal(tnet_put_rows(&net, 1, rows, 2, &token, &err), WEFT_E_INVALID);
	assert_int_equal(err.code, WEFT_E_INVALID);
	assert_int_equal(tnet_put_rows(&net, 1, rows, 0, &token, NULL), WEFT_E_INVALID);
	tnet_node(&net, 1)->denied[1] = true;
	assert_int_equal(tnet_put(&net, 1, FACT_NETWORK, NULL, 1, "x"), WEFT_E_DENIED);
	assert_int_equal(tnet_node(&net, 1)->writes[WRITE_OWN_ROW], 0);
	assert_int_equal(tnet_node(&net, 1)->kit.blobs.count, before);
	tnet_close(&net);
}

static void own_puts_over_the_cap_are_refused_before_anything_is_written(void **state)
{
	struct tnet net;

	(void)state;
	tnet_open(&net, 1, 22);
	tnet_node(&net, 1)->kit.core.limits.rows_per_owner_topic = 3;
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(tnet_put(&net, 1, ROW_ENDPOINT, &tnet_a, i, "e"), 0);
		tnet_run(&net, 2);
	}
	assert_int_equal(tnet_put(&net, 1, ROW_ENDPOINT, &tnet_a, 3, "e"), WEFT_E_LIMIT);
	assert_int_equal(tnet_put(&net, 1, ROW_ENDPOINT, &tnet_a, 2, "f"), 0);
	assert_int_equal(tnet_node(&net, 1)->writes[WRITE_OWN_ROW], 4);
	tnet_close(&net);
}

/* Somebody else has this node's key, or a member has driven a fact's counter to the end. */
static void nothing_is_written_beyond_the_last_version(void **state)
{
	struct row_view row = {.kind = ROW_RANGE, .sequence = ROW_SEQUENCE_MAX};
	uint8_t bytes[ROW_BYTES_MAX];
	struct weft_err err = {0};
	struct tnet net;
	uint64_t token;

	(void)state;
	tnet_open(&net, 2, 23);
	row.owner = id_numbered(1);
	row.epoch = 9;
	tnet_key(&row, 1);
	assert_int_equal(tnet_receive(&net, 1, 2, bytes, tnet_sign(&row, bytes)), DROP_NONE);
	row.kind = FACT_NETWORK;
	row.owner = id_numbered(2);
	row.epoch = 0;
	assert_int_equal(tnet_receive(&net, 1, 2, bytes, tnet_sign(&row, bytes)), DROP_NONE);
	row = (struct row_view){.kind = ROW_TAGS};
	for (int i = 0; i < 3; i++)
		assert_int_equal(tnet_put_rows(&net, 1, &row, 1, &token, &err), WEFT_E_LIMIT);
	assert_int_equal(err.code, WEFT_E_LIMIT);
	assert_int_equal(tnet_put(&net, 1, FACT_NETWORK, NULL, 1, "x"), WEFT_E_LIMIT);
	assert_int_equal(tnet_put(&net, 1, FACT_NETWORK, NULL, 2, "x"), 0);
	assert_int_equal(tnet_put(&net, 1, ROW_ENDPOINT, &tnet_a, 1, "e"), 0);
	tnet_close(&net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_row_is_seen_by_nobody_before_it_is_durable),
	    cmocka_unit_test(a_failed_commit_leaves_nothing_and_its_sequence_is_not_used_again),
	    cmocka_unit_test(rows_of_one_batch_become_visible_together),
	    cmocka_unit_test(a_batch_that_cannot_be_written_changes_nothing),
	    cmocka_unit_test(own_puts_over_the_cap_are_refused_before_anything_is_written),
	    cmocka_unit_test(nothing_is_written_beyond_the_last_version),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
