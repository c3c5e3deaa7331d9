/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "daemon/lag.h"
#include "test/base/cmocka_all.h"

struct world {
	uv_loop_t loop;
	uv_timer_t timer;
	struct lag lag;
	int64_t busy_ns;  /* of the next turn */
	int64_t waits_ns; /* what the kernel says of it in the next turn */
	bool sleeps;      /* it does not work then, it waits */
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	uv_loop_init(&w->loop);
	uv_timer_init(&w->loop, &w->timer);
	w->timer.data = w;
	lag_init(&w->lag, &w->loop);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	uv_close((uv_handle_t *)&w->timer, NULL);
	lag_close(&w->lag);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&w->loop), 0);
	free(w);
	return 0;
}

/* As if the loop's thread had waited for a processor for so long until now. */
static void kernel_says(struct world *w, int64_t waited_ns)
{
	char text[64];
	int len = snprintf(text, sizeof(text), "123456 %lld 7\n", (long long)waited_ns);

	assert_int_equal(pwrite(w->lag.schedstat, text, (size_t)len, 0), len);
}

/* For so long nothing happens, as when a disk does not answer. */
static void stand_still(int64_t ns)
{
	struct timespec pause = {.tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S};

	nanosleep(&pause, NULL);
}

static void on_timer(uv_timer_t *timer)
{
	struct world *w = timer->data;
	uint64_t until = uv_hrtime() + (uint64_t)w->busy_ns;

	if (w->sleeps)
		stand_still(w->busy_ns);
	while (uv_hrtime() < until)
		continue;
	if (w->busy_ns != 0 && w->waits_ns != 0)
		kernel_says(w, w->waits_ns);
	uv_stop(&w->loop);
}

/* The loop rests, then works, then rests again, so that the turn is over. A loop's first turn has
 * no beginning that the meter could see: it passes idle. */
static void turn(struct world *w, uint64_t rest_ms, int64_t busy_ns)
{
	uv_timer_start(&w->timer, on_timer, 0, 0);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	w->busy_ns = busy_ns;
	uv_timer_start(&w->timer, on_timer, rest_ms, 0);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	w->busy_ns = 0;
	uv_timer_start(&w->timer, on_timer, 1, 0);
	uv_run(&w->loop, UV_RUN_DEFAULT);
}

static void a_turn_that_works_long_is_the_worst(void **state)
{
	struct world *w = *state;

	turn(w, 1, 20 * NS_PER_MS);
	turn(w, 1, NS_PER_MS);
	assert_true(lag_worst_ns(&w->lag) >= 20 * NS_PER_MS);
}

/* A turn of 40 ms in which others had the processor for a while. */
static void turn_beside_others(struct world *w, int64_t waits_ns)
{
	close(w->lag.schedstat);
	w->lag.schedstat = memfd_create("schedstat", MFD_CLOEXEC);
	assert_true(w->lag.schedstat >= 0);
	kernel_says(w, 5 * NS_PER_S);
	w->waits_ns = 5 * NS_PER_S + waits_ns;
	turn(w, 1, 40 * NS_PER_MS);
}

static void what_others_had_of_the_processor_is_not_the_loops_own(void **state)
{
	struct world *w = *state;
	int64_t others_ns = 30 * NS_PER_MS;

	turn_beside_others(w, others_ns);
	assert_true(lag_worst_ns(&w->lag) >= 40 * NS_PER_MS);
	assert_int_equal(lag_own_ns(&w->lag), lag_worst_ns(&w->lag) - others_ns);
}

static void a_turn_that_stands_still_is_the_loops_own(void **state)
{
	struct world *w = *state;

	w->sleeps = true;
	turn(w, 1, 40 * NS_PER_MS);
	assert_true(lag_own_ns(&w->lag) >= 40 * NS_PER_MS);
}

static void where_the_kernel_does_not_count_all_is_the_loops_own(void **state)
{
	struct world *w = *state;

	close(w->lag.schedstat);
	w->lag.schedstat = -1;
	turn(w, 1, 20 * NS_PER_MS);
	assert_int_equal(lag_own_ns(&w->lag), lag_worst_ns(&w->lag));
	assert_true(lag_own_ns(&w->lag) >= 20 * NS_PER_MS);
}

/* The rest is long, so that no pause that a busy machine makes is taken for it. */
static void rest_is_no_lag(void **state)
{
	struct world *w = *state;

	turn(w, 3000, 0);
	assert_true(lag_worst_ns(&w->lag) < 2900 * NS_PER_MS);
}

static void what_is_older_than_a_minute_is_forgotten(void **state)
{
	struct world *w = *state;
	int64_t second = (int64_t)uv_hrtime() / NS_PER_S;

	/* The window as a minute without a turn leaves it. */
	w->lag.whole.second = second - LAG_WINDOW_S;
	for (size_t i = 0; i < LAG_WINDOW_S; i++)
		w->lag.whole.worst_ns[i] = 50 * NS_PER_S;
	assert_int_equal(lag_worst_ns(&w->lag), 0);
	turn(w, 1, NS_PER_MS);
	assert_true(lag_worst_ns(&w->lag) < 50 * NS_PER_S);
	assert_true(lag_worst_ns(&w->lag) >= NS_PER_MS);
}

static void seconds_without_a_turn_count_as_idle(void **state)
{
	struct world *w = *state;
	int64_t second = (int64_t)uv_hrtime() / NS_PER_S;

	/* 30 s ago a bad turn; everything after it stale from an earlier round of the window. */
	w->lag.whole.second = second - 30;
	for (size_t i = 0; i < LAG_WINDOW_S; i++)
		w->lag.whole.worst_ns[i] = 90 * NS_PER_S;
	for (int64_t s = second - LAG_WINDOW_S + 1; s <= second - 30; s++)
		w->lag.whole.worst_ns[s % LAG_WINDOW_S] = 7 * NS_PER_S;
	assert_int_equal(lag_worst_ns(&w->lag), 7 * NS_PER_S);
	turn(w, 1, NS_PER_MS);
	assert_int_equal(lag_worst_ns(&w->lag), 7 * NS_PER_S);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(a_turn_that_works_long_is_the_worst, setup, teardown),
	    cmocka_unit_test_setup_teardown(what_others_had_of_the_processor_is_not_the_loops_own,
					    setup, teardown),
	    cmocka_unit_test_setup_teardown(a_turn_that_stands_still_is_the_loops_own, setup,
					    teardown),
	    cmocka_unit_test_setup_teardown(where_the_kernel_does_not_count_all_is_the_loops_own,
					    setup, teardown),
	    cmocka_unit_test_setup_teardown(rest_is_no_lag, setup, teardown),
	    cmocka_unit_test_setup_teardown(what_is_older_than_a_minute_is_forgotten, setup,
					    teardown),
	    cmocka_unit_test_setup_teardown(seconds_without_a_turn_count_as_idle, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
