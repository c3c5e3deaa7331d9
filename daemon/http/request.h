/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * One call of the API from a handler's point of view. The HTTP layer has found its method, read its
 * fields and checked them against the table; the handler answers it, fails it, or leaves it pending
 * and lets somebody answer later by its tag. A pending request ends at its deadline by itself.
 */
#pragma once

#include <jansson.h>
#include <sys/types.h>

#include "gossip/base/api.h"
#include "gossip/base/err.h"
#include "gossip/base/instant.h"

struct request;
struct shared_text;
struct http;

/* Who is on the other end of the unix socket; (uid_t)-1: somebody over TCP. */
struct caller {
	uid_t uid;
	gid_t gid;
	pid_t pid;
};

/* A body without a known end: fill writes up to cap bytes and returns how many; 0 when there is
 * nothing to say now (request_stream_wake then makes it go on), negative to end the stream. */
struct request_stream {
	void *ctx;
	ssize_t (*fill)(void *ctx, char *out, size_t cap);
	void (*close)(void *ctx);
};

const struct api_method *request_method(const struct request *req);
uint64_t request_tag(const struct request *req);
const struct caller *request_caller(const struct request *req);

/* Fields by name, from wherever the table says they are. NULL, false, 0 when not given; the table
 * has guaranteed type and presence of required ones. Borrowed for the life of the request. */
const char *request_text(const struct request *req, const char *name);
bool request_flag(const struct request *req, const char *name);
bool request_uint(const struct request *req, const char *name, uint64_t *value);
json_t *request_json(const struct request *req, const char *name); /* lists and objects */

/* What a handler keeps with a pending request; freed by close when the request ends. */
void request_state_set(struct request *req, void *state, void (*close)(void *state));
void *request_state(const struct request *req);

/* What to say when the deadline passes instead of the general line. err is copied. */
void request_late_set(struct request *req, const struct weft_err *err);

/* Moves the deadline to this many milliseconds from now. */
void request_deadline_set(struct request *req, int64_t ms);

/* Answers; exactly one of these is called, once. json is taken over; text is malloc'd and taken
 * over. */
void request_answer(struct request *req, json_t *json);
void request_answer_text(struct request *req, int status, const char *type, char *text);
void request_fail(struct request *req, const struct weft_err *err);

/* A text that many answers share, which goes with the last of them once whoever made it has
 * released it (NULL is allowed). text is malloc'd and taken over. */
struct shared_text *shared_text_new(char *text);
void shared_text_release(struct shared_text *text);
void request_answer_shared(struct request *req, int status, const char *type,
			   struct shared_text *text);
void request_stream(struct request *req, const struct request_stream *stream);

/* More to read for a stream that said 0. */
void request_stream_wake(struct request *req);

/* A pending request by tag, or NULL when it has ended. */
struct request *http_request(struct http *http, uint64_t tag);

/* Calls each for every pending request that has not been answered by an earlier call. */
void http_each_pending(struct http *http, void *ctx, void (*each)(void *ctx, struct request *req));
