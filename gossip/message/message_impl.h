/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The inside of addressed messages, shared by message.c (the caller's side and the door) and
 * message_serve.c (the server's side).
 */
#pragma once

#include "message.h"

#define SERVED_MAX 4096
#define TTL_MS_MAX 60000
#define EXPIRED_BATCH 32
#define REQUEST_HEAD_BYTES 12 /* id 8, ttl 4 */
#define ANSWER_HEAD_BYTES 8

_Static_assert(FRAME_HEADER_BYTES + REQUEST_HEAD_BYTES + MESSAGE_BYTES_MAX <= WIRE_PAYLOAD_MAX,
	       "a request fits one datagram");

/* A request of this node that waits for its answer. */
struct call {
	uint64_t id;
	struct id peer;
	uint64_t tag;
	struct mono expires;
	struct mono sent, resend;
	int64_t rto_ns;
	uint32_t ttl_ms;
	uint16_t len;
	uint8_t *bytes; /* len, NULL when empty */
};

struct served_key {
	struct id from;
	uint64_t id;
};

/* A request of another node, from its delivery until it cannot come again. */
struct served {
	struct served_key key;
	uint64_t handle;
	struct mono expires;
	bool answered;
	bool acked;
	uint16_t len;
	uint8_t *bytes; /* of the answer */
};

struct handle_slot {
	uint64_t handle;
	struct served_key key;
};

struct peer_count {
	struct id id;
	uint32_t count;
};

struct messages {
	struct core *core;
	struct member_table *members;
	struct map calls;    /* id -> struct call */
	struct map served;   /* key -> struct served */
	struct map handles;  /* handle -> key; requests that the host has not answered */
	struct map per_peer; /* how many of the served each peer has */
	uint64_t next_id;
	uint64_t next_handle;
	struct mono calls_due;
	struct mono served_due;
};

/* message_serve.c */
enum drop_reason serve_request(struct messages *msgs, const struct member *from,
			       const uint8_t *body, size_t len);
enum drop_reason serve_ack(struct messages *msgs, const struct member *from, const uint8_t *body,
			   size_t len);
void serve_tick(struct messages *msgs);
uint8_t *message_copy(struct messages *msgs, const uint8_t *bytes, size_t len);
