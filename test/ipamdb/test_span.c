/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Tests of ipamdb/span.c. */
#include "ipamdb/span.h"

#include "test/base/cmocka_all.h"

static void a_prefix_is_a_span_and_back(void **state)
{
	struct prefix prefix, back;
	struct span span;

	(void)state;
	assert_int_equal(prefix_parse("10.1.2.0/23", &prefix), 0);
	span = span_from_prefix(&prefix);
	assert_int_equal(span_size(&span), 512);
	back = span_to_prefix(&span);
	assert_int_equal(back.bits, prefix.bits);
	assert_true(inet_eq(&back.ip, &prefix.ip));
	assert_int_equal(prefix_parse("::/0", &prefix), 0);
	span = span_from_prefix(&prefix);
	assert_true(span_size(&span) == UINT64_MAX);
	assert_int_equal(span_to_prefix(&span).bits, 0);
}

static void head_blocks_cut_a_span_into_prefixes(void **state)
{
	static const addr128 ends[] = {2, 3, 7, 15, 31, 63, 127, 191, 199};
	struct span rest = {2, 199};

	(void)state;
	for (size_t i = 1; i < sizeof(ends) / sizeof(ends[0]); i++) {
		struct span block = span_head_block(&rest);
		struct prefix prefix = span_to_prefix(&block); /* asserts that it is aligned */
		assert_true(prefix.bits > 120);
		assert_true(block.hi == ends[i]);
		rest.lo = block.hi + 1;
	}
	assert_true(rest.lo == 200);
}

static void half_of_a_span_is_aligned_and_at_most_half(void **state)
{
	(void)state;
	for (addr128 lo = 0; lo < 20; lo++) {
		for (addr128 hi = lo; hi < 300; hi++) {
			struct span span = {lo, hi};
			struct span half = span_half_block(&span);
			addr128 size = half.hi - half.lo + 1;
			assert_true(half.lo >= lo && half.hi <= hi);
			assert_true((size & (size - 1)) == 0 && half.lo % size == 0);
			assert_true(size == 1 || size <= (hi - lo + 1) / 2);
			assert_true(size * 8 > hi - lo + 1);
		}
	}
}

static void half_of_everything_is_half(void **state)
{
	struct span all = {0, ~(addr128)0};
	struct span half = span_half_block(&all);

	(void)state;
	assert_true(half.hi == all.hi && half.lo == (addr128)1 << 127);
	assert_true(span_head_block(&all).hi == all.hi);
}

static void buckets_are_powers_of_two(void **state)
{
	(void)state;
	assert_int_equal(count_log2(0), 0);
	assert_int_equal(count_log2(1), 1);
	assert_int_equal(count_log2(2), 2);
	assert_int_equal(count_log2(3), 2);
	assert_int_equal(count_log2(256), 9);
	assert_int_equal(count_log2(UINT64_MAX), 64);
	assert_true(count_add(UINT64_MAX, 1) == UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_prefix_is_a_span_and_back),
	    cmocka_unit_test(head_blocks_cut_a_span_into_prefixes),
	    cmocka_unit_test(half_of_a_span_is_aligned_and_at_most_half),
	    cmocka_unit_test(half_of_everything_is_half),
	    cmocka_unit_test(buckets_are_powers_of_two),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
