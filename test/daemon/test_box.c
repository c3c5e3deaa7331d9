/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <string.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/kernel/box.h"
#include "test/base/cmocka_all.h"

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

static void a_helper_has_no_descriptor_of_its_parents_but_its_line(void **state)
{
	struct weft_err err = {0};
	struct boxes boxes;
	char path[64];
	int open_one = dup2(STDERR_FILENO, 77); /* as libraries have */

	(void)state;
	assert_int_equal(open_one, 77);
	assert_int_equal(boxes_init(&boxes, WEFT_NETNS, &err), 0);
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)boxes.pid, STDIN_FILENO);
	assert_int_equal(faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW), 0);
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)boxes.pid, open_one);
	assert_int_equal(faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW), -1);
	boxes_close(&boxes);
	close(open_one);
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

/* A manager as systemd is with Accept=yes: a helper for each of so many connections. */
static void serve(int listening, int connections)
{
	for (int i = 0; i < connections; i++) {
		int fd = accept(listening, NULL, NULL);

		if (fd < 0)
			continue;
		if (fork() == 0) {
			dup2(fd, STDIN_FILENO);
			execl(WEFT_NETNS, "weft-netns", (char *)NULL);
			_exit(127);
		}
		close(fd);
	}
	while (wait(NULL) > 0)
		;
	_exit(0);
}

static void a_socket_in_the_place_of_the_helper_is_connected_to(void **state)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	char dir[] = "/tmp/weft-box-XXXXXX";
	struct weft_err err = {0};
	struct boxes boxes;
	struct box box;
	int listening, status;
	pid_t manager;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/netns.sock", dir);
	listening = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listening, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(boxes_init(&boxes, addr.sun_path, &err), WEFT_E_UNSUPPORTED);
	assert_non_null(strstr(err.message, "weft-netns.socket"));

	assert_int_equal(listen(listening, 4), 0);
	manager = fork();
	assert_true(manager >= 0);
	if (manager == 0)
		serve(listening, 2);
	assert_int_equal(boxes_open(&boxes, "no-such-box", &box, &err), WEFT_E_NOT_FOUND);
	assert_int_equal(boxes.pid, 0);
	/* A connection that ended is made anew. */
	assert_int_equal(shutdown(boxes.fd, SHUT_RDWR), 0);
	assert_int_equal(boxes_open(&boxes, "no-such-box", &box, &err), WEFT_E_NOT_FOUND);
	assert_int_equal(boxes.starts, 2);
	boxes_close(&boxes);
	/* Each helper ended with its connection. */
	assert_int_equal(waitpid(manager, &status, 0), manager);
	assert_int_equal(WEXITSTATUS(status), 0);
	close(listening);
	assert_int_equal(unlink(addr.sun_path), 0);
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_wrong_name_is_told_in_one_line),
	    cmocka_unit_test(a_helper_that_died_is_started_again),
	    cmocka_unit_test(a_helper_has_no_descriptor_of_its_parents_but_its_line),
	    cmocka_unit_test(a_missing_helper_is_told_and_tried_again),
	    cmocka_unit_test(a_helper_that_does_not_speak_is_given_up),
	    cmocka_unit_test(a_socket_in_the_place_of_the_helper_is_connected_to),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
