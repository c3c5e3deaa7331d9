/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <string.h>

#include "gossip/trust/token.h"
#include "test/base/cmocka_all.h"

static void an_empty_pattern_fits_every_name(void **state)
{
	(void)state;
	assert_true(name_fits_pattern("anything", ""));
	assert_true(name_fits_pattern("", ""));
}

static void patterns_fit_as_a_shell_has_them(void **state)
{
	static const struct {
		const char *name, *pattern;
		bool fits;
	} cases[] = {
	    {"web1", "web1", true},
	    {"web1", "web", false},
	    {"web", "web1", false},
	    {"web1", "web*", true},
	    {"web", "web*", true},
	    {"db1", "web*", false},
	    {"web1", "web?", true},
	    {"web", "web?", false},
	    {"web12", "web?", false},
	    {"web7", "web[0-9]", true},
	    {"webx", "web[0-9]", false},
	    {"webx", "web[!0-9]", true},
	    {"web7", "web[!0-9]", false},
	    {"a]b", "a[]]b", true},
	    {"a-b", "a[x-]b", true},
	    {"a.b.c", "*.c", true},
	    {"a.b.c", "*b*", true},
	    {"abcabd", "*abd", true},
	    {"aaab", "*a*b", true},
	    {"aaac", "*a*b", false},
	    {"a[b", "a[b", true},
	    {"x", "**", true},
	    {"", "*", true},
	    {"", "?", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (name_fits_pattern(cases[i].name, cases[i].pattern) != cases[i].fits)
			fail_msg("%s against %s", cases[i].name, cases[i].pattern);
	}
}

static void a_hostile_pattern_costs_no_more_than_its_length_times_the_names(void **state)
{
	(void)state;
	/* Exponential matchers do not come back from this one. */
	assert_false(name_fits_pattern("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
				       "a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_empty_pattern_fits_every_name),
	    cmocka_unit_test(patterns_fit_as_a_shell_has_them),
	    cmocka_unit_test(a_hostile_pattern_costs_no_more_than_its_length_times_the_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
