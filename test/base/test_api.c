/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "cmocka_all.h"

#include <stdio.h>
#include <string.h>

#include "gossip/base/api.h"
#include "gossip/base/err.h"

static const struct api_method *method(int id)
{
	return api_method((enum api_id)id);
}

static void every_method_is_found_by_its_own_verb_and_path(void **state)
{
	(void)state;
	for (int id = 0; id < API_METHOD_COUNT; id++) {
		char text[256] = "";
		struct api_path path;
		const char *pattern = method(id)->path;
		size_t values = 0;
		bool other;
		assert_int_equal(method(id)->id, id);
		/* Each part in braces becomes a value that stands for itself. */
		for (size_t len = 0; *pattern != '\0'; pattern++) {
			if (*pattern == '{') {
				len += (size_t)snprintf(text + len, sizeof(text) - len, "value%zu",
							values++);
				pattern = strchr(pattern, '}');
			} else {
				text[len++] = *pattern;
				text[len] = '\0';
			}
		}
		assert_ptr_equal(api_find(method(id)->verb, text, &path, &other), method(id));
		assert_int_equal(path.count, values);
		for (size_t i = 0; i < values; i++) {
			char value[16];
			snprintf(value, sizeof(value), "value%zu", i);
			assert_string_equal(path.values[i], value);
			assert_non_null(api_field_find(method(id), path.names[i]));
		}
	}
}

static void the_fields_of_a_path_are_its_parts_in_braces(void **state)
{
	(void)state;
	for (int id = 0; id < API_METHOD_COUNT; id++) {
		size_t braces = 0;
		size_t in_path = 0;
		for (const char *at = method(id)->path; (at = strchr(at, '{')) != NULL; at++)
			braces++;
		for (size_t i = 0; i < method(id)->field_count; i++) {
			const struct api_field *field = &method(id)->fields[i];
			char part[80];
			if (field->place != API_IN_PATH)
				continue;
			in_path++;
			assert_true(field->required);
			snprintf(part, sizeof(part), "{%s}", field->name);
			assert_non_null(strstr(method(id)->path, part));
		}
		assert_int_equal(in_path, braces);
	}
}

static void fields_and_options_are_named_once_a_method(void **state)
{
	(void)state;
	for (int id = 0; id < API_METHOD_COUNT; id++) {
		const struct api_field *fields = method(id)->fields;
		for (size_t i = 0; i < method(id)->field_count; i++) {
			const char *option = fields[i].option;
			assert_ptr_equal(api_field_find(method(id), fields[i].name), &fields[i]);
			assert_true(strlen(fields[i].help) > 0);
			if (option == NULL || option[0] == '\0')
				continue;
			assert_memory_equal(option, "--", 2);
			for (size_t j = 0; j < i; j++) {
				if (fields[j].option != NULL)
					assert_string_not_equal(fields[j].option, option);
			}
		}
		assert_null(api_field_find(method(id), "no_such_field"));
	}
}

static void only_what_reads_is_a_get(void **state)
{
	(void)state;
	for (int id = 0; id < API_METHOD_COUNT; id++) {
		if (method(id)->flags & API_CHANGES)
			assert_string_not_equal(method(id)->verb, "GET");
		if (method(id)->flags & API_LIST)
			assert_non_null(method(id)->list_key);
		for (size_t i = 0; i < method(id)->field_count; i++) {
			if (method(id)->fields[i].place == API_IN_BODY)
				assert_string_equal(method(id)->verb, "POST");
		}
	}
}

static void a_path_of_another_shape_is_no_method(void **state)
{
	static const char *const none[] = {
	    "",
	    "/",
	    "/v1",
	    "/v1/",
	    "/v1/status/",
	    "/v1//status",
	    "/v1/stat",
	    "/v1/statuss",
	    "v1/status",
	    "/v1/tokens/",
	    "/v1/tokens//",
	    "/v1/tokens/a/b",
	    "/V1/status",
	    "/v2/status",
	};
	char longer[API_PART_BYTES + 16] = "/v1/tokens/";
	struct api_path path;
	bool other;

	(void)state;
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		assert_null(api_find("GET", none[i], &path, &other));
		assert_false(other);
		assert_int_equal(path.count, 0);
	}
	memset(longer + 11, 'a', API_PART_BYTES);
	longer[11 + API_PART_BYTES - 1] = '\0';
	assert_non_null(api_find("DELETE", longer, &path, &other));
	longer[11 + API_PART_BYTES - 1] = 'a';
	assert_null(api_find("DELETE", longer, &path, &other));
}

static void a_path_under_another_verb_is_told_apart_from_none(void **state)
{
	struct api_path path;
	bool other;

	(void)state;
	assert_null(api_find("PATCH", "/v1/status", &path, &other));
	assert_true(other);
	assert_null(api_find("get", "/v1/status", &path, &other));
	assert_true(other);
}

static void every_command_is_found_and_hides_no_other(void **state)
{
	(void)state;
	for (int id = 0; id < API_METHOD_COUNT; id++) {
		const char *words[8];
		char text[128];
		char *rest = text;
		size_t count = 0;
		size_t used;
		if (method(id)->command == NULL)
			continue;
		snprintf(text, sizeof(text), "%s", method(id)->command);
		while (rest != NULL)
			words[count++] = strsep(&rest, " ");
		words[count] = "argument";
		assert_ptr_equal(api_find_command(words, count + 1, &used), method(id));
		assert_int_equal(used, count);
		if (count > 1)
			assert_null(api_find_command(words, count - 1, &used));
	}
}

static void unknown_words_are_no_command(void **state)
{
	static const char *const words[] = {"frobnicate", "all"};
	size_t used = 9;

	(void)state;
	assert_null(api_find_command(words, 2, &used));
	assert_int_equal(used, 0);
	assert_null(api_find_command(words, 0, &used));
}

static void durations_are_numbers_with_a_unit(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} good[] = {
	    {"0", 0},       {"5", 5000},       {"250ms", 250},    {"90s", 90000},
	    {"5m", 300000}, {"24h", 86400000}, {"7d", 604800000}, {"999999999999ms", 999999999999},
	};
	static const char *const bad[] = {
	    "",
	    "s",
	    "-1s",
	    "+1s",
	    " 1s",
	    "1 s",
	    "1.5s",
	    "1S",
	    "1w",
	    "1sm",
	    "1e3",
	    "9999999999999ms", /* too many digits */
	    "999999999999d",   /* more milliseconds than there are */
	    "106751991168d",   /* the first day of these */
	};
	int64_t ms;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(api_duration_parse(good[i].text, &ms), 0);
		assert_int_equal(ms, good[i].ms);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(api_duration_parse(bad[i], &ms), WEFT_E_INVALID);
	assert_int_equal(api_duration_parse("106751991167d", &ms), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_method_is_found_by_its_own_verb_and_path),
	    cmocka_unit_test(the_fields_of_a_path_are_its_parts_in_braces),
	    cmocka_unit_test(fields_and_options_are_named_once_a_method),
	    cmocka_unit_test(only_what_reads_is_a_get),
	    cmocka_unit_test(a_path_of_another_shape_is_no_method),
	    cmocka_unit_test(a_path_under_another_verb_is_told_apart_from_none),
	    cmocka_unit_test(every_command_is_found_and_hides_no_other),
	    cmocka_unit_test(unknown_words_are_no_command),
	    cmocka_unit_test(durations_are_numbers_with_a_unit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
