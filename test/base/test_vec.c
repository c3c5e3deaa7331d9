/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "cmocka_all.h"

#include <string.h>

#include "gossip/base/map.h"
#include "gossip/base/rng.h"

static struct heap heap;

static int setup(void **state)
{
	static struct page_source source;

	source = page_source_mmap();
	heap_init(&heap, &source);
	*state = NULL;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	heap_close(&heap);
	return 0;
}

static uint32_t at(const struct vec *vec, size_t i)
{
	return *(uint32_t *)vec_at(vec, i);
}

static int cmp_u32(const void *key, const void *item)
{
	uint32_t a = *(const uint32_t *)key;
	uint32_t b = *(const uint32_t *)item;

	return (a > b) - (a < b);
}

static void what_is_pushed_stays_in_order(void **state)
{
	struct vec vec;

	(void)state;
	vec_init(&vec, &heap, sizeof(uint32_t));
	for (uint32_t i = 0; i < 10000; i++)
		assert_int_equal(*(uint32_t *)vec_push(&vec, &i), i);
	assert_int_equal(vec.count, 10000);
	for (uint32_t i = 0; i < 10000; i++)
		assert_int_equal(at(&vec, i), i);
	vec_close(&vec);
	assert_int_equal(heap.used_bytes, 0);
	assert_int_equal(vec.count, 0);
}

static void pushing_nothing_gives_a_zeroed_element(void **state)
{
	struct vec vec;
	uint32_t ones = UINT32_MAX;

	(void)state;
	vec_init(&vec, &heap, sizeof(uint32_t));
	for (size_t i = 0; i < 20; i++)
		vec_push(&vec, &ones);
	while (vec.count > 0)
		vec_remove(&vec, vec.count - 1);
	for (size_t i = 0; i < 40; i++)
		assert_int_equal(*(uint32_t *)vec_push(&vec, NULL), 0);
	vec_close(&vec);
}

static void inserting_and_removing_shift_the_rest(void **state)
{
	static const uint32_t values[] = {10, 20, 30, 40};
	uint32_t between = 25;
	struct vec vec;

	(void)state;
	vec_init(&vec, &heap, sizeof(uint32_t));
	for (size_t i = 0; i < 4; i++)
		vec_push(&vec, &values[i]);
	assert_int_equal(*(uint32_t *)vec_insert(&vec, 2, &between), 25);
	vec_insert(&vec, 0, &between);
	vec_insert(&vec, 6, &between);
	assert_int_equal(vec.count, 7);
	assert_int_equal(at(&vec, 0), 25);
	assert_int_equal(at(&vec, 1), 10);
	assert_int_equal(at(&vec, 3), 25);
	assert_int_equal(at(&vec, 4), 30);
	assert_int_equal(at(&vec, 6), 25);
	vec_remove(&vec, 0);
	vec_remove(&vec, 2);
	vec_remove(&vec, 4);
	assert_int_equal(vec.count, 4);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(at(&vec, i), values[i]);
	vec_close(&vec);
}

static void many_are_appended_at_once_behind_what_is_there(void **state)
{
	struct vec vec;
	uint32_t in[100];

	(void)state;
	for (uint32_t i = 0; i < 100; i++)
		in[i] = i;
	vec_init(&vec, &heap, sizeof(uint32_t));
	vec_append(&vec, NULL, 0);
	assert_int_equal(vec.count, 0);
	for (size_t count = 0; count < 100; count++)
		vec_append(&vec, in, count);
	assert_int_equal(vec.count, 99 * 100 / 2);
	for (size_t count = 0, next = 0; count < 100; count++)
		for (size_t i = 0; i < count; i++)
			assert_int_equal(at(&vec, next++), i);
	vec_close(&vec);
}

static void the_lower_bound_keeps_a_vector_sorted(void **state)
{
	struct vec vec;
	struct rng rng;
	uint32_t none = 0;

	(void)state;
	rng_init(&rng, 4);
	vec_init(&vec, &heap, sizeof(uint32_t));
	assert_int_equal(vec_lower_bound(&vec, &none, cmp_u32), 0);
	for (size_t turn = 0; turn < 2000; turn++) {
		uint32_t value = (uint32_t)rng_below(&rng, 700);
		size_t i = vec_lower_bound(&vec, &value, cmp_u32);
		assert_true(i == vec.count || at(&vec, i) >= value);
		assert_true(i == 0 || at(&vec, i - 1) < value);
		vec_insert(&vec, i, &value);
	}
	for (size_t i = 1; i < vec.count; i++)
		assert_true(at(&vec, i - 1) <= at(&vec, i));
	vec_close(&vec);
}

int main(void)
{
#define VEC_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    VEC_TEST(what_is_pushed_stays_in_order),
	    VEC_TEST(pushing_nothing_gives_a_zeroed_element),
	    VEC_TEST(inserting_and_removing_shift_the_rest),
	    VEC_TEST(many_are_appended_at_once_behind_what_is_there),
	    VEC_TEST(the_lower_bound_keeps_a_vector_sorted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
