/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Tests of ipamdb/space.c. */
#include "ipamdb/space.h"

#include "gossip/base/rng.h"
#include "test/base/cmocka_all.h"

static struct heap heap;
static struct space space;

static int setup(void **state)
{
	struct page_source pages = page_source_mmap();

	(void)state;
	heap_init(&heap, &pages);
	space_init(&space, &heap);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	heap_close(&heap);
	return 0;
}

static void an_untouched_slash_8_costs_nothing_and_gives_its_first_address(void **state)
{
	struct span all = {0xffff0a000000u, 0xffff0affffffu};
	addr128 found;

	(void)state;
	assert_true(space_fresh(&space, &all, &found));
	assert_true(found == all.lo);
	assert_int_equal(space_busy(&space, &all), 0);
	assert_int_equal(heap.used_bytes, 0);
}

static void fresh_addresses_go_up_without_repeating(void **state)
{
	struct span all = {4090, 8200}; /* over two borders of chunks */
	addr128 found;

	(void)state;
	for (addr128 want = all.lo; want <= all.hi; want++) {
		assert_true(space_fresh(&space, &all, &found));
		assert_true(found == want);
		space_take(&space, found);
	}
	assert_false(space_fresh(&space, &all, &found));
	assert_int_equal(space_busy(&space, &all), 4111);
	space_check(&space);
}

static void a_freed_address_is_not_fresh_until_it_is_renewed(void **state)
{
	struct span all = {100, 101};
	addr128 found;

	(void)state;
	space_take(&space, 100);
	space_give(&space, 100, false);
	assert_true(space_fresh(&space, &all, &found));
	assert_true(found == 101);
	space_renew(&space, &all);
	assert_true(space_fresh(&space, &all, &found));
	assert_true(found == 100);
	space_take(&space, 100);
	space_give(&space, 100, true);
}

static void a_gap_is_the_first_run_of_free_addresses(void **state)
{
	struct span all = {0, 20000};
	struct span gap;

	(void)state;
	space_take(&space, 0);
	space_take(&space, 9000);
	assert_true(space_gap(&space, &all, &gap));
	assert_true(gap.lo == 1 && gap.hi == 8999);
	all.lo = 9000;
	assert_true(space_gap(&space, &all, &gap));
	assert_true(gap.lo == 9001 && gap.hi == 20000);
	all.hi = 9000;
	assert_false(space_gap(&space, &all, &gap));
	space_give(&space, 0, true);
	space_give(&space, 9000, true);
}

static void random_changes_agree_with_a_plain_array(void **state)
{
	static bool busy[10000];
	struct rng rng;

	(void)state;
	rng_init(&rng, 7);
	for (int i = 0; i < 30000; i++) {
		addr128 addr = rng_below(&rng, 10000);
		struct span span = {rng_below(&rng, 10000), 0};
		uint64_t count = 0;
		span.hi = span.lo + rng_below(&rng, 10000 - (uint64_t)span.lo);
		if (busy[addr])
			space_give(&space, addr, rng_below(&rng, 2) == 0);
		else
			space_take(&space, addr);
		busy[addr] = !busy[addr];
		if (i % 100 != 0)
			continue;
		for (addr128 at = span.lo; at <= span.hi; at++)
			count += busy[at];
		assert_int_equal(space_busy(&space, &span), count);
		space_check(&space);
	}
}

static void what_is_free_is_counted_beyond_64_bits_and_cut_at_their_end(void **state)
{
	struct span all = {0, ~(addr128)0};
	struct span wide = {0, ((addr128)1 << 64) - 1};

	(void)state;
	assert_true(space_free(&space, &all) == UINT64_MAX);
	assert_true(space_free(&space, &wide) == UINT64_MAX); /* one more than that */
	space_take(&space, 5);
	assert_true(space_free(&space, &wide) == UINT64_MAX); /* just as many */
	space_take(&space, 6);
	assert_true(space_free(&space, &wide) == UINT64_MAX - 1);
	assert_true(space_free(&space, &all) == UINT64_MAX);
	assert_int_equal(space_free(&space, &(struct span){5, 6}), 0);
	assert_int_equal(space_free(&space, &(struct span){5, 8}), 2);
	space_give(&space, 5, true);
	space_give(&space, 6, true);
}

static void busy_addresses_are_found_one_after_the_other(void **state)
{
	static const addr128 busy[] = {3, 64, 4095, 4096, 1 << 20};
	struct span rest = {0, ~(addr128)0};
	addr128 found;

	(void)state;
	for (size_t i = 0; i < 5; i++)
		space_take(&space, busy[i]);
	for (size_t i = 0; i < 5; i++) {
		assert_true(space_busy_first(&space, &rest, &found));
		assert_true(found == busy[i]);
		rest.lo = found + 1;
	}
	assert_false(space_busy_first(&space, &rest, &found));
	for (size_t i = 0; i < 5; i++)
		space_give(&space, busy[i], true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		an_untouched_slash_8_costs_nothing_and_gives_its_first_address, setup, teardown),
	    cmocka_unit_test_setup_teardown(fresh_addresses_go_up_without_repeating, setup,
					    teardown),
	    cmocka_unit_test_setup_teardown(a_freed_address_is_not_fresh_until_it_is_renewed, setup,
					    teardown),
	    cmocka_unit_test_setup_teardown(a_gap_is_the_first_run_of_free_addresses, setup,
					    teardown),
	    cmocka_unit_test_setup_teardown(random_changes_agree_with_a_plain_array, setup,
					    teardown),
	    cmocka_unit_test_setup_teardown(
		what_is_free_is_counted_beyond_64_bits_and_cut_at_their_end, setup, teardown),
	    cmocka_unit_test_setup_teardown(busy_addresses_are_found_one_after_the_other, setup,
					    teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
