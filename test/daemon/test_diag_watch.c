/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <stdlib.h>
#include <string.h>

#include "daemon/diag_impl.h"
#include "gossip/base/err.h"
#include "test/base/cmocka_all.h"

#define ASKS_MAX 16

/* The kernel thread is the test: what it was asked, and what it tells. */
static struct {
	size_t count;
	struct kernel_ask *asks[ASKS_MAX];
} asked;

void __wrap_kernel_thread_ask(struct kernel_thread *kt, struct kernel_ask *ask);
void __wrap_diag_wake(struct diag *diag);

void __wrap_kernel_thread_ask(struct kernel_thread *kt, struct kernel_ask *ask)
{
	(void)kt;
	assert_true(asked.count < ASKS_MAX);
	asked.asks[asked.count++] = ask;
}

void __wrap_diag_wake(struct diag *diag)
{
	(void)diag;
}

static struct diag *diag;
static const struct inet there = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1}};

static void forget(void)
{
	while (asked.count > 0)
		free(asked.asks[--asked.count]);
}

static int set_up(void **state)
{
	(void)state;
	diag = calloc(1, sizeof(*diag));
	diag->d = calloc(1, sizeof(*diag->d));
	diag->d->kernel = (struct kernel_thread *)diag; /* never looked into */
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	forget();
	free(diag->slots);
	free(diag->d);
	free(diag);
	return 0;
}

/* Answers the nth question: everything is well, and of each that was read one probe came. */
static void tell(size_t nth, const char *problem)
{
	const struct kernel_ask *ask = asked.asks[nth];
	struct kernel_tell tell = {.kind = TELL_WATCH, .tag = ask->tag};
	struct watch_seen seen[KERNEL_WANTS_MAX];

	if (problem)
		weft_err_set(&tell.err, WEFT_E_KERNEL, "%s", problem);
	for (size_t i = 0; ask->kind == ASK_SEEN && i < ask->rec.wants.count; i++)
		seen[tell.seen_count++] =
		    (struct watch_seen){ask->rec.wants.list[i].number, 4789, 80, 3};
	tell.seen = seen;
	slots_told(diag, &tell);
}

static void what_is_wanted_in_one_turn_is_asked_for_together(void **state)
{
	struct slot *slots[40];

	(void)state;
	for (size_t i = 0; i < 40; i++) {
		slots[i] = slot_take(diag, false, &there, i);
		assert_non_null(slots[i]);
	}
	assert_true(slots_turn(diag));
	assert_int_equal(asked.count, 2);
	assert_int_equal(asked.asks[0]->kind, ASK_WATCH);
	assert_int_equal(asked.asks[0]->rec.wants.count, KERNEL_WANTS_MAX);
	assert_int_equal(asked.asks[1]->rec.wants.count, 40 - KERNEL_WANTS_MAX);
	tell(0, NULL);
	assert_int_equal(slots[0]->state, SLOT_ON);
	assert_int_equal(slots[39]->state, SLOT_ASKED);
	slot_read(slots[0]);
	assert_true(slots_turn(diag));
	assert_int_equal(asked.count, 3);
	assert_int_equal(asked.asks[2]->kind, ASK_SEEN);
	tell(2, NULL);
	assert_int_equal(slots[0]->state, SLOT_SEEN);
	assert_int_equal(slot_count(slots[0], 4789, 100), 3);
	assert_int_equal(slot_count(slots[0], 4789, 101), 0);
	assert_int_equal(slot_count(slots[0], 4790, 100), 0);
}

static void a_watch_that_failed_is_not_tried_again_at_once(void **state)
{
	struct slot *first, *second;

	(void)state;
	first = slot_take(diag, true, &there, 1);
	assert_true(slots_turn(diag));
	tell(0, "Operation not permitted");
	assert_int_equal(first->state, SLOT_FAILED);
	assert_string_equal(diag->why, "Operation not permitted");
	second = slot_take(diag, true, &there, 2);
	assert_int_equal(second->state, SLOT_FAILED);
	for (int turn = 0; turn < 10; turn++)
		slots_turn(diag);
	assert_int_equal(asked.count, 1);
	/* When the time has come it is. */
	diag->watch_again = daemon_now();
	assert_int_equal(slot_take(diag, true, &there, 3)->state, SLOT_WANTED);
}

/* The kernel has it until it is asked to expect it no longer. */
static void a_nonce_is_free_again_when_the_kernel_has_given_it_up(void **state)
{
	struct inet elsewhere = there;
	struct slot *slot = slot_take(diag, false, &there, 1);

	(void)state;
	elsewhere.b[15]++;
	assert_null(slot_take(diag, true, &there, 1));
	assert_non_null(slot_take(diag, true, &elsewhere, 1));
	assert_true(slots_turn(diag));
	tell(0, NULL);
	slot_drop(slot);
	assert_null(slot_take(diag, true, &there, 1));
	assert_true(slots_turn(diag));
	assert_null(slot_take(diag, true, &there, 1));
	tell(1, NULL);
	assert_non_null(slot_take(diag, true, &there, 1));
}

static void without_a_kernel_nothing_is_asked(void **state)
{
	(void)state;
	diag->d->kernel = NULL;
	assert_int_equal(slot_take(diag, true, &there, 1)->state, SLOT_FAILED);
	assert_true(slots_turn(diag));
	assert_int_equal(asked.count, 0);
	assert_string_equal(diag->why, "weftd may not change the kernel");
}

static void others_cannot_use_up_what_own_rounds_need(void **state)
{
	(void)state;
	for (size_t i = 0; i < DIAG_SLOTS_DESK; i++)
		assert_non_null(slot_take(diag, true, &there, i));
	assert_null(slot_take(diag, true, &there, 500));
	for (size_t i = 0; i < DIAG_SLOTS_ROUND; i++)
		assert_non_null(slot_take(diag, false, &there, 100 + i));
	assert_null(slot_take(diag, false, &there, 501));
}

static void what_is_dropped_leaves_the_kernel_and_is_free(void **state)
{
	struct slot *early, *late;

	(void)state;
	early = slot_take(diag, true, &there, 1);
	late = slot_take(diag, true, &there, 2);
	assert_true(slots_turn(diag));
	slot_drop(early); /* before the kernel has it */
	tell(0, NULL);
	slot_drop(late);
	assert_true(slots_turn(diag));
	assert_int_equal(asked.count, 2);
	assert_int_equal(asked.asks[1]->kind, ASK_SEEN);
	assert_int_equal(asked.asks[1]->rec.wants.count, 2);
	tell(1, NULL);
	assert_int_equal(early->state, SLOT_FREE);
	assert_int_equal(late->state, SLOT_FREE);
	/* The watch is kept for a while. */
	assert_true(slots_turn(diag));
	diag->watch_until = daemon_now();
	assert_false(slots_turn(diag));
	assert_int_equal(asked.asks[2]->kind, ASK_UNWATCH);
	assert_null(diag->slots);
}

int main(void)
{
#define ALONE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    ALONE(what_is_wanted_in_one_turn_is_asked_for_together),
	    ALONE(a_watch_that_failed_is_not_tried_again_at_once),
	    ALONE(a_nonce_is_free_again_when_the_kernel_has_given_it_up),
	    ALONE(without_a_kernel_nothing_is_asked),
	    ALONE(others_cannot_use_up_what_own_rounds_need),
	    ALONE(what_is_dropped_leaves_the_kernel_and_is_free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
