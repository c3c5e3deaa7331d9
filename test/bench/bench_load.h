/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What the load generator and the protocols that it speaks share: a connection with one request
 * under way, and how a request is written and its answer read.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ANSWER_BYTES 65536
#define REQUEST_BYTES 4096

struct connection {
	int fd;
	double asked; /* seconds */
	uint32_t stream;
	bool is_good; /* so far, in protocols whose answers come in parts */
	size_t used;
	char answer[ANSWER_BYTES + 1];
};

enum verdict { ANSWER_PART, ANSWER_GOOD, ANSWER_BAD };

struct protocol {
	/* Once, before the first request; may be NULL. */
	void (*open)(struct connection *c);
	/* Writes a request to out[0..REQUEST_BYTES): its length; 0 when it is too long. */
	size_t (*request)(struct connection *c, const char *verb, const char *url, const char *body,
			  char *out);
	/* Looks at what came: answer[0..used), with a NUL behind it. */
	enum verdict (*answer)(struct connection *c, const char *must);
};

/* JSON over HTTP/1.1; an answer is good when its status is 2xx and its body holds must. */
extern const struct protocol protocol_http;

/* gRPC over HTTP/2, as clients of etcd speak it; a body is hexadecimal; an answer is good when its
 * message holds the boolean field number must. */
extern const struct protocol protocol_grpc;

/* Sends all of it, or ends the program. */
void connection_send(const struct connection *c, const void *bytes, size_t len);
_Noreturn void die(const char *what);
