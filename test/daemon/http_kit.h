/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* A raw client of an HTTP server that runs in the test's own loop, and the end of such a server. */
#pragma once

#include "daemon/http/http.h"

/* Writes a request that is the last of its connection. */
void http_kit_request(char *out, size_t cap, const char *verb, const char *path, const char *body);

/* Turns the loop until the server closes the connection fd, which is closed here too: the status of
 * the answer in out, or 0 without any. */
int http_kit_finish(uv_loop_t *loop, int fd, char *out, size_t cap);

/* Stops and frees a server, and closes its loop. */
void http_kit_close(uv_loop_t *loop, struct http *http);
