/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <string.h>

#include "cli/cli.h"
#include "test/base/cmocka_all.h"

static void an_option_is_taken_with_its_value_behind_it_or_after_an_equals_sign(void **state)
{
	struct cli_options options = {.socket = NULL};
	bool used_next;

	(void)state;
	assert_int_equal(common_take("--socket", COMMON_BEHIND, "/a", &options, &used_next),
			 COMMON_TAKEN);
	assert_true(used_next);
	assert_string_equal(options.socket, "/a");
	assert_int_equal(common_take("--socket=/b", COMMON_FRONT, "/a", &options, &used_next),
			 COMMON_TAKEN);
	assert_false(used_next);
	assert_string_equal(options.socket, "/b");
	assert_int_equal(common_take("-h", COMMON_BEHIND, NULL, &options, &used_next),
			 COMMON_TAKEN);
	assert_true(options.help && !options.json);
}

static void a_word_that_is_no_option_or_lacks_its_value_changes_nothing(void **state)
{
	static const struct {
		const char *word;
		enum common_taken taken;
		const char *fault;
	} rows[] = {
	    {"--socket", COMMON_LACKS_VALUE, "a value is missing behind"},
	    {"--json=yes", COMMON_TAKES_NO_VALUE, "this option takes no value:"},
	    {"--jso", COMMON_NONE, "unknown option"},
	    {"--sockets=", COMMON_NONE, "unknown option"},
	    {"blue", COMMON_NONE, "unknown option"},
	    {"--request-id", COMMON_NONE, "unknown option"},
	};
	struct cli_options options = {.socket = "/a"};
	bool used_next;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		enum common_taken taken =
		    common_take(rows[i].word, COMMON_BEHIND, NULL, &options, &used_next);

		assert_int_equal(taken, rows[i].taken);
		assert_false(used_next);
		assert_string_equal(common_fault(taken), rows[i].fault);
	}
	assert_string_equal(options.socket, "/a");
	assert_false(options.json || options.help || options.version);
}

static void an_option_stands_only_where_it_means_something(void **state)
{
	const char *value;
	const struct common_option *id = common_find("--request-id=7", COMMON_CHANGES, &value);

	(void)state;
	assert_non_null(id);
	assert_string_equal(value, "7");
	assert_true(common_is_behind(id, api_method(API_ATTACH)));
	assert_false(common_is_behind(id, api_method(API_STATUS)));
	assert_null(common_find("--version", COMMON_BEHIND, &value));
	assert_non_null(common_find("--version", COMMON_FRONT, &value));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_option_is_taken_with_its_value_behind_it_or_after_an_equals_sign),
	    cmocka_unit_test(a_word_that_is_no_option_or_lacks_its_value_changes_nothing),
	    cmocka_unit_test(an_option_stands_only_where_it_means_something),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
