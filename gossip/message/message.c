/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Requests and answers.
 *
 *   caller                               server
 *   REQUEST id ttl bytes  ------------>  unknown id: remember it, deliver it to the host
 *     (again after each time-out)  --->  known, not answered yet: nothing
 *                         <------------  ANSWER id bytes, kept
 *     (again)             ------------>  known and answered: the same ANSWER once more
 *   ANSWER_ACK id         ------------>  the bytes are let go, the id stays until it expires
 *
 * Only the caller has timers, so that an answer that is lost costs one more request and a server
 * never talks to somebody who no longer listens. The server remembers an id for longer than the
 * caller repeats it; that is what makes a delivery happen at most once. Ids begin at a random
 * number in each run of the caller, so that a restart does not meet answers of the run before.
 *
 * Both tables are bounded. A request over the bound is dropped without a trace of it, and the
 * caller tries again.
 */
#include "message_impl.h"

#include <string.h>

#define CALLS_MAX 1024
#define TTL_MS_DEFAULT 2000
#define RTO_NS_UNKNOWN (200 * NS_PER_MS)
#define RTO_NS_MIN (40 * NS_PER_MS)
#define RTO_NS_MAX (800 * NS_PER_MS)
#define RETRY_FULL_MS 10

struct messages *messages_new(struct core *core, struct member_table *members)
{
	struct messages *msgs = heap_take(&core->heap, sizeof(*msgs));
	struct heap *heap = &core->heap;

	*msgs = (struct messages){
	    .core = core,
	    .members = members,
	    .next_handle = 1,
	    .calls_due = MONO_NEVER,
	    .served_due = MONO_NEVER,
	};
	core->crypto->random(core->crypto->ctx, &msgs->next_id, sizeof(msgs->next_id));
	map_init(&msgs->calls, heap, sizeof(uint64_t), sizeof(struct call), core->map_seed);
	map_init(&msgs->served, heap, sizeof(struct served_key), sizeof(struct served),
		 core->map_seed);
	map_init(&msgs->handles, heap, sizeof(uint64_t), sizeof(struct handle_slot),
		 core->map_seed);
	map_init(&msgs->per_peer, heap, sizeof(struct id), sizeof(struct peer_count),
		 core->map_seed);
	return msgs;
}

uint8_t *message_copy(struct messages *msgs, const uint8_t *bytes, size_t len)
{
	uint8_t *copy;

	if (len == 0)
		return NULL;
	copy = heap_take(&msgs->core->heap, len);
	memcpy(copy, bytes, len);
	return copy;
}

void messages_free(struct messages *msgs)
{
	struct heap *heap = &msgs->core->heap;
	const struct served *served;
	const struct call *call;
	size_t at = 0;

	while ((call = map_next(&msgs->calls, &at)) != NULL)
		heap_give(heap, call->bytes, call->len);
	at = 0;
	while ((served = map_next(&msgs->served, &at)) != NULL)
		heap_give(heap, served->bytes, served->len);
	map_close(&msgs->calls);
	map_close(&msgs->served);
	map_close(&msgs->handles);
	map_close(&msgs->per_peer);
	heap_give(heap, msgs, sizeof(*msgs));
}

static int64_t first_rto_ns(const struct member *peer)
{
	int64_t rto = peer->srtt_ns + 4 * peer->rttvar_ns;

	if (peer->srtt_ns == 0)
		return RTO_NS_UNKNOWN;
	if (rto < RTO_NS_MIN)
		return RTO_NS_MIN;
	return rto < RTO_NS_MAX ? rto : RTO_NS_MAX;
}

static void call_send(struct messages *msgs, struct call *call)
{
	uint8_t body[REQUEST_HEAD_BYTES + MESSAGE_BYTES_MAX];
	struct core *core = msgs->core;

	wire_put(body, call->id, 8);
	wire_put(body + 8, call->ttl_ms, 4);
	if (call->len > 0)
		memcpy(body + REQUEST_HEAD_BYTES, call->bytes, call->len);
	if (outbox_add(&core->outbox, &call->peer, CLASS_MESSAGE, FRAME_REQUEST, body,
		       REQUEST_HEAD_BYTES + (size_t)call->len) != 0) {
		call->resend = mono_add_ms(core->now, RETRY_FULL_MS);
		return;
	}
	call->sent = core->now;
	call->resend = mono_add_ns(core->now, call->rto_ns);
	call->rto_ns = call->rto_ns * 2 < RTO_NS_MAX ? call->rto_ns * 2 : RTO_NS_MAX;
}

static void call_end(struct messages *msgs, uint64_t id)
{
	struct call *call = map_find(&msgs->calls, &id);

	WEFT_ASSERT(call != NULL);
	heap_give(&msgs->core->heap, call->bytes, call->len);
	map_remove(&msgs->calls, &id);
}

/* 0 and *peer, or why this request cannot be made. */
static int request_judge(const struct messages *msgs, const struct gossip_command *command,
			 const struct member **peer, struct weft_err *err)
{
	char text[ID_TEXT_BYTES];

	id_format(&command->id, text);
	*peer = member_find(msgs->members, &command->id);
	if (command->len > MESSAGE_BYTES_MAX)
		return weft_err_set(err, WEFT_E_INVALID,
				    "a message of %zu bytes is over the limit of %d", command->len,
				    MESSAGE_BYTES_MAX);
	if (*peer == NULL || id_eq(&command->id, &msgs->core->self.id) ||
	    member_state_is_gone((*peer)->state))
		return weft_err_set(err, WEFT_E_NO_PEER, "node %.8s is not a member of the cluster",
				    text);
	if (msgs->calls.count >= CALLS_MAX)
		return weft_err_set(err, WEFT_E_BUSY, "%d requests to other nodes are under way",
				    CALLS_MAX);
	return 0;
}

void messages_request(struct messages *msgs, const struct gossip_command *command)
{
	struct core *core = msgs->core;
	int64_t ttl = command->ttl_ms > 0 ? command->ttl_ms : TTL_MS_DEFAULT;
	struct weft_err err = {0};
	const struct member *peer;
	struct call *call;
	uint64_t id;

	if (request_judge(msgs, command, &peer, &err) != 0) {
		core_answer(core, command->tag)->err = err;
		return;
	}
	if (ttl > TTL_MS_MAX)
		ttl = TTL_MS_MAX;
	id = msgs->next_id++;
	call = map_insert(&msgs->calls, &id, NULL);
	call->peer = command->id;
	call->tag = command->tag;
	call->ttl_ms = (uint32_t)ttl;
	call->expires = mono_add_ms(core->now, ttl);
	call->rto_ns = first_rto_ns(peer);
	call->len = (uint16_t)command->len;
	call->bytes = message_copy(msgs, command->bytes, command->len);
	call_send(msgs, call);
	msgs->calls_due = mono_min(msgs->calls_due, mono_min(call->resend, call->expires));
}

static enum drop_reason answer_received(struct messages *msgs, const struct member *from,
					const uint8_t *body, size_t len)
{
	struct core *core = msgs->core;
	struct gossip_answer *answer;
	const struct call *call;
	uint64_t id;

	if (len < ANSWER_HEAD_BYTES || len > ANSWER_HEAD_BYTES + MESSAGE_BYTES_MAX)
		return DROP_FRAME;
	id = wire_get(body, 8);
	call = map_find(&msgs->calls, &id);
	if (call != NULL && id_eq(&call->peer, &from->id)) {
		if (!core_has_room(core, 0, 0, 1))
			return DROP_NONE; /* it will be asked for again */
		answer = core_answer(core, call->tag);
		answer->id = from->id;
		answer->len = len - ANSWER_HEAD_BYTES;
		if (answer->len > 0) {
			uint8_t *copy = scratch_take(&core->scratch, answer->len);
			memcpy(copy, body + ANSWER_HEAD_BYTES, answer->len);
			answer->bytes = copy;
		}
		call_end(msgs, id);
	}
	/* Also for an answer that came late or twice: the server may let go of it. */
	(void)outbox_add(&core->outbox, &from->id, CLASS_MESSAGE, FRAME_ANSWER_ACK, body, 8);
	return DROP_NONE;
}

enum drop_reason messages_frame(struct messages *msgs, struct member *from, uint8_t type,
				const uint8_t *body, size_t len)
{
	switch (type) {
	case FRAME_REQUEST:
		return serve_request(msgs, from, body, len);
	case FRAME_ANSWER:
		return answer_received(msgs, from, body, len);
	case FRAME_ANSWER_ACK:
		return serve_ack(msgs, from, body, len);
	default:
		return DROP_FRAME_TYPE;
	}
}

static void calls_tick(struct messages *msgs)
{
	struct core *core = msgs->core;
	uint64_t expired[EXPIRED_BATCH];
	size_t count = 0;
	size_t at = 0;
	struct member *peer;
	struct call *call;

	msgs->calls_due = MONO_NEVER;
	while ((call = map_next(&msgs->calls, &at)) != NULL) {
		if (mono_is_due(call->expires, core->now)) {
			if (count < EXPIRED_BATCH && core_has_room(core, 0, 0, count + 1))
				expired[count++] = call->id;
			else
				msgs->calls_due = core->now;
			continue;
		}
		if (mono_is_due(call->resend, core->now)) {
			peer = member_find(msgs->members, &call->peer);
			if (peer != NULL && call->sent.ns != 0)
				member_doubt(msgs->members, peer, call->sent);
			call_send(msgs, call);
		}
		msgs->calls_due = mono_min(msgs->calls_due, mono_min(call->resend, call->expires));
	}
	for (size_t i = 0; i < count; i++) {
		char text[ID_TEXT_BYTES];
		struct gossip_answer *answer;
		call = map_find(&msgs->calls, &expired[i]);
		WEFT_ASSERT(call != NULL);
		id_format(&call->peer, text);
		answer = core_answer(core, call->tag);
		answer->id = call->peer;
		weft_err_set(&answer->err, WEFT_E_TIMEOUT, "node %.8s did not answer within %u ms",
			     text, call->ttl_ms);
		call_end(msgs, expired[i]);
	}
}

void messages_tick(struct messages *msgs)
{
	if (mono_is_due(msgs->calls_due, msgs->core->now))
		calls_tick(msgs);
	if (mono_is_due(msgs->served_due, msgs->core->now))
		serve_tick(msgs);
}

struct mono messages_deadline(const struct messages *msgs)
{
	return mono_min(msgs->calls_due, msgs->served_due);
}

void messages_check(const struct messages *msgs)
{
	const struct served *served;
	const struct call *call;
	size_t unanswered = 0;
	size_t at = 0;

	WEFT_ASSERT(msgs->calls.count <= CALLS_MAX && msgs->served.count <= SERVED_MAX);
	while ((call = map_next(&msgs->calls, &at)) != NULL) {
		WEFT_ASSERT(call->len <= MESSAGE_BYTES_MAX);
		WEFT_ASSERT(msgs->calls_due.ns <= call->expires.ns ||
			    mono_is_due(msgs->calls_due, msgs->core->now));
	}
	at = 0;
	while ((served = map_next(&msgs->served, &at)) != NULL) {
		WEFT_ASSERT(served->len <= MESSAGE_BYTES_MAX);
		WEFT_ASSERT(!served->acked || (served->answered && served->bytes == NULL));
		WEFT_ASSERT(map_find(&msgs->per_peer, &served->key.from) != NULL);
		unanswered += !served->answered;
	}
	WEFT_ASSERT(unanswered == msgs->handles.count);
}
