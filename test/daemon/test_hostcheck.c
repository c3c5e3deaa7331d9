/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "daemon/hostcheck/hostcheck.h"

#include <string.h>

#include "test/base/cmocka_all.h"

static const struct look_neighbours preset = {
    .soft = 512, .hard = 1024, .entries = 40, .here = 20, .exempt = 10};

/* Judges, and expects one line with this verdict and, unless it is "ok", words of its remedy. */
static void expect(const struct look_neighbours *table, uint64_t want, const char *verdict,
		   const char *words)
{
	json_t *checks = json_array();
	const json_t *check;
	const char *remedy;

	neighbours_judge(checks, table, want);
	assert_int_equal(json_array_size(checks), 1);
	check = json_array_get(checks, 0);
	remedy = json_string_value(json_object_get(check, "remedy"));
	assert_string_equal(json_string_value(json_object_get(check, "verdict")), verdict);
	assert_int_equal(remedy == NULL, strcmp(verdict, "ok") == 0);
	if (remedy && !strstr(remedy, words))
		fail_msg("\"%s\" is not in: %s", words, remedy);
	json_decref(checks);
}

static void a_table_with_room_is_well(void **state)
{
	(void)state;
	expect(&preset, 60, "ok", "");
	expect(&preset, 1024, "ok", "");
}

static void a_check_that_quotes_what_is_no_text_is_told_all_the_same(void **state)
{
	json_t *checks = json_array();

	(void)state;
	host_add(checks, "disk", "fail", "free \xff", "%s is full", "/\xff");
	assert_int_equal(json_array_size(checks), 1);
	assert_string_equal(
	    json_string_value(json_object_get(json_array_get(checks, 0), "measured")), "?");
	json_decref(checks);
}

static void entries_that_the_limits_do_not_count_fill_nothing(void **state)
{
	struct look_neighbours table = preset;

	(void)state;
	/* A hundred thousand endpoints elsewhere, and another namespace that has as many. */
	table.entries = 200040;
	table.exempt = 100000;
	expect(&table, 60, "ok", "");
}

static void a_table_that_is_full_fails(void **state)
{
	struct look_neighbours table = preset;

	(void)state;
	table.here = 921;
	expect(&table, 60, "ok", "");
	table.here = 922;
	expect(&table, 60, "fail", "gc_thresh3=4096 ");
	/* The entries stand in other namespaces: some may be exempt there, and what the kernel
	 * refused may be long ago. */
	table = preset;
	table.entries = 2000;
	expect(&table, 60, "ok", "");
	table.refused = 1;
	expect(&table, 60, "warn", "gc_thresh3=4096 ");
	/* There is room now. */
	table.entries = 40;
	expect(&table, 60, "ok", "");
	/* The remedy helps a table that is large already. */
	table.hard = table.here = 100000;
	expect(&table, 60, "fail", "gc_thresh3=262144 ");
}

static void limits_that_are_low_are_warned_of(void **state)
{
	struct look_neighbours table = preset;

	(void)state;
	expect(&table, 1025, "warn", "gc_thresh3=4100 ");
	table.hard = 1000;
	expect(&table, 60, "warn", "gc_thresh3=4096 ");
	table = preset;
	table.soft = 1025;
	expect(&table, 60, "warn", "gc_thresh2=2048 ");
}

static void a_disk_is_low_by_its_share_and_by_what_is_left(void **state)
{
	const uint64_t mib = UINT64_C(1) << 20, gib = UINT64_C(1) << 30;

	(void)state;
	assert_false(disk_is_low(400 * gib, 10000 * gib));
	assert_false(disk_is_low(2 * gib, 10000 * gib));
	assert_true(disk_is_low(2 * gib - 1, 10000 * gib));
	assert_true(disk_is_low(500 * mib, 20 * gib));
	assert_false(disk_is_low(1100 * mib, 20 * gib));
	assert_false(disk_is_low(64 * mib, 80 * mib));
	assert_true(disk_is_low(64 * mib - 1, 80 * mib));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_table_with_room_is_well),
	    cmocka_unit_test(a_check_that_quotes_what_is_no_text_is_told_all_the_same),
	    cmocka_unit_test(entries_that_the_limits_do_not_count_fill_nothing),
	    cmocka_unit_test(a_table_that_is_full_fails),
	    cmocka_unit_test(limits_that_are_low_are_warned_of),
	    cmocka_unit_test(a_disk_is_low_by_its_share_and_by_what_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
