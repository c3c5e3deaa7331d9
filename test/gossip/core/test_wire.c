/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "test/base/cmocka_all.h"

#include <string.h>

#include "gossip/core/wire.h"

static void numbers_are_big_endian_and_come_back(void **state)
{
	const uint8_t expected[5] = {0x01, 0x02, 0x03, 0x04, 0x05};
	uint8_t bytes[5];

	(void)state;
	wire_put(bytes, UINT64_C(0x0102030405), sizeof(bytes));
	assert_memory_equal(bytes, expected, sizeof(bytes));
	assert_int_equal(wire_get(bytes, sizeof(bytes)), UINT64_C(0x0102030405));
	assert_int_equal(wire_get(bytes + 3, 2), 0x0405);
}

static void a_frame_is_type_length_and_body(void **state)
{
	const uint8_t expected[5] = {FRAME_PING, 0, 2, 0xaa, 0xbb};
	uint8_t out[5] = {0};

	(void)state;
	assert_int_equal(wire_put_frame(out, FRAME_PING, "\xaa\xbb", 2), sizeof(out));
	assert_memory_equal(out, expected, sizeof(out));
	assert_int_equal(wire_put_frame(out, FRAME_ACK, NULL, 0), FRAME_HEADER_BYTES);
}

static void every_drop_reason_has_a_name_of_its_own_and_a_meaning(void **state)
{
	(void)state;
	for (int a = DROP_NONE; a < DROP_END_; a++) {
		assert_true(strlen(drop_name((enum drop_reason)a)) > 0);
		assert_true(strlen(drop_help((enum drop_reason)a)) > 0);
		for (int b = DROP_NONE; b < a; b++)
			assert_string_not_equal(drop_name((enum drop_reason)a),
						drop_name((enum drop_reason)b));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(numbers_are_big_endian_and_come_back),
	    cmocka_unit_test(a_frame_is_type_length_and_body),
	    cmocka_unit_test(every_drop_reason_has_a_name_of_its_own_and_a_meaning),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
