/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "test/base/cmocka_all.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(numbers_are_big_endian_and_come_back),
	    cmocka_unit_test(a_frame_is_type_length_and_body),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
