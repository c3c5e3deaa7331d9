/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Tests of ipamdb/runs.c. */
#include "ipamdb/runs.h"

#include "gossip/base/rng.h"
#include "test/base/cmocka_all.h"

static const struct id a = {{1}}, b = {{2}}, c = {{3}};
static struct heap heap;
static struct runs runs;

static int setup(void **state)
{
	struct page_source pages = page_source_mmap();

	(void)state;
	heap_init(&heap, &pages);
	runs_init(&runs, &heap);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	runs_check(&runs);
	runs_close(&runs);
	heap_close(&heap);
	return 0;
}

static void assert_owner(addr128 addr, const struct id *holder, uint64_t generation)
{
	const struct run *run = runs_find(&runs, addr);

	assert_non_null(run);
	assert_true(id_eq(&run->holder, holder));
	assert_int_equal(run->generation, generation);
}

static void the_highest_generation_owns_in_any_order(void **state)
{
	static const struct span whole = {0, 255}, upper = {128, 255}, inner = {192, 195};

	(void)state;
	assert_false(runs_add(&runs, &inner, 3, &c, true));
	assert_false(runs_add(&runs, &whole, 1, &a, true));
	assert_false(runs_add(&runs, &upper, 2, &b, true));
	assert_owner(127, &a, 1);
	assert_owner(128, &b, 2);
	assert_owner(192, &c, 3);
	assert_owner(196, &b, 2);
	assert_null(runs_find(&runs, 256));
	assert_int_equal(runs_top(&runs, &upper), 3);
	assert_int_equal(runs.items.count, 4);
}

static void a_grant_owns_but_is_not_held_until_its_row_comes(void **state)
{
	static const struct span span = {0, 7};

	(void)state;
	runs_add(&runs, &span, 2, &b, false);
	assert_false(runs_find(&runs, 3)->held);
	runs_add(&runs, &span, 2, &b, true);
	assert_true(runs_find(&runs, 3)->held);
	runs_add(&runs, &span, 2, &b, false);
	assert_true(runs_find(&runs, 3)->held);
}

static void equal_generations_of_two_holders_clash_until_outranked(void **state)
{
	static const struct span span = {0, 7}, part = {4, 7};

	(void)state;
	runs_add(&runs, &span, 2, &b, true);
	assert_true(runs_add(&runs, &part, 2, &a, true));
	assert_false(runs_add(&runs, &part, 2, &a, true));
	assert_false(runs_find(&runs, 3)->clash);
	assert_true(runs_find(&runs, 4)->clash);
	runs_add(&runs, &part, 3, &b, true);
	assert_false(runs_find(&runs, 4)->clash);
}

static void a_copy_tells_a_clash_from_what_is_beside_it(void **state)
{
	static const struct span whole = {0, 7}, upper = {4, 7};
	struct runs copy;

	(void)state;
	runs_add(&runs, &whole, 2, &a, true);
	runs_add(&runs, &upper, 2, &b, true);
	runs_init(&copy, &heap);
	runs_add(&copy, &upper, 9, &c, true);
	runs_copy(&copy, &runs);
	runs_check(&copy);
	assert_int_equal(copy.items.count, 2);
	assert_false(runs_find(&copy, 3)->clash);
	assert_true(runs_find(&copy, 4)->clash);
	assert_true(id_eq(&runs_find(&copy, 4)->holder, &a));
	runs_close(&copy);
}

static void the_last_address_of_all_ends_the_walk(void **state)
{
	struct span end = {~(addr128)0 - 3, ~(addr128)0};

	(void)state;
	runs_add(&runs, &end, 1, &a, true);
	end.lo = end.hi;
	runs_add(&runs, &end, 2, &b, true);
	assert_owner(end.hi, &b, 2);
	assert_owner(end.hi - 1, &a, 1);
}

static void any_order_of_random_claims_gives_the_same_owners(void **state)
{
	static const struct id *holders[] = {&a, &b, &c};
	struct {
		struct span span;
		uint64_t generation;
		const struct id *holder;
		bool held;
	} claims[24];
	struct rng rng;
	struct runs other;

	(void)state;
	rng_init(&rng, 11);
	for (int round = 0; round < 300; round++) {
		runs_init(&other, &heap);
		runs_clear(&runs);
		for (size_t i = 0; i < 24; i++) {
			addr128 rest = ((addr128)1 << rng_below(&rng, 7)) - 1;
			claims[i].span.lo = rng_below(&rng, 64) & ~rest;
			claims[i].span.hi = claims[i].span.lo + rest;
			claims[i].generation = 1 + rng_below(&rng, 6);
			claims[i].holder = holders[rng_below(&rng, 3)];
			claims[i].held = rng_below(&rng, 2) == 0;
			runs_add(&runs, &claims[i].span, claims[i].generation, claims[i].holder,
				 claims[i].held);
		}
		for (size_t i = 24; i-- > 0;)
			runs_add(&other, &claims[i].span, claims[i].generation, claims[i].holder,
				 claims[i].held);
		runs_check(&runs);
		for (addr128 addr = 0; addr < 64; addr++) {
			const struct run *x = runs_find(&runs, addr);
			const struct run *y = runs_find(&other, addr);
			uint64_t top = 0;
			for (size_t i = 0; i < 24; i++)
				if (span_has(&claims[i].span, addr) && claims[i].generation > top)
					top = claims[i].generation;
			assert_int_equal(x ? x->generation : 0, top);
			assert_int_equal(y ? y->generation : 0, top);
			if (!x)
				continue;
			assert_int_equal(x->clash, y->clash);
			if (!x->clash) {
				assert_true(id_eq(&x->holder, &y->holder));
				assert_int_equal(x->held, y->held);
			}
		}
		runs_close(&other);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(the_highest_generation_owns_in_any_order, setup,
					    teardown),
	    cmocka_unit_test_setup_teardown(a_grant_owns_but_is_not_held_until_its_row_comes, setup,
					    teardown),
	    cmocka_unit_test_setup_teardown(equal_generations_of_two_holders_clash_until_outranked,
					    setup, teardown),
	    cmocka_unit_test_setup_teardown(a_copy_tells_a_clash_from_what_is_beside_it, setup,
					    teardown),
	    cmocka_unit_test_setup_teardown(the_last_address_of_all_ends_the_walk, setup, teardown),
	    cmocka_unit_test_setup_teardown(any_order_of_random_claims_gives_the_same_owners, setup,
					    teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
