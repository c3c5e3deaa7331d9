/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * A second process of the node whose claim is undecided, that is not where it is looked for.
 *
 * A member that was just started knows no key of the one whose id is claimed, and asks at the
 * address of its record; so does one that knows an older key. But the process may have moved since,
 * or live behind a gateway, and be about to find this node by itself. What it shows then, while the
 * claim is undecided, is another certificate from a third place:
 *
 *   shown --something opens under it--> sent a nonce --answer--> the two are judged
 *
 * The process of the claim at hand is asked then as well, where it spoke last: its certificate may
 * have been shown from elsewhere, by anybody. The claim may also be a record, or that of a process
 * which has ended. So the one that answered claims in its place, unless its process answers too,
 * for which it has some time once it spoke, and may come back by it later. Whoever claims has to
 * stand the same questions to the old address before it is believed.
 *
 * When both have answered two processes are there, and one of them is a copy. Which one it is their
 * epochs do not tell: a copy that was just started counted on from the same disk, but an original
 * goes on by one each day, and a copy of a disk that is days old is older. What is known of them:
 *
 *   - one speaks from where the member lives by its record: that is the member.
 *   - one asks whether its epoch is agreed to (FRAME_CLAIM), and the other does not: that one runs,
 *     and was agreed to or needed nobody; who asks was started beside it.
 *   - else the one that claimed first stays.
 *
 * Judged they are again with each answer, as long as the claim is undecided: who asks may have
 * been heard saying something else first.
 *
 * A certificate alone may be a record, of a copy that was refused or of a process that has ended.
 * It changes nothing: nothing is asked for its sake, and the next one that is shown takes its place
 * as long as nothing opens under it, which no record does. What was held back on its way may open
 * once, and is in the way of another one for the time of one question; but it answers nothing. What
 * opened under a rival does not open again, while the own key is the same.
 */
#include <string.h>

#include "sealing.h"

/* It can become true no more, since something was proved, or a record came, meanwhile. */
static bool is_late(const struct peer *peer, const struct peer_key *key)
{
	return key->epoch <= peer_epoch(peer) || key->epoch < peer->member->epoch;
}

void rival_free(struct seal *seal, struct peer *peer)
{
	const struct gossip_crypto *crypto = seal->core->crypto;
	struct claim *claim = peer->session->claim;

	if (claim->rival == NULL)
		return;
	if (claim->rival->spoke && !is_late(peer, &claim->rival->key))
		doubt_keep(seal, peer, &claim->rival->key, claim->rival->pair.window.top,
			   claim->own, false);
	map_remove(&seal->by_key, &claim->rival->key.key_id);
	crypto->wipe(crypto->ctx, claim->rival, sizeof(*claim->rival));
	heap_give(&seal->core->heap, claim->rival, sizeof(*claim->rival));
	claim->rival = NULL;
}

static void rival_put(struct seal *seal, struct peer *peer, const struct rival *rival)
{
	const struct gossip_crypto *crypto = seal->core->crypto;
	struct claim *claim = peer->session->claim;
	struct key_slot *slot;

	rival_free(seal, peer);
	claim->rival = heap_take(&seal->core->heap, sizeof(*claim->rival));
	*claim->rival = *rival;
	crypto->random(crypto->ctx, claim->rival->nonce, NONCE_BYTES);
	slot = map_insert(&seal->by_key, &rival->key.key_id, NULL);
	slot->peer = peer;
	slot->slot = PEER_RIVAL;
}

/* Its process answered, or it may. */
static bool keeps_its_place(const struct seal *seal, const struct rival *rival)
{
	return rival->answered ||
	       (rival->spoke && mono_diff_ms(seal->core->now, rival->spoke_at) < CLAIM_PROBE_MS);
}

bool rival_show(struct seal *seal, struct peer *peer, const struct peer_key *key,
		const uint8_t cert[CERT_BYTES], const struct hostport *from)
{
	const struct claim *claim = peer->session->claim;
	struct rival rival = {.key = *key, .from = *from};

	WEFT_ASSERT(claim != NULL);
	WEFT_ASSERT(claim->state == CLAIM_CHECKING && !claim->late && !claim->doubted);
	/* At one place there is one process. */
	if (hostport_eq(from, &claim->from) ||
	    (claim->rival != NULL && keeps_its_place(seal, claim->rival)))
		return false;
	if (!pair_derive(seal, &seal->own[OWN_CURRENT], &peer->member->id, key->key, &rival.pair))
		return false;
	doubt_window(peer, key->key_id, claim->own, &rival.pair.window);
	memcpy(rival.cert, cert, CERT_BYTES);
	rival_put(seal, peer, &rival);
	seal->core->crypto->wipe(seal->core->crypto->ctx, &rival, sizeof(rival));
	return true;
}

/* In no more bytes than came from there, and not too often. */
static void rival_ask(struct seal *seal, struct claim *claim)
{
	struct rival *rival = claim->rival;
	uint8_t frame[FRAME_HEADER_BYTES + NONCE_BYTES];
	const size_t size = WIRE_OVERHEAD_BYTES + sizeof(frame);

	WEFT_ASSERT(rival != NULL);
	if (claim->state != CLAIM_CHECKING || rival->heard < size)
		return;
	if (rival->asked && mono_diff_ms(seal->core->now, rival->asked_at) < CLAIM_AGAIN_MS)
		return;
	rival->heard -= size;
	rival->asked = true;
	rival->asked_at = seal->core->now;
	pair_send(seal, &rival->pair, rival->key.key_id, false, &rival->from, frame,
		  wire_put_frame(frame, FRAME_CHALLENGE, rival->nonce, NONCE_BYTES));
}

/* Its certificate came, which whoever is at home was asked for. */
void rival_meet(struct seal *seal, struct peer *peer, const struct hostport *from, size_t len)
{
	struct claim *claim = peer->session->claim;

	WEFT_ASSERT(claim != NULL && claim->rival != NULL);
	if (!peer_is_home(peer, from) || !hostport_eq(from, &claim->rival->from))
		return;
	claim->rival->heard += len;
	rival_ask(seal, claim);
}

/* Something opened under it: what it was asked elsewhere proves nothing here. */
static void rival_heard(struct seal *seal, struct rival *rival, const struct hostport *from,
			size_t len, const struct opened *in)
{
	const struct gossip_crypto *crypto = seal->core->crypto;

	if (!rival->spoke || (rival->answered && !hostport_eq(from, &rival->from)))
		rival->spoke_at = seal->core->now;
	rival->spoke = true;
	rival->asks |= frame_find(in, FRAME_CLAIM, 0) != NULL;
	if (!hostport_eq(from, &rival->from)) {
		crypto->random(crypto->ctx, rival->nonce, NONCE_BYTES);
		rival->from = *from;
		rival->heard = 0;
		rival->answered = false;
	}
	rival->heard += len;
	rival->answered |= frame_is(in, FRAME_RESPONSE, rival->nonce);
}

/* The rival claims in place of the claim at hand, which becomes the rival. */
static void change_places(struct seal *seal, struct peer *peer)
{
	struct claim *claim = peer->session->claim;
	const struct hostport home = claim->home;
	const uint64_t before = claim->before;
	struct rival first = *claim->rival;
	struct rival other = {
	    .key = claim->key,
	    .pair = claim->pair,
	    .from = claim->from,
	    .heard = claim->heard,
	    .spoke = claim->spoke_from.port != 0,
	    .spoke_at = seal->core->now,
	    .answered = claim->answered,
	    .asks = claim->asked,
	};

	memcpy(other.cert, claim->cert, CERT_BYTES);
	claim_begin(seal, peer, &first.key, first.cert, &first.from, false);
	claim = peer->session->claim;
	if (claim != NULL) {
		/* What was received must not be received again. */
		claim->pair = first.pair;
		claim->home = home;
		claim->heard = first.heard;
		claim->asked = first.asks;
		claim->spoke_from = first.from;
		claim->doubted = false;
		claim->answered = true;
		claim->before = before == first.key.key_id ? 0 : other.key.key_id;
		rival_put(seal, peer, &other);
		rival_ask(seal, claim);
	}
	seal->core->crypto->wipe(seal->core->crypto->ctx, &first, sizeof(first));
	seal->core->crypto->wipe(seal->core->crypto->ctx, &other, sizeof(other));
}

/* The process of the claim spoke, and was not yet given the time to answer. */
static bool may_answer(const struct seal *seal, const struct claim *claim)
{
	return claim->spoke_from.port != 0 &&
	       (claim->asked_at.ns == 0 ||
		mono_diff_ms(seal->core->now, claim->asked_at) < CLAIM_PROBE_MS);
}

bool rival_judge(struct seal *seal, struct peer *peer, bool last)
{
	struct claim *claim = peer->session->claim;
	const struct rival *rival = claim->rival;
	bool is_changed = false;

	WEFT_ASSERT(claim->state == CLAIM_CHECKING);
	if (rival == NULL || !rival->answered)
		return false;
	if (is_late(peer, &rival->key)) {
		rival_free(seal, peer); /* an undecided claim is worth more */
		return false;
	}
	if (peer_is_home(peer, &rival->from)) {
		change_places(seal, peer);
		if (peer->session->claim != NULL)
			claim_accept(seal, peer);
		return true;
	}
	if (is_late(peer, &claim->key)) {
		is_changed = true;
	} else if (!claim->answered) {
		is_changed = last || !may_answer(seal, claim);
	} else if (claim->asked != rival->asks) {
		is_changed = claim->asked;
	} else {
		is_changed = claim->before == rival->key.key_id;
	}
	if (is_changed)
		change_places(seal, peer);
	return is_changed;
}

void rival_tick(struct seal *seal, struct peer *peer)
{
	struct claim *claim = peer->session->claim;

	if (claim->rival == NULL || rival_judge(seal, peer, false) || claim->rival == NULL)
		return;
	rival_ask(seal, claim);
	if (claim->rival->spoke && !claim->answered)
		doubt_challenge(seal, claim);
}

enum drop_reason rival_open(struct seal *seal, struct peer *peer, const struct hostport *from,
			    const uint8_t *bytes, size_t ad, size_t len)
{
	struct claim *claim = peer->session->claim;
	const struct opened in = {.frames = seal->plain, .len = len - ad - AEAD_TAG_BYTES};
	enum drop_reason reason;

	WEFT_ASSERT(claim != NULL);
	WEFT_ASSERT(claim->rival != NULL && claim->own == seal->own[OWN_CURRENT].key_id);
	reason = open_with(seal, &claim->rival->pair, bytes, ad, len);
	if (reason != DROP_NONE)
		return reason;
	if (!limit_pass(&peer->session->limit, seal->core->now, PEER_INTERVAL_NS, PEER_BURST))
		return DROP_RATE;
	rival_heard(seal, claim->rival, from, len, &in);
	if (claim->state == CLAIM_CHECKING) /* else it is decided already */
		rival_tick(seal, peer);
	return DROP_PROVISIONAL;
}
