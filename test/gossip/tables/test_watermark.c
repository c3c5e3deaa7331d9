/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "gossip/tables/watermark.h"

#include <string.h>

#include "test/base/cmocka_all.h"
#include "test/gossip/core_kit.h"

static struct heap heap;

static int open_heap(void **state)
{
	struct page_source pages = core_kit_pages();

	(void)state;
	heap_init(&heap, &pages);
	return 0;
}

static int close_heap(void **state)
{
	(void)state;
	heap_close(&heap);
	return 0;
}

static void note(struct watermark *mark, uint64_t epoch, uint64_t sequence)
{
	watermark_note(mark, &heap, (struct version){epoch, sequence});
	watermark_check(mark);
}

static bool knows(const struct watermark *mark, uint64_t epoch, uint64_t sequence)
{
	return watermark_knows(mark, (struct version){epoch, sequence});
}

static void sequences_in_order_leave_no_gap(void **state)
{
	struct watermark mark = {.ahead = NULL};

	(void)state;
	for (uint64_t i = 1; i <= 100; i++)
		note(&mark, 1 + i / 30, i); /* also across epochs */
	assert_int_equal(mark.upto.sequence, 100);
	assert_int_equal(mark.upto.epoch, 4);
	assert_null(mark.ahead);
	assert_false(watermark_has_gaps(&mark));
	assert_false(knows(&mark, 4, 101));
}

static void sequences_in_any_order_end_without_gap(void **state)
{
	struct rng rng;

	(void)state;
	rng_init(&rng, 1);
	for (int round = 0; round < 200; round++) {
		struct watermark mark = {.ahead = NULL};
		uint64_t order[12];
		for (uint64_t i = 0; i < 12; i++) {
			uint64_t at = rng_below(&rng, i + 1);
			order[i] = order[at];
			order[at] = i + 1;
		}
		for (size_t i = 0; i < 12; i++)
			note(&mark, 1, order[i]);
		assert_int_equal(mark.upto.sequence, 12);
		assert_null(mark.ahead);
	}
}

static void a_hole_is_remembered_until_it_is_filled(void **state)
{
	struct watermark mark = {.ahead = NULL};

	(void)state;
	note(&mark, 1, 1);
	note(&mark, 1, 3);
	note(&mark, 1, 4);
	assert_int_equal(mark.upto.sequence, 1);
	assert_int_equal(mark.top.sequence, 4);
	assert_true(watermark_has_gaps(&mark));
	assert_true(knows(&mark, 1, 3));
	assert_false(knows(&mark, 1, 2));
	note(&mark, 1, 2);
	assert_int_equal(mark.upto.sequence, 4);
	assert_false(watermark_has_gaps(&mark));
}

static void complete_up_to_here_closes_natural_holes(void **state)
{
	struct watermark mark = {.ahead = NULL};

	(void)state;
	note(&mark, 1, 5);
	note(&mark, 1, 9);
	note(&mark, 1, 12);
	watermark_complete(&mark, &heap, (struct version){1, 8});
	watermark_check(&mark);
	assert_int_equal(mark.upto.sequence, 9); /* the next one was here */
	assert_int_equal(mark.top.sequence, 12);
	watermark_complete(&mark, &heap, (struct version){1, 3}); /* old news */
	assert_int_equal(mark.upto.sequence, 9);
	watermark_complete(&mark, &heap, (struct version){2, 1});
	watermark_check(&mark);
	assert_int_equal(mark.upto.epoch, 2);
	assert_null(mark.ahead);
}

static void more_holes_than_spans_forget_the_oldest_and_stay_sound(void **state)
{
	struct watermark mark = {.ahead = NULL};

	(void)state;
	for (uint64_t i = 2; i <= 60; i += 2)
		note(&mark, 1, i);
	assert_int_equal(mark.ahead->count, SPANS_MAX);
	assert_int_equal(mark.upto.sequence, 0);
	assert_false(knows(&mark, 1, 2));
	assert_true(watermark_may_know(&mark, (struct version){1, 2}));
	assert_false(watermark_may_know(&mark, (struct version){1, 61}));
	assert_true(knows(&mark, 1, 60));
	note(&mark, 1, 1); /* older than all that is remembered */
	assert_int_equal(mark.upto.sequence, 1);
	watermark_close(&mark, &heap);
	assert_null(mark.ahead);
}

static void an_owner_that_counts_anew_in_a_new_epoch_leaves_a_gap(void **state)
{
	struct watermark mark = {.ahead = NULL};

	(void)state;
	for (uint64_t i = 1; i <= 9; i++)
		note(&mark, 1, i);
	note(&mark, 2, 4);
	assert_int_equal(mark.upto.epoch, 1);
	assert_int_equal(mark.top.epoch, 2);
	assert_true(watermark_has_gaps(&mark));
	watermark_complete(&mark, &heap, (struct version){2, 4});
	assert_false(watermark_has_gaps(&mark));
}

static void the_highest_numbers_do_not_wrap(void **state)
{
	struct watermark mark = {.ahead = NULL};

	(void)state;
	watermark_complete(&mark, &heap, (struct version){UINT64_MAX, UINT64_MAX});
	note(&mark, UINT64_MAX, 0);
	note(&mark, 1, 1);
	assert_int_equal(mark.upto.sequence, UINT64_MAX);
	assert_null(mark.ahead);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sequences_in_order_leave_no_gap),
	    cmocka_unit_test(sequences_in_any_order_end_without_gap),
	    cmocka_unit_test(a_hole_is_remembered_until_it_is_filled),
	    cmocka_unit_test(complete_up_to_here_closes_natural_holes),
	    cmocka_unit_test(more_holes_than_spans_forget_the_oldest_and_stay_sound),
	    cmocka_unit_test(an_owner_that_counts_anew_in_a_new_epoch_leaves_a_gap),
	    cmocka_unit_test(the_highest_numbers_do_not_wrap),
	};

	return cmocka_run_group_tests(tests, open_heap, close_heap);
}
