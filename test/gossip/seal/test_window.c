/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <string.h>

#include "gossip/seal/window.h"
#include "test/base/cmocka_all.h"

static void a_counter_is_taken_once(void **state)
{
	struct window window;

	(void)state;
	window_init(&window, 0);
	assert_true(window_is_fresh(&window, 5));
	window_take(&window, 5);
	assert_false(window_is_fresh(&window, 5));
	assert_true(window_is_fresh(&window, 4));
	window_take(&window, 4);
	assert_false(window_is_fresh(&window, 4));
}

static void counter_zero_is_never_fresh(void **state)
{
	struct window window;

	(void)state;
	window_init(&window, 0);
	assert_false(window_is_fresh(&window, 0));
}

static void a_window_holds_at_least_1024_counters_behind_the_highest(void **state)
{
	for (uint64_t top = 5000; top < 5130; top++) {
		struct window window;
		window_init(&window, 0);
		window_take(&window, top);
		for (uint64_t back = 1; back < WINDOW_COUNTERS; back++)
			assert_true(window_is_fresh(&window, top - back));
		assert_false(window_is_fresh(&window, top - WINDOW_COUNTERS));
	}
	assert_true(WINDOW_COUNTERS >= 1024);
	(void)state;
}

static void everything_up_to_the_floor_counts_as_seen(void **state)
{
	struct window window;

	(void)state;
	for (uint64_t floor = 1; floor < 3000; floor += 37) {
		window_init(&window, floor);
		for (uint64_t back = 0; back < floor; back++)
			assert_false(window_is_fresh(&window, floor - back));
		for (uint64_t on = 1; on < 200; on++) {
			assert_true(window_is_fresh(&window, floor + on));
			window_take(&window, floor + on);
			assert_false(window_is_fresh(&window, floor + on));
			assert_false(window_is_fresh(&window, floor));
		}
	}
}

static void a_leap_forgets_what_is_too_old_and_keeps_what_is_not(void **state)
{
	struct window window;

	(void)state;
	window_init(&window, 0);
	window_take(&window, 100);
	window_take(&window, 100 + 640);
	assert_false(window_is_fresh(&window, 100));
	assert_true(window_is_fresh(&window, 101));
	window_take(&window, UINT64_MAX);
	assert_false(window_is_fresh(&window, 101));
	assert_false(window_is_fresh(&window, UINT64_MAX));
	assert_true(window_is_fresh(&window, UINT64_MAX - 1));
}

/* Against the plainest model: a flag a counter. */
static void any_order_of_counters_is_judged_as_by_a_list_of_flags(void **state)
{
	static unsigned char taken[4096];
	uint64_t seed = 7;
	struct window window;
	uint64_t top = 0;

	(void)state;
	window_init(&window, 0);
	for (int i = 0; i < 20000; i++) {
		uint64_t counter;
		bool fresh;
		seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
		counter = 1 + top / 2 + (seed >> 33) % 700;
		if (counter >= sizeof(taken))
			break;
		fresh = !taken[counter] && (counter > top || top - counter < WINDOW_COUNTERS);
		assert_int_equal(window_is_fresh(&window, counter), fresh);
		if (!fresh)
			continue;
		window_take(&window, counter);
		taken[counter] = 1;
		if (counter > top)
			top = counter;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_counter_is_taken_once),
	    cmocka_unit_test(counter_zero_is_never_fresh),
	    cmocka_unit_test(a_window_holds_at_least_1024_counters_behind_the_highest),
	    cmocka_unit_test(everything_up_to_the_floor_counts_as_seen),
	    cmocka_unit_test(a_leap_forgets_what_is_too_old_and_keeps_what_is_not),
	    cmocka_unit_test(any_order_of_counters_is_judged_as_by_a_list_of_flags),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
