/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* The update's messages and replies: see send.h. */
#include "send.h"

static size_t encode(const struct range_message *message, uint8_t bytes[IPAM_MESSAGE_BYTES_MAX])
{
	int len = range_message_encode(message, bytes, IPAM_MESSAGE_BYTES_MAX);

	WEFT_ASSERT(len > 0);
	return (size_t)len;
}

uint64_t range_message_send(struct ipamdb *db, const struct id *to,
			    const struct range_message *message)
{
	struct ipam_message *out;

	if (db->update.message_count == IPAM_MESSAGES)
		return 0;
	out = &db->update.messages[db->update.message_count++];
	out->len = encode(message, out->bytes);
	out->to = *to;
	out->tag = db->next_tag++;
	return out->tag;
}

bool range_message_reply(struct ipamdb *db, uint64_t handle, const struct range_message *message)
{
	struct ipam_reply *out;

	WEFT_ASSERT(handle != 0);
	if (db->update.reply_count == IPAM_REPLIES)
		return false;
	out = &db->update.replies[db->update.reply_count++];
	out->len = encode(message, out->bytes);
	out->message = handle;
	return true;
}
