/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "cmocka_all.h"

#include <string.h>

#include "gossip/base/addr.h"
#include "gossip/base/err.h"
#include "gossip/base/rng.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct inet ip_of(const char *text)
{
	struct inet ip;

	assert_int_equal(inet_parse(text, &ip), 0);
	return ip;
}

static struct prefix prefix_of(const char *text)
{
	struct prefix prefix;

	assert_int_equal(prefix_parse(text, &prefix), 0);
	return prefix;
}

static void assert_ip(struct inet ip, const char *text)
{
	char found[INET_TEXT_BYTES];

	inet_format(&ip, found);
	assert_string_equal(found, text);
}

static void an_id_is_written_as_32_digits_and_read_back(void **state)
{
	const char *text = "00112233445566778899aabbccddeeff";
	char found[ID_TEXT_BYTES];
	struct id id, again;

	(void)state;
	assert_int_equal(id_parse(text, &id), 0);
	assert_int_equal(id.b[1], 0x11);
	assert_int_equal(id.b[15], 0xff);
	id_format(&id, found);
	assert_string_equal(found, text);
	assert_int_equal(id_parse("00112233445566778899AABBCCDDEEFF", &again), 0);
	assert_true(id_eq(&id, &again));
	assert_false(id_is_zero(&id));
	assert_int_equal(id_parse("00000000000000000000000000000000", &again), 0);
	assert_true(id_is_zero(&again));
	assert_true(id_cmp(&id, &again) > 0 && id_cmp(&again, &id) < 0);
}

static void a_malformed_id_is_refused_and_nothing_is_written(void **state)
{
	static const char *const bad[] = {
	    "",
	    "00",
	    "00112233445566778899aabbccddeef",
	    "00112233445566778899aabbccddeeff0",
	    "00112233445566778899aabbccddeefg",
	    " 0112233445566778899aabbccddeeff",
	    "0x112233445566778899aabbccddeeff",
	};
	struct id id;

	(void)state;
	memset(&id, 0x5a, sizeof(id));
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(id_parse(bad[i], &id), WEFT_E_INVALID);
	for (size_t i = 0; i < ID_BYTES; i++)
		assert_int_equal(id.b[i], 0x5a);
}

static void an_id_is_recognised_by_a_prefix_of_its_digits(void **state)
{
	struct id id;

	(void)state;
	assert_int_equal(id_parse("a1b2c3d4e5f60718293a4b5c6d7e8f90", &id), 0);
	assert_true(id_has_prefix(&id, "a"));
	assert_true(id_has_prefix(&id, "a1b"));
	assert_true(id_has_prefix(&id, "A1B2"));
	assert_true(id_has_prefix(&id, "a1b2c3d4e5f60718293a4b5c6d7e8f90"));
	assert_false(id_has_prefix(&id, ""));
	assert_false(id_has_prefix(&id, "b"));
	assert_false(id_has_prefix(&id, "a1c"));
	assert_false(id_has_prefix(&id, "a1x"));
	assert_false(id_has_prefix(&id, "a1b2c3d4e5f60718293a4b5c6d7e8f900"));
}

static void addresses_of_both_families_are_read_and_written(void **state)
{
	static const char *const same[] = {
	    "0.0.0.0", "10.1.2.3",  "255.255.255.255", "::",
	    "::1",     "fd00::1:2", "fe80::1",         "2001:db8:1:2:3:4:5:6",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(same); i++)
		assert_ip(ip_of(same[i]), same[i]);
	assert_ip(ip_of("FD00:0:0::0001"), "fd00::1");
	assert_ip(ip_of("::ffff:10.0.0.1"), "10.0.0.1"); /* one address, one spelling */
}

static void a_malformed_address_is_refused(void **state)
{
	static const char *const bad[] = {
	    "",           " ",           "10",        "10.0.0",       "10.0.0.256",
	    "10.0.0.01",  "10.0.0.0.1",  "10.0.0.1 ", " 10.0.0.1",    "+10.0.0.1",
	    "0x0a.0.0.1", "10.0.0.1/24", "::1::",     "fe80::1%eth0", "1:2:3:4:5:6:7",
	    "12345::",    "[::1]",       "localhost", "10,0,0,1",
	};
	struct inet ip = ip_of("1.2.3.4");

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(inet_parse(bad[i], &ip), WEFT_E_INVALID);
	assert_ip(ip, "1.2.3.4");
}

static void an_ipv4_address_is_a_number_and_back(void **state)
{
	struct inet ip = ip_of("10.1.2.3");
	struct inet v6 = ip_of("fd00::1");

	(void)state;
	assert_true(inet_is_v4(&ip));
	assert_false(inet_is_v4(&v6));
	assert_int_equal(inet_v4(&ip), 0x0a010203);
	assert_ip(inet_from_v4(0xc0a80001), "192.168.0.1");
	assert_ip(inet_from_v4(UINT32_MAX), "255.255.255.255");
}

static void adding_carries_through_all_bytes(void **state)
{
	struct inet ip = ip_of("10.0.0.255");
	struct inet v6 = ip_of("fd00::ffff:ffff:ffff:ffff");
	struct inet all = ip_of("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
	struct inet none = ip_of("::");

	(void)state;
	assert_ip(inet_add(&ip, 0), "10.0.0.255");
	assert_ip(inet_add(&ip, 1), "10.0.1.0");
	assert_ip(inet_add(&ip, -256), "9.255.255.255");
	assert_ip(inet_add(&ip, 65536), "10.1.0.255");
	assert_ip(inet_add(&v6, 1), "fd00:0:0:1::");
	assert_ip(inet_add(&all, 1), "::");
	assert_ip(inet_add(&none, -1), "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
	assert_ip(inet_add(&none, INT64_MAX), "::7fff:ffff:ffff:ffff");
	assert_ip(inet_add(&none, INT64_MIN), "ffff:ffff:ffff:ffff:8000::");
}

static void addresses_order_as_numbers(void **state)
{
	struct inet a = ip_of("9.255.255.255");
	struct inet b = ip_of("10.0.0.0");

	(void)state;
	assert_true(inet_cmp(&a, &b) < 0);
	assert_true(inet_cmp(&b, &a) > 0);
	assert_true(inet_eq(&a, &a));
	assert_false(inet_eq(&a, &b));
}

static void a_host_is_read_with_and_without_its_port(void **state)
{
	static const struct {
		const char *text;
		const char *written;
	} rows[] = {
	    {"10.0.0.1", "10.0.0.1:7946"},
	    {"10.0.0.1:1", "10.0.0.1:1"},
	    {"10.0.0.1:65535", "10.0.0.1:65535"},
	    {"fd00::1", "[fd00::1]:7946"},
	    {"[fd00::1]", "[fd00::1]:7946"},
	    {"[fd00::1]:80", "[fd00::1]:80"},
	    {"::", "[::]:7946"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char text[HOSTPORT_TEXT_BYTES];
		struct hostport hp, again;
		assert_int_equal(hostport_parse(rows[i].text, 7946, &hp), 0);
		hostport_format(&hp, text);
		assert_string_equal(text, rows[i].written);
		assert_int_equal(hostport_parse(text, 1, &again), 0);
		assert_true(hostport_eq(&hp, &again));
		again.port ^= 1;
		assert_false(hostport_eq(&hp, &again));
	}
}

static void the_longest_host_fits_its_text(void **state)
{
	char text[HOSTPORT_TEXT_BYTES];
	struct hostport hp;

	(void)state;
	assert_int_equal(hostport_parse("[1111:2222:3333:4444:5555:6666:7777:8888]:65535", 1, &hp),
			 0);
	hostport_format(&hp, text);
	assert_string_equal(text, "[1111:2222:3333:4444:5555:6666:7777:8888]:65535");
}

static void a_malformed_host_is_refused(void **state)
{
	static const char *const bad[] = {
	    "",
	    ":",
	    ":80",
	    "10.0.0.1:",
	    "10.0.0.1:0",
	    "10.0.0.1:65536",
	    "10.0.0.1:080",
	    "10.0.0.1:+80",
	    "10.0.0.1: 80",
	    "10.0.0.1:80 ",
	    "10.0.0.1:99999999999999999999",
	    "[fd00::1",
	    "[fd00::1]x",
	    "[fd00::1]80",
	    "[10.0.0.1]:80",
	    "[]:80",
	    "[",
	    "[]",
	    "host:80",
	    "fd00::1]:80",
	    "fd00:::1",
	    "1111111111111111111111111111111111111111111111111111111111111:80",
	    "[1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc]:80",
	};
	struct hostport hp = {.port = 9};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(hostport_parse(bad[i], 7946, &hp), WEFT_E_INVALID);
	assert_int_equal(hp.port, 9);
}

static void a_prefix_keeps_the_bits_below_its_length(void **state)
{
	static const char *const same[] = {
	    "10.0.0.0/24", "10.1.2.3/24", "0.0.0.0/0",   "10.0.0.1/32",
	    "fd00::1/64",  "::/0",        "fd00::1/128",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(same); i++) {
		char text[PREFIX_TEXT_BYTES];
		struct prefix prefix = prefix_of(same[i]);
		prefix_format(&prefix, text);
		assert_string_equal(text, same[i]);
	}
	assert_int_equal(prefix_of("10.0.0.0/24").bits, 120);
	assert_int_equal(prefix_len(&(struct prefix){ip_of("10.0.0.0"), 120}), 24);
	assert_int_equal(prefix_len(&(struct prefix){ip_of("fd00::"), 56}), 56);
}

static void a_malformed_prefix_is_refused(void **state)
{
	static const char *const bad[] = {
	    "",
	    "/",
	    "10.0.0.0",
	    "10.0.0.0/",
	    "10.0.0.0/33",
	    "10.0.0.0/-1",
	    "10.0.0.0/024",
	    "10.0.0.0/24/",
	    "10.0.0.0/24 ",
	    "10.0.0.0/x",
	    "/24",
	    "fd00::/129",
	    "fd00::",
	    "::ffff:10.0.0.0/40",
	    "10.0.0.0/255.255.255.0",
	    "10.0.0/24",
	};
	struct prefix prefix;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(prefix_parse(bad[i], &prefix), WEFT_E_INVALID);
}

static void a_prefix_knows_its_first_and_last_address(void **state)
{
	static const struct {
		const char *prefix;
		const char *base;
		const char *last;
	} rows[] = {
	    {"10.1.2.3/24", "10.1.2.0", "10.1.2.255"},
	    {"10.1.2.3/20", "10.1.0.0", "10.1.15.255"},
	    {"10.1.2.3/32", "10.1.2.3", "10.1.2.3"},
	    {"10.1.2.3/31", "10.1.2.2", "10.1.2.3"},
	    {"10.1.2.3/0", "0.0.0.0", "255.255.255.255"},
	    {"fd00::1/64", "fd00::", "fd00::ffff:ffff:ffff:ffff"},
	    {"fd12:3456::1/7", "fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
	    {"fd00::1/0", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct prefix prefix = prefix_of(rows[i].prefix);
		struct inet base = prefix_base(&prefix);
		struct inet last = prefix_last(&prefix);
		struct inet before = inet_add(&base, -1);
		struct inet after = inet_add(&last, 1);
		assert_ip(base, rows[i].base);
		assert_ip(last, rows[i].last);
		assert_true(prefix_has(&prefix, &base));
		assert_true(prefix_has(&prefix, &last));
		if (prefix.bits == 0)
			continue;
		assert_false(prefix_has(&prefix, &before));
		assert_false(prefix_has(&prefix, &after));
	}
}

static void prefixes_overlap_when_one_holds_the_other(void **state)
{
	static const struct {
		const char *a;
		const char *b;
		bool overlap;
	} rows[] = {
	    {"10.0.0.0/8", "10.9.0.0/16", true},
	    {"10.0.0.0/24", "10.0.0.0/24", true},
	    {"10.0.0.0/24", "10.0.1.0/24", false},
	    {"10.0.0.0/23", "10.0.1.0/24", true},
	    {"0.0.0.0/0", "10.0.0.1/32", true},
	    {"0.0.0.0/0", "fd00::/8", false},
	    {"::/0", "fd00::/8", true},
	    {"fd00::/64", "fd00:0:0:1::/64", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct prefix a = prefix_of(rows[i].a);
		struct prefix b = prefix_of(rows[i].b);
		assert_int_equal(prefix_overlaps(&a, &b), rows[i].overlap);
		assert_int_equal(prefix_overlaps(&b, &a), rows[i].overlap);
	}
}

/* Any two prefixes either nest or are disjoint: overlap is membership of a base in the other. */
static void overlap_agrees_with_membership_of_the_ends(void **state)
{
	struct rng rng;

	(void)state;
	rng_init(&rng, 13);
	for (size_t i = 0; i < 5000; i++) {
		struct prefix p[2];
		struct inet base[2];
		for (size_t j = 0; j < 2; j++) {
			p[j].ip = inet_from_v4(0x0a000000 | (uint32_t)rng_below(&rng, 1024));
			p[j].bits = (uint8_t)(96 + 20 + rng_below(&rng, 13));
			base[j] = prefix_base(&p[j]);
		}
		assert_int_equal(prefix_overlaps(&p[0], &p[1]),
				 prefix_has(&p[0], &base[1]) || prefix_has(&p[1], &base[0]));
	}
}

static void a_mac_is_read_and_written(void **state)
{
	static const char *const bad[] = {
	    "",
	    "02:00:00:00:00",
	    "02:00:00:00:00:0",
	    "02:00:00:00:00:00:",
	    "02-00-00-00-00-00",
	    "02:00:00:00:00:0g",
	    "0200.0000.0000",
	    "02:00:00:00:000:0",
	    "2:0:0:0:0:0",
	};
	char text[MAC_TEXT_BYTES];
	struct mac mac, again;

	(void)state;
	assert_int_equal(mac_parse("02:42:AC:11:00:fE", &mac), 0);
	mac_format(&mac, text);
	assert_string_equal(text, "02:42:ac:11:00:fe");
	assert_int_equal(mac_parse(text, &again), 0);
	assert_true(mac_eq(&mac, &again));
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(mac_parse(bad[i], &again), WEFT_E_INVALID);
	assert_true(mac_eq(&mac, &again));
	again.b[5] ^= 1;
	assert_false(mac_eq(&mac, &again));
}

static void only_the_two_addresses_of_nobody_are_any(void **state)
{
	static const struct {
		const char *text;
		bool is_any;
	} rows[] = {{"0.0.0.0", true},   {"::", true},   {"0.0.0.1", false},
		    {"10.0.0.0", false}, {"::1", false}, {"255.255.255.255", false}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct inet ip;

		assert_int_equal(inet_parse(rows[i].text, &ip), 0);
		assert_int_equal(inet_is_any(&ip), rows[i].is_any);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(only_the_two_addresses_of_nobody_are_any),
	    cmocka_unit_test(an_id_is_written_as_32_digits_and_read_back),
	    cmocka_unit_test(a_malformed_id_is_refused_and_nothing_is_written),
	    cmocka_unit_test(an_id_is_recognised_by_a_prefix_of_its_digits),
	    cmocka_unit_test(addresses_of_both_families_are_read_and_written),
	    cmocka_unit_test(a_malformed_address_is_refused),
	    cmocka_unit_test(an_ipv4_address_is_a_number_and_back),
	    cmocka_unit_test(adding_carries_through_all_bytes),
	    cmocka_unit_test(addresses_order_as_numbers),
	    cmocka_unit_test(a_host_is_read_with_and_without_its_port),
	    cmocka_unit_test(the_longest_host_fits_its_text),
	    cmocka_unit_test(a_malformed_host_is_refused),
	    cmocka_unit_test(a_prefix_keeps_the_bits_below_its_length),
	    cmocka_unit_test(a_malformed_prefix_is_refused),
	    cmocka_unit_test(a_prefix_knows_its_first_and_last_address),
	    cmocka_unit_test(prefixes_overlap_when_one_holds_the_other),
	    cmocka_unit_test(overlap_agrees_with_membership_of_the_ends),
	    cmocka_unit_test(a_mac_is_read_and_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
