/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "cmocka_all.h"

#include <string.h>

#include "gossip/base/pack.h"

static void assert_packed(const struct pack *pack, const char *bytes, size_t len)
{
	assert_true(pack_ok(pack));
	assert_int_equal(pack->len, len);
	assert_memory_equal(pack->bytes, bytes, len);
}

#define ASSERT_PACKED(pack, literal) assert_packed(pack, literal, sizeof(literal) - 1)

static void every_value_takes_its_shortest_form(void **state)
{
	uint8_t buffer[256];
	struct pack pack;

	(void)state;
	pack_init(&pack, buffer, sizeof(buffer));
	pack_uint(&pack, 0);
	pack_uint(&pack, 127);
	pack_uint(&pack, 128);
	pack_uint(&pack, 256);
	pack_uint(&pack, 65536);
	pack_uint(&pack, UINT64_MAX);
	ASSERT_PACKED(&pack, "\x00\x7f\xcc\x80\xcd\x01\x00\xce\x00\x01\x00\x00"
			     "\xcf\xff\xff\xff\xff\xff\xff\xff\xff");
	pack_init(&pack, buffer, sizeof(buffer));
	pack_int(&pack, -1);
	pack_int(&pack, -32);
	pack_int(&pack, -33);
	pack_int(&pack, INT64_MIN);
	pack_int(&pack, 5);
	ASSERT_PACKED(&pack, "\xff\xe0\xd0\xdf\xd3\x80\x00\x00\x00\x00\x00\x00\x00\x05");
	pack_init(&pack, buffer, sizeof(buffer));
	pack_nil(&pack);
	pack_bool(&pack, false);
	pack_bool(&pack, true);
	pack_array(&pack, 15);
	pack_array(&pack, 16);
	ASSERT_PACKED(&pack, "\xc0\xc2\xc3\x9f\xdc\x00\x10");
}

static void bytes_and_text_keep_their_kind(void **state)
{
	uint8_t buffer[64];
	struct pack pack;

	(void)state;
	pack_init(&pack, buffer, sizeof(buffer));
	pack_bin(&pack, "ab", 2);
	pack_bin(&pack, NULL, 0);
	pack_str(&pack, "web");
	pack_str(&pack, "");
	pack_raw(&pack, "\x01\x02", 2);
	ASSERT_PACKED(&pack, "\xc4\x02"
			     "ab\xc4\x00\xa3web\xa0\x01\x02");
}

static void overflow_is_remembered_and_nothing_is_written_behind_it(void **state)
{
	uint8_t buffer[16];
	struct pack pack;

	(void)state;
	memset(buffer, 0x5a, sizeof(buffer));
	pack_init(&pack, buffer, 8);
	pack_str(&pack, "sixsix");
	assert_true(pack_ok(&pack));
	assert_int_equal(pack.len, 7);
	pack_uint(&pack, 300); /* three bytes, one is left */
	assert_false(pack_ok(&pack));
	pack_uint(&pack, 1); /* would fit, but would leave a gap */
	assert_false(pack_ok(&pack));
	assert_int_equal(pack.len, 7);
	for (size_t i = 8; i < sizeof(buffer); i++)
		assert_int_equal(buffer[i], 0x5a);
}

static void a_buffer_may_be_filled_to_its_last_byte(void **state)
{
	uint8_t buffer[3];
	struct pack pack;

	(void)state;
	pack_init(&pack, buffer, sizeof(buffer));
	pack_uint(&pack, 300);
	ASSERT_PACKED(&pack, "\xcd\x01\x2c");
	pack_nil(&pack);
	assert_false(pack_ok(&pack));
	pack_init(&pack, NULL, 0);
	assert_true(pack_ok(&pack));
	pack_nil(&pack);
	assert_false(pack_ok(&pack));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_value_takes_its_shortest_form),
	    cmocka_unit_test(bytes_and_text_keep_their_kind),
	    cmocka_unit_test(overflow_is_remembered_and_nothing_is_written_behind_it),
	    cmocka_unit_test(a_buffer_may_be_filled_to_its_last_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
