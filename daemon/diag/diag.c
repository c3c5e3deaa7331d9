/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What desk, rounds and the watch stand on: one timer and one numbering of questions, by which an
 * answer finds who asked.
 */
#include <stdlib.h>
#include <string.h>

#include "daemon/diag/diag_impl.h"
#include "daemon/underlay.h"
#include "gossip/base/check.h"

#define TURN_MS 20 /* while something is under way */

/* A tag of a round's question: the number of the question, behind the peer, behind the round. */
#define TAG_PEER_SHIFT 32
#define TAG_PEER_MASK UINT64_C(0xffffff)
#define TAG_ROUND_SHIFT 56
#define TAG_ROUND_MASK UINT64_C(0x7)

static void on_turn(uv_timer_t *timer)
{
	struct diag *diag = timer->data;
	bool busy;

	desk_turn(diag);
	for (size_t i = 0; i < DIAG_ROUNDS_MAX; i++) {
		if (diag->rounds[i] && !round_turn(diag, diag->rounds[i]))
			diag->rounds[i] = NULL;
	}
	busy = slots_turn(diag) || diag->visit_count > 0;
	for (size_t i = 0; i < DIAG_ROUNDS_MAX; i++)
		busy = busy || diag->rounds[i];
	if (busy && !uv_is_closing((uv_handle_t *)timer))
		uv_timer_start(timer, on_turn, TURN_MS, 0);
}

void diag_wake(struct diag *diag)
{
	uv_timer_start(&diag->timer, on_turn, 0, 0);
}

struct diag *diag_new(struct daemon *d)
{
	struct diag *diag = calloc(1, sizeof(*diag));

	WEFT_ASSERT(diag != NULL);
	diag->d = d;
	uv_timer_init(&d->loop, &diag->timer);
	diag->timer.data = diag;
	return diag;
}

void diag_close(struct diag *diag)
{
	uv_close((uv_handle_t *)&diag->timer, NULL);
}

void diag_free(struct diag *diag)
{
	if (!diag)
		return;
	for (size_t i = 0; i < DIAG_ROUNDS_MAX; i++) {
		if (diag->rounds[i])
			round_free(diag->rounds[i]);
	}
	free(diag->slots);
	free(diag);
}

/* The tag is known before the step: the answer may come within. */
static void ask(struct diag *diag, const struct id *to, const struct diag_message *message,
		int64_t ttl_ms, uint64_t tag)
{
	uint8_t bytes[MESSAGE_BYTES_MAX];
	int len = diag_encode(message, bytes, sizeof(bytes));
	struct node_request request = {
	    .kind = NODE_ASK, .id = *to, .ttl_ms = ttl_ms, .tag = tag, .bytes = bytes};
	struct node_event event = {.kind = NODE_EV_REQUEST, .request = &request};

	WEFT_ASSERT(len > 0);
	request.len = (size_t)len;
	daemon_step(diag->d, &event);
}

void diag_ask(struct diag *diag, const struct id *to, const struct diag_message *message,
	      int64_t ttl_ms, uint64_t *tag)
{
	*tag = DIAG_TAG | ++diag->next_tag;
	ask(diag, to, message, ttl_ms, *tag);
}

void diag_ask_peer(struct diag *diag, struct diag_round *round, size_t nth, const struct id *to,
		   const struct diag_message *message, int64_t ttl_ms)
{
	struct diag_peer *peer = &round->peers[nth];
	uint64_t place = 0;

	while (place < DIAG_ROUNDS_MAX && diag->rounds[place] != round)
		place++;
	WEFT_ASSERT(place < DIAG_ROUNDS_MAX && nth <= TAG_PEER_MASK && peer->tag == 0);
	peer->tag = DIAG_TAG | (place + 1) << TAG_ROUND_SHIFT | (uint64_t)nth << TAG_PEER_SHIFT |
		    ++diag->next_tag;
	ask(diag, to, message, ttl_ms, peer->tag);
}

uint16_t diag_overhead(const struct daemon *d)
{
	return inet_is_v4(&d->advertise.ip) ? VXLAN_OVERHEAD_V4 : VXLAN_OVERHEAD_V6;
}

uint16_t diag_mtu(const struct daemon *d)
{
	return (uint16_t)(underlay_inner_mtu(&d->advertise.ip) + diag_overhead(d));
}

void diag_answered(struct diag *diag, const struct node_answer *answer)
{
	size_t place = answer->tag >> TAG_ROUND_SHIFT & TAG_ROUND_MASK;
	size_t nth = answer->tag >> TAG_PEER_SHIFT & TAG_PEER_MASK;

	if (place == 0)
		desk_answered(diag, answer);
	else if (place <= DIAG_ROUNDS_MAX && diag->rounds[place - 1])
		round_answered(diag, diag->rounds[place - 1], nth, answer);
	diag_wake(diag);
}

void diag_told(struct diag *diag, const struct kernel_tell *tell)
{
	slots_told(diag, tell);
	diag_wake(diag);
}
