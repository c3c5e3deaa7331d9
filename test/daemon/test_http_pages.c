/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* The server on TCP, where anybody may come: three pages to read, and nothing else is there. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http_kit.h"
#include "test/base/cmocka_all.h"

#define IDLE_S 1
#define PATIENT_S 600
#define LONG_BYTES ((size_t)16 << 20) /* more than a socket takes at once */

struct world {
	uv_loop_t loop;
	struct http *http;
	uint16_t port;
	size_t handled;
	struct shared_text *shared; /* the answer to all, instead of a page for each */
};

static void handle(void *ctx, struct request *req)
{
	struct world *w = ctx;

	w->handled++;
	assert_int_equal(request_caller(req)->uid, (uid_t)-1);
	if (w->shared)
		request_answer_shared(req, 200, "text/plain", w->shared);
	else
		request_answer_text(req, 200, "text/plain", strdup("page\n"));
}

static int open_world(void **state, unsigned idle_s)
{
	struct world *w = calloc(1, sizeof(*w));
	struct hostport at = {inet_from_v4(INADDR_LOOPBACK), 0};
	/* Nobody of that group comes by TCP, whatever is configured. */
	struct http_config config = {.loop = &w->loop,
				     .change_gid = getgid(),
				     .pages_only = true,
				     .idle_s = idle_s,
				     .ctx = w,
				     .handle = handle};
	struct sockaddr_in addr;
	socklen_t len = sizeof(addr);
	struct weft_err err = {0};

	uv_loop_init(&w->loop);
	config.listen_fd = http_listen_tcp(&at, &err);
	assert_true(config.listen_fd >= 0);
	assert_int_equal(getsockname(config.listen_fd, (struct sockaddr *)&addr, &len), 0);
	w->port = ntohs(addr.sin_port);
	w->http = http_new(&config, &err);
	assert_non_null(w->http);
	*state = w;
	return 0;
}

static int setup(void **state)
{
	return open_world(state, IDLE_S);
}

/* Who is not read for a while is not what is tested. */
static int setup_patient(void **state)
{
	return open_world(state, PATIENT_S);
}

static int teardown(void **state)
{
	struct world *w = *state;

	http_kit_close(&w->loop, w->http);
	free(w);
	return 0;
}

/* A connection from 127.0.0.from, which has sent text. */
static int client(const struct world *w, unsigned from, const char *text)
{
	struct sockaddr_in addr = {.sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + from)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	addr.sin_port = htons(w->port);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
	return fd;
}

static int call(struct world *w, const char *verb, const char *path, const char *body)
{
	char text[1024], out[2048];

	http_kit_request(text, sizeof(text), verb, path, body);
	return http_kit_finish(&w->loop, client(w, 1, text), out, sizeof(out));
}

static void three_pages_are_read(void **state)
{
	struct world *w = *state;

	assert_int_equal(call(w, "GET", "/metrics", ""), 200);
	assert_int_equal(call(w, "GET", "/healthz", ""), 200);
	assert_int_equal(call(w, "GET", "/readyz", ""), 200);
	assert_int_equal(w->handled, 3);
}

static void nothing_else_is_there_by_any_verb(void **state)
{
	static const char *const verbs[] = {"GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"};
	struct world *w = *state;
	size_t pages = 0;

	for (int id = 0; id < API_METHOD_COUNT; id++) {
		const struct api_method *method = api_method((enum api_id)id);
		bool is_page = method->path[1] != 'v';

		pages += is_page;
		for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
			if (!is_page || i > 0)
				assert_int_equal(call(w, verbs[i], method->path, "{}"), 404);
		}
	}
	assert_int_equal(pages, 3);
	assert_int_equal(call(w, "GET", "/", ""), 404);
	assert_int_equal(w->handled, 0);
}

static void one_address_does_not_take_up_all_connections(void **state)
{
	static const char page[] = "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
	struct world *w = *state;
	int idle[HTTP_PAGES_CONNECTIONS_EACH];
	char out[2048];

	for (size_t i = 0; i < HTTP_PAGES_CONNECTIONS_EACH; i++)
		idle[i] = client(w, 1, "GET /heal");
	for (int turn = 0; turn < 50; turn++)
		uv_run(&w->loop, UV_RUN_NOWAIT);
	assert_int_equal(http_kit_finish(&w->loop, client(w, 1, page), out, sizeof(out)), 0);
	assert_int_equal(http_kit_finish(&w->loop, client(w, 2, page), out, sizeof(out)), 200);
	/* Nor does it keep what it has. */
	for (size_t i = 0; i < HTTP_PAGES_CONNECTIONS_EACH; i++)
		assert_int_not_equal(http_kit_finish(&w->loop, idle[i], out, sizeof(out)), 200);
	assert_int_equal(http_kit_finish(&w->loop, client(w, 1, page), out, sizeof(out)), 200);
	assert_int_equal(w->handled, 2);
}

static struct shared_text *long_text(char letter)
{
	char *text = malloc(LONG_BYTES + 1);

	memset(text, letter, LONG_BYTES);
	text[LONG_BYTES] = '\0';
	return shared_text_new(text);
}

static void check_long(struct world *w, int fd, char letter)
{
	char *out = malloc(2 * LONG_BYTES), *body;

	assert_int_equal(http_kit_finish(&w->loop, fd, out, 2 * LONG_BYTES), 200);
	body = strstr(out, "\r\n\r\n") + 4;
	assert_int_equal(strlen(body), LONG_BYTES);
	for (size_t i = 0; i < LONG_BYTES; i++)
		assert_int_equal(body[i], letter);
	free(out);
}

/* Two begin to read, and it is released, before either has read to its end; a third finds another
 * one, and of a fourth the connection goes while it is being written to. */
static void a_text_that_many_share_is_there_until_all_have_read_it(void **state)
{
	static const char page[] = "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
	struct world *w = *state;
	int fds[4];

	w->shared = long_text('a');
	for (size_t i = 0; i < 4; i++) {
		if (i == 2) {
			shared_text_release(w->shared);
			w->shared = long_text('b');
		}
		fds[i] = client(w, 1, page);
		while (w->handled == i)
			uv_run(&w->loop, UV_RUN_NOWAIT);
	}
	shared_text_release(w->shared);
	w->shared = NULL;
	close(fds[3]);
	check_long(w, fds[1], 'a');
	check_long(w, fds[0], 'a');
	check_long(w, fds[2], 'b');
}

static void an_address_where_one_cannot_listen_is_named(void **state)
{
	const struct world *w = *state;
	struct hostport taken = {inet_from_v4(INADDR_LOOPBACK), w->port};
	struct hostport foreign = {inet_from_v4(0xc0000201), 9999};
	struct weft_err err = {0};

	assert_int_equal(http_listen_tcp(&taken, &err), WEFT_E_INVALID);
	assert_non_null(strstr(err.message, "in use; choose another with --metrics-listen"));
	assert_int_equal(http_listen_tcp(&foreign, &err), WEFT_E_INVALID);
	assert_non_null(strstr(err.message, "cannot listen on TCP 192.0.2.1:9999 for metrics"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	    TEST(three_pages_are_read),
	    TEST(nothing_else_is_there_by_any_verb),
	    TEST(one_address_does_not_take_up_all_connections),
	    cmocka_unit_test_setup_teardown(a_text_that_many_share_is_there_until_all_have_read_it,
					    setup_patient, teardown),
	    TEST(an_address_where_one_cannot_listen_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
