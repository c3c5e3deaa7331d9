/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "cli/http.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/clock.h"
#include "gossip/base/check.h"

/* What has been read from the connection and not yet used. */
struct reader {
	int fd;
	int64_t until_ms; /* monotonic; 0: no bound */
	size_t at, end;
	char bytes[HTTP_HEAD_BYTES];
};

/* How the body ends; weftd says one of both. */
struct framing {
	bool chunked;
	size_t length;
};

int http_connect(const char *path, struct weft_err *err)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd;

	if (strlen(path) >= sizeof(addr.sun_path))
		return weft_err_set(
		    err, WEFT_E_INVALID,
		    "--socket: the path %.64s... is too long for a socket; use a shorter one",
		    path);
	memcpy(addr.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) == 0)
		return fd;
	weft_err_set(
	    err, WEFT_E_UNREACHABLE, "weftd does not answer on %s: %s; %s", path, strerror(errno),
	    errno == EACCES ? "be root or in the group weft"
			    : "start it (systemctl start weftd), or name its socket with --socket");
	if (fd >= 0)
		close(fd);
	return err->code;
}

static int send_all(int fd, const char *bytes, size_t len, struct weft_err *err)
{
	while (len > 0) {
		ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return weft_err_set(err, WEFT_E_UNREACHABLE,
					    "weftd hung up: %s; see its log, and try again",
					    strerror(errno));
		bytes += n;
		len -= (size_t)n;
	}
	return 0;
}

int http_send(int fd, const char *verb, const char *path, const char *body, struct weft_err *err)
{
	char head[HTTP_HEAD_BYTES];
	size_t len = body ? strlen(body) : 0;
	int n = snprintf(head, sizeof(head),
			 "%s %s HTTP/1.1\r\nHost: weft\r\nConnection: close\r\n"
			 "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
			 verb, path, len);
	int rc;

	if (n < 0 || (size_t)n >= sizeof(head))
		return weft_err_set(err, WEFT_E_INVALID,
				    "the arguments are too long; shorten them");
	rc = send_all(fd, head, (size_t)n, err);
	return rc == 0 && len > 0 ? send_all(fd, body, len, err) : rc;
}

/* Waits until something can be read: 0, or WEFT_E_TIMEOUT. */
static int wait_readable(const struct reader *reader, struct weft_err *err)
{
	struct pollfd wait = {.fd = reader->fd, .events = POLLIN};

	for (;;) {
		int64_t left = reader->until_ms ? reader->until_ms - clock_ms() : 60000;

		if (left <= 0)
			return weft_err_set(err, WEFT_E_TIMEOUT,
					    "weftd did not answer in time; see weft status");
		if (poll(&wait, 1, left > 60000 ? 60000 : (int)left) > 0)
			return 0;
	}
}

/* Reads more; the number of bytes, 0 at the end, negative with err. */
static ssize_t fill(struct reader *reader, struct weft_err *err)
{
	ssize_t n;

	if (reader->at == reader->end)
		reader->at = reader->end = 0;
	if (reader->end == sizeof(reader->bytes))
		return weft_err_set(
		    err, WEFT_E_INTERNAL,
		    "weftd sent a head that is too long; is it weftd that answers on the socket?");
	do {
		if (wait_readable(reader, err) != 0)
			return err->code;
		n = read(reader->fd, reader->bytes + reader->end,
			 sizeof(reader->bytes) - reader->end);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return weft_err_set(err, WEFT_E_UNREACHABLE,
				    "weftd hung up: %s; see its log, and try again",
				    strerror(errno));
	reader->end += (size_t)n;
	return n;
}

/* One line without its end, NUL-terminated in place; NULL with err. Borrowed until the next read.
 */
static char *read_line(struct reader *reader, struct weft_err *err)
{
	for (;;) {
		char *start = reader->bytes + reader->at;
		char *end = memchr(start, '\n', reader->end - reader->at);
		ssize_t n;

		if (end) {
			reader->at = (size_t)(end - reader->bytes) + 1;
			if (end > start && end[-1] == '\r')
				end--;
			*end = '\0';
			return start;
		}
		memmove(reader->bytes, start, reader->end - reader->at);
		reader->end -= reader->at;
		reader->at = 0;
		n = fill(reader, err);
		if (n < 0)
			return NULL;
		if (n == 0) {
			weft_err_set(
			    err, WEFT_E_UNREACHABLE,
			    "weftd hung up before it answered; see its log, and try again");
			return NULL;
		}
	}
}

static int read_head(struct reader *reader, int *status, struct framing *framing,
		     struct weft_err *err)
{
	char *line = read_line(reader, err);
	char *end;

	if (!line)
		return err->code;
	if (strncmp(line, "HTTP/1.1 ", 9) != 0)
		return weft_err_set(
		    err, WEFT_E_INTERNAL,
		    "what answers on the socket is no weftd; name its socket with --socket");
	*status = (int)strtol(line + 9, &end, 10);
	if (*status < 100 || *status > 599)
		return weft_err_set(
		    err, WEFT_E_INTERNAL,
		    "weftd sent no status; are weft and weftd of one version (weft version)?");
	for (line = read_line(reader, err); line && *line; line = read_line(reader, err)) {
		if (strncasecmp(line, "Content-Length:", 15) == 0) {
			framing->length = strtoull(line + 15, &end, 10);
		} else if (strncasecmp(line, "Transfer-Encoding:", 18) == 0) {
			framing->chunked = strstr(line + 18, "chunked") != NULL;
		}
	}
	return line ? 0 : err->code;
}

/* Passes on len bytes of the body; 1 when the sink has had enough. */
static int pass(struct reader *reader, size_t len, const struct http_sink *sink,
		struct weft_err *err)
{
	while (len > 0) {
		size_t have = reader->end - reader->at;
		ssize_t n;

		if (have == 0) {
			n = fill(reader, err);
			if (n < 0)
				return err->code;
			if (n == 0)
				return weft_err_set(err, WEFT_E_UNREACHABLE,
						    "weftd hung up in the middle of its answer; "
						    "see its log, and try again");
			continue;
		}
		if (have > len)
			have = len;
		if (!sink->take(sink->ctx, reader->bytes + reader->at, have))
			return 1;
		reader->at += have;
		len -= have;
	}
	return 0;
}

static int read_chunks(struct reader *reader, const struct http_sink *sink, struct weft_err *err)
{
	for (;;) {
		char *line = read_line(reader, err), *end;
		unsigned long size;
		int rc;

		if (!line)
			return err->code;
		size = strtoul(line, &end, 16);
		if (end == line || size > HTTP_BODY_BYTES_MAX)
			return weft_err_set(err, WEFT_E_INTERNAL,
					    "weftd sent a broken answer; are weft and weftd of one "
					    "version (weft version)?");
		if (size == 0)
			return read_line(reader, err) ? 0 : err->code;
		rc = pass(reader, size, sink, err);
		if (rc != 0)
			return rc;
		if (!read_line(reader, err))
			return err->code;
	}
}

static bool collect(void *ctx, const char *bytes, size_t len)
{
	struct http_reply *reply = ctx;
	char *grown;

	if (reply->len + len > HTTP_BODY_BYTES_MAX)
		return false;
	grown = realloc(reply->body, reply->len + len + 1);
	WEFT_ASSERT(grown != NULL);
	memcpy(grown + reply->len, bytes, len);
	reply->body = grown;
	reply->len += len;
	reply->body[reply->len] = '\0';
	return true;
}

int http_receive(int fd, int64_t deadline_ms, const struct http_sink *sink,
		 struct http_reply *reply, struct weft_err *err)
{
	struct reader reader = {.fd = fd};
	struct framing framing = {.chunked = false};
	struct http_sink own = {reply, collect};
	int rc;

	memset(reply, 0, sizeof(*reply));
	if (deadline_ms > 0)
		reader.until_ms = clock_ms() + deadline_ms;
	rc = read_head(&reader, &reply->status, &framing, err);
	if (rc != 0)
		return rc;
	collect(reply, "", 0);
	if (!sink || reply->status != 200)
		sink = &own;
	if (framing.chunked)
		rc = read_chunks(&reader, sink, err);
	else if (framing.length > HTTP_BODY_BYTES_MAX)
		rc = 1;
	else
		rc = pass(&reader, framing.length, sink, err);
	if (rc == 1 && sink == &own)
		return weft_err_set(
		    err, WEFT_E_LIMIT,
		    "weftd's answer is larger than 64 MiB; ask for one object by its name");
	return rc > 0 ? 0 : rc;
}

void http_reply_close(struct http_reply *reply)
{
	free(reply->body);
	memset(reply, 0, sizeof(*reply));
}

bool http_escape(const char *value, char *out, size_t cap)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789-._~";
	size_t len = 0;

	for (; *value; value++) {
		bool keep = strchr(plain, *value) != NULL;

		if (len + (keep ? 1 : 3) >= cap)
			return false;
		if (keep)
			out[len++] = *value;
		else
			len +=
			    (size_t)snprintf(out + len, cap - len, "%%%02X", (unsigned char)*value);
	}
	out[len] = '\0';
	return true;
}
