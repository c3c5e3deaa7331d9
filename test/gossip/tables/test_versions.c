/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "gossip/tables/versions.h"

#include <string.h>

#include "test/base/cmocka_all.h"
#include "gossip/base/rng.h"

static size_t round_trip(const struct version *versions, size_t count, size_t *bytes)
{
	static uint8_t out[65536];
	static struct version read[VERSIONS_MAX];
	struct pack pack;
	struct cursor cursor;
	size_t got;

	pack_init(&pack, out, sizeof(out));
	versions_pack(&pack, versions, count);
	assert_true(pack_ok(&pack));
	cursor_init(&cursor, out, pack.len);
	got = versions_read(&cursor, read);
	assert_true(cursor_at_end(&cursor));
	if (got != SIZE_MAX)
		assert_memory_equal(read, versions, got * sizeof(versions[0]));
	*bytes = pack.len;
	return got;
}

static void consecutive_versions_cost_a_byte_each(void **state)
{
	struct version versions[1000];
	size_t bytes;

	(void)state;
	for (uint64_t i = 0; i < 1000; i++)
		versions[i] = (struct version){3, 70000 + i};
	assert_int_equal(round_trip(versions, 1000, &bytes), 1000);
	assert_in_range(bytes, 1000, 1020);
	assert_int_equal(versions_fit(versions, 1000, 1060), 1000);
}

static void any_rising_list_comes_back_as_it_was_and_fits_as_promised(void **state)
{
	struct version versions[300];
	struct rng rng;

	(void)state;
	rng_init(&rng, 5);
	for (int round = 0; round < 300; round++) {
		size_t count = (size_t)rng_below(&rng, 300);
		struct version at = {0, 0};
		size_t bytes, fitting;
		for (size_t i = 0; i < count; i++) {
			if (rng_below(&rng, 20) == 0)
				at = (struct version){at.epoch + 1 + rng_below(&rng, 1000), 0};
			at.sequence += 1 + rng_below(&rng, rng_below(&rng, 3) == 0 ? 5000 : 4);
			versions[i] = at;
		}
		assert_int_equal(round_trip(versions, count, &bytes), count);
		fitting = versions_fit(versions, count, 200);
		assert_int_equal(round_trip(versions, fitting, &bytes), fitting);
		assert_in_range(bytes, 1, 200);
	}
}

static void the_last_versions_of_all_come_back_in_one_run(void **state)
{
	const struct version versions[] = {
	    {1, UINT64_MAX - 2}, {1, UINT64_MAX - 1}, {1, UINT64_MAX}, {2, 1}};
	size_t bytes;

	(void)state;
	assert_int_equal(round_trip(versions, 4, &bytes), 4);
}

static void lists_that_do_not_rise_or_are_too_long_are_refused(void **state)
{
	struct version read[VERSIONS_MAX];
	uint8_t out[4096], steps[VERSIONS_MAX] = {0};
	struct cursor cursor;
	struct pack pack;

	(void)state;
	pack_init(&pack, out, sizeof(out));
	pack_array(&pack, 2);
	for (int i = 0; i < 2; i++) {
		pack_array(&pack, 3);
		pack_uint(&pack, 1);
		pack_uint(&pack, 5); /* twice the same */
		pack_bin(&pack, steps, 0);
	}
	cursor_init(&cursor, out, pack.len);
	assert_true(versions_read(&cursor, read) == SIZE_MAX);
	pack_init(&pack, out, sizeof(out));
	pack_array(&pack, 1);
	pack_array(&pack, 3);
	pack_uint(&pack, 1);
	pack_uint(&pack, 5);
	pack_bin(&pack, steps, VERSIONS_MAX); /* and the first makes one more */
	cursor_init(&cursor, out, pack.len);
	assert_true(versions_read(&cursor, read) == SIZE_MAX);
	pack_init(&pack, out, sizeof(out));
	pack_array(&pack, 1);
	pack_array(&pack, 3);
	pack_uint(&pack, 1);
	pack_uint(&pack, UINT64_MAX - 3);
	pack_bin(&pack, steps, 10);
	cursor_init(&cursor, out, pack.len);
	assert_true(versions_read(&cursor, read) == SIZE_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(consecutive_versions_cost_a_byte_each),
	    cmocka_unit_test(any_rising_list_comes_back_as_it_was_and_fits_as_promised),
	    cmocka_unit_test(the_last_versions_of_all_come_back_in_one_run),
	    cmocka_unit_test(lists_that_do_not_rise_or_are_too_long_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
