/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The desk: questions of other hosts, each a visit that waits for the watch, for what it saw, or
 * for a third host, and ends with its answer or unanswered after a while.
 *
 * A member can make this host send probes to that member itself and to nobody else: whoever asks to
 * be watched is greeted with a random number at the address where gossip knows him, and only when
 * that comes back, and his VXLAN address is the same, are probes sent there. So many a second at
 * most, and so many in one turn, so that the loop goes on.
 */
#include <string.h>

#include "daemon/diag/diag_impl.h"
#include "gossip/base/check.h"
#include "gossip/base/record_codec.h"

#define VISIT_MS_MAX 5000
#define SLOT_MS_MAX 8000 /* until what it expects was asked for */
#define SLOTS_EACH 4     /* of one member */
#define ABOUT_TTL_MS 1200
#define GREET_TTL_MS 1000
#define BEGUN_PER_TURN 64
#define PROBED_PER_TURN 8
#define WATCHES_PER_S 10
#define WATCHES_BURST 64

void diag_delivered(struct diag *diag, const struct gossip_delivery *delivery)
{
	struct visit *visit = &diag->visits[diag->visit_count];
	size_t same = 0;

	for (size_t i = 0; i < diag->visit_count; i++)
		same += id_eq(&diag->visits[i].from, &delivery->from);
	if (diag->visit_count == DIAG_VISITS_MAX || same == DIAG_VISITS_EACH)
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
				      .nonce = visit->ask.nonce};

	visit_answer(diag, visit, &answer);
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

/* ---- WATCH ---- */

static bool watches_take(struct diag *diag)
{
	struct mono now = daemon_now();
	int64_t more = mono_diff_ms(now, diag->watches_at) * WATCHES_PER_S / 1000;

	if (more > 0) {
		diag->watches_left += more;
		diag->watches_at = now;
	}
	if (diag->watches_left > WATCHES_BURST)
		diag->watches_left = WATCHES_BURST;
	if (diag->watches_left <= 0)
		return false;
	diag->watches_left--;
	return true;
}

static size_t slots_of(const struct diag *diag, const struct id *asker)
{
	size_t count = 0;

	for (size_t i = 0; diag->slots && i < DIAG_SLOTS_DESK; i++) {
		const struct slot *slot = &diag->slots[i];

		count += slot->state != SLOT_FREE && !slot->dropped && id_eq(&slot->asker, asker);
	}
	return count;
}

static void answer_watch(struct diag *diag, struct visit *visit, enum diag_watches watches)
{
	struct diag_message answer = {.watches = watches};

	if (watches == DIAG_BLIND)
		slot_drop(visit->slot);
	visit_answer(diag, visit, &answer);
}

/* True when the visit has ended. */
static bool watch_begin(struct diag *diag, struct visit *visit)
{
	struct diag_message greeting = {.kind = DIAG_HELLO, .nonce = diag_nonce()};
	struct id asker = visit->from;
	struct member_info info;
	struct slot *slot;

	/* Without a VXLAN address there is nowhere to send probes, or to expect them from. */
	if (!gossip_member(node_gossip(diag->d->node), &asker, &info) ||
	    !inet_is_unicast(&info.vtep)) {
		visit_end(diag, visit);
		return true;
	}
	visit->slot = slot = slots_of(diag, &asker) < SLOTS_EACH && watches_take(diag)
				 ? slot_take(diag, true, &info.vtep, visit->ask.nonce)
				 : NULL;
	if (!slot) {
		answer_watch(diag, visit, DIAG_CROWDED);
		return true;
	}
	visit->state = VISIT_WATCHES;
	slot->asker = asker;
	slot->hello_nonce = greeting.nonce;
	slot->hello_ip = info.addr.ip;
	if (slot->state != SLOT_FAILED)
		diag_ask(diag, &asker, &greeting, GREET_TTL_MS, &slot->hello_tag);
	return false;
}

/* What came back from the address of somebody who wants to be watched. */
static void greeted(struct slot *slot, const struct node_answer *answer)
{
	struct diag_message message;

	if (answer->err.code == 0 && diag_decode(answer->bytes, answer->len, &message) == 0 &&
	    message.kind == DIAG_HELLO + 1 && message.nonce == slot->hello_nonce)
		slot->is_proven = inet_eq(&slot->hello_ip, &slot->want.from);
}

/* ---- COUNT ---- */

static bool is_sane(const struct diag *diag, const struct diag_message *ask)
{
	bool sane = ask->port_count > 0 && ask->size_count > 0;

	for (size_t i = 0; i < ask->size_count; i++)
		sane =
		    sane && ask->sizes[i] >= PROBE_BYTES_MIN && ask->sizes[i] <= diag_mtu(diag->d);
	return sane;
}

/* True when the visit has ended. */
static bool count_begin(struct diag *diag, struct visit *visit)
{
	bool sane = is_sane(diag, &visit->ask);

	for (size_t i = 0; sane && diag->slots && i < DIAG_SLOTS_DESK; i++) {
		struct slot *slot = &diag->slots[i];

		if (slot->state != SLOT_ON || slot->dropped || !id_eq(&slot->asker, &visit->from) ||
		    slot->want.nonce != visit->ask.nonce ||
		    mono_diff_ms(daemon_now(), slot->since) > SLOT_MS_MAX)
			continue;
		visit->slot = slot;
		visit->state = VISIT_COUNTS;
		slot_read(slot);
		return false;
	}
	visit_end(diag, visit);
	return true;
}

/* Says what came, and sends the same back. */
static void answer_count(struct diag *diag, struct visit *visit)
{
	const struct diag_message *ask = &visit->ask;
	struct slot *slot = visit->slot;
	struct diag_message answer = {.sent = slot->is_proven};
	struct probe back = {.from = diag->d->advertise.ip,
			     .to = slot->want.from,
			     .nonce = ask->nonce,
			     .port_count = ask->port_count,
			     .size_count = ask->size_count};

	memcpy(back.ports, ask->ports, sizeof(back.ports));
	memcpy(back.sizes, ask->sizes, sizeof(back.sizes));
	for (size_t i = 0; i < ask->port_count * ask->size_count; i++) {
		struct diag_seen *seen = &answer.seen[answer.seen_count++];

		seen->port = ask->ports[i / ask->size_count];
		seen->size = ask->sizes[i % ask->size_count];
		seen->count = slot_count(slot, seen->port, seen->size);
	}
	slot_drop(slot);
	if (answer.sent)
		(void)probe_send(&back);
	visit_answer(diag, visit, &answer);
}

/* ---- turns ---- */

/* True when the visit has ended. */
static bool visit_begin(struct diag *diag, struct visit *visit)
{
	struct diag_message about = {.kind = DIAG_ABOUT, .member = visit->from};
	struct id target = visit->ask.member;

	switch (visit->ask.kind) {
	case DIAG_HELLO:
		answer_hello(diag, visit);
		return true;
	case DIAG_WATCH:
		return watch_begin(diag, visit);
	case DIAG_COUNT:
		return count_begin(diag, visit);
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
	struct diag_message relayed = {.reached = visit->reached, .heard_ms = visit->heard_ms};

	if (visit->state == VISIT_NEW)
		return visit_begin(diag, visit);
	if (visit->state == VISIT_WATCHES && visit->slot->state == SLOT_ON)
		answer_watch(diag, visit, DIAG_WATCHES);
	else if (visit->state == VISIT_WATCHES && visit->slot->state == SLOT_FAILED)
		answer_watch(diag, visit, DIAG_BLIND);
	else if (visit->state == VISIT_COUNTS && visit->slot->state == SLOT_SEEN)
		answer_count(diag, visit);
	else if (visit->state == VISIT_RELAYED)
		visit_answer(diag, visit, &relayed);
	else if (mono_diff_ms(daemon_now(), visit->came) < VISIT_MS_MAX)
		return false;
	else
		visit_end(diag, visit); /* its slot goes by its own age */
	return true;
}

/* Slots whose asker never came back; a visit that uses one ends before. */
static void drop_old(struct diag *diag)
{
	for (size_t i = 0; diag->slots && i < DIAG_SLOTS_DESK; i++) {
		struct slot *slot = &diag->slots[i];

		if (slot->state != SLOT_FREE && !slot->dropped &&
		    mono_diff_ms(daemon_now(), slot->since) > SLOT_MS_MAX + VISIT_MS_MAX)
			slot_drop(slot);
	}
}

void desk_turn(struct diag *diag)
{
	size_t begun = 0, probed = 0;

	for (size_t i = 0; i < diag->visit_count;) {
		struct visit *visit = &diag->visits[i];
		bool is_new = visit->state == VISIT_NEW;
		bool probes = visit->state == VISIT_COUNTS && visit->slot->state == SLOT_SEEN;

		if ((is_new && begun++ >= BEGUN_PER_TURN) ||
		    (probes && probed++ >= PROBED_PER_TURN) || !visit_turn(diag, visit))
			i++;
	}
	drop_old(diag);
}

/* What a third host said, told in the next turn; or who wants to be watched. */
void desk_answered(struct diag *diag, const struct node_answer *answer)
{
	for (size_t i = 0; diag->slots && i < DIAG_SLOTS_DESK; i++) {
		if (diag->slots[i].state != SLOT_FREE && diag->slots[i].hello_tag == answer->tag)
			greeted(&diag->slots[i], answer);
	}
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
