/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "gossip/base/scratch.h"

#include <string.h>

#include "test/base/cmocka_all.h"

static struct heap heap;

static int open_heap(void **state)
{
	struct page_source pages = page_source_mmap();

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

static void blocks_do_not_overlap_and_are_aligned(void **state)
{
	uint8_t *taken[200];
	struct scratch scratch;

	(void)state;
	scratch_init(&scratch, &heap);
	for (size_t i = 0; i < 200; i++) {
		taken[i] = scratch_take(&scratch, 1 + i * 7);
		assert_int_equal((uintptr_t)taken[i] % 16, 0);
		memset(taken[i], (int)i, 1 + i * 7);
	}
	for (size_t i = 0; i < 200; i++)
		for (size_t at = 0; at < 1 + i * 7; at++)
			assert_int_equal(taken[i][at], (uint8_t)i);
}

static void after_a_reset_the_same_memory_is_used_again(void **state)
{
	struct scratch scratch;
	void *first;
	size_t held;

	(void)state;
	scratch_init(&scratch, &heap);
	first = scratch_take(&scratch, 100);
	for (int i = 0; i < 1000; i++)
		(void)scratch_take(&scratch, 1000);
	held = heap.used_bytes;
	for (int round = 0; round < 10; round++) {
		scratch_reset(&scratch);
		assert_ptr_equal(scratch_take(&scratch, 100), first);
		for (int i = 0; i < 1000; i++)
			(void)scratch_take(&scratch, 1000);
	}
	assert_int_equal(heap.used_bytes, held);
}

static void what_is_larger_than_a_block_gets_one_of_its_own(void **state)
{
	struct scratch scratch;
	uint8_t *large;

	(void)state;
	scratch_init(&scratch, &heap);
	(void)scratch_take(&scratch, 10);
	large = scratch_take(&scratch, 100000);
	memset(large, 1, 100000);
	assert_non_null(scratch_take(&scratch, 10));
	scratch_reset(&scratch);
	(void)scratch_take(&scratch, 10);
	assert_ptr_equal(scratch_take(&scratch, 100000), large);
}

static void what_grows_step_by_step_leaves_little_behind(void **state)
{
	size_t largest = 400000;
	struct scratch scratch;
	size_t held = heap.used_bytes;

	(void)state;
	scratch_init(&scratch, &heap);
	for (size_t bytes = 16; bytes <= largest; bytes += 16) {
		scratch_reset(&scratch);
		memset(scratch_take(&scratch, bytes), 1, bytes);
	}
	assert_true(heap.used_bytes - held < 4 * largest);
}

static void a_secret_is_gone_after_a_reset(void **state)
{
	static const uint8_t none[9000];
	uint8_t *small, *large;
	struct scratch scratch;

	(void)state;
	scratch_init(&scratch, &heap);
	for (int round = 0; round < 2; round++) {
		small = scratch_copy(&scratch, "secret", 6);
		large = scratch_take(&scratch, sizeof(none));
		memset(large, 's', sizeof(none));
		assert_memory_equal(small, "secret", 6);
		if (round == 1)
			scratch_note_secret(&scratch);
		scratch_reset(&scratch);
		assert_int_equal(large[0], round == 0 ? 's' : 0); /* who has none does no work */
	}
	assert_memory_equal(small, none, 6);
	assert_memory_equal(large, none, sizeof(none));
	assert_false(scratch.has_secret);
}

static void a_copy_of_nothing_is_null(void **state)
{
	struct scratch scratch;

	(void)state;
	scratch_init(&scratch, &heap);
	assert_null(scratch_copy(&scratch, "", 0));
	assert_memory_equal(scratch_copy(&scratch, "weft", 4), "weft", 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(blocks_do_not_overlap_and_are_aligned, open_heap,
					    close_heap),
	    cmocka_unit_test_setup_teardown(after_a_reset_the_same_memory_is_used_again, open_heap,
					    close_heap),
	    cmocka_unit_test_setup_teardown(what_is_larger_than_a_block_gets_one_of_its_own,
					    open_heap, close_heap),
	    cmocka_unit_test_setup_teardown(what_grows_step_by_step_leaves_little_behind, open_heap,
					    close_heap),
	    cmocka_unit_test_setup_teardown(a_secret_is_gone_after_a_reset, open_heap, close_heap),
	    cmocka_unit_test_setup_teardown(a_copy_of_nothing_is_null, open_heap, close_heap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
