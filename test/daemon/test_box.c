/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/box.h"

static void a_wrong_name_is_told_in_one_line(void **state)
{
	struct weft_err err = {0};
	struct boxes boxes;
	struct box box;

	(void)state;
	assert_int_equal(boxes_init(&boxes, WEFT_NETNS, &err), 0);
	assert_int_equal(boxes_open(&boxes, "no-such-box", &box, &err), WEFT_E_NOT_FOUND);
	assert_non_null(strstr(err.message, "\"no-such-box\""));
	assert_int_equal(box.fds.netns_fd, -1);
	assert_int_equal(box.fds.rtnl_fd, -1);
	assert_int_equal(boxes_open(&boxes, "/etc/passwd", &box, &err), WEFT_E_INVALID);
	boxes_close(&boxes);
}

static void a_helper_that_died_is_started_again(void **state)
{
	struct weft_err err = {0};
	struct boxes boxes;
	struct box box;
	pid_t first;

	(void)state;
	assert_int_equal(boxes_init(&boxes, WEFT_NETNS, &err), 0);
	first = boxes.pid;
	assert_int_equal(kill(first, SIGKILL), 0);
	assert_int_equal(boxes_open(&boxes, "no-such-box", &box, &err), WEFT_E_NOT_FOUND);
	assert_int_equal(boxes.starts, 2);
	assert_int_not_equal(boxes.pid, first);
	/* The dead one was waited for. */
	assert_int_equal(kill(first, 0), -1);
	boxes_close(&boxes);
}

static void a_missing_helper_is_told_and_tried_again(void **state)
{
	struct weft_err err = {0};
	struct boxes boxes;
	struct box box;

	(void)state;
	assert_int_equal(boxes_init(&boxes, "/nonexistent/weft-netns", &err), WEFT_E_UNSUPPORTED);
	assert_non_null(strstr(err.message, "/nonexistent/weft-netns"));
	assert_int_equal(boxes_open(&boxes, "x", &box, &err), WEFT_E_UNSUPPORTED);
	snprintf(boxes.helper, sizeof(boxes.helper), "%s", WEFT_NETNS);
	assert_int_equal(boxes_open(&boxes, "no-such-box", &box, &err), WEFT_E_NOT_FOUND);
	boxes_close(&boxes);
}

static void a_helper_that_does_not_speak_is_given_up(void **state)
{
	struct weft_err err = {0};
	struct boxes boxes;
	struct box box;

	(void)state;
	assert_int_equal(boxes_init(&boxes, "/bin/true", &err), 0);
	assert_int_equal(boxes_open(&boxes, "x", &box, &err), WEFT_E_TIMEOUT);
	assert_int_equal(boxes.fd, -1);
	boxes_close(&boxes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_wrong_name_is_told_in_one_line),
	    cmocka_unit_test(a_helper_that_died_is_started_again),
	    cmocka_unit_test(a_missing_helper_is_told_and_tried_again),
	    cmocka_unit_test(a_helper_that_does_not_speak_is_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
