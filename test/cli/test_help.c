/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <string.h>

#include <stdio.h>
#include <stdlib.h>

#include "cli/cli.h"
#include "test/base/cmocka_all.h"

static char *help_of(const struct api_method *method)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (method)
		help_method(method, out);
	else
		help_all(out);
	fclose(out);
	return text;
}

static void the_help_lists_every_command(void **state)
{
	char *text = help_of(NULL);

	(void)state;
	for (int i = 0; i < API_METHOD_COUNT; i++) {
		const struct api_method *method = api_method((enum api_id)i);

		if (!method->command)
			continue;
		assert_non_null(strstr(text, method->command));
		assert_non_null(strstr(text, method->help));
	}
	free(text);
}

static void the_help_of_a_command_explains_all_that_can_be_typed(void **state)
{
	(void)state;
	for (int i = 0; i < API_METHOD_COUNT; i++) {
		const struct api_method *method = api_method((enum api_id)i);
		char *text;

		if (!method->command)
			continue;
		text = help_of(method);
		for (size_t j = 0; j < method->field_count; j++) {
			const struct api_field *field = &method->fields[j];

			if (!field->option || field->option[0])
				assert_non_null(strstr(text, field->help));
			if (field->option && field->option[0])
				assert_non_null(strstr(text, field->option));
		}
		free(text);
	}
}

static void the_help_says_which_options_may_be_repeated(void **state)
{
	char text[HELP_FIELD_BYTES];

	(void)state;
	for (int i = 0; i < API_METHOD_COUNT; i++) {
		const struct api_method *method = api_method((enum api_id)i);

		for (size_t j = 0; j < method->field_count; j++) {
			const struct api_field *field = &method->fields[j];
			bool is_list = field->type == API_TEXTS || field->type == API_LABELS;

			help_field(field, text, sizeof(text));
			assert_true(strlen(text) + 1 < sizeof(text));
			assert_int_equal(strstr(text, "; may be repeated") != NULL,
					 is_list && field->option);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_help_lists_every_command),
	    cmocka_unit_test(the_help_of_a_command_explains_all_that_can_be_typed),
	    cmocka_unit_test(the_help_says_which_options_may_be_repeated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
