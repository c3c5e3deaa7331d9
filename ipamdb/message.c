/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* The messages of message.h in and out of bytes. */
#include "message.h"

#include <string.h>

#include "gossip/base/err.h"
#include "gossip/base/pack.h"

int range_message_encode(const struct range_message *message, uint8_t *out, size_t cap)
{
	uint8_t header[NODE_MESSAGE_HEADER_BYTES] = {NODE_MESSAGE_VERSION, (uint8_t)message->kind};
	uint8_t key[RANGE_KEY_BYTES];
	struct pack pack;

	pack_init(&pack, out, cap);
	pack_raw(&pack, header, sizeof(header));
	switch (message->kind) {
	case RANGE_MESSAGE_REQUEST:
		pack_array(&pack, 3);
		pack_bin(&pack, message->network.b, ID_BYTES);
		pack_uint(&pack, message->v4 ? 4 : 6);
		if (message->has_address)
			pack_bin(&pack, message->address.b, sizeof(message->address.b));
		else
			pack_nil(&pack);
		break;
	case RANGE_MESSAGE_GRANT:
		range_key_encode(&message->key, key);
		pack_array(&pack, 1);
		pack_bin(&pack, key, sizeof(key));
		break;
	case RANGE_MESSAGE_REFUSE:
		pack_array(&pack, 1);
		pack_uint(&pack, message->refusal);
		break;
	case RANGE_MESSAGE_PARTING:
	case RANGE_MESSAGE_PARTED:
		pack_array(&pack, 2);
		pack_uint(&pack, message->epoch);
		pack_uint(&pack, message->sequence);
		break;
	}
	return pack_ok(&pack) ? (int)pack.len : WEFT_E_LIMIT;
}

static void request_read(struct cursor *cursor, struct range_message *message)
{
	uint64_t family;

	if (cursor_array(cursor, 3) != 3)
		cursor->bad = true;
	cursor_fixed(cursor, message->network.b, ID_BYTES);
	family = cursor_uint(cursor, 6);
	if (family != 4 && family != 6)
		cursor->bad = true;
	message->v4 = family == 4;
	message->has_address = !cursor_nil(cursor);
	if (!message->has_address)
		return;
	cursor_fixed(cursor, message->address.b, sizeof(message->address.b));
	if (inet_is_v4(&message->address) != message->v4)
		cursor->bad = true;
}

static void grant_read(struct cursor *cursor, struct range_message *message)
{
	const uint8_t *key;
	size_t len = 0;

	if (cursor_array(cursor, 1) != 1)
		cursor->bad = true;
	key = cursor_bin(cursor, RANGE_KEY_BYTES, &len);
	if (!cursor_ok(cursor) || range_key_decode(key, len, &message->key) != 0)
		cursor->bad = true;
}

static void refuse_read(struct cursor *cursor, struct range_message *message)
{
	if (cursor_array(cursor, 1) != 1)
		cursor->bad = true;
	message->refusal = (enum refusal)cursor_uint(cursor, UINT8_MAX);
}

static void version_read(struct cursor *cursor, struct range_message *message)
{
	if (cursor_array(cursor, 2) != 2)
		cursor->bad = true;
	message->epoch = cursor_uint(cursor, UINT64_MAX);
	message->sequence = cursor_uint(cursor, UINT64_MAX);
}

int range_message_decode(const uint8_t *bytes, size_t len, struct range_message *message)
{
	struct cursor cursor;

	memset(message, 0, sizeof(*message));
	if (len <= NODE_MESSAGE_HEADER_BYTES || bytes[0] != NODE_MESSAGE_VERSION)
		return WEFT_E_INVALID;
	message->kind = (enum range_message_kind)bytes[1];
	cursor_init(&cursor, bytes + NODE_MESSAGE_HEADER_BYTES, len - NODE_MESSAGE_HEADER_BYTES);
	switch (bytes[1]) {
	case RANGE_MESSAGE_REQUEST:
		request_read(&cursor, message);
		break;
	case RANGE_MESSAGE_GRANT:
		grant_read(&cursor, message);
		break;
	case RANGE_MESSAGE_REFUSE:
		refuse_read(&cursor, message);
		break;
	case RANGE_MESSAGE_PARTING:
	case RANGE_MESSAGE_PARTED:
		version_read(&cursor, message);
		break;
	default:
		return WEFT_E_INVALID;
	}
	return cursor_at_end(&cursor) ? 0 : WEFT_E_INVALID;
}

const char *refusal_text(enum refusal refusal)
{
	switch (refusal) {
	case REFUSAL_NONE:
		return "did not answer";
	case REFUSAL_FULL:
		return "has nothing free";
	case REFUSAL_NOT_OWNER:
		return "does not own it";
	case REFUSAL_LEASED:
		return "has it in use";
	case REFUSAL_COOLING:
		return "released it a moment ago";
	case REFUSAL_BUSY:
		return "may not grant at the moment";
	case REFUSAL_INVALID:
		return "refused the request";
	}
	return "refused for an unknown reason";
}
