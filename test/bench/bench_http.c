/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "bench_load.h"

static size_t request(struct connection *c, const char *verb, const char *url, const char *body,
		      char *out)
{
	int len = snprintf(out, REQUEST_BYTES,
			   "%s %s HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
			   "Content-Length: %zu\r\n\r\n%s",
			   verb, url, strlen(body), body);

	(void)c;
	return len > 0 && len < REQUEST_BYTES ? (size_t)len : 0;
}

/* The value of a header of the answer, or NULL. */
static const char *header(const char *answer, const char *end, const char *name)
{
	size_t len = strlen(name);

	for (const char *line = answer; line && line < end; line = strstr(line, "\r\n")) {
		line += line == answer ? 0 : 2;
		if (strncasecmp(line, name, len) == 0 && line[len] == ':')
			return line + len + 1;
		if (line >= end)
			break;
	}
	return NULL;
}

/* The whole answer is there: its length is told, or its last chunk came. */
static bool is_whole(const struct connection *c)
{
	const char *end = strstr(c->answer, "\r\n\r\n"), *value;
	size_t head;

	if (!end)
		return false;
	head = (size_t)(end + 4 - c->answer);
	value = header(c->answer, end, "Content-Length");
	if (value)
		return c->used >= head + strtoul(value, NULL, 10);
	if (header(c->answer, end, "Transfer-Encoding"))
		return c->used >= head + 5 && memcmp(c->answer + c->used - 5, "0\r\n\r\n", 5) == 0;
	errno = EPROTO;
	die("an answer without length");
}

static enum verdict answer(struct connection *c, const char *must)
{
	if (!is_whole(c))
		return ANSWER_PART;
	c->used = 0; /* nothing follows before the next request */
	return strncmp(c->answer, "HTTP/1.1 2", 10) == 0 && (!must || strstr(c->answer, must))
		   ? ANSWER_GOOD
		   : ANSWER_BAD;
}

const struct protocol protocol_http = {.request = request, .answer = answer};
