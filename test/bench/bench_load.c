/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Sends requests over kept connections as fast as their answers come, one at a time on each, and
 * says how many a second were answered and how long each took. Weft and its peer are asked by this
 * same client, so what it costs, it costs both.
 *
 *   bench_load http|grpc unix:PATH|tcp:ADDR:PORT CONNECTIONS VERB URL BODIES [MUST]
 *
 * BODIES is a file with the body of one request a line; bench_load.h says what a body is and which
 * answers are good. Prints one JSON object.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "bench_load.h"

#define EVENTS 64

struct load {
	const char *target, *verb, *url, *must;
	const struct protocol *protocol;
	char **bodies;
	size_t count, next, done, failed;
	double *took; /* seconds, by order of answers */
};

_Noreturn void die(const char *what)
{
	fprintf(stderr, "bench_load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int open_unix(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(addr.sun_path))
		die("the socket's path is too long");
	memcpy(addr.sun_path, path, strlen(path));
	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0)
		die(path);
	return fd;
}

static int open_tcp(const char *text)
{
	const char *colon = strrchr(text, ':');
	struct sockaddr_in addr = {.sin_family = AF_INET};
	char host[64] = {0};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	if (!colon || (size_t)(colon - text) >= sizeof(host))
		die("want tcp:ADDR:PORT");
	memcpy(host, text, (size_t)(colon - text));
	addr.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
	if (inet_pton(AF_INET, host, &addr.sin_addr) != 1)
		die(host);
	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0)
		die(text);
	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) != 0)
		die("TCP_NODELAY");
	return fd;
}

static int connection_open(const char *target)
{
	if (strncmp(target, "unix:", 5) == 0)
		return open_unix(target + 5);
	if (strncmp(target, "tcp:", 4) == 0)
		return open_tcp(target + 4);
	errno = EINVAL;
	die(target);
}

/* Smaller than any socket's buffer, and what was sent before was answered. */
void connection_send(const struct connection *c, const void *bytes, size_t len)
{
	if (send(c->fd, bytes, len, MSG_NOSIGNAL) != (ssize_t)len)
		die("sending");
}

/* Sends the next request; false when there is none left. */
static bool ask(struct load *load, struct connection *c)
{
	char request[REQUEST_BYTES];
	size_t len;

	if (load->next == load->count)
		return false;
	len =
	    load->protocol->request(c, load->verb, load->url, load->bodies[load->next++], request);
	errno = EMSGSIZE;
	if (len == 0)
		die("a request");
	c->asked = seconds();
	connection_send(c, request, len);
	return true;
}

/* Counts what was answered and asks again. */
static void take(struct load *load, struct connection *c)
{
	ssize_t len = recv(c->fd, c->answer + c->used, ANSWER_BYTES - c->used, 0);
	enum verdict verdict;

	if (len <= 0)
		die("the answer");
	c->used += (size_t)len;
	c->answer[c->used] = '\0';
	verdict = load->protocol->answer(c, load->must);
	if (verdict == ANSWER_PART)
		return;
	load->took[load->done++] = seconds() - c->asked;
	if (verdict == ANSWER_BAD && load->failed++ == 0)
		fprintf(stderr, "bench_load: refused: %s\n", c->answer);
	(void)ask(load, c);
}

static void bodies_read(struct load *load, const char *path)
{
	FILE *file = fopen(path, "r");
	char *line = NULL;
	size_t size = 0, room = 0;
	ssize_t len;

	if (!file)
		die(path);
	while ((len = getline(&line, &size, file)) > 0) {
		if (line[len - 1] == '\n')
			line[len - 1] = '\0';
		if (load->count == room) {
			room = room ? 2 * room : 1024;
			load->bodies = realloc(load->bodies, room * sizeof(*load->bodies));
			if (!load->bodies)
				die("memory");
		}
		load->bodies[load->count] = strdup(line);
		if (!load->bodies[load->count++])
			die("memory");
	}
	free(line);
	fclose(file);
	load->took = calloc(load->count + 1, sizeof(*load->took));
	if (!load->took || load->count == 0)
		die("no bodies");
}

static double run(struct load *load, unsigned count)
{
	struct connection *connections = calloc(count, sizeof(*connections));
	struct epoll_event events[EVENTS];
	int poll = epoll_create1(EPOLL_CLOEXEC);
	double start;

	if (!connections || poll < 0)
		die("connections");
	for (unsigned i = 0; i < count; i++) {
		struct epoll_event event = {.events = EPOLLIN, .data.ptr = &connections[i]};

		connections[i].fd = connection_open(load->target);
		if (epoll_ctl(poll, EPOLL_CTL_ADD, connections[i].fd, &event) != 0)
			die("epoll");
		if (load->protocol->open)
			load->protocol->open(&connections[i]);
	}
	start = seconds();
	for (unsigned i = 0; i < count; i++)
		(void)ask(load, &connections[i]);
	while (load->done < load->count) {
		int ready = epoll_wait(poll, events, EVENTS, 30000);

		errno = ready == 0 ? ETIMEDOUT : errno;
		if (ready <= 0)
			die("waiting for answers");
		for (int i = 0; i < ready; i++)
			take(load, events[i].data.ptr);
	}
	start = seconds() - start;
	for (unsigned i = 0; i < count; i++)
		close(connections[i].fd);
	close(poll);
	free(connections);
	return start;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	struct load load = {0};
	unsigned count;
	double took;

	if (argc < 7 || argc > 8) {
		fprintf(stderr, "usage: bench_load http|grpc unix:PATH|tcp:ADDR:PORT CONNECTIONS "
				"VERB URL BODIES [MUST]\n");
		return 2;
	}
	load.protocol = strcmp(argv[1], "grpc") == 0 ? &protocol_grpc : &protocol_http;
	load.target = argv[2];
	count = (unsigned)strtoul(argv[3], NULL, 10);
	load.verb = argv[4];
	load.url = argv[5];
	load.must = argc == 8 ? argv[7] : NULL;
	bodies_read(&load, argv[6]);
	took = run(&load, count ? count : 1);
	qsort(load.took, load.count, sizeof(*load.took), ascending);
	printf("{\"requests\": %zu, \"failed\": %zu, \"per_s\": %.1f, \"p50_ms\": %.4f, "
	       "\"p99_ms\": %.4f, \"max_ms\": %.4f}\n",
	       load.count, load.failed, (double)load.count / took, 1e3 * load.took[load.count / 2],
	       1e3 * load.took[load.count * 99 / 100], 1e3 * load.took[load.count - 1]);
	for (size_t i = 0; i < load.count; i++)
		free(load.bodies[i]);
	free(load.bodies);
	free(load.took);
	return 0;
}
