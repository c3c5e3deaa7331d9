/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "tables_net.h"

#include <string.h>

#include "test/base/cmocka_all.h"

TNET_ADMISSION

static void foreign_facts_are_stored_soon_and_foreign_rows_within_the_snapshot(void **state)
{
	struct tnet net;

	(void)state;
	tnet_open(&net, 2, 14);
	assert_int_equal(tnet_put(&net, 1, FACT_NETWORK, NULL, 5, "a"), 0);
	assert_int_equal(tnet_put(&net, 1, ROW_TAGS, NULL, 0, "x"), 0);
	tnet_run(&net, 100);
	assert_int_equal(tnet_node(&net, 2)->writes[WRITE_FACT], 1);
	assert_int_equal(tnet_node(&net, 2)->writes[WRITE_SNAPSHOT], 0);
	tnet_run(&net, SNAPSHOT_MS);
	assert_int_equal(tnet_node(&net, 2)->writes[WRITE_SNAPSHOT], 1);
	tnet_run(&net, 3 * SNAPSHOT_MS);
	assert_int_equal(tnet_node(&net, 2)->writes[WRITE_SNAPSHOT], 1); /* only what changed */
	tnet_close(&net);
}

static void a_failed_snapshot_is_written_again(void **state)
{
	struct tnet net;

	(void)state;
	tnet_open(&net, 2, 15);
	tnet_node(&net, 2)->disk_fails = true;
	assert_int_equal(tnet_put(&net, 1, ROW_TAGS, NULL, 0, "x"), 0);
	tnet_run(&net, SNAPSHOT_MS + 100);
	assert_int_equal(tnet_node(&net, 2)->writes[WRITE_SNAPSHOT], 1);
	assert_int_equal(tnet_node(&net, 2)->store_count, 0);
	tnet_node(&net, 2)->disk_fails = false;
	tnet_run(&net, SNAPSHOT_MS + 100);
	assert_int_equal(tnet_node(&net, 2)->writes[WRITE_SNAPSHOT], 2);
	assert_int_equal(tnet_node(&net, 2)->store_count, 1);
	tnet_close(&net);
}

static void a_fact_that_this_node_is_writing_anew_is_not_overwritten_by_an_older_one(void **state)
{
	struct tnet net;

	(void)state;
	tnet_open(&net, 2, 16);
	assert_int_equal(tnet_put(&net, 1, FACT_NETWORK, NULL, 5, "theirs"), 0);
	tnet_run(&net, 10); /* seen, and not yet stored */
	assert_int_equal(tnet_node(&net, 2)->writes[WRITE_FACT], 0);
	tnet_node(&net, 2)->disk_slow_ms = 150;
	assert_int_equal(tnet_put(&net, 2, FACT_NETWORK, NULL, 5, "ours"), 0);
	tnet_run(&net, 100);
	assert_int_equal(tnet_node(&net, 2)->writes[WRITE_FACT], 1);
	tnet_run(&net, 100);
	assert_int_equal(tnet_node(&net, 2)->writes[WRITE_FACT], 1);
	assert_true(tnet_has(&net, 2, 0, NULL, FACT_NETWORK, 5, "ours"));
	tnet_close(&net);
}

static bool has_record(struct tnet *net, size_t number, size_t of)
{
	return tables_has_stored(tnet_node(net, number)->tables,
				 &tnet_node(net, of)->kit.core.self.id);
}

static void a_members_record_is_stored_when_its_commit_is_durable(void **state)
{
	struct tnet net;

	(void)state;
	tnet_open(&net, 2, 17);
	tnet_node(&net, 2)->disk_slow_ms = 100;
	assert_int_equal(tnet_put(&net, 1, ROW_MEMBER, NULL, 0, "a"), 0);
	tnet_run(&net, 60); /* seen, and handed in */
	assert_int_equal(tnet_node(&net, 2)->writes[WRITE_SNAPSHOT], 1);
	assert_false(has_record(&net, 2, 1));
	tnet_run(&net, 100);
	assert_true(has_record(&net, 2, 1));
	assert_int_equal(tnet_put(&net, 1, ROW_MEMBER, NULL, 0, "b"), 0);
	tnet_run(&net, 10);
	assert_true(tnet_has(&net, 2, 1, NULL, ROW_MEMBER, 0, "b"));
	assert_false(has_record(&net, 2, 1)); /* the one before is */
	tnet_run(&net, 200);
	assert_true(has_record(&net, 2, 1));
	tnet_restart(&net, 2);
	assert_true(has_record(&net, 2, 1));
	tnet_close(&net);
}

static void a_members_record_whose_commit_failed_is_not_stored(void **state)
{
	struct tnet net;

	(void)state;
	tnet_open(&net, 2, 18);
	tnet_node(&net, 2)->disk_fails = true;
	assert_int_equal(tnet_put(&net, 1, ROW_MEMBER, NULL, 0, "a"), 0);
	tnet_run(&net, 100);
	assert_int_equal(tnet_node(&net, 2)->writes[WRITE_SNAPSHOT], 1);
	assert_false(has_record(&net, 2, 1));
	tnet_node(&net, 2)->disk_fails = false;
	tnet_run(&net, SNAPSHOT_MS + 100);
	assert_true(has_record(&net, 2, 1));
	tnet_close(&net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(foreign_facts_are_stored_soon_and_foreign_rows_within_the_snapshot),
	    cmocka_unit_test(a_failed_snapshot_is_written_again),
	    cmocka_unit_test(
		a_fact_that_this_node_is_writing_anew_is_not_overwritten_by_an_older_one),
	    cmocka_unit_test(a_members_record_is_stored_when_its_commit_is_durable),
	    cmocka_unit_test(a_members_record_whose_commit_failed_is_not_stored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
