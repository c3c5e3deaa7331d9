/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * A small HTTP/1.1 client for one server, weftd on its unix socket: one request a connection,
 * bounded headers and bodies, a deadline for the whole. Understands Content-Length and chunks.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gossip/base/err.h"

#define HTTP_HEAD_BYTES 8192
#define HTTP_BODY_BYTES_MAX (64u << 20)

struct http_reply {
	int status;
	char *body; /* NUL-terminated, malloc'd */
	size_t len;
};

/* Where a streamed body goes, piece by piece; false ends it. */
struct http_sink {
	void *ctx;
	bool (*take)(void *ctx, const char *bytes, size_t len);
};

/* A connection to the socket, or a negative code with err (WEFT_E_UNREACHABLE). */
int http_connect(const char *socket, struct weft_err *err);

/* Sends one request on fd. body may be NULL. */
int http_send(int fd, const char *verb, const char *path, const char *body, struct weft_err *err);

/* Reads one reply within deadline_ms (0: no bound). With a sink the body of a reply with status 200
 * goes there and reply->body stays empty. http_reply_close follows. */
int http_receive(int fd, int64_t deadline_ms, const struct http_sink *sink,
		 struct http_reply *reply, struct weft_err *err);
void http_reply_close(struct http_reply *reply);

/* value with everything but letters, digits and -._~ as %XX; false when out is too small. */
bool http_escape(const char *value, char *out, size_t cap);
