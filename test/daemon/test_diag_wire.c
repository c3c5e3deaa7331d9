/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "daemon/diag/diag_wire.h"

#include <string.h>

#include "gossip/base/err.h"
#include "test/base/cmocka_all.h"

static const struct diag_message messages[] = {
    {.kind = DIAG_HELLO, .nonce = UINT64_MAX},
    {.kind = DIAG_HELLO + 1,
     .wall = {INT64_C(1790000000123)},
     .version = "0.1.0",
     .vtep = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1}},
     .mtu_bytes = 1500,
     .nonce = 7},
    {.kind = DIAG_COUNT,
     .nonce = 40000,
     .port_count = 2,
     .ports = {4789, 4790},
     .size_count = 3,
     .sizes = {100, 1400, 1500}},
    {.kind = DIAG_COUNT + 1,
     .sent = true,
     .seen_count = 2,
     .seen = {{4789, 100, 3}, {4789, 1500, 0}}},
    {.kind = DIAG_ABOUT, .member = {{1, 2, 3}}},
    {.kind = DIAG_ABOUT + 1, .heard_ms = 1200},
    {.kind = DIAG_ABOUT + 1, .heard_ms = DIAG_NEVER},
    {.kind = DIAG_RELAY, .member = {{4, 5, 6}}},
    {.kind = DIAG_RELAY + 1, .reached = true, .heard_ms = DIAG_NEVER},
    {.kind = DIAG_WATCH, .nonce = UINT64_C(0x1122334455667788)},
    {.kind = DIAG_WATCH + 1, .watches = DIAG_CROWDED},
};
#define MESSAGES (sizeof(messages) / sizeof(messages[0]))

static void what_is_written_is_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < MESSAGES; i++) {
		struct diag_message back;
		uint8_t bytes[900];
		int len = diag_encode(&messages[i], bytes, sizeof(bytes));

		assert_true(len > 0);
		assert_int_equal(diag_decode(bytes, (size_t)len, &back), 0);
		assert_memory_equal(&back, &messages[i], sizeof(back));
	}
}

static void the_bytes_are_as_documented(void **state)
{
	static const uint8_t count[] = {1,    34,   0x93, 0xcd, 0x9c, 0x40, 0x92,
					0xcd, 0x12, 0xb5, 0xcd, 0x12, 0xb6, 0x93,
					0x64, 0xcd, 0x05, 0x78, 0xcd, 0x05, 0xdc};
	static const uint8_t never[] = {1, 39, 0x92, 0xc3, 0xc0};
	uint8_t bytes[900];

	(void)state;
	assert_int_equal(diag_encode(&messages[2], bytes, sizeof(bytes)), sizeof(count));
	assert_memory_equal(bytes, count, sizeof(count));
	assert_int_equal(diag_encode(&messages[8], bytes, sizeof(bytes)), sizeof(never));
	assert_memory_equal(bytes, never, sizeof(never));
}

static void cut_or_damaged_bytes_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < MESSAGES; i++) {
		struct diag_message back;
		uint8_t bytes[901];
		int len = diag_encode(&messages[i], bytes, sizeof(bytes));

		for (size_t cut = 0; cut < (size_t)len; cut++)
			assert_int_equal(diag_decode(bytes, cut, &back), WEFT_E_INVALID);
		bytes[len] = 0;
		assert_int_equal(diag_decode(bytes, (size_t)len + 1, &back), WEFT_E_INVALID);
		bytes[0] = 2;
		assert_int_equal(diag_decode(bytes, (size_t)len, &back), WEFT_E_INVALID);
	}
}

static void a_clock_beyond_all_time_is_refused(void **state)
{
	struct diag_message back, hello = messages[1];
	uint8_t bytes[900];
	int len;

	(void)state;
	for (int i = 0; i < 2; i++) {
		hello.wall.ms = i == 0 ? INT64_MIN : INT64_MAX;
		len = diag_encode(&hello, bytes, sizeof(bytes));
		assert_true(len > 0);
		assert_int_equal(diag_decode(bytes, (size_t)len, &back), WEFT_E_INVALID);
	}
}

static void elements_of_a_later_version_are_passed_over(void **state)
{
	static const uint8_t later[] = {1, 37, 0x93, 0x07, 0xa1, 'x', 0x91, 0x01};
	static const uint8_t kind[] = {1, 60, 0x90};
	struct diag_message back;

	(void)state;
	assert_int_equal(diag_decode(later, sizeof(later), &back), 0);
	assert_int_equal(back.heard_ms, 7);
	assert_int_equal(diag_decode(kind, sizeof(kind), &back), WEFT_E_INVALID);
}

static void what_has_no_room_is_not_written(void **state)
{
	uint8_t bytes[8];

	(void)state;
	assert_int_equal(diag_encode(&messages[1], bytes, sizeof(bytes)), WEFT_E_LIMIT);
	assert_int_equal(diag_encode(&messages[1], bytes, 1), WEFT_E_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_written_is_read),
	    cmocka_unit_test(the_bytes_are_as_documented),
	    cmocka_unit_test(cut_or_damaged_bytes_are_refused),
	    cmocka_unit_test(a_clock_beyond_all_time_is_refused),
	    cmocka_unit_test(elements_of_a_later_version_are_passed_over),
	    cmocka_unit_test(what_has_no_room_is_not_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
