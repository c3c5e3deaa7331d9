/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* The server's side of addressed messages; the rules stand in message.c. */
#include "message_impl.h"

#include <string.h>

#define SERVED_PER_PEER_MAX 512
#define KEEP_AFTER_TTL_MS 5000 /* datagrams under way are not older */

static void answer_send(struct messages *msgs, const struct served *served)
{
	uint8_t body[ANSWER_HEAD_BYTES + MESSAGE_BYTES_MAX];

	wire_put(body, served->key.id, 8);
	if (served->len > 0)
		memcpy(body + ANSWER_HEAD_BYTES, served->bytes, served->len);
	/* A full outbox loses it; the caller asks again. */
	(void)outbox_add(&msgs->core->outbox, &served->key.from, CLASS_MESSAGE, FRAME_ANSWER, body,
			 ANSWER_HEAD_BYTES + (size_t)served->len);
}

enum drop_reason serve_request(struct messages *msgs, const struct member *from,
			       const uint8_t *body, size_t len)
{
	struct served_key key = {.from = from->id};
	struct core *core = msgs->core;
	struct gossip_update *update = core->update;
	struct served *served;
	struct peer_count *peer;
	struct handle_slot *slot;
	uint64_t ttl;

	if (len < REQUEST_HEAD_BYTES || len > REQUEST_HEAD_BYTES + MESSAGE_BYTES_MAX)
		return DROP_FRAME;
	key.id = wire_get(body, 8);
	ttl = wire_get(body + 8, 4);
	if (ttl > TTL_MS_MAX)
		ttl = TTL_MS_MAX;
	served = map_find(&msgs->served, &key);
	if (served != NULL) {
		if (served->answered && !served->acked)
			answer_send(msgs, served);
		return DROP_NONE;
	}
	peer = map_insert(&msgs->per_peer, &from->id, NULL);
	if (update->delivery_count == UPDATE_DELIVERIES || msgs->served.count >= SERVED_MAX ||
	    peer->count >= SERVED_PER_PEER_MAX) {
		if (peer->count == 0)
			map_remove(&msgs->per_peer, &from->id);
		return DROP_RATE;
	}
	peer->count++;
	served = map_insert(&msgs->served, &key, NULL);
	served->handle = msgs->next_handle++;
	served->expires = mono_add_ms(core->now, (int64_t)ttl + KEEP_AFTER_TTL_MS);
	msgs->served_due = mono_min(msgs->served_due, served->expires);
	slot = map_insert(&msgs->handles, &served->handle, NULL);
	slot->key = key;

	struct gossip_delivery *delivery = &update->deliveries[update->delivery_count++];
	*delivery = (struct gossip_delivery){.from = from->id, .message = served->handle};
	delivery->len = len - REQUEST_HEAD_BYTES;
	if (delivery->len > 0) {
		uint8_t *copy = scratch_take(&core->scratch, delivery->len);
		memcpy(copy, body + REQUEST_HEAD_BYTES, delivery->len);
		delivery->bytes = copy;
	}
	return DROP_NONE;
}

void messages_reply(struct messages *msgs, const struct gossip_command *command)
{
	struct gossip_answer *answer = core_answer(msgs->core, command->tag);
	struct handle_slot *slot = map_find(&msgs->handles, &command->message);
	struct served *served;

	if (command->len > MESSAGE_BYTES_MAX) {
		weft_err_set(&answer->err, WEFT_E_INVALID,
			     "an answer of %zu bytes is over the limit of %d", command->len,
			     MESSAGE_BYTES_MAX);
		return;
	}
	if (slot == NULL) /* late: the caller has given up */
		return;
	served = map_find(&msgs->served, &slot->key);
	WEFT_ASSERT(served != NULL && !served->answered);
	served->answered = true;
	served->len = (uint16_t)command->len;
	served->bytes = message_copy(msgs, command->bytes, command->len);
	map_remove(&msgs->handles, &command->message);
	answer_send(msgs, served);
}

enum drop_reason serve_ack(struct messages *msgs, const struct member *from, const uint8_t *body,
			   size_t len)
{
	struct served_key key = {.from = from->id};
	struct served *served;

	if (len < ANSWER_HEAD_BYTES)
		return DROP_FRAME;
	key.id = wire_get(body, 8);
	served = map_find(&msgs->served, &key);
	if (served != NULL && served->answered && !served->acked) {
		heap_give(&msgs->core->heap, served->bytes, served->len);
		served->bytes = NULL;
		served->len = 0;
		served->acked = true;
	}
	return DROP_NONE;
}

static void served_end(struct messages *msgs, const struct served_key *key)
{
	struct served *served = map_find(&msgs->served, key);
	struct peer_count *peer = map_find(&msgs->per_peer, &key->from);

	WEFT_ASSERT(served != NULL && peer != NULL && peer->count > 0);
	if (!served->answered)
		map_remove(&msgs->handles, &served->handle);
	heap_give(&msgs->core->heap, served->bytes, served->len);
	map_remove(&msgs->served, key);
	if (--peer->count == 0)
		map_remove(&msgs->per_peer, &key->from);
}

void serve_tick(struct messages *msgs)
{
	struct served_key expired[EXPIRED_BATCH];
	const struct served *served;
	size_t count = 0;
	size_t at = 0;

	msgs->served_due = MONO_NEVER;
	while ((served = map_next(&msgs->served, &at)) != NULL) {
		if (mono_is_due(served->expires, msgs->core->now) && count < EXPIRED_BATCH)
			expired[count++] = served->key;
		else
			msgs->served_due = mono_min(msgs->served_due, served->expires);
	}
	for (size_t i = 0; i < count; i++)
		served_end(msgs, &expired[i]);
}
