/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "test/base/cmocka_all.h"

/* What complain says of an error, and its exit code. */
static void said(int code, const char *message, char *out, size_t cap, int *exit_code)
{
	char path[] = "/tmp/weft-run-XXXXXX";
	int fd = mkstemp(path), kept = dup(STDERR_FILENO);
	struct weft_err err = {0};
	ssize_t len;

	assert_true(fd >= 0 && kept >= 0);
	weft_err_set(&err, code, "%s", message);
	dup2(fd, STDERR_FILENO);
	*exit_code = complain(&err);
	dup2(kept, STDERR_FILENO);
	len = pread(fd, out, cap - 1, 0);
	assert_true(len > 0);
	out[len] = '\0';
	close(fd);
	close(kept);
	unlink(path);
}

static void every_error_says_on_one_line_what_to_do(void **state)
{
	char line[2048], expected[2048];
	int exit_code;

	(void)state;
	for (int code = WEFT_E_FIRST_ + 1; code < WEFT_E_END_; code++) {
		const struct weft_code_info *info = weft_code_info(code);

		said(code, "it broke: so", line, sizeof(line), &exit_code);
		assert_int_equal(exit_code, info->exit_code);
		snprintf(expected, sizeof(expected), "weft: it broke: so; %s\n", info->remedy);
		if (strncmp(info->remedy, "the message", 11) != 0)
			assert_string_equal(line, expected);
		/* What says it already is left as it is. */
		said(code, "it broke; mend it", line, sizeof(line), &exit_code);
		assert_string_equal(line, "weft: it broke; mend it\n");
	}
}

static void what_would_break_the_line_or_the_terminal_is_blank(void **state)
{
	char line[2048];
	int exit_code;

	(void)state;
	said(WEFT_E_BUSY, "a\nb\033[31m; wait", line, sizeof(line), &exit_code);
	assert_string_equal(line, "weft: a b [31m; wait\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_error_says_on_one_line_what_to_do),
	    cmocka_unit_test(what_would_break_the_line_or_the_terminal_is_blank),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
