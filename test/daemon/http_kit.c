/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "http_kit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test/base/cmocka_all.h"

#define FINISH_NS UINT64_C(60000000000)

void http_kit_request(char *out, size_t cap, const char *verb, const char *path, const char *body)
{
	int len = snprintf(out, cap,
			   "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
			   "Content-Length: %zu\r\n\r\n%s",
			   verb, path, strlen(body), body);

	assert_in_range(len, 1, cap - 1);
}

int http_kit_finish(uv_loop_t *loop, int fd, char *out, size_t cap)
{
	uint64_t until = uv_hrtime() + FINISH_NS;
	ssize_t n = -1;
	size_t len = 0;

	while (uv_hrtime() < until && len + 1 < cap) {
		n = recv(fd, out + len, cap - 1 - len, MSG_DONTWAIT);
		if (n > 0)
			len += (size_t)n;
		else if (n == 0 || errno == ECONNRESET)
			break;
		else
			uv_run(loop, UV_RUN_NOWAIT);
	}
	assert_true(n == 0 || (n < 0 && errno == ECONNRESET));
	out[len] = '\0';
	close(fd);
	return strncmp(out, "HTTP/1.1 ", 9) == 0 ? (int)strtol(out + 9, NULL, 10) : 0;
}

void http_kit_close(uv_loop_t *loop, struct http *http)
{
	http_close(http);
	uv_run(loop, UV_RUN_DEFAULT);
	http_free(http);
	assert_int_equal(uv_loop_close(loop), 0);
}
