/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <string.h>

#include "gossip/base/api.h"
#include "gossip/base/err.h"
#include "test/base/cmocka_all.h"

static void every_path_names_fields_and_every_path_field_is_in_its_path(void **state)
{
	(void)state;
	for (int i = 0; i < API_METHOD_COUNT; i++) {
		const struct api_method *method = api_method((enum api_id)i);
		size_t braces = 0, fields = 0;

		assert_int_equal(method->id, i);
		assert_true(method->help[0] != '\0');
		for (const char *at = strchr(method->path, '{'); at; at = strchr(at + 1, '{')) {
			char name[API_PART_BYTES] = "";
			const struct api_field *field;

			memcpy(name, at + 1, strcspn(at + 1, "}"));
			field = api_field_find(method, name);
			assert_non_null(field);
			assert_int_equal(field->place, API_IN_PATH);
			assert_true(field->required);
			braces++;
		}
		for (size_t j = 0; j < method->field_count; j++) {
			fields += method->fields[j].place == API_IN_PATH;
			assert_true(method->fields[j].help[0] != '\0');
		}
		assert_int_equal(braces, fields);
	}
}

static void methods_are_found_by_verb_and_path(void **state)
{
	struct api_path path;
	bool other;

	(void)state;
	for (int i = 0; i < API_METHOD_COUNT; i++) {
		const struct api_method *method = api_method((enum api_id)i);

		/* The pattern itself fits: braces are characters like others in a value. */
		assert_ptr_equal(api_find(method->verb, method->path, &path, &other), method);
	}
	assert_ptr_equal(api_find("DELETE", "/v1/networks/blue/leases/10.0.0.1", &path, &other),
			 api_method(API_IPAM_RELEASE));
	assert_int_equal(path.count, 2);
	assert_string_equal(path.names[0], "network");
	assert_string_equal(path.values[0], "blue");
	assert_string_equal(path.names[1], "address");
	assert_string_equal(path.values[1], "10.0.0.1");
	assert_null(api_find("PUT", "/v1/status", &path, &other));
	assert_true(other);
	assert_null(api_find("GET", "/v1/status/", &path, &other));
	assert_null(api_find("GET", "/v1/networks/", &path, &other));
	assert_null(api_find("GET", "", &path, &other));
	assert_false(other);
}

static void commands_are_found_by_their_words(void **state)
{
	static const char *const words[] = {"network", "create", "blue"};
	size_t used;

	(void)state;
	assert_ptr_equal(api_find_command(words, 3, &used), api_method(API_NETWORK_CREATE));
	assert_int_equal(used, 2);
	assert_null(api_find_command(words, 1, &used));
	assert_null(api_find_command(words, 0, &used));
}

static void durations_are_read_with_their_units(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} rows[] = {{"250ms", 250},    {"90s", 90000},
		    {"90", 90000},     {"5m", 300000},
		    {"24h", 86400000}, {"7d", 604800000},
		    {"0", 0},          {"", -1},
		    {"s", -1},         {"-5s", -1},
		    {"5 s", -1},       {"5x", -1},
		    {"1.5h", -1},      {"9999999999999999999s", -1}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t ms = -1;
		int rc = api_duration_parse(rows[i].text, &ms);

		assert_int_equal(rc, rows[i].ms < 0 ? WEFT_E_INVALID : 0);
		if (rc == 0)
			assert_int_equal(ms, rows[i].ms);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_path_names_fields_and_every_path_field_is_in_its_path),
	    cmocka_unit_test(methods_are_found_by_verb_and_path),
	    cmocka_unit_test(commands_are_found_by_their_words),
	    cmocka_unit_test(durations_are_read_with_their_units),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
