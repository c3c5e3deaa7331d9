/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "cli/progress.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test/base/cmocka_all.h"

/* A terminal that makes the answer come once it was told so often. */
struct terminal {
	int fds[2]; /* the answer is read from the first */
	int answer_after, told;
	char text[512];
	size_t len;
};

static ssize_t on_write(void *cookie, const char *bytes, size_t len)
{
	struct terminal *terminal = cookie;

	assert_true(terminal->len + len < sizeof(terminal->text));
	memcpy(terminal->text + terminal->len, bytes, len);
	terminal->len += len;
	if (memchr(bytes, 's', len) && ++terminal->told == terminal->answer_after)
		assert_int_equal(write(terminal->fds[1], "x", 1), 1);
	return (ssize_t)len;
}

static FILE *open_terminal(struct terminal *terminal)
{
	FILE *out = fopencookie(terminal, "w", (cookie_io_functions_t){.write = on_write});

	assert_non_null(out);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, terminal->fds), 0);
	return out;
}

static void close_terminal(struct terminal *terminal, FILE *out)
{
	fclose(out);
	close(terminal->fds[0]);
	close(terminal->fds[1]);
}

static void what_takes_long_is_told_until_the_answer_comes(void **state)
{
	struct terminal terminal = {.answer_after = 3};
	FILE *out = open_terminal(&terminal);

	(void)state;
	assert_true(progress_wait(terminal.fds[0], 60000, "waits", 1, out) > 0);
	fflush(out);
	assert_int_equal(terminal.told, 3);
	assert_int_equal(strncmp(terminal.text, "\rwaits, 0 s\033[K", 14), 0);
	/* At the end the line is empty. */
	assert_string_equal(terminal.text + terminal.len - 4, "\r\033[K");
	close_terminal(&terminal, out);
}

static void an_answer_at_once_leaves_the_terminal_alone(void **state)
{
	struct terminal terminal = {.answer_after = 1};
	FILE *out = open_terminal(&terminal);

	(void)state;
	assert_int_equal(write(terminal.fds[1], "x", 1), 1);
	assert_true(progress_wait(terminal.fds[0], 60000, "waits", 1000, out) > 59000);
	fflush(out);
	assert_int_equal(terminal.len, 0);
	close_terminal(&terminal, out);
}

static void without_a_terminal_nothing_is_waited_for(void **state)
{
	struct terminal terminal = {.answer_after = 1};
	FILE *out = open_terminal(&terminal);

	(void)state;
	assert_true(progress_wait(terminal.fds[0], 60000, "waits", 1, NULL) > 59000);
	assert_int_equal(progress_wait(terminal.fds[0], 0, "waits", 1, NULL), 0);
	close_terminal(&terminal, out);
}

static void the_time_is_over_at_its_end(void **state)
{
	struct terminal terminal = {.answer_after = 1000};
	FILE *out = open_terminal(&terminal);

	(void)state;
	assert_int_equal(progress_wait(terminal.fds[0], 5, "waits", 1, out), 1);
	assert_true(terminal.told >= 1);
	close_terminal(&terminal, out);
}

static void a_wait_that_looks_by_itself_is_told_and_taken_back(void **state)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	struct progress progress;

	(void)state;
	assert_non_null(out);
	progress_begin(&progress, "waiting", 1, out);
	while (progress.told < 2)
		progress_tick(&progress);
	progress_end(&progress);
	fclose(out);
	assert_non_null(strstr(text, "\rwaiting, 0 s"));
	assert_string_equal(text + len - strlen("\r\033[K"), "\r\033[K");
	free(text);
	/* Nobody to tell. */
	progress_begin(&progress, "waiting", 0, NULL);
	progress_tick(&progress);
	progress_end(&progress);
	assert_int_equal(progress.told, 0);
}

static void every_command_has_words(void **state)
{
	(void)state;
	for (int i = 0; i < API_METHOD_COUNT; i++)
		assert_true(strlen(progress_words((enum api_id)i)) > 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_takes_long_is_told_until_the_answer_comes),
	    cmocka_unit_test(an_answer_at_once_leaves_the_terminal_alone),
	    cmocka_unit_test(without_a_terminal_nothing_is_waited_for),
	    cmocka_unit_test(the_time_is_over_at_its_end),
	    cmocka_unit_test(a_wait_that_looks_by_itself_is_told_and_taken_back),
	    cmocka_unit_test(every_command_has_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
