/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "gossip/base/pack.h"
#include "gossip/base/rng.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Every read is made over a copy of exactly this length, so that the sanitizer sees a step too far.
 */
static struct cursor over(const void *bytes, size_t len)
{
	static uint8_t *copy;
	struct cursor cursor;

	free(copy);
	copy = malloc(len + 1); /* one more in front: malloc(0) may be NULL */
	memcpy(copy + 1, bytes, len);
	cursor_init(&cursor, copy + 1, len);
	return cursor;
}

#define OVER(literal) over(literal, sizeof(literal) - 1)

static void what_was_packed_is_read_back(void **state)
{
	static const uint64_t unsigneds[] = {
	    0,         1,         127, 128, 255, 256, 65535, 65536, UINT32_MAX, UINT64_C(1) << 32,
	    INT64_MAX, UINT64_MAX};
	static const int64_t signeds[] = {
	    0,         -1,        -32,    -33,       -128,
	    -129,      -32768,    -32769, INT32_MIN, (int64_t)INT32_MIN - 1,
	    INT64_MIN, INT64_MAX, 200};
	uint8_t buffer[512];
	char text[16];
	uint8_t fixed[4];
	struct pack pack;
	struct cursor cursor;
	size_t len;

	(void)state;
	pack_init(&pack, buffer, sizeof(buffer));
	pack_array(&pack, COUNT(unsigneds));
	for (size_t i = 0; i < COUNT(unsigneds); i++)
		pack_uint(&pack, unsigneds[i]);
	for (size_t i = 0; i < COUNT(signeds); i++)
		pack_int(&pack, signeds[i]);
	pack_bool(&pack, true);
	pack_str(&pack, "w\xc3\xa4rme");
	pack_bin(&pack, "wxyz", 4);
	pack_bin(&pack, "wxyz", 4);
	pack_nil(&pack);
	pack_raw(&pack, "raw", 3);
	assert_true(pack_ok(&pack));

	cursor = over(buffer, pack.len);
	assert_int_equal(cursor_array(&cursor, 100), COUNT(unsigneds));
	for (size_t i = 0; i < COUNT(unsigneds); i++)
		assert_int_equal(cursor_uint(&cursor, UINT64_MAX), unsigneds[i]);
	for (size_t i = 0; i < COUNT(signeds); i++)
		assert_true(cursor_int(&cursor) == signeds[i]);
	assert_true(cursor_bool(&cursor));
	cursor_text(&cursor, text, sizeof(text));
	assert_string_equal(text, "w\xc3\xa4rme");
	assert_memory_equal(cursor_bin(&cursor, 4, &len), "wxyz", 4);
	assert_int_equal(len, 4);
	cursor_fixed(&cursor, fixed, sizeof(fixed));
	assert_memory_equal(fixed, "wxyz", 4);
	assert_true(cursor_nil(&cursor));
	assert_false(cursor_nil(&cursor));
	assert_memory_equal(cursor_raw(&cursor, 3), "raw", 3);
	assert_true(cursor_at_end(&cursor));
	assert_false(cursor_nil(&cursor));
	assert_true(cursor_ok(&cursor));
}

static void wide_forms_of_small_numbers_are_read_as_well(void **state)
{
	struct cursor cursor = OVER("\xcf\x00\x00\x00\x00\x00\x00\x00\x05\xd0\x05\xd1\xff\xff"
				    "\xdb\x00\x00\x00\x01x\xdd\x00\x00\x00\x01\xc0");
	char text[4];

	(void)state;
	assert_int_equal(cursor_uint(&cursor, 10), 5);
	assert_int_equal(cursor_uint(&cursor, 10), 5);
	assert_int_equal(cursor_int(&cursor), -1);
	cursor_text(&cursor, text, sizeof(text));
	assert_string_equal(text, "x");
	assert_int_equal(cursor_array(&cursor, 4), 1);
	assert_true(cursor_nil(&cursor));
	assert_true(cursor_at_end(&cursor));
}

static void one_bad_read_makes_all_later_ones_fail(void **state)
{
	struct cursor cursor = OVER("\x05\xc4\x01z\xa1z\x91\x01\x81\x01\x01\xc3\xc0");
	uint8_t fixed[1] = {9};
	char text[4] = "old";
	size_t len = 9;

	(void)state;
	assert_int_equal(cursor_uint(&cursor, 4), 0);
	assert_false(cursor_ok(&cursor));
	assert_null(cursor_bin(&cursor, 10, &len));
	assert_int_equal(len, 0);
	cursor_fixed(&cursor, fixed, 1);
	assert_int_equal(fixed[0], 0);
	cursor_text(&cursor, text, sizeof(text));
	assert_string_equal(text, "");
	assert_int_equal(cursor_array(&cursor, 10), 0);
	assert_false(cursor_bool(&cursor));
	assert_int_equal(cursor_int(&cursor), 0);
	assert_false(cursor_nil(&cursor));
	assert_null(cursor_raw(&cursor, 0));
	cursor_skip(&cursor);
	assert_false(cursor_at_end(&cursor));
}

static void a_count_beyond_the_bytes_left_is_bad(void **state)
{
	struct cursor cursor = OVER("\xdd\xff\xff\xff\xff");
	size_t len;

	(void)state;
	assert_int_equal(cursor_array(&cursor, SIZE_MAX), 0);
	assert_false(cursor_ok(&cursor));
	cursor = OVER("\xdf\x7f\xff\xff\xff\x01\x01");
	cursor_skip(&cursor);
	assert_false(cursor_ok(&cursor));
	cursor = OVER("\x82\x01\x01\x02"); /* two pairs need four values */
	cursor_skip(&cursor);
	assert_false(cursor_ok(&cursor));
	cursor = OVER("\x93\x01\x01\x02");
	assert_int_equal(cursor_array(&cursor, 2), 0); /* over the caller's limit */
	assert_false(cursor_ok(&cursor));
	cursor = OVER("\xc6\xff\xff\xff\xff"
		      "abc");
	assert_null(cursor_bin(&cursor, SIZE_MAX, &len));
	assert_false(cursor_ok(&cursor));
}

static void a_fixed_field_of_another_length_is_bad(void **state)
{
	uint8_t out[4];
	struct cursor cursor = OVER("\xc4\x03"
				    "abc");

	(void)state;
	memset(out, 0xff, sizeof(out));
	cursor_fixed(&cursor, out, sizeof(out));
	assert_false(cursor_ok(&cursor));
	assert_memory_equal(out, "\0\0\0\0", 4);
	cursor = OVER("\xc4\x05"
		      "abcde");
	cursor_fixed(&cursor, out, sizeof(out));
	assert_false(cursor_ok(&cursor));
	cursor = OVER("\xa4"
		      "abcd"); /* text is not bytes */
	cursor_fixed(&cursor, out, sizeof(out));
	assert_false(cursor_ok(&cursor));
}

static void a_value_of_another_kind_is_bad(void **state)
{
	struct cursor cursor = OVER("\x01");

	(void)state;
	assert_int_equal(cursor_array(&cursor, 9), 0);
	assert_false(cursor_ok(&cursor));
	cursor = OVER("\x91\x01");
	assert_int_equal(cursor_uint(&cursor, 9), 0);
	assert_false(cursor_ok(&cursor));
	cursor = OVER("\xff");
	assert_int_equal(cursor_uint(&cursor, UINT64_MAX), 0);
	assert_false(cursor_ok(&cursor));
	cursor = OVER("\xcf\x80\x00\x00\x00\x00\x00\x00\x00");
	assert_int_equal(cursor_int(&cursor), 0);
	assert_false(cursor_ok(&cursor));
	cursor = OVER("\x01");
	assert_false(cursor_bool(&cursor));
	assert_false(cursor_ok(&cursor));
	cursor = OVER("\xc1");
	cursor_skip(&cursor);
	assert_false(cursor_ok(&cursor));
}

static void text_is_utf8_without_control_characters(void **state)
{
	static const char *const good[] = {
	    "\xa0",
	    "\xa1~",
	    "\xa2\xc2\xa0",
	    "\xa3\xe0\xa0\x80",
	    "\xa3\xed\x9f\xbf",
	    "\xa3\xee\x80\x80",
	    "\xa4\xf0\x90\x80\x80",
	    "\xa4\xf4\x8f\xbf\xbf",
	};
	static const struct {
		const char *bytes;
		size_t len;
	} bad[] = {
	    {"\xa1\x00", 2},             /* NUL */
	    {"\xa1\n", 2},               /* C0 */
	    {"\xa1\x1b", 2},             /* escape */
	    {"\xa1\x7f", 2},             /* DEL */
	    {"\xa2\xc2\x85", 3},         /* C1 */
	    {"\xa1\x80", 2},             /* a continuation alone */
	    {"\xa1\xc3", 2},             /* cut */
	    {"\xa2\xe2\x82", 3},         /* cut */
	    {"\xa2\xc3\x28", 3},         /* no continuation */
	    {"\xa2\xc0\xaf", 3},         /* overlong */
	    {"\xa3\xe0\x80\xaf", 4},     /* overlong */
	    {"\xa4\xf0\x80\x80\xaf", 5}, /* overlong */
	    {"\xa3\xed\xa0\x80", 4},     /* surrogate */
	    {"\xa4\xf4\x90\x80\x80", 5}, /* above U+10FFFF */
	    {"\xa1\xff", 2},
	};
	char text[8];

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		struct cursor cursor = over(good[i], strlen(good[i]));
		cursor_text(&cursor, text, sizeof(text));
		assert_true(cursor_at_end(&cursor));
		assert_string_equal(text, good[i] + 1);
	}
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct cursor cursor = over(bad[i].bytes, bad[i].len);
		cursor_text(&cursor, text, sizeof(text));
		assert_false(cursor_ok(&cursor));
		assert_string_equal(text, "");
	}
}

static void text_must_fit_with_its_nul(void **state)
{
	struct cursor cursor = OVER("\xa3"
				    "abc");
	char text[4];

	(void)state;
	cursor_text(&cursor, text, 4);
	assert_string_equal(text, "abc");
	cursor = OVER("\xa3"
		      "abc");
	cursor_text(&cursor, text, 3);
	assert_false(cursor_ok(&cursor));
	assert_string_equal(text, "");
}

static void skipping_passes_over_one_whole_value(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} values[] = {
	    {"\x05", 1},
	    {"\xff", 1},
	    {"\xc0", 1},
	    {"\xc3", 1},
	    {"\xcd\x01\x02", 3},
	    {"\xd3\x01\x02\x03\x04\x05\x06\x07\x08", 9},
	    {"\xca\x00\x00\x00\x00", 5},
	    {"\xcb\x00\x00\x00\x00\x00\x00\x00\x00", 9},
	    {"\xa3"
	     "abc",
	     4},
	    {"\xd9\x01"
	     "a",
	     3},
	    {"\xda\x00\x01"
	     "a",
	     4},
	    {"\xc4\x02"
	     "ab",
	     4},
	    {"\xc5\x00\x02"
	     "ab",
	     5},
	    {"\xc6\x00\x00\x00\x02"
	     "ab",
	     7},
	    {"\xd4\x01"
	     "a",
	     3},
	    {"\xd8\x01"
	     "0123456789abcdef",
	     18},
	    {"\xc7\x02\x01"
	     "ab",
	     5},
	    {"\xc8\x00\x00\x01", 4},
	    {"\xc9\x00\x00\x00\x01\x01"
	     "a",
	     7},
	    {"\x90", 1},
	    {"\x80", 1},
	    {"\x93\x01\x92\x02\x03\x80", 6},
	    {"\x82\x01\x91\xc0\xa1k\x81\x01\x02", 9},
	    {"\xdc\x00\x02\x01\x02", 5},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(values); i++) {
		char bytes[32];
		struct cursor cursor;
		memcpy(bytes, values[i].bytes, values[i].len);
		bytes[values[i].len] = 0x2a;
		cursor = over(bytes, values[i].len + 1);
		cursor_skip(&cursor);
		assert_int_equal(cursor_uint(&cursor, 100), 0x2a);
		assert_true(cursor_at_end(&cursor));
		/* Cut anywhere, it is bad. */
		for (size_t len = 0; len < values[i].len; len++) {
			cursor = over(values[i].bytes, len);
			cursor_skip(&cursor);
			assert_false(cursor_ok(&cursor));
		}
	}
}

static void skipping_goes_32_levels_deep_and_no_further(void **state)
{
	uint8_t nested[34];
	struct cursor cursor;

	(void)state;
	memset(nested, 0x91, sizeof(nested));
	nested[32] = 0x01;
	cursor = over(nested, 33);
	cursor_skip(&cursor);
	assert_true(cursor_at_end(&cursor));
	nested[32] = 0x91;
	nested[33] = 0x01;
	cursor = over(nested, 34);
	cursor_skip(&cursor);
	assert_false(cursor_ok(&cursor));
}

static void nothing_to_read_is_not_a_fault_until_read(void **state)
{
	struct cursor cursor;

	(void)state;
	cursor_init(&cursor, NULL, 0);
	assert_true(cursor_at_end(&cursor));
	assert_non_null(cursor_raw(&cursor, 0));
	assert_true(cursor_ok(&cursor));
	assert_null(cursor_raw(&cursor, 1));
	assert_false(cursor_ok(&cursor));
}

/* Random bytes, random calls: the sanitizers watch that no read leaves the buffer. */
static void random_bytes_are_read_without_harm(void **state)
{
	struct rng rng;

	(void)state;
	rng_init(&rng, 14);
	for (size_t turn = 0; turn < 20000; turn++) {
		uint8_t bytes[64];
		char text[16];
		struct cursor cursor;
		size_t len = rng_below(&rng, sizeof(bytes));
		size_t found;
		for (size_t i = 0; i < len; i++)
			bytes[i] = (uint8_t)rng_u64(&rng);
		cursor = over(bytes, len);
		while (cursor_ok(&cursor) && !cursor_at_end(&cursor)) {
			const uint8_t *before = cursor.at;
			switch (1 + rng_below(&rng, 7)) {
			case 1:
				assert_true(cursor_array(&cursor, 10) <= 10);
				break;
			case 2:
				assert_true(cursor_uint(&cursor, 1000) <= 1000);
				break;
			case 3:
				cursor_bin(&cursor, 32, &found);
				assert_true(found <= 32);
				break;
			case 4:
				cursor_text(&cursor, text, sizeof(text));
				assert_true(strnlen(text, sizeof(text)) < sizeof(text));
				break;
			case 5:
				cursor_int(&cursor);
				break;
			default:
				cursor_skip(&cursor);
				break;
			}
			assert_true(cursor.at <= cursor.end);
			assert_true(cursor.bad || cursor.at > before);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_was_packed_is_read_back),
	    cmocka_unit_test(wide_forms_of_small_numbers_are_read_as_well),
	    cmocka_unit_test(one_bad_read_makes_all_later_ones_fail),
	    cmocka_unit_test(a_count_beyond_the_bytes_left_is_bad),
	    cmocka_unit_test(a_fixed_field_of_another_length_is_bad),
	    cmocka_unit_test(a_value_of_another_kind_is_bad),
	    cmocka_unit_test(text_is_utf8_without_control_characters),
	    cmocka_unit_test(text_must_fit_with_its_nul),
	    cmocka_unit_test(skipping_passes_over_one_whole_value),
	    cmocka_unit_test(skipping_goes_32_levels_deep_and_no_further),
	    cmocka_unit_test(nothing_to_read_is_not_a_fault_until_read),
	    cmocka_unit_test(random_bytes_are_read_without_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
