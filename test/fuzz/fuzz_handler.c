/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Requests of the API through their handlers to a whole node, which is one of two hosts with a
 * network and a box in it; the kernel says yes to everything. An input is a few requests in the
 * form of fuzz_request, with a zero byte between them.
 *
 * The daemon around the node has no loop, store or kernel thread: what the handlers want of these
 * is answered here (--wrap). Backups of the cluster key are left out: a password takes a second.
 */
#include <stdlib.h>
#include <string.h>

#include "daemon/api/api.h"
#include "daemon/diag/diag.h"
#include "input.h"
#include "query.h"
#include "test/node/cluster.h"

#define REQUESTS_MAX 4
#define TELLS_MAX 8
#define WAITS 60
#define WAIT_MS 20

static struct {
	struct daemon d;
	struct http http;
	struct options options;
	struct daemon_config config;
	struct log log;
	struct cluster *cluster;
	size_t tell_count;
	struct kernel_tell tells[TELLS_MAX];
} world;

void __wrap_daemon_submit(struct daemon *d, struct request *req, struct node_request *request);
void __wrap_kernel_thread_ask(struct kernel_thread *kt, struct kernel_ask *ask);
size_t __wrap_kernel_thread_waiting(struct kernel_thread *kt)
{
	(void)kt;
	return 0;
}

/* Asking members takes turns of the loop. */
int __wrap_diag_begin(struct diag *diag, const struct diag_client *client, const struct id *only,
		      struct weft_err *err)
{
	(void)diag, (void)client, (void)only;
	return weft_err_set(err, WEFT_E_BUSY, "not here");
}

void __wrap_store_thread_stats(struct store_thread *st, struct store_stats *stats);
size_t __wrap_store_thread_waiting(struct store_thread *st);
void __wrap_store_thread_file(struct store_thread *st, uint64_t tag, enum store_file what,
			      const char *path);

void __wrap_daemon_submit(struct daemon *d, struct request *req, struct node_request *request)
{
	struct weft_err err = {0};

	if (repeat_note(d, req, request, &err) != 0) {
		request_fail(req, &err);
		return;
	}
	call_of(d, req);
	req->tag = cluster_ask(world.cluster, 0, request);
}

/* What the kernel thread would tell; the handler hears it when it has returned. */
void __wrap_kernel_thread_ask(struct kernel_thread *kt, struct kernel_ask *ask)
{
	struct kernel_tell *tell = &world.tells[world.tell_count];

	(void)kt;
	FUZZ_MUST(world.tell_count < TELLS_MAX);
	*tell = (struct kernel_tell){.tag = ask->tag, .network = ask->network};
	if (ask->kind == ASK_BOX) {
		tell->kind = TELL_BOX;
		tell->box = (struct box){.fds = {-1, -1}, .dev = 4};
		for (const char *at = ask->rec.text; *at != '\0'; at++)
			tell->box.inode = tell->box.inode * 31 + (unsigned char)*at;
	} else if (ask->kind == ASK_OVERLAPS) {
		tell->kind = TELL_OVERLAPS;
	} else {
		tell->kind = TELL_STATE;
	}
	world.tell_count++;
	free(ask);
}

void __wrap_store_thread_stats(struct store_thread *st, struct store_stats *stats)
{
	(void)st;
	memset(stats, 0, sizeof(*stats));
}

size_t __wrap_store_thread_waiting(struct store_thread *st)
{
	(void)st;
	return 0;
}

void __wrap_store_thread_file(struct store_thread *st, uint64_t tag, enum store_file what,
			      const char *path)
{
	(void)st, (void)tag, (void)what, (void)path;
}

static void world_once(void)
{
	static uint8_t kernel; /* never looked into */

	log_init(&world.log, fopen("/dev/null", "w"), LOG_LEVEL_ERROR, LOG_TEXT);
	memcpy(world.options.name, "h0", 3);
	world.options.vxlan_port = 4789;
	world.config = (struct daemon_config){.options = &world.options, .log = &world.log};
	world.d.options = &world.options;
	world.d.config = &world.config;
	world.d.log = &world.log;
	world.d.http = &world.http;
	world.d.kernel = (struct kernel_thread *)(void *)&kernel;
	world.d.events = events_new(1);
	FUZZ_MUST(uv_loop_init(&world.d.loop) == 0);
	world.http.config.loop = &world.d.loop;
	world.http.next_tag = UINT64_C(1) << 32; /* apart from the cluster's */
	uv_timer_init(&world.d.loop, &world.http.deadline);
}

static void world_begin(void)
{
	struct id network;

	if (world.d.events == NULL)
		world_once();
	world.cluster = cluster_new(2);
	world.d.node = world.cluster->hosts[0].node;
	world.d.end = DAEMON_RUNS;
	world.tell_count = 0;
	network = cluster_network(world.cluster, 0, "blue", "10.1.0.0/24");
	cluster_attached(world.cluster, 0, &network, 1);
}

static bool is_slow(const struct request *req)
{
	return req->method->id == API_ADMIN_BACKUP || req->method->id == API_ADMIN_RESTORE;
}

/* Time passes until the request is answered, or so long that it is given up. */
static void wait(struct request *req)
{
	for (int i = 0; i < WAITS && req->phase != REQUEST_ANSWERED; i++) {
		const struct node_answer *answer;

		for (size_t t = 0; t < world.tell_count; t++) {
			struct kernel_tell tell = world.tells[t];
			api_told(&world.d, &tell);
		}
		world.tell_count = 0;
		answer = cluster_answer(world.cluster, req->tag);
		if (answer != NULL && req->phase != REQUEST_ANSWERED) {
			struct node_answer copy = *answer;
			req->tag = world.http.next_tag++;
			copy.tag = req->tag;
			api_answered(&world.d, &copy);
		} else if (req->phase != REQUEST_ANSWERED) {
			cluster_run(world.cluster, WAIT_MS);
			api_retry(&world.d, true);
		}
	}
}

static void request_run(const char *verb, const char *path, const char *body, size_t len)
{
	struct request *req = request_begin(&world.http, NULL, path, verb);

	req->caller.uid = 0;
	request_take(req, body, len);
	if (req->phase == REQUEST_READING && request_check(req) && !is_slow(req)) {
		req->phase = REQUEST_PENDING;
		api_handle(&world.d, req);
		wait(req);
	}
	request_free(req);
	world.tell_count = 0;
	FUZZ_MUST(world.http.requests == NULL);
}

static void request_read(char *text, size_t len)
{
	static char none[1];
	char *path = strchr(text, ' ');
	char *args = path ? strchr(path, '\n') : NULL;
	char *body = args ? strchr(args + 1, '\n') : NULL;

	if (!body)
		return;
	*path++ = '\0';
	*args++ = '\0';
	*body++ = '\0';
	query_read(args[0] ? args : none);
	request_run(text, path, body, len - (size_t)(body - text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};

	if (size == 0)
		return 0;
	world_begin();
	for (int i = 0; i < REQUESTS_MAX && in.len > 0; i++) {
		const uint8_t *end = memchr(in.at, '\0', in.len);
		size_t len = end ? (size_t)(end - in.at) : in.len;
		char *text = malloc(len + 1);

		FUZZ_MUST(text != NULL);
		memcpy(text, in.at, len);
		text[len] = '\0';
		request_read(text, len);
		free(text);
		len += end != NULL;
		(void)input_piece(&in, &len);
	}
	for (size_t i = 0; i < world.cluster->count; i++)
		node_check(world.cluster->hosts[i].node);
	cluster_free(world.cluster);
	return 0;
}
