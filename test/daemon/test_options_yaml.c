/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/options.h"
#include "test/base/cmocka_all.h"

static void every_complaint_names_the_key_and_not_the_library(void **state)
{
	static const struct {
		const char *yaml;
		const char *line;
	} rows[] = {
	    {"state-dir: /x\nfoo: 3\n", "weft.yaml: unknown option \"foo\""},
	    {"state-dir: [1, 2]\n", "weft.yaml: \"state-dir\" takes one value"},
	    {"bind: {a: b}\n", "weft.yaml: \"bind\" takes one value"},
	    {"bind: 1.2.3.4\nbind: 1.2.3.5\n", "weft.yaml: \"bind\" is given twice"},
	    {"- a\n", "weft.yaml: expected lines of the form"},
	    {"just words\n", "weft.yaml: expected lines of the form"},
	    {"bind: \"x\n", "weft.yaml: not readable as YAML after the option bind"},
	    {"\tbind: x\n", "weft.yaml: not readable as YAML"},
	    {"bind: &a x\nname: *a\n", "after the option name: aliases are not taken"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct option_texts texts = {.config_given = false};
		struct weft_err err = {0};

		assert_int_equal(
		    options_yaml(&texts, rows[i].yaml, strlen(rows[i].yaml), "weft.yaml", &err),
		    WEFT_E_INVALID);
		assert_non_null(strstr(err.message, rows[i].line));
		assert_null(strstr(err.message, "libyaml"));
		assert_null(strstr(err.message, "STRING"));
	}
}

static void an_empty_file_sets_nothing(void **state)
{
	struct option_texts texts = {.config_given = false};
	struct weft_err err = {0};

	(void)state;
	assert_int_equal(options_yaml(&texts, "", 0, "weft.yaml", &err), 0);
	assert_int_equal(options_yaml(&texts, "# nothing\n", 10, "weft.yaml", &err), 0);
	for (size_t i = 0; i < OPTION_COUNT; i++)
		assert_int_equal(texts.source[i], FROM_NOWHERE);
}

static void every_option_may_stand_in_the_file(void **state)
{
	(void)state;
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		struct option_texts texts = {.config_given = false};
		struct weft_err err = {0};
		char yaml[128];
		int n = snprintf(yaml, sizeof(yaml), "%s: value\n",
				 option_info((enum option_id)i)->name);

		assert_int_equal(options_yaml(&texts, yaml, (size_t)n, "weft.yaml", &err), 0);
		assert_string_equal(texts.text[i], "value");
		assert_int_equal(texts.source[i], FROM_FILE);
	}
}

static void a_pipe_is_no_configuration_and_holds_nobody(void **state)
{
	char dir[] = "/tmp/weft-options-XXXXXX";
	struct option_texts texts = {.config_given = true};
	struct weft_err err = {0};

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(texts.config, sizeof(texts.config), "%s/pipe", dir);
	assert_int_equal(mkfifo(texts.config, 0600), 0);
	assert_int_equal(options_file(&texts, &err), WEFT_E_INVALID);
	assert_non_null(strstr(err.message, "/pipe is not a file"));
	assert_int_equal(unlink(texts.config), 0);
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_complaint_names_the_key_and_not_the_library),
	    cmocka_unit_test(an_empty_file_sets_nothing),
	    cmocka_unit_test(every_option_may_stand_in_the_file),
	    cmocka_unit_test(a_pipe_is_no_configuration_and_holds_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
