/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* What only the reader of records meets: bytes that weft's own writer never makes, keys, names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gossip/base/err.h"
#include "gossip/base/pack.h"
#include "gossip/base/record.h"

#define WIRE_BYTES 2048

static struct prefix prefix_of(const char *text)
{
	struct prefix prefix;

	assert_int_equal(prefix_parse(text, &prefix), 0);
	return prefix;
}

static void hex(const uint8_t *bytes, size_t len, char *text)
{
	for (size_t i = 0; i < len; i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	text[2 * len] = '\0';
}

/* An endpoint with one address given as raw bytes, as a hostile or careless peer would pack it. */
static int endpoint_of_address(const void *address, size_t len, size_t count)
{
	static const uint8_t mac[6] = {2, 0, 0, 0, 0, 1};
	uint8_t wire[WIRE_BYTES];
	struct rec_endpoint endpoint;
	struct pack pack;

	pack_init(&pack, wire, sizeof(wire));
	pack_array(&pack, 4);
	pack_str(&pack, "");
	pack_bin(&pack, mac, sizeof(mac));
	pack_bool(&pack, false);
	pack_array(&pack, count);
	for (size_t i = 0; i < count; i++)
		pack_bin(&pack, address, len);
	assert_true(pack_ok(&pack));
	return rec_endpoint_decode(wire, pack.len, &endpoint);
}

static void an_address_has_one_form(void **state)
{
	static const uint8_t v4[] = {10, 0, 0, 1, 24};
	static const uint8_t v4_long[] = {10, 0, 0, 1, 33};
	static const uint8_t mapped[] = {0, 0,    0,    0,  0, 0, 0, 0,  0,
					 0, 0xff, 0xff, 10, 0, 0, 1, 120};
	static const uint8_t v6[] = {0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 64};

	(void)state;
	assert_int_equal(endpoint_of_address(v4, sizeof(v4), 1), 0);
	assert_int_equal(endpoint_of_address(v6, sizeof(v6), 1), 0);
	assert_int_equal(endpoint_of_address(v4_long, sizeof(v4_long), 1), WEFT_E_INVALID);
	assert_int_equal(endpoint_of_address(mapped, sizeof(mapped), 1), WEFT_E_INVALID);
	for (size_t len = 0; len < sizeof(v6); len++)
		if (len != sizeof(v4))
			assert_int_equal(endpoint_of_address(v6, len, 1), WEFT_E_INVALID);
}

static void more_elements_than_the_cap_are_refused(void **state)
{
	static const uint8_t v4[] = {10, 0, 0, 1, 24};

	(void)state;
	assert_int_equal(endpoint_of_address(v4, sizeof(v4), ENDPOINT_ADDRS_MAX), 0);
	assert_int_equal(endpoint_of_address(v4, sizeof(v4), ENDPOINT_ADDRS_MAX + 1),
			 WEFT_E_INVALID);
}

static void a_range_key_is_41_bytes_and_sorts_by_network_address_and_generation(void **state)
{
	struct range_key key = {.range = prefix_of("10.1.2.0/24"), .generation = 0x0102}, back;
	uint8_t low[RANGE_KEY_BYTES], high[RANGE_KEY_BYTES];
	char text[2 * RANGE_KEY_BYTES + 1];

	(void)state;
	memset(&key.network, 0x11, sizeof(key.network));
	range_key_encode(&key, low);
	hex(low, sizeof(low), text);
	assert_string_equal(text, "11111111111111111111111111111111"
				  "00000000000000000000ffff0a010200"
				  "780000000000000102");
	assert_int_equal(range_key_decode(low, sizeof(low), &back), 0);
	assert_memory_equal(&back.network, &key.network, sizeof(key.network));
	assert_true(inet_eq(&back.range.ip, &key.range.ip));
	assert_int_equal(back.range.bits, key.range.bits);
	assert_int_equal(back.generation, key.generation);
	key.generation = 0x0200;
	range_key_encode(&key, high);
	assert_true(memcmp(low, high, sizeof(low)) < 0);
}

static void a_range_key_of_foreign_bytes_is_checked(void **state)
{
	struct range_key key = {.range = prefix_of("10.1.2.0/24"), .generation = 1}, back;
	uint8_t good[RANGE_KEY_BYTES], bad[RANGE_KEY_BYTES + 1];

	(void)state;
	range_key_encode(&key, good);
	for (size_t len = 0; len < sizeof(good); len++)
		assert_int_equal(range_key_decode(good, len, &back), WEFT_E_INVALID);
	memcpy(bad, good, sizeof(good));
	assert_int_equal(range_key_decode(bad, sizeof(bad), &back), WEFT_E_INVALID);
	bad[31] = 1; /* not aligned to its length */
	assert_int_equal(range_key_decode(bad, sizeof(good), &back), WEFT_E_INVALID);
	memcpy(bad, good, sizeof(good));
	bad[32] = 129;
	assert_int_equal(range_key_decode(bad, sizeof(good), &back), WEFT_E_INVALID);
	bad[32] = 95; /* wider than IPv4 */
	assert_int_equal(range_key_decode(bad, sizeof(good), &back), WEFT_E_INVALID);
	memcpy(bad, good, sizeof(good));
	bad[40] = 0; /* generation 0 */
	assert_int_equal(range_key_decode(bad, sizeof(good), &back), WEFT_E_INVALID);
}

static void a_name_is_1_to_63_of_its_characters(void **state)
{
	char name[NAME_BYTES + 1];

	(void)state;
	assert_true(name_is_valid("a"));
	assert_true(name_is_valid("0"));
	assert_true(name_is_valid("Host_1.example-net"));
	assert_false(name_is_valid(""));
	assert_false(name_is_valid("_a"));
	assert_false(name_is_valid(".a"));
	assert_false(name_is_valid("a b"));
	assert_false(name_is_valid("a~1"));
	assert_false(name_is_valid("caf\xc3\xa9"));
	memset(name, 'a', sizeof(name));
	name[63] = '\0';
	assert_true(name_is_valid(name));
	name[63] = 'a';
	name[64] = '\0';
	assert_false(name_is_valid(name));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_address_has_one_form),
	    cmocka_unit_test(more_elements_than_the_cap_are_refused),
	    cmocka_unit_test(a_range_key_is_41_bytes_and_sorts_by_network_address_and_generation),
	    cmocka_unit_test(a_range_key_of_foreign_bytes_is_checked),
	    cmocka_unit_test(a_name_is_1_to_63_of_its_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
