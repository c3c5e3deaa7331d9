/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Sends calls and deals with their answers: pages put together, streams followed, errors told. */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/http.h"
#include "cli/list.h"
#include "cli/progress.h"
#include "cli/stage.h"
#include "gossip/base/check.h"

#define AGAIN_MS 10000 /* how long weftd may take to begin anew after reset */

int complain(const struct weft_err *err)
{
	char line[WEFT_ERR_LINE_BYTES];

	weft_err_line(err, line);
	fprintf(stderr, "weft: %s\n", line);
	return weft_code_info(err->code)->exit_code;
}

/* The error of an answer, or 0. */
static int read_error(const struct http_reply *reply, struct weft_err *err)
{
	json_t *json = json_loadb(reply->body, reply->len, 0, NULL);
	const json_t *error = json_object_get(json, "error");
	const char *code = json_string_value(json_object_get(error, "code"));
	const char *message = json_string_value(json_object_get(error, "message"));

	if (code && message)
		weft_err_set(err, weft_code_parse(code), "%s", message);
	else
		weft_err_set(err, WEFT_E_INTERNAL,
			     "weftd answered with status %d and no reason; see its log",
			     reply->status);
	json_decref(json);
	return err->code;
}

/* One request and its JSON answer; NULL with err. */
json_t *call_ask(const struct cli_options *options, const struct call *call, const char *path,
		 struct weft_err *err)
{
	char *body = call->body ? json_dumps(call->body, JSON_COMPACT) : NULL;
	struct http_reply reply = {.status = 0};
	json_t *json = NULL;
	int fd = http_connect(options->socket, err);
	int rc = fd < 0 ? fd : http_send(fd, call->method->verb, path, body, err);

	if (rc == 0)
		rc = http_receive(fd,
				  progress_wait(fd, call->deadline_ms,
						progress_words(call->method->id), PROGRESS_EVERY_MS,
						progress_terminal()),
				  NULL, &reply, err);
	if (fd >= 0)
		close(fd);
	if (rc == 0 && reply.status != 200)
		rc = read_error(&reply, err);
	if (rc == 0) {
		json = json_loadb(reply.body, reply.len, 0, NULL);
		if (!json)
			weft_err_set(
			    err, WEFT_E_INTERNAL,
			    "weftd answered with broken JSON; are weft and weftd of one version "
			    "(weft version)?");
	}
	http_reply_close(&reply);
	free(body);
	return json;
}

/* What a list leaves out, told to people beside it. */
static void tell_elsewhere(const struct cli_options *options, const json_t *page)
{
	size_t i;
	json_t *item;

	if (options->json)
		return;
	json_array_foreach(json_object_get(page, "elsewhere"), i, item)
	{
		json_int_t endpoints = json_integer_value(json_object_get(item, "endpoints"));
		json_int_t hosts = json_integer_value(json_object_get(item, "hosts"));

		fprintf(stderr,
			"weft: network %s has %lld endpoint%s that only its %lld attached host%s "
			"can list; ask there: %s\n",
			json_string_value(json_object_get(item, "network")), (long long)endpoints,
			plural(endpoints), (long long)hosts, plural(hosts),
			text_at(item, "host", "one of them"));
	}
}

/* All pages of a list as one array. */
static json_t *ask_list(const struct cli_options *options, struct call *call, struct weft_err *err)
{
	json_t *all = json_array();
	size_t base = strlen(call->path);

	for (;;) {
		json_t *page = call_ask(options, call, call->path, err);
		const char *next;

		if (!page) {
			json_decref(all);
			return NULL;
		}
		json_array_extend(all, json_object_get(page, call->method->list_key));
		next = json_string_value(json_object_get(page, "next"));
		call->path[base] = '\0';
		if (!next || call_query(call, "after", next, err) != 0) {
			tell_elsewhere(options, page);
			json_decref(page);
			return all;
		}
		json_decref(page);
	}
}

/* A stream under way: pieces become lines. */
struct follow {
	const struct cli_options *options;
	char *line;
	size_t len;
};

static void follow_line(struct follow *follow)
{
	json_t *json;

	if (follow->len == 0)
		return;
	if (follow->options->json) {
		printf("%.*s\n", (int)follow->len, follow->line);
		fflush(stdout);
		return;
	}
	json = json_loadb(follow->line, follow->len, 0, NULL);
	if (json)
		print_event(json, stdout);
	json_decref(json);
}

static bool follow_take(void *ctx, const char *bytes, size_t len)
{
	struct follow *follow = ctx;

	for (size_t i = 0; i < len; i++) {
		if (bytes[i] == '\n') {
			follow_line(follow);
			follow->len = 0;
		} else if (follow->len < API_BODY_BYTES_MAX) {
			follow->line[follow->len++] = bytes[i];
		}
	}
	return !ferror(stdout); /* which main tells */
}

static int run_stream(const struct cli_options *options, const struct call *call)
{
	struct follow follow = {.options = options, .line = malloc(API_BODY_BYTES_MAX)};
	struct http_sink sink = {&follow, follow_take};
	struct http_reply reply = {.status = 0};
	struct weft_err err = {0};
	int fd = http_connect(options->socket, &err);
	int rc = fd < 0 ? fd : http_send(fd, call->method->verb, call->path, NULL, &err);

	WEFT_ASSERT(follow.line != NULL);
	if (rc == 0)
		rc = http_receive(fd, 0, &sink, &reply, &err);
	if (rc == 0 && reply.status != 200)
		(void)read_error(&reply, &err);
	else if (rc == 0)
		weft_err_set(&err, WEFT_E_UNREACHABLE,
			     "weftd ended the stream; run it again when it is back");
	if (fd >= 0)
		close(fd);
	http_reply_close(&reply);
	free(follow.line);
	return ferror(stdout) ? 1 : complain(&err);
}

static json_t *ask_status(const struct cli_options *options, struct weft_err *err)
{
	const struct call call = {.method = api_method(API_STATUS), .deadline_ms = 1000};

	return call_ask(options, &call, call.method->path, err);
}

/* Does a weftd answer that began after the one of this status: as a node without a cluster after a
 * reset, as one of an earlier time after a restore? */
static bool is_anew(const json_t *status, const json_t *before, bool reset)
{
	const json_t *node = json_object_get(status, "node");
	const json_t *started = json_object_get(node, "started");

	if (!started || json_equal((json_t *)(uintptr_t)started,
				   json_object_get(json_object_get(before, "node"), "started")))
		return false;
	return reset ? json_is_null(json_object_get(status, "cluster"))
		     : json_is_string(json_object_get(node, "fence"));
}

/* After reset and restore weftd begins anew; before is its status as it was. */
static int wait_anew(const struct cli_options *options, const json_t *before, bool reset)
{
	static const struct timespec nap = {.tv_nsec = 20000000};
	struct weft_err err = {0};
	struct progress progress;

	progress_begin(&progress, "weftd begins anew", PROGRESS_EVERY_MS, progress_terminal());
	for (int waited = 0; waited < AGAIN_MS; waited += 20) {
		json_t *status = ask_status(options, &err);
		bool done = is_anew(status, before, reset);

		json_decref(status);
		progress_tick(&progress);
		if (done) {
			progress_end(&progress);
			return 0;
		}
		nanosleep(&nap, NULL);
	}
	progress_end(&progress);
	weft_err_set(&err, WEFT_E_TIMEOUT,
		     "weftd did not come back; see its log, then repeat weft %s",
		     reset ? "reset" : "restore");
	return complain(&err);
}

static int64_t wait_of(const struct call *call)
{
	return json_integer_value(json_object_get(call->body, "timeout_ms"));
}

/* Status exits as a command would that this node refuses for good. */
static int status_code(const json_t *answer)
{
	const json_t *node = json_object_get(answer, "node");
	const char *phase = json_string_value(json_object_get(node, "phase"));
	int code = 0;

	if (phase && strcmp(phase, "removed") == 0)
		code = WEFT_E_REMOVED;
	else if (phase && strcmp(phase, "copy") == 0)
		code = WEFT_E_IS_COPY;
	else if (phase && strcmp(phase, "active") == 0 &&
		 json_is_string(json_object_get(node, "fence")))
		code = WEFT_E_FENCED;
	return weft_code_info(code)->exit_code;
}

static void show(const struct cli_options *options, const struct api_method *method,
		 const json_t *answer)
{
	if (options->json) {
		json_dumpf(answer, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
		putchar('\n');
	} else {
		print_answer(options, method, answer, stdout);
	}
}

/* Backup and restore, whose file may have to be carried to weftd or from it. */
static int run_file(const struct cli_options *options, struct call *call)
{
	struct weft_err err = {0};
	json_t *before = NULL, *answer = NULL;
	struct stage stage;
	int code = stage_begin(&stage, options, call, &err);

	if (code == 0 && call->method->id == API_RESTORE) {
		before = ask_status(options, &err);
		code = before ? 0 : err.code;
	}
	if (code == 0)
		answer = call_ask(options, call, call->path, &err);
	if (answer && stage_end(&stage, call->method->id, answer, &err) == 0) {
		show(options, call->method, answer);
		fflush(stdout);
		if (call->method->id == API_RESTORE)
			code = wait_anew(options, before, false);
	} else {
		code = complain(&err);
	}
	json_decref(before);
	json_decref(answer);
	stage_close(&stage);
	return code;
}

/* That it is done is told when it is done. */
static int run_reset(const struct cli_options *options, const struct call *call)
{
	struct weft_err err = {0};
	json_t *before = ask_status(options, &err);
	json_t *answer = before ? call_ask(options, call, call->path, &err) : NULL;
	int code = answer ? wait_anew(options, before, true) : complain(&err);

	if (code == 0)
		show(options, call->method, answer);
	json_decref(before);
	json_decref(answer);
	return code;
}

int run_call(const struct cli_options *options, struct call *call)
{
	bool list = call->method->flags & API_LIST;
	struct weft_err err = {0};
	json_t *answer;
	int code = 0;

	if (call->method->flags & API_STREAM)
		return run_stream(options, call);
	if (input_prepare(call, &err) != 0)
		return complain(&err);
	if (call->method->id == API_DIAG)
		return run_diag(options, call);
	if (call->method->id == API_BACKUP || call->method->id == API_RESTORE)
		return run_file(options, call);
	if (call->method->id == API_RESET)
		return run_reset(options, call);
	/* An attach first waits for its network. */
	if (call->method->id == API_ATTACH)
		call->deadline_ms += wait_of(call) ? wait_of(call) : 10000;
	answer = list ? ask_list(options, call, &err) : call_ask(options, call, call->path, &err);
	if (!answer || input_finish(call, answer, &err) != 0) {
		json_decref(answer);
		return complain(&err);
	}
	show(options, call->method, answer);
	if (call->method->id == API_STATUS)
		code = status_code(answer);
	json_decref(answer);
	return code;
}
