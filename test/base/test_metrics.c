/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "gossip/base/metrics.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "cmocka_all.h"

/* Is the word one of those between underscores? */
static bool has_word(const char *name, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = strstr(name, word); at; at = strstr(at + 1, word)) {
		if (at > name && at[-1] == '_' && (at[len] == '_' || at[len] == '\0'))
			return true;
	}
	return false;
}

static bool ends_in(const char *text, const char *end)
{
	size_t len = strlen(text), end_len = strlen(end);

	return len > end_len && strcmp(text + len - end_len, end) == 0;
}

static void names_are_those_of_prometheus(void **state)
{
	/* Base units only, written out. */
	static const char *const strangers[] = {"ms",    "us", "ns",  "msec", "usec",   "minutes",
						"hours", "kb", "kib", "mib",  "percent"};

	(void)state;
	for (int i = 0; i < METRIC_COUNT; i++) {
		const struct metric_info *info = metric_info((enum metric_id)i);

		assert_int_equal(strncmp(info->name, "weft_", 5), 0);
		for (const char *at = info->name; *at; at++)
			assert_true(islower((unsigned char)*at) || *at == '_');
		assert_null(strstr(info->name, "__"));
		assert_int_equal(ends_in(info->name, "_total"), info->type == METRIC_COUNTER);
		for (size_t s = 0; s < sizeof(strangers) / sizeof(strangers[0]); s++)
			assert_false(has_word(info->name, strangers[s]));
	}
}

static void each_has_one_line_of_help(void **state)
{
	(void)state;
	for (int i = 0; i < METRIC_COUNT; i++) {
		const struct metric_info *info = metric_info((enum metric_id)i);

		assert_true(strlen(info->help) > 3);
		assert_null(strpbrk(info->help, "\n\\"));
		/* Times and sizes say their unit in the name, not here. */
		assert_null(strstr(info->help, "in seconds"));
		assert_null(strstr(info->help, "in bytes"));
	}
}

static void each_is_found_by_its_name_alone(void **state)
{
	(void)state;
	for (int i = 0; i < METRIC_COUNT; i++)
		assert_int_equal(metric_find(metric_info((enum metric_id)i)->name), i);
	assert_int_equal(metric_find("weft_"), METRIC_COUNT);
}

static void types_have_names(void **state)
{
	(void)state;
	assert_string_equal(metric_type_name(METRIC_GAUGE), "gauge");
	assert_string_equal(metric_type_name(METRIC_COUNTER), "counter");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names_are_those_of_prometheus),
	    cmocka_unit_test(each_has_one_line_of_help),
	    cmocka_unit_test(each_is_found_by_its_name_alone),
	    cmocka_unit_test(types_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
