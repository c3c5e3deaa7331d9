/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "talk.h"

#include <string.h>

#include "ipamdb/message.h"
#include "memo.h"
#include "op.h"
#include "route.h"

#define TALKS_MAX 1024 /* weft diag asks a few of each host at a time */

/* By the tag that gossip knows. */
struct talk_entry {
	uint64_t tag;
	uint64_t host_tag;
};

void talk_request(struct node *node, const struct node_request *request)
{
	struct gossip_command command = {.kind = CMD_MESSAGE,
					 .id = request->id,
					 .bytes = request->bytes,
					 .len = request->len,
					 .ttl_ms = request->ttl_ms,
					 .tag = node->next_tag + 1};
	struct weft_err err = {0};
	struct talk_entry *entry;

	WEFT_ASSERT(request->tag != 0);
	WEFT_ASSERT(talk_is_message(request->bytes, request->len));
	if (node->phase != NODE_ACTIVE) {
		(void)node_may_serve(node, &err);
		answer_now(node, request->tag, &err);
		return;
	}
	if (node->talks.count >= TALKS_MAX) {
		weft_err_set(&err, WEFT_E_BUSY, "%d questions are under way; try again", TALKS_MAX);
		answer_now(node, request->tag, &err);
		return;
	}
	node->next_tag = command.tag;
	entry = map_insert(&node->talks, &command.tag, NULL);
	entry->host_tag = request->tag;
	route_command(node, &command);
}

bool talk_answered(struct node *node, const struct gossip_answer *answer)
{
	struct talk_entry *entry = map_find(&node->talks, &answer->tag);
	struct node_answer out = {
	    .err = answer->err, .id = answer->id, .bytes = answer->bytes, .len = answer->len};

	if (entry == NULL)
		return false;
	out.tag = entry->host_tag;
	map_remove(&node->talks, &answer->tag);
	answer_add(node, out.tag, &out);
	return true;
}

bool talk_is_message(const uint8_t *bytes, size_t len)
{
	return len >= NODE_MESSAGE_HEADER_BYTES && bytes[0] == NODE_MESSAGE_VERSION &&
	       bytes[1] >= NODE_TALK_KIND_FIRST;
}

void talk_delivered(struct node *node, const struct gossip_delivery *delivery)
{
	struct node_update *update = &node->update;
	struct gossip_delivery *out;

	if (update->delivery_count == NODE_DELIVERIES)
		return;
	out = &update->deliveries[update->delivery_count++];
	*out = *delivery;
	out->bytes = scratch_copy(&node->scratch, delivery->bytes, delivery->len);
}

void talk_reply(struct node *node, const struct node_request *request)
{
	struct gossip_command command = {.kind = CMD_REPLY,
					 .message = request->message,
					 .bytes = request->bytes,
					 .len = request->len};

	WEFT_ASSERT(request->len <= MESSAGE_BYTES_MAX);
	route_command(node, &command);
}

void talks_open(struct node *node, uint64_t seed)
{
	map_init(&node->talks, &node->heap, sizeof(uint64_t), sizeof(struct talk_entry), seed);
}
