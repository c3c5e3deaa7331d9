/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * As much of HTTP/2 (RFC 9113) and gRPC as a client needs that has one call under way and trusts
 * its server: one stream a call, headers from the static table of HPACK or as literals, answers
 * judged by their message. Windows: the server's grow as it reads, ours is opened once, for all.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bench_load.h"

#define FRAME_BYTES 9
#define PREFIX_BYTES 5 /* of a gRPC message: not compressed, its length */

enum { DATA = 0, HEADERS = 1, RST_STREAM = 3, SETTINGS = 4, PING = 6, GOAWAY = 7, WINDOW = 8 };
enum { END_STREAM = 1, ACK = 1, END_HEADERS = 4 };

struct frame {
	size_t len;
	unsigned type, flags;
	uint32_t stream;
	const uint8_t *payload;
};

static void number_write(char *out, uint32_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		out[i] = (char)(value >> 8 * (bytes - 1 - i));
}

static size_t frame_head(char *out, size_t len, unsigned type, unsigned flags, uint32_t stream)
{
	number_write(out, (uint32_t)len, 3);
	out[3] = (char)type;
	out[4] = (char)flags;
	number_write(out + 5, stream, 4);
	return FRAME_BYTES;
}

static void open_http2(struct connection *c)
{
	static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
	char frames[2 * FRAME_BYTES + 4];
	size_t len = frame_head(frames, 0, SETTINGS, 0, 0);

	connection_send(c, preface, sizeof(preface) - 1);
	len += frame_head(frames + len, 4, WINDOW, 0, 0);
	number_write(frames + len, 1u << 30, 4);
	connection_send(c, frames, len + 4);
	c->stream = 1;
}

/* A literal that no table keeps; name is NULL for one of the static table's, given by its index. */
static size_t header(char *out, unsigned index, const char *name, const char *value)
{
	size_t at = 0, len = strlen(value);

	if (index < 15) {
		out[at++] = (char)index;
	} else {
		out[at++] = 15;
		out[at++] = (char)(index - 15);
	}
	if (name) {
		out[at++] = (char)strlen(name);
		memcpy(out + at, name, strlen(name));
		at += strlen(name);
	}
	out[at++] = (char)len;
	memcpy(out + at, value, len);
	return at + len;
}

static uint8_t nibble(char digit)
{
	return (uint8_t)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
}

static size_t request(struct connection *c, const char *verb, const char *url, const char *body,
		      char *out)
{
	size_t len = strlen(body) / 2, at = FRAME_BYTES;

	(void)verb;
	if (strlen(url) > 126 || len + 300 + strlen(url) > REQUEST_BYTES)
		return 0;
	out[at++] = (char)0x83; /* :method POST */
	out[at++] = (char)0x86; /* :scheme http */
	at += header(out + at, 4, NULL, url);
	at += header(out + at, 1, NULL, "bench");
	at += header(out + at, 31, NULL, "application/grpc");
	at += header(out + at, 0, "te", "trailers");
	frame_head(out, at - FRAME_BYTES, HEADERS, END_HEADERS, c->stream);
	at += frame_head(out + at, PREFIX_BYTES + len, DATA, END_STREAM, c->stream);
	out[at++] = 0;
	number_write(out + at, (uint32_t)len, 4);
	at += 4;
	for (size_t i = 0; i < len; i++)
		out[at++] = (char)(nibble(body[2 * i]) << 4 | nibble(body[2 * i + 1]));
	c->is_good = false;
	return at;
}

/* A number of protobuf; *at ends behind it. */
static uint64_t varint(const uint8_t *bytes, size_t len, size_t *at)
{
	uint64_t value = 0;

	for (unsigned shift = 0; *at < len && shift < 64; shift += 7) {
		uint8_t byte = bytes[(*at)++];

		value |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80)
			break;
	}
	return value;
}

/* Is the boolean field set in a message of protobuf? Its other fields are numbers or have lengths.
 */
static bool field_is_true(const uint8_t *bytes, size_t len, unsigned field)
{
	for (size_t at = 0; at < len;) {
		uint64_t key = varint(bytes, len, &at), value = varint(bytes, len, &at);

		if ((key & 7) == 0 && key >> 3 == field)
			return value != 0;
		if ((key & 7) == 2)
			at += value;
	}
	return false;
}

static bool frame_next(const struct connection *c, size_t *at, struct frame *frame)
{
	const uint8_t *head = (const uint8_t *)c->answer + *at;

	if (c->used - *at < FRAME_BYTES)
		return false;
	frame->len = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];
	if (c->used - *at < FRAME_BYTES + frame->len)
		return false;
	frame->type = head[3];
	frame->flags = head[4];
	frame->stream = (uint32_t)(head[5] & 0x7f) << 24 | (uint32_t)head[6] << 16 |
			(uint32_t)head[7] << 8 | head[8];
	frame->payload = head + FRAME_BYTES;
	*at += FRAME_BYTES + frame->len;
	return true;
}

/* What the server wants confirmed is sent back as it is. */
static void confirm(const struct connection *c, const struct frame *frame, size_t len)
{
	char out[FRAME_BYTES + 8];

	frame_head(out, len, frame->type, ACK, 0);
	memcpy(out + FRAME_BYTES, frame->payload, len);
	connection_send(c, out, FRAME_BYTES + len);
}

/* True at the end of the stream. */
static bool frame_take(struct connection *c, const struct frame *frame, const char *must)
{
	if (frame->type == SETTINGS && !(frame->flags & ACK))
		confirm(c, frame, 0);
	else if (frame->type == PING && !(frame->flags & ACK) && frame->len == 8)
		confirm(c, frame, 8);
	errno = EPROTO;
	if (frame->type == RST_STREAM || frame->type == GOAWAY)
		die("the server gave the call up");
	if (frame->stream != c->stream)
		return false;
	if (frame->type == DATA && frame->len > PREFIX_BYTES)
		c->is_good |=
		    field_is_true(frame->payload + PREFIX_BYTES, frame->len - PREFIX_BYTES,
				  (unsigned)strtoul(must, NULL, 10));
	return (frame->type == DATA || frame->type == HEADERS) && frame->flags & END_STREAM;
}

static enum verdict answer(struct connection *c, const char *must)
{
	struct frame frame;
	bool ended = false;
	size_t at = 0;

	while (!ended && frame_next(c, &at, &frame))
		ended = frame_take(c, &frame, must);
	c->used -= at;
	memmove(c->answer, c->answer + at, c->used);
	if (!ended)
		return ANSWER_PART;
	c->stream += 2;
	return c->is_good ? ANSWER_GOOD : ANSWER_BAD;
}

const struct protocol protocol_grpc = {.open = open_http2, .request = request, .answer = answer};
