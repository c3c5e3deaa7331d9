/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <string.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/netns/open.h"
#include "test/base/cmocka_all.h"

static void ask_text(const char *text, struct netns_answer *answer, int fds[NETNS_FDS])
{
	struct netns_ask ask = {.magic = NETNS_MAGIC, .number = 7};
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	assert_true(home >= 0);
	snprintf(ask.text, sizeof(ask.text), "%s", text);
	netns_open(home, &ask, answer, fds);
	close(home);
}

static void bad_input_is_refused_with_a_reason_and_no_descriptor(void **state)
{
	static const char *const texts[] = {"",
					    "/etc/passwd",
					    "/nonexistent",
					    "no-such-name",
					    "../../etc/passwd",
					    "a/b",
					    ".",
					    "..",
					    "/dev/null",
					    "99999999999999",
					    "/proc/self/ns/mnt",
					    "/proc/self/ns/net",
					    "4294967295",
					    "/run/netns/",
					    "-1"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct netns_answer answer;
		int fds[NETNS_FDS];

		ask_text(texts[i], &answer, fds);
		assert_int_not_equal(answer.error, 0);
		assert_int_equal(answer.number, 7);
		assert_true(answer.why[0] != '\0');
		assert_int_equal(fds[0], -1);
		assert_int_equal(fds[1], -1);
	}
}

static void a_fifo_does_not_hold_the_helper_up(void **state)
{
	struct netns_answer answer;
	int fds[NETNS_FDS];
	char path[64];

	(void)state;
	snprintf(path, sizeof(path), "/tmp/weft-fifo-%d", (int)getpid());
	assert_int_equal(mkfifo(path, 0600), 0);
	ask_text(path, &answer, fds);
	unlink(path);
	assert_int_equal(answer.error, EINVAL);
}

static void a_text_without_an_end_or_with_the_wrong_magic_is_refused(void **state)
{
	struct netns_ask ask = {.magic = NETNS_MAGIC};
	struct netns_answer answer;
	int fds[NETNS_FDS];

	(void)state;
	memset(ask.text, '/', sizeof(ask.text));
	netns_open(-1, &ask, &answer, fds);
	assert_int_equal(answer.error, EINVAL);
	memset(ask.text, 0, sizeof(ask.text));
	ask.text[0] = '1';
	ask.magic = 1;
	netns_open(-1, &ask, &answer, fds);
	assert_int_equal(answer.error, EINVAL);
	assert_int_equal(fds[0], -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(bad_input_is_refused_with_a_reason_and_no_descriptor),
	    cmocka_unit_test(a_fifo_does_not_hold_the_helper_up),
	    cmocka_unit_test(a_text_without_an_end_or_with_the_wrong_magic_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
