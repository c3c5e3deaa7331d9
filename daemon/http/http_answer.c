/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Answers: JSON, plain text, errors and streams. An answer to a suspended request resumes its
 * connection, whereupon the library asks again and gets the response.
 */
#include <stdlib.h>
#include <string.h>

#include "daemon/http/http_impl.h"
#include "gossip/base/check.h"

#define STREAM_BLOCK_BYTES 8192

static void set_response(struct request *req, int status, const char *type,
			 struct MHD_Response *response)
{
	WEFT_ASSERT(response != NULL);
	WEFT_ASSERT(req->phase == REQUEST_READING || req->phase == REQUEST_PENDING);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	if (req->http->stopping)
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
	req->response = response;
	req->status = status;
	req->phase = REQUEST_ANSWERED;
	if (status >= 400)
		req->http->counts.errors++;
	if (req->suspended) {
		req->suspended = false;
		req->http->counts.pending--;
		MHD_resume_connection(req->connection);
		http_kick(req->http);
	}
}

enum MHD_Result request_queue(struct request *req)
{
	enum MHD_Result rc;

	if (req->phase != REQUEST_ANSWERED)
		return req->phase == REQUEST_SENT ? MHD_YES : MHD_NO;
	rc = MHD_queue_response(req->connection, (unsigned)req->status, req->response);
	MHD_destroy_response(req->response);
	req->response = NULL;
	req->phase = REQUEST_SENT;
	return rc;
}

void request_answer_text(struct request *req, int status, const char *type, char *text)
{
	WEFT_ASSERT(text != NULL);
	set_response(req, status, type,
		     MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE));
}

struct shared_text {
	char *text;
	size_t refs; /* answers, and whoever made it */
};

struct shared_text *shared_text_new(char *text)
{
	struct shared_text *shared = calloc(1, sizeof(*shared));

	WEFT_ASSERT(shared != NULL && text != NULL);
	*shared = (struct shared_text){text, 1};
	return shared;
}

void shared_text_release(struct shared_text *text)
{
	if (!text)
		return;
	WEFT_ASSERT(text->refs > 0);
	if (--text->refs > 0)
		return;
	free(text->text);
	free(text);
}

static void on_answer_over(void *ctx)
{
	shared_text_release(ctx);
}

void request_answer_shared(struct request *req, int status, const char *type,
			   struct shared_text *text)
{
	text->refs++;
	set_response(req, status, type,
		     MHD_create_response_from_buffer_with_free_callback_cls(
			 strlen(text->text), text->text, on_answer_over, text));
}

static void answer_json(struct request *req, int status, json_t *json)
{
	char *text = json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(6));

	json_decref(json);
	request_answer_text(req, status, "application/json", text);
}

void request_answer(struct request *req, json_t *json)
{
	answer_json(req, 200, json);
}

void request_fail_status(struct request *req, int status, const struct weft_err *err)
{
	const struct weft_code_info *info = weft_code_info(err->code);
	json_t *text = json_string(err->message);

	/* A message may quote what a caller sent; what is not UTF-8 cannot be told. */
	if (!text)
		text = json_string(info->help);
	answer_json(req, status,
		    json_pack("{s:{s:s,s:o,s:b}}", "error", "code", info->name, "message", text,
			      "retryable", info->retryable));
}

void request_fail(struct request *req, const struct weft_err *err)
{
	int status = weft_code_info(err->code)->http_status;

	request_fail_status(req, status ? status : 500, err);
}

static ssize_t stream_read(void *ctx, uint64_t at, char *out, size_t cap)
{
	struct request *req = ctx;
	ssize_t n;

	(void)at;
	if (req->http->stopping)
		return MHD_CONTENT_READER_END_OF_STREAM;
	n = req->stream.fill(req->stream.ctx, out, cap);
	if (n < 0)
		return MHD_CONTENT_READER_END_OF_STREAM;
	if (n == 0) {
		req->stream_waits = true;
		MHD_suspend_connection(req->connection);
	}
	return n;
}

void request_stream(struct request *req, const struct request_stream *stream)
{
	req->stream = *stream;
	req->is_stream = true;
	request_state_set(req, stream->ctx, stream->close);
	set_response(req, 200, "application/x-ndjson",
		     MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK_BYTES,
						       stream_read, req, NULL));
}

void request_stream_wake(struct request *req)
{
	if (!req->stream_waits)
		return;
	req->stream_waits = false;
	MHD_resume_connection(req->connection);
	http_kick(req->http);
}
