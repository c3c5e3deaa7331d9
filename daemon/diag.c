/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What desk and rounds stand on: one timer, one watch, one numbering of questions. The watch
 * is opened by who wants it first and closed once nobody wanted it for a while.
 */
#include <stdlib.h>
#include <string.h>

#include "daemon/diag_impl.h"
#include "daemon/underlay.h"
#include "gossip/base/check.h"

#define TURN_MS 20 /* while something is under way */

static void on_turn(uv_timer_t *timer)
{
	struct diag *diag = timer->data;
	bool busy;

	desk_turn(diag);
	for (size_t i = 0; i < DIAG_ROUNDS_MAX; i++) {
		if (diag->rounds[i] && !round_turn(diag, diag->rounds[i]))
			diag->rounds[i] = NULL;
	}
	if (diag->watch == WATCH_ON && mono_is_due(diag->watch_until, daemon_now())) {
		kernel_thread_ask(diag->d->kernel, kernel_ask_new(ASK_WATCH));
		diag->watch = WATCH_OFF;
	}
	busy = diag->visit_count > 0 || diag->watch != WATCH_OFF;
	for (size_t i = 0; i < DIAG_ROUNDS_MAX; i++)
		busy = busy || diag->rounds[i];
	if (busy)
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
			free(diag->rounds[i]->peers);
		free(diag->rounds[i]);
	}
	free(diag);
}

void diag_ask(struct diag *diag, const struct id *to, const struct diag_message *message,
	      int64_t ttl_ms, uint64_t *tag)
{
	uint8_t bytes[MESSAGE_BYTES_MAX];
	int len = diag_encode(message, bytes, sizeof(bytes));
	struct node_request request = {.kind = NODE_ASK, .id = *to, .ttl_ms = ttl_ms};
	struct node_event event = {.kind = NODE_EV_REQUEST, .request = &request};

	WEFT_ASSERT(len > 0);
	request.bytes = bytes;
	request.len = (size_t)len;
	request.tag = *tag = DIAG_TAG | ++diag->next_tag;
	daemon_step(diag->d, &event);
}

bool diag_watch_want(struct diag *diag)
{
	struct kernel_ask *ask;

	diag->watch_until = mono_add_ms(daemon_now(), DIAG_WATCH_MS);
	if (diag->watch != WATCH_OFF)
		return diag->watch == WATCH_ON;
	if (!diag->d->kernel) {
		snprintf(diag->why, sizeof(diag->why), "weftd may not change the kernel");
		return false;
	}
	ask = kernel_ask_new(ASK_WATCH);
	ask->held = true;
	ask->tag = diag->watch_tag = DIAG_TAG | ++diag->next_tag;
	kernel_thread_ask(diag->d->kernel, ask);
	diag->watch = WATCH_ASKED;
	return false;
}

uint64_t diag_watch_read(struct diag *diag)
{
	struct kernel_ask *ask = kernel_ask_new(ASK_SEEN);
	uint64_t tag = DIAG_TAG | ++diag->next_tag;

	WEFT_ASSERT(diag->watch == WATCH_ON);
	ask->tag = tag;
	kernel_thread_ask(diag->d->kernel, ask);
	return tag;
}

uint32_t diag_seen_count(const struct kernel_tell *tell, const struct inet *from,
			 uint16_t from_port, uint16_t to_port, uint16_t size)
{
	uint16_t bytes = probe_udp_bytes(from, size);

	for (size_t i = 0; i < tell->seen_count; i++) {
		const struct watch_seen *seen = &tell->seen[i];

		if (inet_eq(&seen->from, from) && seen->from_port == from_port &&
		    seen->to_port == to_port && seen->bytes == bytes)
			return seen->packets > UINT32_MAX ? UINT32_MAX : (uint32_t)seen->packets;
	}
	return 0;
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
	desk_answered(diag, answer);
	for (size_t i = 0; i < DIAG_ROUNDS_MAX; i++) {
		if (diag->rounds[i])
			round_answered(diag, diag->rounds[i], answer);
	}
	diag_wake(diag);
}

void diag_told(struct diag *diag, const struct kernel_tell *tell)
{
	if (tell->tag == diag->watch_tag && diag->watch == WATCH_ASKED) {
		diag->watch = tell->err.code == 0 ? WATCH_ON : WATCH_OFF;
		snprintf(diag->why, sizeof(diag->why), "%.199s", tell->err.message);
		desk_watched(diag);
		for (size_t i = 0; i < DIAG_ROUNDS_MAX; i++) {
			struct diag_round *round = diag->rounds[i];

			if (!round || round->phase != ROUND_WATCH)
				continue;
			round->phase = ROUND_HELLO;
			round->watches = diag->watch == WATCH_ON;
			snprintf(round->why, sizeof(round->why), "%s", diag->why);
		}
	}
	desk_told(diag, tell);
	for (size_t i = 0; i < DIAG_ROUNDS_MAX; i++) {
		if (diag->rounds[i])
			round_told(diag->rounds[i], tell);
	}
	diag_wake(diag);
}
