/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* The checkers of rows, fed with histories that violate them. */
#include "checks_parts.h"
#include "selftest_kit.h"

/* Another host shows the row. */
static void show(size_t host, const struct row_view *row)
{
	update = (struct node_update){.change_count = 1};
	update.changes[0].kind = CHANGE_ROW;
	update.changes[0].row = *row;
	check_update(&world, &world.hosts[host], &update);
}

static void a_row_that_nobody_wrote_is_caught(void **state)
{
	struct row_view row = row_of(1, 60, 1, "a");

	(void)state;
	show(0, &row);
	assert_caught(CHECKER_WRITTEN);
}

static void a_row_that_is_told_before_it_is_durable_is_caught(void **state)
{
	struct row_view row = row_of(1, 60, 1, "a");

	(void)state;
	check_wrote(&world, &row, false);
	show(0, &row);
	assert_caught(CHECKER_ADVERTISED);
}

static void two_texts_of_a_version_are_caught(void **state)
{
	struct row_view row = row_of(1, 60, 1, "a"), other = row_of(1, 60, 1, "b");

	(void)state;
	check_wrote(&world, &row, true);
	show(0, &row);
	assert_false(world.failed);
	show(0, &other);
	assert_caught(CHECKER_SAME_BYTES);
}

static void a_version_that_goes_back_is_caught(void **state)
{
	struct row_view old = row_of(1, 60, 1, "a"), new = row_of(1, 60, 2, "b");

	(void)state;
	check_wrote(&world, &old, true);
	check_wrote(&world, &new, true);
	show(0, &new);
	show(2, &old);
	assert_false(world.failed);
	show(0, &old);
	assert_caught(CHECKER_VERSION_BACK);
}

static void a_version_that_was_used_for_two_rows_may_go_back(void **state)
{
	struct row_view old = row_of(1, 60, 1, "a"), new = row_of(1, 60, 2, "b"),
			twin = row_of(1, 61, 2, "c");

	(void)state;
	world.hosts[1].was_astray = true;
	check_wrote(&world, &old, true);
	check_wrote(&world, &new, true);
	check_wrote(&world, &twin, true);
	show(0, &new);
	show(0, &twin);
	show(0, &old);
	assert_false(world.failed);
}

/* The record of host 1 in this version, durable; shown by host 0. */
static void record_shown(uint64_t epoch, uint64_t sequence, bool left)
{
	struct rec_member rec = {.name = "h1", .wire_min = 1, .wire_max = 1, .left = left};
	struct row_view row = row_of(1, ROW_MEMBER, sequence, "");
	uint8_t value[VALUE_BYTES_MAX];
	int len;

	rec.gossip = world.hosts[1].addr;
	len = rec_member_encode(&rec, value, sizeof(value));
	assert_true(len > 0);
	row.key_len = 0;
	row.epoch = epoch;
	row.value = value;
	row.value_len = (size_t)len;
	check_wrote(&world, &row, true);
	show(0, &row);
}

static void a_leave_may_follow_what_knew_nothing_of_it(void **state)
{
	(void)state;
	record_shown(UINT64_C(1) << 50, 3, false);
	record_shown(UINT64_C(1) << 49, 9, true);
	assert_false(world.failed);
}

static void a_leave_that_goes_back_to_an_older_one_is_caught(void **state)
{
	(void)state;
	record_shown(UINT64_C(1) << 50, 3, true);
	assert_false(world.failed);
	record_shown(UINT64_C(1) << 49, 9, true);
	assert_caught(CHECKER_VERSION_BACK);
}

static void a_leave_that_is_undone_by_a_higher_version_is_caught(void **state)
{
	(void)state;
	record_shown(UINT64_C(1) << 49, 9, true);
	assert_false(world.failed);
	record_shown(UINT64_C(1) << 50, 3, false);
	assert_caught(CHECKER_VERSION_BACK);
}

static void who_showed_a_record_since_its_start_knows_it(void **state)
{
	(void)state;
	assert_true(rows_show_member(&world, &world.hosts[0], &world.hosts[1]));
	world.hosts[0].was_astray = true; /* its own rows are gone with its disk */
	disk_wipe(&world, &world.hosts[0].disk);
	check_start(&world, &world.hosts[0], true);
	assert_false(rows_show_member(&world, &world.hosts[0], &world.hosts[1]));
	record_shown(UINT64_C(1) << 50, 3, false);
	assert_true(rows_show_member(&world, &world.hosts[0], &world.hosts[1]));
}

static void a_row_that_returns_from_the_dead_is_caught(void **state)
{
	struct row_view live = row_of(1, 60, 1, "a"), dead = row_of(1, 60, 2, "");

	(void)state;
	dead.deleted = true;
	check_wrote(&world, &live, true);
	check_wrote(&world, &dead, true);
	show(0, &dead);
	assert_false(world.failed);
	show(0, &live);
	assert_caught(CHECKER_RESURRECTION);
}

static void a_start_without_what_was_told_is_caught(void **state)
{
	struct row_view row = row_of(1, 60, 1, "a");

	(void)state;
	check_wrote(&world, &row, true);
	show(0, &row);
	check_start(&world, &world.hosts[1], true);
	assert_caught(CHECKER_OWN_LOST);
}

int selftest_rows(void)
{
	const struct CMUnitTest tests[] = {
	    TRY(a_row_that_nobody_wrote_is_caught),
	    TRY(a_row_that_is_told_before_it_is_durable_is_caught),
	    TRY(two_texts_of_a_version_are_caught),
	    TRY(a_version_that_goes_back_is_caught),
	    TRY(a_version_that_was_used_for_two_rows_may_go_back),
	    TRY(a_leave_may_follow_what_knew_nothing_of_it),
	    TRY(a_leave_that_goes_back_to_an_older_one_is_caught),
	    TRY(a_leave_that_is_undone_by_a_higher_version_is_caught),
	    TRY(who_showed_a_record_since_its_start_knows_it),
	    TRY(a_row_that_returns_from_the_dead_is_caught),
	    TRY(a_start_without_what_was_told_is_caught),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
