/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "cmocka_all.h"

#include <string.h>

#include "gossip/base/err.h"

static void every_code_has_a_name_of_its_own_that_parses_back(void **state)
{
	(void)state;
	for (int code = WEFT_E_FIRST_ + 1; code < WEFT_E_END_; code++) {
		const struct weft_code_info *info = weft_code_info(code);
		assert_int_equal(weft_code_parse(info->name), code);
		for (int other = WEFT_E_FIRST_ + 1; other < code; other++)
			assert_string_not_equal(info->name, weft_code_info(other)->name);
	}
}

static void every_name_is_fit_for_json_and_shells(void **state)
{
	(void)state;
	for (int code = WEFT_E_FIRST_ + 1; code < WEFT_E_END_; code++) {
		const struct weft_code_info *info = weft_code_info(code);
		size_t len = strlen(info->name);
		assert_int_equal(strspn(info->name, "abcdefghijklmnopqrstuvwxyz_"), len);
		assert_in_range(len, 3, 30);
		assert_true(strlen(info->help) > 5);
	}
}

static void statuses_and_exit_codes_are_the_documented_ones(void **state)
{
	(void)state;
	for (int code = WEFT_E_FIRST_ + 1; code < WEFT_E_END_; code++) {
		const struct weft_code_info *info = weft_code_info(code);
		assert_in_range(info->exit_code, 1, 6);
		if (code == WEFT_E_UNREACHABLE)
			assert_int_equal(info->http_status, 0);
		else
			assert_in_range(info->http_status, 400, 599);
		/* "Try again" is what exit code 6 says, so it must be true. */
		if (info->exit_code == 6)
			assert_true(info->retryable);
	}
	assert_int_equal(weft_code_info(WEFT_E_INVALID)->exit_code, 2);
	assert_int_equal(weft_code_info(WEFT_E_NOT_FOUND)->exit_code, 3);
	assert_int_equal(weft_code_info(WEFT_E_AMBIGUOUS)->exit_code, 4);
	assert_int_equal(weft_code_info(WEFT_E_UNREACHABLE)->exit_code, 5);
	assert_int_equal(weft_code_info(WEFT_E_TIMEOUT)->exit_code, 6);
}

static void an_unknown_code_is_shown_as_internal(void **state)
{
	static const int unknown[] = {WEFT_E_FIRST_, WEFT_E_END_, -1, 1, -5000, 70000};

	(void)state;
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
		assert_ptr_equal(weft_code_info(unknown[i]), weft_code_info(WEFT_E_INTERNAL));
	assert_string_equal(weft_code_info(WEFT_OK)->name, "ok");
	assert_int_equal(weft_code_info(WEFT_OK)->exit_code, 0);
	assert_int_equal(weft_code_parse("no such name"), WEFT_E_INTERNAL);
	assert_int_equal(weft_code_parse(""), WEFT_E_INTERNAL);
}

static void setting_returns_the_code_also_without_a_place_for_it(void **state)
{
	struct weft_err err = {0};

	(void)state;
	assert_int_equal(weft_err_set(NULL, WEFT_E_BUSY, "%d", 1), WEFT_E_BUSY);
	assert_int_equal(weft_err_set(&err, WEFT_E_BUSY, "%d calls", 7), WEFT_E_BUSY);
	assert_int_equal(err.code, WEFT_E_BUSY);
	assert_string_equal(err.message, "7 calls");
}

static void wrapping_puts_the_outer_context_first(void **state)
{
	struct weft_err err = {0};

	(void)state;
	weft_err_set(&err, WEFT_E_STORE, "disk full");
	assert_int_equal(weft_err_wrap(&err, "commit %d", 3), WEFT_E_STORE);
	assert_int_equal(weft_err_wrap(&err, "attach"), WEFT_E_STORE);
	assert_string_equal(err.message, "attach: commit 3: disk full");
	assert_int_equal(weft_err_wrap(NULL, "attach"), WEFT_E_INTERNAL);
}

static void foreign_text_cannot_break_the_line(void **state)
{
	struct weft_err err = {0};

	(void)state;
	weft_err_set(&err, WEFT_E_INVALID, "name '%s'", "a\nb\x1b[31mc\x7f\td");
	assert_string_equal(err.message, "name 'a b [31mc  d'");
	weft_err_set(&err, WEFT_E_INVALID, "bad file");
	weft_err_wrap(&err, "%s", "x\r\ny");
	assert_string_equal(err.message, "x  y: bad file");
}

static void a_long_message_is_cut_between_characters(void **state)
{
	char text[2 * WEFT_ERR_BYTES];
	struct weft_err err = {0};

	(void)state;
	for (size_t shift = 0; shift < 4; shift++) {
		size_t len;
		memset(text, 'x', shift);
		text[shift] = '\0';
		while (strlen(text) + 4 < sizeof(text))
			memcpy(text + strlen(text), "\xf0\x9f\xa7\xb5", 5);
		weft_err_set(&err, WEFT_E_INVALID, "%s", text);
		len = strlen(err.message);
		assert_in_range(len, WEFT_ERR_BYTES - 5, WEFT_ERR_BYTES - 1);
		assert_int_equal((len - shift) % 4, 0);
	}
	memset(text, 'y', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	weft_err_set(&err, WEFT_E_INVALID, "%s", text);
	assert_int_equal(strlen(err.message), WEFT_ERR_BYTES - 1);
	weft_err_wrap(&err, "%s", text);
	assert_int_equal(strlen(err.message), WEFT_ERR_BYTES - 1);
}

static void a_line_for_people_says_what_to_do(void **state)
{
	char line[WEFT_ERR_LINE_BYTES];
	struct weft_err err;

	(void)state;
	for (int code = WEFT_E_FIRST_ + 1; code < WEFT_E_END_; code++) {
		const char *remedy = weft_code_info(code)->remedy;

		weft_err_set(&err, code, "it failed; mend it");
		weft_err_line(&err, line);
		assert_string_equal(line, "it failed; mend it");
		/* Where the message alone can know what would be right it has to say so. */
		if (strncmp(remedy, "the message", 11) == 0)
			continue;
		weft_err_set(&err, code, "it failed");
		weft_err_line(&err, line);
		assert_int_equal(strncmp(line, "it failed; ", 11), 0);
		assert_string_equal(line + 11, remedy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_code_has_a_name_of_its_own_that_parses_back),
	    cmocka_unit_test(every_name_is_fit_for_json_and_shells),
	    cmocka_unit_test(statuses_and_exit_codes_are_the_documented_ones),
	    cmocka_unit_test(an_unknown_code_is_shown_as_internal),
	    cmocka_unit_test(setting_returns_the_code_also_without_a_place_for_it),
	    cmocka_unit_test(wrapping_puts_the_outer_context_first),
	    cmocka_unit_test(foreign_text_cannot_break_the_line),
	    cmocka_unit_test(a_line_for_people_says_what_to_do),
	    cmocka_unit_test(a_long_message_is_cut_between_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
