/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "cmocka_all.h"

#include "gossip/base/instant.h"

static const struct mono start = {5 * NS_PER_S};

static void adding_and_subtracting_agree(void **state)
{
	struct mono later = mono_add_ms(start, 1500);

	(void)state;
	assert_int_equal(later.ns, 6 * NS_PER_S + 500 * NS_PER_MS);
	assert_int_equal(mono_diff_ms(later, start), 1500);
	assert_int_equal(mono_diff_ns(start, later), -1500 * NS_PER_MS);
	assert_int_equal(mono_add_ms(later, -1500).ns, start.ns);
	assert_int_equal(mono_add_ns(later, -7).ns, later.ns - 7);
}

static void a_duration_too_long_is_never(void **state)
{
	(void)state;
	assert_int_equal(mono_add_ms(start, INT64_MAX).ns, INT64_MAX);
	assert_int_equal(mono_add_ms(start, INT64_MAX / NS_PER_MS).ns, INT64_MAX);
	assert_int_equal(mono_add_ns(start, INT64_MAX).ns, INT64_MAX);
	assert_int_equal(mono_add_ms(MONO_NEVER, 1).ns, INT64_MAX);
	assert_int_equal(mono_add_ms((struct mono){-1}, INT64_MIN).ns, INT64_MIN);
}

static void an_instant_is_due_from_its_own_moment_on(void **state)
{
	(void)state;
	assert_true(mono_is_due(start, start));
	assert_true(mono_is_due(start, mono_add_ns(start, 1)));
	assert_false(mono_is_due(start, mono_add_ns(start, -1)));
	assert_false(mono_is_due(MONO_NEVER, start));
}

static void the_earlier_of_two_wins(void **state)
{
	(void)state;
	assert_int_equal(mono_min(start, MONO_NEVER).ns, start.ns);
	assert_int_equal(mono_min(MONO_NEVER, start).ns, start.ns);
}

static void instants_are_written_as_rfc_3339_has_them(void **state)
{
	static const struct {
		int64_t ms;
		const char *text;
	} cases[] = {
	    {0, "1970-01-01T00:00:00.000Z"},
	    {INT64_C(951782400000), "2000-02-29T00:00:00.000Z"},
	    {INT64_C(1795224655123), "2026-11-21T01:30:55.123Z"},
	    {INT64_C(253402300799000), "9999-12-31T23:59:59.000Z"},
	    {-1, "1969-12-31T23:59:59.999Z"},
	    {INT64_C(253402300800000), "253402300800000 ms"},
	    {INT64_MIN, "-9223372036854775808 ms"},
	};
	char text[WALL_TEXT_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		wall_format((struct wall){cases[i].ms}, text);
		assert_string_equal(text, cases[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(adding_and_subtracting_agree),
	    cmocka_unit_test(a_duration_too_long_is_never),
	    cmocka_unit_test(an_instant_is_due_from_its_own_moment_on),
	    cmocka_unit_test(the_earlier_of_two_wins),
	    cmocka_unit_test(instants_are_written_as_rfc_3339_has_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
