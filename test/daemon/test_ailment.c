/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <string.h>

#include <stdio.h>
#include <stdlib.h>

#include "daemon/ailment.h"
#include "test/base/cmocka_all.h"

struct world {
	struct log log;
	struct ailment ailment;
	char *text;
	size_t len;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	log_init(&w->log, open_memstream(&w->text, &w->len), LOG_LEVEL_INFO, LOG_TEXT);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	fclose(w->log.out);
	free(w->text);
	free(w);
	return 0;
}

/* A commit that failed (or, with code 0, did not) at a second. */
static void commit(struct world *w, int64_t second, int code)
{
	struct weft_err err = {.code = code, .message = "store full: no space"};

	ailment_note(&w->ailment, &w->log, (struct mono){second * NS_PER_S}, code ? &err : NULL);
}

static size_t lines(struct world *w)
{
	size_t count = 0;

	fflush(w->log.out);
	for (const char *at = w->text; at && (at = strchr(at, '\n')); at++)
		count++;
	return count;
}

static void a_full_disk_is_one_line_a_minute_however_many_commits_fail(void **state)
{
	struct world *w = *state;

	for (int64_t i = 0; i < 600; i++)
		commit(w, 100 + i / 10, WEFT_E_STORE_FULL); /* a minute */
	assert_int_equal(lines(w), 1);
	assert_non_null(strstr(w->text, "a commit failed: store full"));
	commit(w, 160, WEFT_E_STORE_FULL);
	assert_int_equal(lines(w), 2);
	assert_non_null(strstr(w->text, "601 commits failed so far"));
	assert_int_equal(w->ailment.err.code, WEFT_E_STORE_FULL);
}

static void its_end_is_said_once_and_the_next_one_is_news_again(void **state)
{
	struct world *w = *state;

	commit(w, 1, 0);
	assert_int_equal(lines(w), 0);
	commit(w, 2, WEFT_E_STORE);
	commit(w, 3, 0);
	commit(w, 3, 0);
	assert_int_equal(lines(w), 2);
	assert_non_null(strstr(w->text, "can be written again; 1 commit failed"));
	assert_int_equal(w->ailment.err.code, 0);
	commit(w, 4, WEFT_E_STORE);
	assert_int_equal(lines(w), 3);
}

static void another_reason_is_said_at_once(void **state)
{
	struct world *w = *state;

	commit(w, 1, WEFT_E_STORE_FULL);
	commit(w, 2, WEFT_E_STORE);
	assert_int_equal(lines(w), 2);
}

static void a_batch_that_is_wrong_itself_is_logged_and_no_ailment(void **state)
{
	struct world *w = *state;

	commit(w, 1, WEFT_E_CONFLICT);
	assert_int_equal(lines(w), 1);
	assert_int_equal(w->ailment.err.code, 0);
	commit(w, 2, WEFT_E_STORE);
	commit(w, 3, WEFT_E_CONFLICT);
	assert_int_equal(w->ailment.err.code, WEFT_E_STORE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		a_full_disk_is_one_line_a_minute_however_many_commits_fail, setup, teardown),
	    cmocka_unit_test_setup_teardown(its_end_is_said_once_and_the_next_one_is_news_again,
					    setup, teardown),
	    cmocka_unit_test_setup_teardown(another_reason_is_said_at_once, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_batch_that_is_wrong_itself_is_logged_and_no_ailment,
					    setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
