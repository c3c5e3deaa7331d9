/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "cmocka_all.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gossip/base/check.h"

static void an_assertion_that_holds_is_evaluated_once(void **state)
{
	int evaluated = 0;

	(void)state;
	WEFT_ASSERT(++evaluated == 1);
	assert_int_equal(evaluated, 1);
}

static void a_failed_assertion_names_itself_and_aborts(void **state)
{
	char said[512] = "";
	int fds[2];
	int status;
	ssize_t len;
	pid_t child;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		signal(SIGABRT, SIG_DFL);
		dup2(fds[1], STDERR_FILENO);
		close(fds[0]);
		WEFT_ASSERT(1 + 1 == 3);
		_exit(0);
	}
	close(fds[1]);
	len = read(fds[0], said, sizeof(said) - 1);
	close(fds[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(len > 0);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
	assert_non_null(strstr(said, "1 + 1 == 3"));
	assert_non_null(strstr(said, "test_check.c"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_assertion_that_holds_is_evaluated_once),
	    cmocka_unit_test(a_failed_assertion_names_itself_and_aborts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
