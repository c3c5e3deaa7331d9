/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "gossip/base/err.h"
#include "test/base/cmocka_all.h"
#include "test/daemon/diag_kit.h"

static const struct inet there = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1}};

/* Answers the nth question: everything is well, and of each that was read one probe came. */
static void tell(size_t nth, const char *problem)
{
	const struct kernel_ask *ask = kit.asks[nth];
	struct kernel_tell tell = {.kind = TELL_WATCH, .tag = ask->tag};
	struct watch_seen seen[KERNEL_WANTS_MAX];

	if (problem)
		weft_err_set(&tell.err, WEFT_E_KERNEL, "%s", problem);
	for (size_t i = 0; ask->kind == ASK_SEEN && i < ask->rec.wants.count; i++)
		seen[tell.seen_count++] =
		    (struct watch_seen){ask->rec.wants.list[i].number, 4789, 80, 3};
	tell.seen = seen;
	slots_told(kit.diag, &tell);
}

static void what_is_wanted_in_one_turn_is_asked_for_together(void **state)
{
	struct slot *slots[40];

	(void)state;
	for (size_t i = 0; i < 40; i++) {
		slots[i] = slot_take(kit.diag, false, &there, i);
		assert_non_null(slots[i]);
	}
	assert_true(slots_turn(kit.diag));
	assert_int_equal(kit.ask_count, 2);
	assert_int_equal(kit.asks[0]->kind, ASK_WATCH);
	assert_int_equal(kit.asks[0]->rec.wants.count, KERNEL_WANTS_MAX);
	assert_int_equal(kit.asks[1]->rec.wants.count, 40 - KERNEL_WANTS_MAX);
	tell(0, NULL);
	assert_int_equal(slots[0]->state, SLOT_ON);
	assert_int_equal(slots[39]->state, SLOT_ASKED);
	slot_read(slots[0]);
	assert_true(slots_turn(kit.diag));
	assert_int_equal(kit.ask_count, 3);
	assert_int_equal(kit.asks[2]->kind, ASK_SEEN);
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
	first = slot_take(kit.diag, true, &there, 1);
	assert_true(slots_turn(kit.diag));
	tell(0, "Operation not permitted");
	assert_int_equal(first->state, SLOT_FAILED);
	assert_string_equal(kit.diag->why, "Operation not permitted");
	second = slot_take(kit.diag, true, &there, 2);
	assert_int_equal(second->state, SLOT_FAILED);
	for (int turn = 0; turn < 10; turn++)
		slots_turn(kit.diag);
	assert_int_equal(kit.ask_count, 1);
	/* When the time has come it is. */
	kit.diag->watch_again = kit.now;
	assert_int_equal(slot_take(kit.diag, true, &there, 3)->state, SLOT_WANTED);
}

/* The kernel has it until it is asked to expect it no longer. */
static void a_nonce_is_free_again_when_the_kernel_has_given_it_up(void **state)
{
	struct inet elsewhere = there;
	struct slot *slot = slot_take(kit.diag, false, &there, 1);

	(void)state;
	elsewhere.b[15]++;
	assert_null(slot_take(kit.diag, true, &there, 1));
	assert_non_null(slot_take(kit.diag, true, &elsewhere, 1));
	assert_true(slots_turn(kit.diag));
	tell(0, NULL);
	slot_drop(slot);
	assert_null(slot_take(kit.diag, true, &there, 1));
	assert_true(slots_turn(kit.diag));
	assert_null(slot_take(kit.diag, true, &there, 1));
	tell(1, NULL);
	assert_non_null(slot_take(kit.diag, true, &there, 1));
}

static void without_a_kernel_nothing_is_asked(void **state)
{
	(void)state;
	kit.diag->d->kernel = NULL;
	assert_int_equal(slot_take(kit.diag, true, &there, 1)->state, SLOT_FAILED);
	assert_true(slots_turn(kit.diag));
	assert_int_equal(kit.ask_count, 0);
	assert_string_equal(kit.diag->why, "weftd may not change the kernel");
}

static void others_cannot_use_up_what_own_rounds_need(void **state)
{
	(void)state;
	for (size_t i = 0; i < DIAG_SLOTS_DESK; i++)
		assert_non_null(slot_take(kit.diag, true, &there, i));
	assert_null(slot_take(kit.diag, true, &there, 500));
	for (size_t i = 0; i < DIAG_SLOTS_ROUND; i++)
		assert_non_null(slot_take(kit.diag, false, &there, 100 + i));
	assert_null(slot_take(kit.diag, false, &there, 501));
}

static void what_is_dropped_leaves_the_kernel_and_is_free(void **state)
{
	struct slot *early, *late;

	(void)state;
	early = slot_take(kit.diag, true, &there, 1);
	late = slot_take(kit.diag, true, &there, 2);
	assert_true(slots_turn(kit.diag));
	slot_drop(early); /* before the kernel has it */
	tell(0, NULL);
	slot_drop(late);
	assert_true(slots_turn(kit.diag));
	assert_int_equal(kit.ask_count, 2);
	assert_int_equal(kit.asks[1]->kind, ASK_SEEN);
	assert_int_equal(kit.asks[1]->rec.wants.count, 2);
	tell(1, NULL);
	assert_int_equal(early->state, SLOT_FREE);
	assert_int_equal(late->state, SLOT_FREE);
	/* The watch is kept for a while. */
	assert_true(slots_turn(kit.diag));
	kit.diag->watch_until = kit.now;
	assert_false(slots_turn(kit.diag));
	assert_int_equal(kit.asks[2]->kind, ASK_UNWATCH);
	assert_null(kit.diag->slots);
}

int main(void)
{
#define ALONE(test) cmocka_unit_test_setup_teardown(test, kit_set_up, kit_tear_down)
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
