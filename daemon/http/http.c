/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "daemon/http/http.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/http/http_impl.h"
#include "gossip/base/check.h"

#define CONNECTION_BYTES 16384 /* headers and what is being written */

static void fail_as_stopping(struct request *req)
{
	struct weft_err err = {0};

	weft_err_set(&err, WEFT_E_BUSY, "weftd is stopping; try again when it runs");
	request_fail(req, &err);
}

static enum MHD_Result on_access(void *ctx, struct MHD_Connection *connection, const char *url,
				 const char *verb, const char *version, const char *bytes,
				 size_t *len, void **state)
{
	struct http *http = ctx;
	struct request *req = *state;

	(void)version;
	if (!req) {
		*state = request_begin(http, connection, url, verb);
		return MHD_YES;
	}
	if (*len > 0) {
		request_take(req, bytes, *len);
		*len = 0;
		return MHD_YES;
	}
	if (req->phase == REQUEST_READING && request_check(req)) {
		req->phase = REQUEST_PENDING;
		/* The library must not end with a suspended connection. */
		if (http->stopping)
			fail_as_stopping(req);
		else
			http->config.handle(http->config.ctx, req);
		if (req->phase == REQUEST_PENDING) {
			req->suspended = true;
			http->counts.pending++;
			MHD_suspend_connection(connection);
			http_deadline_arm(http, req->deadline);
			return MHD_YES;
		}
	}
	return request_queue(req);
}

static void on_completed(void *ctx, struct MHD_Connection *connection, void **state,
			 enum MHD_RequestTerminationCode code)
{
	(void)ctx;
	(void)connection;
	(void)code;
	if (*state)
		request_free(*state);
	*state = NULL;
}

static void on_timer(uv_timer_t *timer);

static void run(struct http *http)
{
	MHD_UNSIGNED_LONG_LONG wait = 0;
	unsigned before = http->connections;

	MHD_run(http->mhd);
	http->connections =
	    MHD_get_daemon_info(http->mhd, MHD_DAEMON_INFO_CURRENT_CONNECTIONS)->num_connections;
	/* At its limit the library stops listening, and only the run after one that closed
	 * connections listens again: nothing else would call for that run. */
	if (http->connections < before)
		uv_timer_start(&http->timer, on_timer, 0, 0);
	else if (MHD_get_timeout(http->mhd, &wait) == MHD_YES)
		uv_timer_start(&http->timer, on_timer, wait, 0);
	else
		uv_timer_stop(&http->timer);
}

static void on_timer(uv_timer_t *timer)
{
	run(timer->data);
}

/* Without a thread of its own the library cannot wake itself after a resume. */
void http_kick(struct http *http)
{
	if (!http->stopping)
		uv_timer_start(&http->timer, on_timer, 0, 0);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	(void)status;
	(void)events;
	run(poll->data);
}

/* Ends every request whose deadline has passed and re-arms for the next. */
static void on_deadline(uv_timer_t *timer)
{
	struct http *http = timer->data;
	struct mono now = daemon_now();
	struct mono next = MONO_NEVER;
	struct request *following;

	http->armed = MONO_NEVER;
	for (struct request *req = http->requests; req; req = following) {
		following = req->next;
		if (req->phase != REQUEST_PENDING)
			continue;
		if (mono_is_due(req->deadline, now)) {
			http->counts.expired++;
			request_fail(req, &req->late);
		} else {
			next = mono_min(next, req->deadline);
		}
	}
	http_deadline_arm(http, next);
}

void http_deadline_arm(struct http *http, struct mono deadline)
{
	int64_t ms;

	if (http->stopping || deadline.ns >= http->armed.ns)
		return;
	http->armed = deadline;
	ms = mono_diff_ms(deadline, daemon_now()) + 1;
	uv_update_time(http->config.loop);
	uv_timer_start(&http->deadline, on_deadline, ms > 0 ? (uint64_t)ms : 0, 0);
}

static struct MHD_Daemon *start_library(struct http *http)
{
	const struct http_config *config = &http->config;
	bool pages = config->pages_only;
	unsigned connections = pages ? HTTP_PAGES_CONNECTIONS_MAX : HTTP_CONNECTIONS_MAX;
	unsigned idle_s = pages ? HTTP_PAGES_IDLE_S : HTTP_IDLE_S;

	if (config->connections_max)
		connections = config->connections_max;
	if (config->idle_s)
		idle_s = config->idle_s;
	return MHD_start_daemon(
	    MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_access, http,
	    MHD_OPTION_LISTEN_SOCKET, config->listen_fd, MHD_OPTION_NOTIFY_COMPLETED, on_completed,
	    http, MHD_OPTION_CONNECTION_LIMIT, connections, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
	    pages ? HTTP_PAGES_CONNECTIONS_EACH : 0, MHD_OPTION_CONNECTION_TIMEOUT, idle_s,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES, MHD_OPTION_END);
}

struct http *http_new(const struct http_config *config, struct weft_err *err)
{
	const union MHD_DaemonInfo *info;
	struct http *http = calloc(1, sizeof(*http));

	WEFT_ASSERT(http != NULL);
	http->config = *config;
	http->armed = MONO_NEVER;
	http->next_tag = 1;
	http->mhd = start_library(http);
	info = http->mhd ? MHD_get_daemon_info(http->mhd, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
	if (!info) {
		close(config->listen_fd);
		free(http);
		weft_err_set(err, WEFT_E_INTERNAL, "the HTTP server does not start: %s",
			     strerror(errno));
		return NULL;
	}
	uv_poll_init(config->loop, &http->poll, info->epoll_fd);
	uv_timer_init(config->loop, &http->timer);
	uv_timer_init(config->loop, &http->deadline);
	http->poll.data = http->timer.data = http->deadline.data = http;
	uv_poll_start(&http->poll, UV_READABLE, on_poll);
	return http;
}

static void on_closed(uv_handle_t *handle)
{
	struct http *http = handle->data;

	http->closing--;
}

void http_close(struct http *http)
{
	struct request *following;

	http->stopping = true;
	for (struct request *req = http->requests; req; req = following) {
		following = req->next;
		if (req->phase == REQUEST_PENDING)
			fail_as_stopping(req);
		else if (req->is_stream)
			request_stream_wake(req);
	}
	/* What was resumed is written in the first turn and closed in the second. */
	MHD_run(http->mhd);
	MHD_run(http->mhd);
	http->closing = 3;
	uv_close((uv_handle_t *)&http->poll, on_closed);
	uv_close((uv_handle_t *)&http->timer, on_closed);
	uv_close((uv_handle_t *)&http->deadline, on_closed);
	MHD_stop_daemon(http->mhd);
	http->mhd = NULL;
}

void http_free(struct http *http)
{
	if (!http)
		return;
	WEFT_ASSERT(http->mhd == NULL);
	WEFT_ASSERT(http->closing == 0);
	free(http);
}

void http_counts(const struct http *http, struct http_counts *counts)
{
	*counts = http->counts;
}

struct request *http_request(struct http *http, uint64_t tag)
{
	for (struct request *req = http->requests; req; req = req->next) {
		if (req->tag == tag)
			return req->phase == REQUEST_PENDING || req->is_stream ? req : NULL;
	}
	return NULL;
}
