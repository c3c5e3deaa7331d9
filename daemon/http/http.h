/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * HTTP/1.1 on a unix socket, and on TCP the few pages that say how it goes: libmicrohttpd with its
 * epoll descriptor in the loop and a timer re-armed from its own. A pending request is suspended in
 * the library, which then does not look at its connection: a client that leaves is noticed when the
 * answer is written or the deadline passes.
 */
#pragma once

#include <uv.h>

#include "daemon/http/request.h"
#include "gossip/base/addr.h"

#define HTTP_CONNECTIONS_MAX 600
#define HTTP_IDLE_S 60 /* until a silent connection is closed */
/* Anybody may come over TCP: one address cannot take up all connections, nor keep its own. */
#define HTTP_PAGES_CONNECTIONS_MAX 64
#define HTTP_PAGES_CONNECTIONS_EACH 16
#define HTTP_PAGES_IDLE_S 10

struct http_config {
	uv_loop_t *loop;
	int listen_fd;            /* taken over */
	gid_t change_gid;         /* members may change things, as root; (gid_t)-1: nobody else */
	bool pages_only;          /* for TCP: API_PLAIN is served, and nothing else is there */
	unsigned connections_max; /* at once; 0: as above */
	unsigned idle_s;          /* 0: as above */
	void *ctx;
	void (*handle)(void *ctx, struct request *req);
};

struct http_counts {
	uint64_t requests;
	uint64_t errors; /* answers with a status from 400 up */
	uint64_t expired;
	uint32_t pending;
};

/* A server, or NULL with err. */
struct http *http_new(const struct http_config *config, struct weft_err *err);

/* Fails what is pending, closes connections and descriptors. The loop must run once more (until
 * its handles are closed) before the memory goes. */
void http_close(struct http *http);
void http_free(struct http *http);
void http_counts(const struct http *http, struct http_counts *counts);

/* Makes the socket file, of this group and for it to connect to, or, with all_read, for everybody;
 * a socket left by a dead daemon is replaced; a live one, or a file that is no socket, is
 * WEFT_E_EXISTS. Returns the descriptor, or a negative code with err. */
int http_listen(const char *path, gid_t group, bool all_read, struct weft_err *err);

/* A TCP socket for a server with pages_only: its descriptor, or a negative code with err. */
int http_listen_tcp(const struct hostport *at, struct weft_err *err);
