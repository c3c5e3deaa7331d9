/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <string.h>

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/http.h"
#include "test/base/cmocka_all.h"

/* Bytes of a server, and what the client makes of them. */
struct row {
	const char *bytes;
	int rc, status;
	const char *body;
};

static const struct row rows[] = {
    {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 0, 200, "ok"},
    {"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", 0, 404, ""},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", 0,
     200, "abcde"},
    {"", WEFT_E_UNREACHABLE, 0, NULL},
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok", WEFT_E_UNREACHABLE, 200, NULL},
    {"SSH-2.0-x\r\n", WEFT_E_INTERNAL, 0, NULL},
    {"HTTP/1.1 9 x\r\n\r\n", WEFT_E_INTERNAL, 9, NULL},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", WEFT_E_INTERNAL, 200, NULL},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffff\r\n", WEFT_E_INTERNAL, 200,
     NULL},
    {"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", WEFT_E_LIMIT, 200, NULL},
};

static int receive(const char *bytes, size_t len, struct http_reply *reply, struct weft_err *err)
{
	int pair[2], rc;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(send(pair[1], bytes, len, 0), (ssize_t)len);
	shutdown(pair[1], SHUT_WR);
	rc = http_receive(pair[0], 60000, NULL, reply, err);
	close(pair[0]);
	close(pair[1]);
	return rc;
}

static void answers_are_read_and_broken_ones_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct http_reply reply;
		struct weft_err err = {0};
		int rc = receive(rows[i].bytes, strlen(rows[i].bytes), &reply, &err);

		assert_int_equal(rc, rows[i].rc);
		assert_int_equal(reply.status, rows[i].status);
		if (rows[i].body)
			assert_string_equal(reply.body, rows[i].body);
		else
			assert_true(err.message[0] != '\0');
		http_reply_close(&reply);
	}
}

static void a_head_without_an_end_is_refused(void **state)
{
	size_t len = 2 * HTTP_HEAD_BYTES;
	char *bytes = malloc(len);
	struct http_reply reply;
	struct weft_err err = {0};

	(void)state;
	memset(bytes, 'x', len);
	assert_int_equal(receive(bytes, len, &reply, &err), WEFT_E_INTERNAL);
	free(bytes);
	http_reply_close(&reply);
}

static void a_server_that_says_nothing_is_given_up_at_the_deadline(void **state)
{
	struct http_reply reply;
	struct weft_err err = {0};
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(http_receive(pair[0], 20, NULL, &reply, &err), WEFT_E_TIMEOUT);
	http_reply_close(&reply);
	close(pair[0]);
	close(pair[1]);
}

static void a_missing_daemon_is_told_with_what_to_do(void **state)
{
	struct weft_err err = {0};

	(void)state;
	assert_int_equal(http_connect("/nonexistent/weft.sock", &err), WEFT_E_UNREACHABLE);
	assert_int_equal(weft_code_info(err.code)->exit_code, 5);
	assert_non_null(strstr(err.message, "start it"));
}

static void escapes_leave_only_plain_characters(void **state)
{
	char out[32];

	(void)state;
	assert_true(http_escape("a-b.c_d~/ ?&%\xc3", out, sizeof(out)));
	assert_string_equal(out, "a-b.c_d~%2F%20%3F%26%25%C3");
	assert_false(http_escape("////////////", out, sizeof(out)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(answers_are_read_and_broken_ones_are_refused),
	    cmocka_unit_test(a_head_without_an_end_is_refused),
	    cmocka_unit_test(a_server_that_says_nothing_is_given_up_at_the_deadline),
	    cmocka_unit_test(a_missing_daemon_is_told_with_what_to_do),
	    cmocka_unit_test(escapes_leave_only_plain_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
