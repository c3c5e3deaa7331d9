/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * A round: one host's look at the ways to the others. All are greeted at once; what is sent as
 * probes is spread over turns. Who does not answer the greeting is asked about through a member
 * that did: by what that one says, and by whether the silent one's own greeting comes here, the
 * direction that is blocked is known. A phase ends when nothing of it is under way.
 */
#include <stdlib.h>
#include <string.h>

#include "daemon/diag_impl.h"
#include "daemon/json.h"
#include "daemon/names.h"
#include "gossip/base/check.h"

#define HELLO_TTL_MS 2000
#define COUNT_TTL_MS 3000
#define RELAY_TTL_MS 2500
#define PROBED_PER_TURN 8
#define ASKED_AT_ONCE 256
#define SETTLE_MS 150 /* until probes have arrived, round trips of a second aside */
#define ROUND_MS_MAX 20000

static struct gossip *gossip_of(const struct diag *diag)
{
	return node_gossip(diag->d->node);
}

struct noting {
	struct daemon *d;
	struct diag_round *round;
};

/* What a network puts on the wire: the port, and the largest packet. */
static bool note_network(void *ctx, const struct id *id, const struct rec_network *rec)
{
	struct noting *noting = ctx;
	struct diag_round *round = noting->round;
	uint16_t inner = network_sums(noting->d, id).mtu_bytes;
	uint16_t outer = (uint16_t)(inner + diag_overhead(noting->d));
	size_t at = 0;

	if (inner != 0 && outer > round->need_bytes)
		round->need_bytes = outer;
	while (at < round->port_count && round->ports[at] != rec->port)
		at++;
	if (at == round->port_count && at < DIAG_PORTS_MAX && rec->port != 0)
		round->ports[round->port_count++] = rec->port;
	return true;
}

static void note_peers(struct diag *diag, struct diag_round *round, const struct id *only)
{
	struct member_info info;
	size_t cap = 0;

	for (size_t at = 0; gossip_member_next(gossip_of(diag), &at, &info);)
		cap++;
	round->peers = calloc(cap + 1, sizeof(*round->peers));
	WEFT_ASSERT(round->peers != NULL);
	for (size_t at = 0; gossip_member_next(gossip_of(diag), &at, &info);) {
		struct diag_peer *peer = &round->peers[round->count];

		if (info.is_self || info.state == MEMBER_LEFT || info.state == MEMBER_REMOVED ||
		    (only && !id_eq(only, &info.id)))
			continue;
		peer->id = info.id;
		peer->addr = info.addr;
		peer->vtep = info.vtep;
		round->count++;
	}
}

int diag_begin(struct diag *diag, uint64_t tag, const struct id *only,
	       void (*done)(struct daemon *d, struct diag_round *round), struct weft_err *err)
{
	struct noting noting = {.d = diag->d};
	struct diag_round *round;
	size_t place = 0;

	while (place < DIAG_ROUNDS_MAX && diag->rounds[place])
		place++;
	if (place == DIAG_ROUNDS_MAX)
		return weft_err_set(err, WEFT_E_BUSY,
				    "%d looks at the network are under way; try again",
				    DIAG_ROUNDS_MAX);
	round = calloc(1, sizeof(*round));
	WEFT_ASSERT(round != NULL);
	diag->rounds[place] = noting.round = round;
	round->tag = tag;
	round->done = done;
	round->phase = ROUND_WATCH;
	round->began = round->due = daemon_now();
	round->end = mono_add_ms(round->began, ROUND_MS_MAX);
	round->mtu_bytes = diag_mtu(diag->d);
	each_network(diag->d, &noting, note_network);
	if (round->port_count == 0)
		round->ports[round->port_count++] = diag->d->options->vxlan_port;
	note_peers(diag, round, only);
	diag_wake(diag);
	return 0;
}

/* ---- questions ---- */

static void ask(struct diag *diag, struct diag_round *round, struct diag_peer *peer,
		const struct id *whom, const struct diag_message *message, int64_t ttl_ms)
{
	WEFT_ASSERT(peer->tag == 0);
	peer->asked = daemon_now();
	peer->asked_wall = daemon_wall();
	round->pending++;
	diag_ask(diag, whom, message, ttl_ms, &peer->tag);
}

/* Greets the next; false when all were. */
static bool hello_some(struct diag *diag, struct diag_round *round)
{
	const struct diag_message hello = {.kind = DIAG_HELLO};

	for (size_t sent = 0; round->at < round->count && sent < ASKED_AT_ONCE; sent++) {
		struct diag_peer *peer = &round->peers[round->at++];

		ask(diag, round, peer, &peer->id, &hello, HELLO_TTL_MS);
	}
	return round->at < round->count;
}

/* Somebody who answered, others in turn. */
static const struct id *helper_of(const struct diag_round *round, size_t nth)
{
	for (size_t i = 1; i <= round->count; i++) {
		const struct diag_peer *other = &round->peers[(nth + i) % round->count];

		if (other->answered)
			return &other->id;
	}
	return NULL;
}

/* For one host among those who were not asked, any member that lives may help. */
static bool helper_elsewhere(const struct diag *diag, const struct diag_peer *peer, struct id *out)
{
	struct member_info info;

	for (size_t at = 0; gossip_member_next(gossip_of(diag), &at, &info);) {
		if (info.is_self || info.state != MEMBER_ALIVE || id_eq(&info.id, &peer->id))
			continue;
		*out = info.id;
		return true;
	}
	return false;
}

static void relay(struct diag *diag, struct diag_round *round, size_t nth)
{
	struct diag_peer *peer = &round->peers[nth];
	const struct diag_message message = {.kind = DIAG_RELAY, .member = peer->id};
	const struct id *helper = helper_of(round, nth);

	if (helper)
		peer->helper = *helper;
	else if (round->count > 1 || !helper_elsewhere(diag, peer, &peer->helper))
		return;
	peer->has_helper = true;
	ask(diag, round, peer, &peer->helper, &message, RELAY_TTL_MS);
}

static void probe(struct diag *diag, const struct diag_round *round, struct diag_peer *peer)
{
	uint16_t full = round->mtu_bytes < peer->mtu_bytes ? round->mtu_bytes : peer->mtu_bytes;

	peer->probe.from = diag->d->advertise.ip;
	peer->probe.to = peer->vtep;
	peer->probe.port_count = round->port_count;
	memcpy(peer->probe.ports, round->ports, sizeof(round->ports));
	probe_sizes(&peer->probe, round->need_bytes, full);
	peer->error = probe_send(&peer->probe, &peer->from_port);
	peer->probed = true;
}

/* Asks the next what came; false when all were. */
static bool count_some(struct diag *diag, struct diag_round *round)
{
	for (size_t sent = 0; round->at < round->count && sent < ASKED_AT_ONCE; sent++) {
		struct diag_peer *peer = &round->peers[round->at++];
		struct diag_message message = {.kind = DIAG_COUNT};

		if (!peer->probed)
			continue;
		message.from_port = peer->from_port;
		message.port_count = peer->probe.port_count;
		message.size_count = peer->probe.size_count;
		memcpy(message.ports, peer->probe.ports, sizeof(message.ports));
		memcpy(message.sizes, peer->probe.sizes, sizeof(message.sizes));
		ask(diag, round, peer, &peer->id, &message, COUNT_TTL_MS);
	}
	return round->at < round->count;
}

/* ---- answers ---- */

static void take_hello(struct diag_peer *peer, const struct diag_message *message)
{
	int64_t wall_ms;

	peer->rtt_ns = mono_diff_ns(daemon_now(), peer->asked);
	/* Its clock was read in the middle, give or take half of the time that passed. */
	wall_ms = peer->asked_wall.ms + peer->rtt_ns / NS_PER_MS / 2;
	peer->answered = true;
	peer->clock_ms = message->wall.ms - wall_ms;
	peer->spread_ms = peer->rtt_ns / NS_PER_MS / 2 + 1;
	memcpy(peer->version, message->version, sizeof(peer->version));
	peer->watches = message->watches;
	peer->mtu_bytes = message->mtu_bytes;
}

static void take_counts(struct diag_peer *peer, const struct diag_message *message)
{
	const struct probe *probe = &peer->probe;

	peer->counted = true;
	peer->back_port = message->from_port;
	for (size_t i = 0; i < message->seen_count; i++) {
		const struct diag_seen *seen = &message->seen[i];

		for (size_t at = 0; at < probe->port_count * probe->size_count; at++) {
			size_t p = at / probe->size_count, s = at % probe->size_count;

			if (seen->port == probe->ports[p] && seen->size == probe->sizes[s])
				peer->there[p][s] = seen->count;
		}
	}
}

static void take_answer(const struct diag_round *round, struct diag_peer *peer,
			const struct node_answer *answer)
{
	struct diag_message message;

	if (answer->err.code != 0 || diag_decode(answer->bytes, answer->len, &message) != 0)
		return;
	if (message.kind == DIAG_HELLO + 1) {
		take_hello(peer, &message);
	} else if (message.kind == DIAG_COUNT + 1) {
		take_counts(peer, &message);
	} else if (message.kind == DIAG_RELAY + 1) {
		peer->relayed = message.reached;
		peer->there_heard = message.heard_ms < mono_diff_ms(daemon_now(), round->began);
	}
}

void round_answered(struct diag *diag, struct diag_round *round, const struct node_answer *answer)
{
	(void)diag;
	for (size_t i = 0; i < round->count; i++) {
		struct diag_peer *peer = &round->peers[i];

		if (peer->tag != answer->tag)
			continue;
		WEFT_ASSERT(round->pending > 0);
		peer->tag = 0;
		round->pending--;
		take_answer(round, peer, answer);
		return;
	}
}

void round_told(struct diag_round *round, const struct kernel_tell *tell)
{
	if (round->phase != ROUND_SEEN || round->kernel_tag != tell->tag)
		return;
	for (size_t i = 0; i < round->count; i++) {
		struct diag_peer *peer = &round->peers[i];
		const struct probe *probe = &peer->probe;

		for (size_t at = 0; peer->counted && at < probe->port_count * probe->size_count;
		     at++) {
			size_t p = at / probe->size_count, s = at % probe->size_count;

			peer->back[p][s] = diag_seen_count(tell, &peer->vtep, peer->back_port,
							   probe->ports[p], probe->sizes[s]);
		}
	}
	round->phase = ROUND_DONE;
}

/* ---- turns ---- */

static void finish(struct diag *diag, struct diag_round *round)
{
	for (size_t i = 0; i < round->count; i++) {
		struct diag_peer *peer = &round->peers[i];
		struct member_info info;

		peer->heard = gossip_member(gossip_of(diag), &peer->id, &info) &&
			      info.heard.ns >= round->began.ns;
	}
	round->done(diag->d, round);
	free(round->peers);
	free(round);
}

/* Probes for the next few; false when all had theirs. */
static bool probe_some(struct diag *diag, struct diag_round *round)
{
	for (size_t sent = 0; round->at < round->count && sent < PROBED_PER_TURN; round->at++) {
		struct diag_peer *peer = &round->peers[round->at];

		if (!peer->answered) {
			relay(diag, round, round->at);
		} else if (peer->watches) {
			probe(diag, round, peer);
			sent++;
		}
	}
	return round->at < round->count;
}

static void go_on(struct diag *diag, struct diag_round *round)
{
	struct mono now = daemon_now();

	switch (round->phase) {
	case ROUND_WATCH:
		round->watches = diag_watch_want(diag);
		snprintf(round->why, sizeof(round->why), "%s", diag->why);
		if (diag->watch != WATCH_ASKED) {
			round->phase = ROUND_HELLO;
			go_on(diag, round);
		}
		break;
	case ROUND_HELLO:
		if (hello_some(diag, round))
			break;
		round->phase = ROUND_PROBE;
		round->at = 0;
		break;
	case ROUND_PROBE:
		if (probe_some(diag, round))
			break;
		round->phase = ROUND_COUNT;
		round->at = 0;
		round->due = mono_add_ms(now, SETTLE_MS);
		break;
	case ROUND_COUNT:
		if (count_some(diag, round))
			break;
		round->phase = ROUND_SETTLE;
		break;
	case ROUND_SETTLE:
		round->phase = ROUND_SEEN;
		round->due = mono_add_ms(now, SETTLE_MS);
		break;
	case ROUND_SEEN:
		if (round->kernel_tag != 0)
			break;
		if (diag->watch == WATCH_ON)
			round->kernel_tag = diag_watch_read(diag);
		else
			round->phase = ROUND_DONE;
		break;
	case ROUND_DONE:
		break;
	}
}

bool round_turn(struct diag *diag, struct diag_round *round)
{
	struct mono now = daemon_now();
	/* Once probes are on their way, who is asked about meanwhile does not hold up the others.
	 */
	bool waits = round->pending > 0 && (round->phase != ROUND_PROBE || round->at == 0);

	if (round->phase != ROUND_WATCH)
		(void)diag_watch_want(diag);
	if (mono_is_due(round->due, now) && !waits)
		go_on(diag, round);
	if (round->phase != ROUND_DONE && !mono_is_due(round->end, now))
		return true;
	finish(diag, round);
	return false;
}
