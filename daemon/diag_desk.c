/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The desk: questions of other hosts, each a visit that waits for the watch, for what it saw, or
 * for a third host, and ends with its answer or unanswered after a while. A member can make
 * this host send probes only to that member itself, and only so many a second.
 */
#include <string.h>

#include "daemon/diag_impl.h"
#include "gossip/base/check.h"

#define VISIT_MS_MAX 5000
#define ABOUT_TTL_MS 1200
#define GREET_TTL_MS 1000
#define COUNTS_PER_S 10
#define COUNTS_BURST 60

void diag_delivered(struct diag *diag, const struct gossip_delivery *delivery)
{
	struct visit *visit = &diag->visits[diag->visit_count];

	if (diag->visit_count == DIAG_VISITS_MAX)
		return;
	memset(visit, 0, sizeof(*visit));
	if (diag_decode(delivery->bytes, delivery->len, &visit->ask) != 0)
		return;
	visit->from = delivery->from;
	visit->message = delivery->message;
	visit->came = daemon_now();
	visit->state = VISIT_NEW;
	diag->visit_count++;
	diag_wake(diag);
}

static void visit_end(struct diag *diag, struct visit *visit)
{
	WEFT_ASSERT(diag->visit_count > 0);
	*visit = diag->visits[--diag->visit_count];
}

/* Answers and ends the visit. */
static void visit_answer(struct diag *diag, struct visit *visit, struct diag_message *answer)
{
	uint8_t bytes[MESSAGE_BYTES_MAX];
	struct node_request request = {
	    .kind = NODE_REPLY, .message = visit->message, .bytes = bytes};
	int len;

	answer->kind = (uint8_t)(visit->ask.kind + 1);
	len = diag_encode(answer, bytes, sizeof(bytes));
	WEFT_ASSERT(len > 0);
	request.len = (size_t)len;
	visit_end(diag, visit);
	daemon_submit_own(diag->d, &request);
}

static void answer_hello(struct diag *diag, struct visit *visit)
{
	struct diag_message answer = {.wall = daemon_wall(),
				      .version = WEFT_VERSION,
				      .vtep = diag->d->advertise.ip,
				      .mtu_bytes = diag_mtu(diag->d),
				      .watches = diag->watch == WATCH_ON};

	visit_answer(diag, visit, &answer);
}

static bool counts_take(struct diag *diag)
{
	struct mono now = daemon_now();
	int64_t more = mono_diff_ms(now, diag->counts_at) * COUNTS_PER_S / 1000;

	if (more > 0) {
		diag->counts_left += more;
		diag->counts_at = now;
	}
	if (diag->counts_left > COUNTS_BURST)
		diag->counts_left = COUNTS_BURST;
	if (diag->counts_left <= 0)
		return false;
	diag->counts_left--;
	return true;
}

static void answer_about(struct diag *diag, struct visit *visit)
{
	struct diag_message answer = {.heard_ms = DIAG_NEVER};
	struct diag_message greeting = {.kind = DIAG_HELLO};
	struct id subject = visit->ask.member;
	struct member_info info;
	bool known = gossip_member(node_gossip(diag->d->node), &subject, &info);
	uint64_t unheard;

	if (known && info.heard.ns != 0)
		answer.heard_ms = mono_diff_ms(daemon_now(), info.heard);
	visit_answer(diag, visit, &answer);
	if (known && !info.is_self)
		diag_ask(diag, &subject, &greeting, GREET_TTL_MS, &unheard);
}

static bool is_sane(const struct diag_message *ask)
{
	bool sane = ask->port_count > 0 && ask->size_count > 0;

	for (size_t i = 0; i < ask->size_count; i++)
		sane = sane && ask->sizes[i] >= PROBE_BYTES_MIN;
	return sane;
}

/* True when the visit has ended. */
static bool visit_begin(struct diag *diag, struct visit *visit)
{
	struct diag_message about = {.kind = DIAG_ABOUT, .member = visit->from};
	struct id target = visit->ask.member;

	switch (visit->ask.kind) {
	case DIAG_HELLO:
		visit->state = VISIT_WATCHES;
		if (!diag_watch_want(diag) && diag->watch == WATCH_ASKED)
			return false;
		answer_hello(diag, visit);
		return true;
	case DIAG_COUNT:
		if (diag->watch != WATCH_ON || !is_sane(&visit->ask) || !counts_take(diag))
			break;
		visit->state = VISIT_COUNTS;
		visit->tag = diag_watch_read(diag);
		return false;
	case DIAG_ABOUT:
		answer_about(diag, visit);
		return true;
	case DIAG_RELAY:
		visit->state = VISIT_RELAYS;
		diag_ask(diag, &target, &about, ABOUT_TTL_MS, &visit->tag);
		return false;
	default:
		break;
	}
	visit_end(diag, visit);
	return true;
}

/* True when the visit has ended. */
static bool visit_turn(struct diag *diag, struct visit *visit)
{
	if (visit->state == VISIT_NEW)
		return visit_begin(diag, visit);
	if (visit->state == VISIT_RELAYED) {
		struct diag_message answer = {.reached = visit->reached,
					      .heard_ms = visit->heard_ms};

		visit_answer(diag, visit, &answer);
		return true;
	}
	if (mono_diff_ms(daemon_now(), visit->came) < VISIT_MS_MAX)
		return false;
	visit_end(diag, visit);
	return true;
}

void desk_turn(struct diag *diag)
{
	for (size_t i = 0; i < diag->visit_count;) {
		if (!visit_turn(diag, &diag->visits[i]))
			i++;
	}
}

void desk_watched(struct diag *diag)
{
	for (size_t i = 0; i < diag->visit_count;) {
		struct visit *visit = &diag->visits[i];

		if (visit->state == VISIT_WATCHES)
			answer_hello(diag, visit);
		else
			i++;
	}
}

/* What the third host said; told in the next turn. */
void desk_answered(struct diag *diag, const struct node_answer *answer)
{
	for (size_t i = 0; i < diag->visit_count; i++) {
		struct visit *visit = &diag->visits[i];
		struct diag_message message;

		if (visit->state != VISIT_RELAYS || visit->tag != answer->tag)
			continue;
		visit->state = VISIT_RELAYED;
		visit->heard_ms = DIAG_NEVER;
		visit->reached = answer->err.code == 0 &&
				 diag_decode(answer->bytes, answer->len, &message) == 0 &&
				 message.kind == DIAG_ABOUT + 1;
		if (visit->reached)
			visit->heard_ms = message.heard_ms;
	}
}

/* Says what came, and sends the same back. */
static void answer_count(struct diag *diag, struct visit *visit, const struct kernel_tell *tell)
{
	const struct diag_message *ask = &visit->ask;
	struct diag_message answer = {.seen_count = 0};
	struct probe back = {.from = diag->d->advertise.ip,
			     .port_count = ask->port_count,
			     .size_count = ask->size_count};
	struct member_info info;

	if (!gossip_member(node_gossip(diag->d->node), &visit->from, &info)) {
		visit_end(diag, visit);
		return;
	}
	back.to = info.vtep;
	memcpy(back.ports, ask->ports, sizeof(back.ports));
	memcpy(back.sizes, ask->sizes, sizeof(back.sizes));
	for (size_t i = 0; i < ask->port_count * ask->size_count; i++) {
		struct diag_seen *seen = &answer.seen[answer.seen_count++];

		seen->port = ask->ports[i / ask->size_count];
		seen->size = ask->sizes[i % ask->size_count];
		seen->count =
		    diag_seen_count(tell, &info.vtep, ask->from_port, seen->port, seen->size);
	}
	(void)probe_send(&back, &answer.from_port);
	visit_answer(diag, visit, &answer);
}

void desk_told(struct diag *diag, const struct kernel_tell *tell)
{
	for (size_t i = 0; i < diag->visit_count; i++) {
		struct visit *visit = &diag->visits[i];

		if (visit->state != VISIT_COUNTS || visit->tag != tell->tag)
			continue;
		answer_count(diag, visit, tell);
		return;
	}
}
