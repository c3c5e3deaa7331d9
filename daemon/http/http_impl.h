/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* What the files of the HTTP server share; nobody else includes this. */
#pragma once

#include <microhttpd.h>

#include "daemon/clock.h"
#include "daemon/http/http.h"

enum request_phase {
	REQUEST_READING = 0, /* the body is coming in */
	REQUEST_PENDING,     /* with a handler; suspended once MHD's callback has returned */
	REQUEST_ANSWERED,    /* response is set and waits to be queued */
	REQUEST_SENT,
};

struct request {
	struct http *http;
	struct request *next, **prev; /* live requests */
	struct MHD_Connection *connection;
	const struct api_method *method;
	struct api_path path;
	struct caller caller;
	uint64_t tag;
	enum request_phase phase;
	bool suspended;
	struct mono deadline;
	struct weft_err late;
	char *bytes; /* of the body */
	size_t len;
	json_t *body;
	int status;
	struct MHD_Response *response;
	void *state;
	void (*state_close)(void *state);
	struct request_stream stream;
	bool is_stream;
	bool stream_waits; /* suspended until request_stream_wake */
};

struct http {
	struct http_config config;
	struct MHD_Daemon *mhd;
	uv_poll_t poll;
	uv_timer_t timer;    /* MHD's own time-outs */
	uv_timer_t deadline; /* of pending requests */
	struct mono armed;   /* when the deadline timer fires */
	struct request *requests;
	uint64_t next_tag;
	struct http_counts counts;
	unsigned connections; /* after the last run of the library */
	unsigned closing;     /* handles still to close */
	bool stopping;
};

/* Has the timer fire at this deadline, if it would fire later. */
void http_deadline_arm(struct http *http, struct mono deadline);

/* Lets the library go on with resumed connections in the next turn of the loop. */
void http_kick(struct http *http);

/* Gives the response of an answered request to MHD. */
enum MHD_Result request_queue(struct request *req);

/* Reads path, verb and caller; NULL never. A request that fits nothing is already failed. */
struct request *request_begin(struct http *http, struct MHD_Connection *connection, const char *url,
			      const char *verb);

/* Adds to the body. */
void request_take(struct request *req, const char *bytes, size_t len);

/* request_fail with another status than the code's own. */
void request_fail_status(struct request *req, int status, const struct weft_err *err);

/* The body is complete: checks the fields; false when it failed the request. */
bool request_check(struct request *req);
void request_free(struct request *req);
