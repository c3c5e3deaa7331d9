/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * A round: one host's look at the ways to the others. Each peer goes through its steps by itself:
 * it is greeted; who answers is probed, as many at a time as there are slots to expect probes in;
 * who does not is asked about through a member that did: by what that one says, and by whether the
 * silent one's own greeting comes here, the direction that is blocked is known. One question is
 * little to call a way blocked or a host dead by: where its answer is missing, or contradicts what
 * is heard here, another member is asked.
 *
 * A turn does so much and no more, whatever the number of peers, so that the loop goes on; so much
 * is under way at once and no more, as what is asked beyond what others take is not answered: that
 * would look like silence. Who could not be asked was not silent, and is asked again. Peers
 * are judged in order of id as soon as they are done with. When time is up, the others are left
 * out.
 */
#include <stdlib.h>
#include <string.h>

#include "daemon/diag/diag_impl.h"
#include "daemon/api/names.h"
#include "gossip/base/check.h"
#include "gossip/base/record_codec.h"

#define HELLO_TTL_MS 2000
#define WATCH_TTL_MS 3000
#define COUNT_TTL_MS 3000
#define RELAY_TTL_MS 2500
#define RELAY_TRIES 3
#define PROBED_PER_TURN 8
#define ASKED_PER_TURN 64
#define ASKING_MAX 256 /* of all rounds, then nobody more is greeted or asked about */
#define JUDGED_PER_TURN 64
#define SETTLE_MS 150 /* until probes have arrived, round trips of a second aside */
#define ROUND_MS_MAX 24000

static struct gossip *gossip_of(const struct diag *diag)
{
	return node_gossip(diag->d->node);
}

const char *diag_why(const struct diag *diag)
{
	return diag->why;
}

int diag_begin(struct diag *diag, const struct diag_client *client, const struct id *only,
	       struct weft_err *err)
{
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
	diag->rounds[place] = round;
	round->client = *client;
	round->began = daemon_now();
	round->end = mono_add_ms(round->began, ROUND_MS_MAX);
	round->mtu_bytes = diag_mtu(diag->d);
	note_networks(diag, round);
	note_peers(diag, round, only);
	diag_wake(diag);
	return 0;
}

void round_free(struct diag_round *round)
{
	json_decref(round->checks);
	free(round->peers);
	free(round);
}

/* ---- questions ---- */

static void ask(struct diag *diag, struct diag_round *round, struct diag_peer *peer,
		enum peer_step step, const struct id *whom, const struct diag_message *message,
		int64_t ttl_ms)
{
	peer->step = step;
	round->asking++;
	peer->asked = daemon_now();
	peer->asked_wall = daemon_wall();
	diag_ask_peer(diag, round, (size_t)(peer - round->peers), whom, message, ttl_ms);
}

static void greet(struct diag *diag, struct diag_round *round, struct diag_peer *peer)
{
	const struct diag_message hello = {.kind = DIAG_HELLO, .nonce = diag_nonce()};

	peer->nonce = hello.nonce;
	ask(diag, round, peer, PEER_GREETED, &peer->id, &hello, HELLO_TTL_MS);
}

/* Is there room for more questions? */
static bool has_room(const struct diag *diag)
{
	size_t asking = 0;

	for (size_t i = 0; i < DIAG_ROUNDS_MAX; i++)
		asking += diag->rounds[i] ? diag->rounds[i]->asking : 0;
	return asking < ASKING_MAX;
}

/* False while there is no helper. */
static bool relay(struct diag *diag, struct diag_round *round, struct diag_peer *peer)
{
	const struct diag_message message = {.kind = DIAG_RELAY, .member = peer->id};
	enum helper_search found = round_helper(diag, round, peer);

	if (found == HELPERS_BUSY)
		return false;
	if (found == HELPER_NONE) {
		peer->step = PEER_DONE;
		return true;
	}
	if (peer->relay == RELAY_NONE)
		peer->relay = RELAY_UNHEARD;
	peer->relay_tries++;
	if (peer->through)
		peer->through->relays++;
	ask(diag, round, peer, PEER_RELAYED, &peer->helper, &message, RELAY_TTL_MS);
	return true;
}

static void finish(struct diag_peer *peer)
{
	slot_drop(peer->slot);
	peer->slot = NULL;
	peer->step = PEER_DONE;
}

/* False while there is no slot. */
static bool expect(struct diag *diag, struct diag_round *round, struct diag_peer *peer)
{
	const struct diag_message message = {.kind = DIAG_WATCH, .nonce = diag_nonce()};

	if (!inet_is_unicast(&peer->vtep)) {
		finish(peer);
		return true;
	}
	peer->slot = slot_take(diag, false, &peer->vtep, message.nonce);
	if (!peer->slot)
		return false;
	peer->nonce = message.nonce;
	ask(diag, round, peer, PEER_EXPECTED, &peer->id, &message, WATCH_TTL_MS);
	return true;
}

static void probe(struct diag *diag, const struct diag_round *round, struct diag_peer *peer)
{
	uint16_t full = round->mtu_bytes < peer->mtu_bytes ? round->mtu_bytes : peer->mtu_bytes;

	peer->probe.from = diag->d->advertise.ip;
	peer->probe.to = peer->vtep;
	peer->probe.nonce = peer->nonce;
	peer->probe.port_count = round->port_count;
	memcpy(peer->probe.ports, round->ports, sizeof(round->ports));
	probe_sizes(&peer->probe, round->need_bytes, full);
	peer->error = probe_send(&peer->probe);
	peer->step = PEER_PROBED;
	peer->due = mono_add_ms(daemon_now(), SETTLE_MS);
}

static void count(struct diag *diag, struct diag_round *round, struct diag_peer *peer)
{
	struct diag_message message = {.kind = DIAG_COUNT,
				       .nonce = peer->nonce,
				       .port_count = peer->probe.port_count,
				       .size_count = peer->probe.size_count};

	memcpy(message.ports, peer->probe.ports, sizeof(message.ports));
	memcpy(message.sizes, peer->probe.sizes, sizeof(message.sizes));
	ask(diag, round, peer, PEER_COUNTED, &peer->id, &message, COUNT_TTL_MS);
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
	peer->mtu_bytes = message->mtu_bytes;
}

static void take_relay(const struct diag_round *round, struct diag_peer *peer,
		       const struct diag_message *message)
{
	peer->relay = message->reached ? RELAY_REACHED : RELAY_SILENT;
	/* It was said at some time after the question: only what is younger than the round was then
	 * was surely heard in it. */
	peer->there_heard =
	    message->reached && message->heard_ms < mono_diff_ms(peer->asked, round->began);
}

static void take_counts(struct diag_peer *peer, const struct diag_message *message)
{
	const struct probe *probe = &peer->probe;

	peer->counted = true;
	peer->sent = message->sent;
	peer->due = mono_add_ms(daemon_now(), SETTLE_MS);
	for (size_t i = 0; i < message->seen_count; i++) {
		const struct diag_seen *seen = &message->seen[i];

		for (size_t at = 0; at < probe->port_count * probe->size_count; at++) {
			size_t p = at / probe->size_count, s = at % probe->size_count;

			if (seen->port == probe->ports[p] && seen->size == probe->sizes[s])
				peer->there[p][s] = seen->count;
		}
	}
}

/* What came here; the slot is given back. */
static void take_back(struct diag_peer *peer)
{
	const struct probe *probe = &peer->probe;

	peer->back_seen = peer->slot->state == SLOT_SEEN;
	for (size_t at = 0; peer->back_seen && at < probe->port_count * probe->size_count; at++) {
		size_t p = at / probe->size_count, s = at % probe->size_count;

		peer->back[p][s] = slot_count(peer->slot, probe->ports[p], probe->sizes[s]);
	}
}

/* Too much is under way in gossip: nobody was asked, and the step is due again. */
static void step_back(struct diag_peer *peer)
{
	if (peer->step == PEER_GREETED) {
		peer->step = PEER_NEW;
	} else if (peer->step == PEER_RELAYED) {
		peer->relay_tries--;
		if (peer->relay_tries == 0)
			peer->relay = RELAY_NONE;
		peer->step = PEER_SILENT;
	} else if (peer->step == PEER_EXPECTED) {
		finish(peer);
		peer->step = PEER_ANSWERED;
	} else if (peer->step == PEER_COUNTED) {
		peer->step = PEER_PROBED;
	}
}

static bool is_heard(const struct diag *diag, const struct diag_round *round,
		     const struct diag_peer *peer)
{
	struct member_info info;

	return gossip_member(gossip_of(diag), &peer->id, &info) && info.heard.ns >= round->began.ns;
}

/* What was said of a silent peer is no reason to call a way blocked, or nobody said anything. */
static bool is_in_doubt(const struct diag *diag, const struct diag_round *round,
			const struct diag_peer *peer)
{
	return peer->relay == RELAY_UNHEARD ||
	       (peer->relay == RELAY_SILENT && is_heard(diag, round, peer));
}

void round_answered(struct diag *diag, struct diag_round *round, size_t nth,
		    const struct node_answer *answer)
{
	struct diag_peer *peer = nth < round->count ? &round->peers[nth] : NULL;
	struct diag_message message = {.kind = 0};

	if (!peer || peer->tag != answer->tag)
		return;
	WEFT_ASSERT(round->asking > 0 && (!peer->through || peer->through->relays > 0));
	peer->tag = 0;
	round->asking--;
	if (peer->through)
		peer->through->relays--;
	peer->through = NULL;
	if (answer->err.code == WEFT_E_BUSY) {
		step_back(peer);
		return;
	}
	if (answer->err.code != 0 || diag_decode(answer->bytes, answer->len, &message) != 0)
		message.kind = 0;
	if (peer->step == PEER_GREETED) {
		round->greeting--;
		if (message.kind == DIAG_HELLO + 1 && message.nonce == peer->nonce)
			take_hello(peer, &message);
		peer->step = peer->answered ? PEER_ANSWERED : PEER_SILENT;
	} else if (peer->step == PEER_RELAYED) {
		if (message.kind == DIAG_RELAY + 1)
			take_relay(round, peer, &message);
		if (peer->relay_tries < RELAY_TRIES && is_in_doubt(diag, round, peer))
			peer->step = PEER_SILENT;
		else
			finish(peer);
	} else if (peer->step == PEER_EXPECTED) {
		peer->told = message.kind == DIAG_WATCH + 1;
		peer->watches = message.watches;
		if (!peer->told || peer->watches != DIAG_WATCHES)
			finish(peer);
	} else if (peer->step == PEER_COUNTED) {
		if (message.kind == DIAG_COUNT + 1)
			take_counts(peer, &message);
		else
			finish(peer);
	}
}

/* ---- turns ---- */

/* What is left to be done in a turn. */
struct share {
	size_t ask, probe;
	bool no_helper, no_slot; /* there was none: not looked for again */
};

static void go_on(struct diag *diag, struct diag_round *round, struct diag_peer *peer,
		  struct share *share)
{
	bool due = mono_is_due(peer->due, daemon_now());
	enum slot_state slot = peer->slot ? peer->slot->state : SLOT_FREE;

	switch (peer->step) {
	case PEER_NEW:
		if (!has_room(diag))
			break;
		greet(diag, round, peer);
		share->ask--;
		break;
	case PEER_SILENT:
		if (round->greeting > 0 || share->no_helper || !has_room(diag))
			break;
		share->no_helper = !relay(diag, round, peer);
		share->ask -= !share->no_helper;
		break;
	case PEER_ANSWERED:
		if (share->no_slot)
			break;
		share->no_slot = !expect(diag, round, peer);
		share->ask -= !share->no_slot;
		break;
	case PEER_EXPECTED:
		if (peer->tag != 0 || (slot != SLOT_ON && slot != SLOT_FAILED) || share->probe == 0)
			break;
		round->blind = round->blind || slot == SLOT_FAILED;
		probe(diag, round, peer);
		share->probe--;
		break;
	case PEER_PROBED:
		if (!due)
			break;
		count(diag, round, peer);
		share->ask--;
		break;
	case PEER_COUNTED:
		if (peer->tag != 0 || !due)
			break;
		if (slot == SLOT_ON)
			slot_read(peer->slot);
		peer->step = PEER_READ;
		break;
	case PEER_READ:
		if (slot != SLOT_SEEN && slot != SLOT_FAILED)
			break;
		take_back(peer);
		finish(peer);
		break;
	case PEER_GREETED:
	case PEER_RELAYED:
	case PEER_DONE:
		break;
	}
}

/* Judges the next few that are done with; once time is up, all are. */
static void judge_some(struct diag *diag, struct diag_round *round)
{
	for (size_t n = 0; n < JUDGED_PER_TURN && round->judged < round->count; n++) {
		struct diag_peer *peer = &round->peers[round->judged];

		if (peer->step != PEER_DONE && !round->over)
			return;
		round->judged++;
		/* Of one that is asked about again, or is to be, enough is known. */
		if (peer->step != PEER_DONE && peer->relay_tries < 2 &&
		    peer->relay != RELAY_SILENT) {
			round->unasked++;
			finish(peer);
			continue;
		}
		peer->heard = is_heard(diag, round, peer);
		round->client.judge(diag->d, round, peer);
	}
}

bool round_turn(struct diag *diag, struct diag_round *round)
{
	struct share share = {.ask = ASKED_PER_TURN, .probe = PROBED_PER_TURN};

	round->over = round->over || mono_is_due(round->end, daemon_now());
	for (size_t i = round->judged; !round->over && share.ask > 0 && i < round->count; i++)
		go_on(diag, round, &round->peers[i], &share);
	judge_some(diag, round);
	if (round->judged < round->count)
		return true;
	round->client.done(diag->d, round);
	round_free(round);
	return false;
}
