/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/marker.h"
#include "test/base/cmocka_all.h"

static char socket_path[64];

static int setup(void **state)
{
	(void)state;
	snprintf(socket_path, sizeof(socket_path), "/tmp/weft-marker-%d", (int)getpid());
	return 0;
}

static int teardown(void **state)
{
	char path[80];

	(void)state;
	snprintf(path, sizeof(path), "%s.marker", socket_path);
	unlink(path);
	return 0;
}

static bool matches(const struct id *stored)
{
	struct weft_err err = {0};
	struct marker marker;
	bool match = false;

	assert_int_equal(marker_open(&marker, socket_path, stored, &match, &err), 0);
	marker_close(&marker);
	return match;
}

static void commit(struct marker *marker, bool ok)
{
	marker_begin(marker);
	marker_end(marker, ok);
}

/* A daemon that never had a store before, after its first commit. */
static void begin(struct marker *marker)
{
	struct id none = {{0}};
	struct weft_err err = {0};
	bool match;

	assert_int_equal(marker_open(marker, socket_path, &none, &match, &err), 0);
	marker_trust(marker);
	commit(marker, true);
}

static void a_start_without_a_file_or_a_stored_marker_does_not_match(void **state)
{
	struct id none = {{0}}, some = {{1}};

	(void)state;
	assert_false(matches(&none));
	assert_false(matches(&some));
}

static void a_crash_before_during_or_after_a_commit_still_matches(void **state)
{
	struct id before, after;
	struct marker marker;

	(void)state;
	begin(&marker);
	before = marker.current;
	assert_true(matches(&before));
	marker_begin(&marker);
	after = marker.next;
	assert_false(id_eq(&before, &after));
	/* Killed here the store holds the one or the other. */
	assert_true(matches(&before));
	assert_true(matches(&after));
	marker_end(&marker, true);
	marker_close(&marker);
	assert_true(matches(&after));
}

static void a_store_from_before_the_last_commit_does_not_match(void **state)
{
	struct marker marker;
	struct id old;

	(void)state;
	begin(&marker);
	old = marker.current;
	commit(&marker, true);
	marker_close(&marker);
	assert_false(matches(&old));
}

/* It died before it had met anybody: the next start knows no more than this one did. */
static void a_start_that_does_not_match_is_followed_by_another_unless_it_is_trusted(void **state)
{
	struct weft_err err = {0};
	struct marker marker;
	struct id old, shown;
	bool match;

	(void)state;
	begin(&marker);
	old = marker.current;
	commit(&marker, true);
	marker_close(&marker);
	assert_int_equal(marker_open(&marker, socket_path, &old, &match, &err), 0);
	assert_false(match);
	commit(&marker, true);
	shown = marker.current;
	marker_close(&marker);
	assert_int_equal(marker_open(&marker, socket_path, &shown, &match, &err), 0);
	assert_false(match);
	marker_trust(&marker);
	commit(&marker, true);
	shown = marker.current;
	marker_close(&marker);
	assert_true(matches(&shown));
}

static void a_failed_commit_leaves_the_marker_as_it_was(void **state)
{
	struct marker marker;
	struct id held;

	(void)state;
	begin(&marker);
	held = marker.current;
	commit(&marker, false);
	assert_true(id_eq(&marker.current, &held));
	marker_close(&marker);
	assert_true(matches(&held));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		a_start_without_a_file_or_a_stored_marker_does_not_match, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_crash_before_during_or_after_a_commit_still_matches,
					    setup, teardown),
	    cmocka_unit_test_setup_teardown(a_store_from_before_the_last_commit_does_not_match,
					    setup, teardown),
	    cmocka_unit_test_setup_teardown(
		a_start_that_does_not_match_is_followed_by_another_unless_it_is_trusted, setup,
		teardown),
	    cmocka_unit_test_setup_teardown(a_failed_commit_leaves_the_marker_as_it_was, setup,
					    teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
