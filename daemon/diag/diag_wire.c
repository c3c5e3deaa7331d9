/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "daemon/diag/diag_wire.h"

#include <string.h>

#include "gossip/base/err.h"
#include "gossip/base/pack.h"
#include "ipamdb/message.h"

/* Differences of what clocks say stay within 64 bits. */
#define WALL_MS_MAX (INT64_C(1) << 53)

#define ELEMENTS_MAX 32
#define HEARD_MS_MAX INT64_C(1000000000000)

static void put_heard(struct pack *pack, int64_t heard_ms)
{
	if (heard_ms == DIAG_NEVER)
		pack_nil(pack);
	else
		pack_uint(pack, (uint64_t)heard_ms);
}

static int64_t get_heard(struct cursor *cursor)
{
	if (cursor_nil(cursor))
		return DIAG_NEVER;
	return (int64_t)cursor_uint(cursor, HEARD_MS_MAX);
}

static void put_numbers(struct pack *pack, const uint16_t *numbers, size_t count)
{
	pack_array(pack, count);
	for (size_t i = 0; i < count; i++)
		pack_uint(pack, numbers[i]);
}

static size_t get_numbers(struct cursor *cursor, uint16_t *numbers, size_t max)
{
	size_t count = cursor_array(cursor, max);

	for (size_t i = 0; i < count; i++)
		numbers[i] = (uint16_t)cursor_uint(cursor, UINT16_MAX);
	return count;
}

static void put_seen(struct pack *pack, const struct diag_message *message)
{
	pack_array(pack, message->seen_count);
	for (size_t i = 0; i < message->seen_count; i++) {
		pack_array(pack, 3);
		pack_uint(pack, message->seen[i].port);
		pack_uint(pack, message->seen[i].size);
		pack_uint(pack, message->seen[i].count);
	}
}

static void get_seen(struct cursor *cursor, struct diag_message *message)
{
	message->seen_count = cursor_array(cursor, DIAG_PORTS_MAX * DIAG_SIZES_MAX);
	for (size_t i = 0; i < message->seen_count; i++) {
		if (cursor_array(cursor, 3) != 3)
			cursor->bad = true;
		message->seen[i].port = (uint16_t)cursor_uint(cursor, UINT16_MAX);
		message->seen[i].size = (uint16_t)cursor_uint(cursor, UINT16_MAX);
		message->seen[i].count = (uint32_t)cursor_uint(cursor, UINT32_MAX);
	}
}

int diag_encode(const struct diag_message *message, uint8_t *out, size_t cap)
{
	struct pack pack;

	if (cap < NODE_MESSAGE_HEADER_BYTES)
		return WEFT_E_LIMIT;
	out[0] = NODE_MESSAGE_VERSION;
	out[1] = message->kind;
	pack_init(&pack, out + NODE_MESSAGE_HEADER_BYTES, cap - NODE_MESSAGE_HEADER_BYTES);
	switch (message->kind) {
	case DIAG_HELLO:
	case DIAG_WATCH:
		pack_array(&pack, 1);
		pack_uint(&pack, message->nonce);
		break;
	case DIAG_HELLO + 1:
		pack_array(&pack, 5);
		pack_int(&pack, message->wall.ms);
		pack_str(&pack, message->version);
		pack_bin(&pack, message->vtep.b, sizeof(message->vtep.b));
		pack_uint(&pack, message->mtu_bytes);
		pack_uint(&pack, message->nonce);
		break;
	case DIAG_WATCH + 1:
		pack_array(&pack, 1);
		pack_uint(&pack, message->watches);
		break;
	case DIAG_COUNT:
		pack_array(&pack, 3);
		pack_uint(&pack, message->nonce);
		put_numbers(&pack, message->ports, message->port_count);
		put_numbers(&pack, message->sizes, message->size_count);
		break;
	case DIAG_COUNT + 1:
		pack_array(&pack, 2);
		pack_bool(&pack, message->sent);
		put_seen(&pack, message);
		break;
	case DIAG_ABOUT:
	case DIAG_RELAY:
		pack_array(&pack, 1);
		pack_bin(&pack, message->member.b, ID_BYTES);
		break;
	case DIAG_ABOUT + 1:
		pack_array(&pack, 1);
		put_heard(&pack, message->heard_ms);
		break;
	case DIAG_RELAY + 1:
		pack_array(&pack, 2);
		pack_bool(&pack, message->reached);
		put_heard(&pack, message->heard_ms);
		break;
	default:
		return WEFT_E_INVALID;
	}
	return pack_ok(&pack) ? (int)(NODE_MESSAGE_HEADER_BYTES + pack.len) : WEFT_E_LIMIT;
}

/* Begins an array of at least so many; the others are to be passed over. */
static size_t begin(struct cursor *cursor, size_t known)
{
	size_t count = cursor_array(cursor, ELEMENTS_MAX);

	if (count < known)
		cursor->bad = true;
	return cursor->bad ? 0 : count - known;
}

int diag_decode(const uint8_t *bytes, size_t len, struct diag_message *message)
{
	struct cursor cursor;
	size_t more = 0;

	memset(message, 0, sizeof(*message));
	if (len < NODE_MESSAGE_HEADER_BYTES || bytes[0] != NODE_MESSAGE_VERSION)
		return WEFT_E_INVALID;
	message->kind = bytes[1];
	cursor_init(&cursor, bytes + NODE_MESSAGE_HEADER_BYTES, len - NODE_MESSAGE_HEADER_BYTES);
	switch (message->kind) {
	case DIAG_HELLO:
	case DIAG_WATCH:
		more = begin(&cursor, 1);
		message->nonce = cursor_uint(&cursor, UINT64_MAX);
		break;
	case DIAG_HELLO + 1:
		more = begin(&cursor, 5);
		message->wall.ms = cursor_int(&cursor);
		if (message->wall.ms < -WALL_MS_MAX || message->wall.ms > WALL_MS_MAX)
			return WEFT_E_INVALID;
		cursor_text(&cursor, message->version, sizeof(message->version));
		cursor_fixed(&cursor, message->vtep.b, sizeof(message->vtep.b));
		message->mtu_bytes = (uint16_t)cursor_uint(&cursor, UINT16_MAX);
		message->nonce = cursor_uint(&cursor, UINT64_MAX);
		break;
	case DIAG_WATCH + 1:
		more = begin(&cursor, 1);
		message->watches = (enum diag_watches)cursor_uint(&cursor, DIAG_CROWDED);
		break;
	case DIAG_COUNT:
		more = begin(&cursor, 3);
		message->nonce = cursor_uint(&cursor, UINT64_MAX);
		message->port_count = get_numbers(&cursor, message->ports, DIAG_PORTS_MAX);
		message->size_count = get_numbers(&cursor, message->sizes, DIAG_SIZES_MAX);
		break;
	case DIAG_COUNT + 1:
		more = begin(&cursor, 2);
		message->sent = cursor_bool(&cursor);
		get_seen(&cursor, message);
		break;
	case DIAG_ABOUT:
	case DIAG_RELAY:
		more = begin(&cursor, 1);
		cursor_fixed(&cursor, message->member.b, ID_BYTES);
		break;
	case DIAG_ABOUT + 1:
		more = begin(&cursor, 1);
		message->heard_ms = get_heard(&cursor);
		break;
	case DIAG_RELAY + 1:
		more = begin(&cursor, 2);
		message->reached = cursor_bool(&cursor);
		message->heard_ms = get_heard(&cursor);
		break;
	default:
		return WEFT_E_INVALID;
	}
	for (size_t i = 0; i < more; i++)
		cursor_skip(&cursor);
	return cursor_at_end(&cursor) ? 0 : WEFT_E_INVALID;
}
