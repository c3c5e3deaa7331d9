/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <string.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "http_kit.h"
#include "test/base/cmocka_all.h"

#define CONNECTIONS 8 /* at once */

/* A server and raw clients in one thread: the loop turns until an answer is whole. */
struct world {
	uv_loop_t loop;
	struct http *http;
	char path[64];
	uint64_t pending; /* tag of the last request that was left pending */
	bool keep;        /* leave requests pending */
	char netns[64];   /* of the last attach */
	size_t handled, closed;
};

static void state_closed(void *state)
{
	struct world *w = state;

	w->closed++;
}

static void handle(void *ctx, struct request *req)
{
	struct world *w = ctx;

	w->handled++;
	if (request_method(req)->id == API_ATTACH)
		snprintf(w->netns, sizeof(w->netns), "%s %s", request_text(req, "network"),
			 request_text(req, "netns"));
	if (w->keep) {
		w->pending = request_tag(req);
		request_state_set(req, w, state_closed);
		return;
	}
	request_answer(req, json_pack("{s:b}", "force", request_flag(req, "force")));
}

static int setup(void **state)
{
	static int count;
	struct world *w = calloc(1, sizeof(*w));
	struct http_config config = {.loop = &w->loop,
				     .change_gid = (gid_t)-1,
				     .connections_max = CONNECTIONS,
				     .ctx = w,
				     .handle = handle};
	struct weft_err err = {0};

	snprintf(w->path, sizeof(w->path), "/tmp/weft-http-%d-%d", (int)getpid(), count++);
	uv_loop_init(&w->loop);
	config.listen_fd = http_listen(w->path, (gid_t)-1, false, &err);
	assert_true(config.listen_fd >= 0);
	w->http = http_new(&config, &err);
	assert_non_null(w->http);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	http_kit_close(&w->loop, w->http);
	unlink(w->path);
	free(w);
	return 0;
}

static int client(const struct world *w, const char *text)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	memcpy(addr.sun_path, w->path, strlen(w->path) + 1);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(send(fd, text, strlen(text), 0), (ssize_t)strlen(text));
	return fd;
}

static int finish(struct world *w, int fd, char *out, size_t cap)
{
	int status = http_kit_finish(&w->loop, fd, out, cap);

	assert_int_not_equal(status, 0);
	return status;
}

static int call(struct world *w, const char *verb, const char *path, const char *body, char *out,
		size_t cap)
{
	char text[1024];

	http_kit_request(text, sizeof(text), verb, path, body);
	return finish(w, client(w, text), out, cap);
}

static void calls_are_judged_by_the_table_before_a_handler_sees_them(void **state)
{
	static const struct {
		const char *verb, *path, *body;
		int status;
		const char *part;
	} rows[] = {
	    {"GET", "/v1/status", "", 200, "{\"force\":false}"},
	    {"GET", "/v1/nothing", "", 404, "\"not_found\""},
	    {"PUT", "/v1/status", "", 400, "another verb"},
	    {"POST", "/v1/cluster/join", "{}", 400, "token is missing"},
	    {"POST", "/v1/cluster/leave", "[]", 400, "not a JSON object"},
	    {"POST", "/v1/cluster/leave", "{\"force\":", 400, "not a JSON object"},
	    {"POST", "/v1/cluster/leave", "{\"force\":1}", 400, "force must be true or false"},
	    {"POST", "/v1/cluster/leave", "{\"wat\":1}", 400, "unknown field \\\"wat\\\""},
	    {"POST", "/v1/cluster/leave", "{\"force\":true,\"force\":true}", 400, "JSON"},
	    {"POST", "/v1/cluster/leave", "{\"request_id\":\"r\",\"force\":true}", 200, "true"},
	    {"POST", "/v1/networks", "{\"name\":\"a\",\"subnets\":[1]}", 400, "a list of texts"},
	    {"POST", "/v1/networks", "{\"name\":\"a\",\"labels\":{\"k\":1}}", 400, "an object"},
	    {"POST", "/v1/networks", "{\"name\":\"a\",\"vni\":-1}", 400, "vni must be a number"},
	    {"DELETE", "/v1/networks/blue?force=true", "", 200, "{\"force\":true}"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct world *w = *state;
		size_t before = w->handled;
		char out[2048];
		int status = call(w, rows[i].verb, rows[i].path, rows[i].body, out, sizeof(out));

		assert_int_equal(status, rows[i].status);
		assert_non_null(strstr(out, rows[i].part));
		assert_int_equal(w->handled - before, status == 200);
	}
}

static void path_and_body_fields_reach_the_handler(void **state)
{
	struct world *w = *state;
	char out[2048];

	assert_int_equal(call(w, "POST", "/v1/networks/bl%75e/endpoints", "{\"netns\":\"box\"}",
			      out, sizeof(out)),
			 200);
	assert_string_equal(w->netns, "blue box");
}

static void a_body_that_is_too_large_is_refused_without_a_handler(void **state)
{
	struct world *w = *state;
	size_t len = API_BODY_BYTES_MAX + 10;
	char *text = malloc(len + 200);
	char out[2048];
	int head = snprintf(text, 200,
			    "POST /v1/cluster/leave HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
			    "Content-Length: %zu\r\n\r\n",
			    len);
	int fd;

	memset(text + head, ' ', len);
	text[(size_t)head + len] = '\0';
	fd = client(w, text);
	free(text);
	assert_int_equal(finish(w, fd, out, sizeof(out)), 413);
	assert_non_null(strstr(out, "\"limit\""));
	assert_non_null(strstr(out, "64 KiB"));
	assert_int_equal(w->handled, 0);
}

static void a_pending_request_is_answered_later_by_its_tag(void **state)
{
	struct world *w = *state;
	struct http_counts counts;
	char out[2048];
	int fd;

	w->keep = true;
	fd = client(w, "GET /v1/status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	while (!w->pending)
		uv_run(&w->loop, UV_RUN_ONCE);
	http_counts(w->http, &counts);
	assert_int_equal(counts.pending, 1);
	assert_null(http_request(w->http, w->pending + 1));
	request_answer(http_request(w->http, w->pending), json_pack("{s:s}", "it", "came"));
	assert_null(http_request(w->http, w->pending));
	assert_int_equal(finish(w, fd, out, sizeof(out)), 200);
	assert_non_null(strstr(out, "{\"it\":\"came\"}"));
	assert_int_equal(w->closed, 1);
}

static void a_pending_request_ends_at_its_deadline_also_when_its_client_left(void **state)
{
	struct world *w = *state;
	struct weft_err late = {0};
	char out[2048];

	w->keep = true;
	for (int gone = 0; gone < 2; gone++) {
		int fd =
		    client(w, "GET /v1/status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");

		w->pending = 0;
		while (!w->pending)
			uv_run(&w->loop, UV_RUN_ONCE);
		weft_err_set(&late, WEFT_E_TIMEOUT, "too late");
		request_late_set(http_request(w->http, w->pending), &late);
		request_deadline_set(http_request(w->http, w->pending), 20);
		if (gone)
			close(fd);
		else
			assert_int_equal(finish(w, fd, out, sizeof(out)), 504);
		while (w->closed < (size_t)gone + 1)
			uv_run(&w->loop, UV_RUN_ONCE);
	}
	assert_non_null(strstr(out, "too late"));
}

static void clients_that_filled_all_connections_and_left_block_nobody(void **state)
{
	struct world *w = *state;
	int idle[CONNECTIONS];
	char out[2048];

	for (size_t i = 0; i < CONNECTIONS; i++)
		idle[i] = client(w, "GET /v1/status HT");
	/* Every one is accepted, and the server has seen that it can take no more. */
	for (int turn = 0; turn < 50; turn++)
		uv_run(&w->loop, UV_RUN_NOWAIT);
	for (size_t i = 0; i < CONNECTIONS; i++)
		close(idle[i]);
	assert_int_equal(call(w, "GET", "/v1/status", "", out, sizeof(out)), 200);
}

/* A stop; the world goes on with a server of its own. */
static void stop(struct world *w, void **state)
{
	http_close(w->http);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	http_free(w->http);
	setup(state);
	uv_loop_close(&w->loop);
	unlink(w->path);
}

static void stopping_answers_what_is_pending(void **state)
{
	struct world *w = *state;
	char out[2048];
	int fd;

	w->keep = true;
	fd = client(w, "GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n");
	while (!w->pending)
		uv_run(&w->loop, UV_RUN_ONCE);
	stop(w, state);
	assert_int_equal(finish(w, fd, out, sizeof(out)), 503);
	assert_non_null(strstr(out, "stopping"));
	free(w);
}

/* The library reads what has come before it ends; it aborts the process if anything of that were
 * left pending. One connection is known to the server, the other is not yet. */
static void stopping_answers_what_comes_meanwhile(void **state)
{
	struct world *w = *state;
	const char *text = "GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n";
	char out[2048];
	int known, unknown;

	w->keep = true;
	known = client(w, "GET /v1/sta");
	for (int turn = 0; turn < 50; turn++)
		uv_run(&w->loop, UV_RUN_NOWAIT);
	unknown = client(w, text);
	assert_int_equal(send(known, text + 11, strlen(text + 11), 0), (ssize_t)strlen(text + 11));
	stop(w, state);
	assert_int_equal(w->handled, 0);
	assert_int_equal(finish(w, known, out, sizeof(out)), 503);
	assert_non_null(strstr(out, "stopping"));
	assert_int_equal(finish(w, unknown, out, sizeof(out)), 503);
	free(w);
}

static void a_dead_socket_file_is_replaced_and_a_live_one_is_not(void **state)
{
	struct world *w = *state;
	struct weft_err err = {0};
	char path[80];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "%s-other", w->path);
	fd = http_listen(path, (gid_t)-1, false, &err);
	assert_true(fd >= 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	assert_int_equal(http_listen(path, (gid_t)-1, false, &err), WEFT_E_EXISTS);
	close(fd);
	fd = http_listen(path, (gid_t)-1, false, &err);
	assert_true(fd >= 0);
	close(fd);
	unlink(path);
}

static void a_file_that_is_no_socket_is_left_alone(void **state)
{
	struct world *w = *state;
	struct weft_err err = {0};
	char path[80];
	FILE *file;

	snprintf(path, sizeof(path), "%s-file", w->path);
	file = fopen(path, "we");
	assert_non_null(file);
	fclose(file);
	assert_int_equal(http_listen(path, (gid_t)-1, false, &err), WEFT_E_EXISTS);
	assert_non_null(strstr(err.message, "no socket"));
	assert_int_equal(unlink(path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		calls_are_judged_by_the_table_before_a_handler_sees_them, setup, teardown),
	    cmocka_unit_test_setup_teardown(path_and_body_fields_reach_the_handler, setup,
					    teardown),
	    cmocka_unit_test_setup_teardown(a_body_that_is_too_large_is_refused_without_a_handler,
					    setup, teardown),
	    cmocka_unit_test_setup_teardown(a_pending_request_is_answered_later_by_its_tag, setup,
					    teardown),
	    cmocka_unit_test_setup_teardown(
		a_pending_request_ends_at_its_deadline_also_when_its_client_left, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		clients_that_filled_all_connections_and_left_block_nobody, setup, teardown),
	    cmocka_unit_test_setup_teardown(stopping_answers_what_is_pending, setup, teardown),
	    cmocka_unit_test_setup_teardown(stopping_answers_what_comes_meanwhile, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_dead_socket_file_is_replaced_and_a_live_one_is_not,
					    setup, teardown),
	    cmocka_unit_test_setup_teardown(a_file_that_is_no_socket_is_left_alone, setup,
					    teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
