/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Opening sealed datagrams, following addresses, and the frames of the sealing layer.
 *
 * A member that speaks from another address than the one we know is believed (the seal says who
 * it is) but not followed: anybody on its way could send its datagram on from elsewhere. Eight
 * random bytes go to the new address, and only when they come back from there, sealed, does the
 * address become the member's. Until then no more bytes go there than came from there.
 *
 * Members that all change places while they are down send to where others live now, who can open
 * nothing of it. So the certificate in use of a member that nobody believes to be alive is worth a
 * challenge too, in place of any other answer: the seal of the response proves the rest. A record
 * of it draws no more, and does not take the place of a challenge that may still be answered.
 *
 * A member's allowance of datagrams is taken from what opened: whoever forges its datagrams costs
 * us a look at each seal, and the member nothing.
 */
#include <string.h>

#include "sealing.h"

/* Who finds a failed member says who it is, if there is room for that: the member may have
 * forgotten it, or may never have heard of it. Under a claim nothing else than that is heard, and
 * it goes to where the member was. */
static size_t introduce(struct seal *seal, const struct peer *peer, const struct hostport *to,
			size_t used, size_t credit)
{
	const struct seal_hooks *hooks = &seal->hooks;
	struct outbox *outbox = &seal->core->outbox;
	size_t room = credit < DATAGRAM_BYTES_MAX ? credit : DATAGRAM_BYTES_MAX;
	size_t len = 0, claim_len = 0;
	const uint8_t *row = NULL;
	uint8_t epoch[8];

	if (peer->member->state != MEMBER_FAILED)
		return used;
	if (hooks->claims != NULL && hooks->claims(hooks->ctx))
		claim_len = FRAME_HEADER_BYTES + sizeof(epoch);
	if (used + claim_len > room)
		return used;
	if (hooks->own_row != NULL)
		row = hooks->own_row(hooks->ctx, peer->member, &len);
	if (row != NULL && used + claim_len + FRAME_HEADER_BYTES + len <= room) {
		outbox_add_via(outbox, &peer->member->id, to, CLASS_CONTROL, FRAME_ROW, row, len);
		used += FRAME_HEADER_BYTES + len;
	}
	if (claim_len == 0)
		return used;
	wire_put(epoch, seal->core->self.epoch, sizeof(epoch));
	outbox_add_via(outbox, &peer->member->id, to, CLASS_CONTROL, FRAME_CLAIM, epoch,
		       sizeof(epoch));
	return used + claim_len;
}

/* Bytes of a datagram to this member with so many of frames, as it would go now. */
static size_t datagram_size(const struct seal *seal, const struct member *member, size_t frames)
{
	return WIRE_OVERHEAD_BYTES + frames + WIRE_PAYLOAD_MAX - seal_room(seal, member);
}

void peer_challenge(struct seal *seal, struct peer *peer, const struct hostport *from, size_t len)
{
	const struct gossip_crypto *crypto = seal->core->crypto;
	struct session *session = session_of(seal, peer);
	size_t size = datagram_size(seal, peer->member, FRAME_HEADER_BYTES + NONCE_BYTES);

	if (!hostport_eq(&session->challenged, from)) {
		if (peer->shown && session->challenged.port != 0 &&
		    mono_diff_ms(seal->core->now, session->challenged_at) < CHALLENGE_MS)
			return; /* one thing after the other: whether it is there comes first */
		/* What was asked elsewhere proves nothing here. */
		crypto->random(crypto->ctx, session->nonce, NONCE_BYTES);
		session->challenged = *from;
		session->challenged_at = mono_add_ms(seal->core->now, -CHALLENGE_MS);
		session->heard = 0;
	}
	session->heard += len;
	if (session->heard < size ||
	    mono_diff_ms(seal->core->now, session->challenged_at) < CHALLENGE_MS)
		return;
	crypto->random(crypto->ctx, session->nonce, NONCE_BYTES);
	session->challenged_at = seal->core->now;
	if (!hostport_eq(from, &peer->member->addr))
		peer->member->provisional = *from;
	outbox_add_via(&seal->core->outbox, &peer->member->id, from, CLASS_CONTROL, FRAME_CHALLENGE,
		       session->nonce, NONCE_BYTES);
	session->heard -= introduce(seal, peer, from, size, session->heard);
}

bool seal_may_answer_at(struct seal *seal, const struct member *member, const struct hostport *to,
			size_t len)
{
	const struct peer *peer = peer_known(seal, member);
	size_t size = datagram_size(seal, member, len);

	if (hostport_eq(to, &member->addr))
		return true;
	if (peer == NULL || peer->session == NULL || !hostport_eq(to, &peer->session->challenged) ||
	    peer->session->heard < size)
		return false;
	peer->session->heard -= size;
	return true;
}

/* The process of the key before one that was only shown says that it is there: let it speak. */
static bool previous_challenge(struct seal *seal, struct peer *peer, const struct hostport *from,
			       size_t len)
{
	const struct gossip_crypto *crypto = seal->core->crypto;
	uint8_t frame[FRAME_HEADER_BYTES + NONCE_BYTES], nonce[NONCE_BYTES];
	struct pair *pair;

	if (peer->session->behind == NULL || WIRE_OVERHEAD_BYTES + sizeof(frame) > len ||
	    mono_diff_ms(seal->core->now, peer->session->outlived) < OUTLIVED_MS ||
	    (peer->has_asked && mono_diff_ms(seal->core->now, peer->asked) < ASK_MS))
		return false;
	pair = pair_of(seal, peer, OWN_CURRENT, PEER_PREVIOUS);
	if (pair == NULL)
		return false;
	peer->asked = seal->core->now;
	peer->has_asked = true;
	crypto->random(crypto->ctx, nonce, NONCE_BYTES);
	return pair_send(seal, pair, peer->session->previous.key_id, false, from, frame,
			 wire_put_frame(frame, FRAME_CHALLENGE, nonce, NONCE_BYTES));
}

bool stray_challenge(struct seal *seal, const struct key_slot *slot, const struct hostport *from,
		     size_t len)
{
	struct member *member = slot->peer->member;
	struct session *session;

	if (slot->slot == PEER_PREVIOUS)
		return previous_challenge(seal, slot->peer, from, len);
	if (slot->slot != PEER_CURRENT || member->state != MEMBER_FAILED ||
	    hostport_eq(from, &member->addr))
		return false;
	session = session_of(seal, slot->peer);
	if (!hostport_eq(&session->challenged, from) && session->challenged.port != 0 &&
	    mono_diff_ms(seal->core->now, session->challenged_at) < CHALLENGE_MS)
		return false;
	peer_challenge(seal, slot->peer, from, len);
	if (session->challenged_at.ns == seal->core->now.ns)
		session->heard = 0; /* nothing opened: that is all for it */
	return true;
}

/* Where this one is not decided by itself, this node's own key may be as undecided there: who
 * claims is told that its process is there. */
static void claim_respond(struct seal *seal, struct claim *claim, const struct hostport *from,
			  const struct opened *in)
{
	const uint8_t *nonce = frame_find(in, FRAME_CHALLENGE, NONCE_BYTES);
	uint8_t frame[FRAME_HEADER_BYTES + NONCE_BYTES];
	const size_t size = WIRE_OVERHEAD_BYTES + sizeof(frame);

	if (nonce == NULL || !hostport_eq(from, &claim->from) || claim->heard < size)
		return;
	claim->heard -= size;
	pair_send(seal, &claim->pair, claim->key.key_id, false, from, frame,
		  wire_put_frame(frame, FRAME_RESPONSE, nonce, NONCE_BYTES));
}

/* Keeps of a claimer's frames only the first FRAME_CLAIM. */
static void keep_claim(struct opened *out)
{
	const uint8_t *at = out->frames;
	size_t left = out->len;

	while (left >= FRAME_HEADER_BYTES) {
		size_t len = FRAME_HEADER_BYTES + (size_t)wire_get(at + 1, 2);
		if (len > left)
			break;
		if (at[0] == FRAME_CLAIM) {
			out->frames = at;
			out->len = len;
			return;
		}
		at += len;
		left -= len;
	}
	out->len = 0;
}

enum drop_reason open_with(struct seal *seal, struct pair *pair, const uint8_t *bytes, size_t ad,
			   size_t len)
{
	const struct gossip_crypto *crypto = seal->core->crypto;
	uint64_t counter = wire_get(bytes + 12, 8);

	if (!window_is_fresh(&pair->window, counter))
		return DROP_REPLAY;
	if (crypto->open(crypto->ctx, pair->rx, counter, bytes, ad, bytes + ad, len - ad,
			 seal->plain) != 0)
		return DROP_AUTH;
	window_take(&pair->window, counter);
	return DROP_NONE;
}

/* Its certificate may have been shown from elsewhere, by anybody; no record opens. */
static void claim_hear(struct seal *seal, struct claim *claim, const struct hostport *from,
		       size_t len, const struct opened *in)
{
	if (!claim->late)
		claim_move(seal, claim, from);
	if (hostport_eq(from, &claim->from))
		claim->heard += len;
	if (claim->rival != NULL)
		claim->answered |= frame_is(in, FRAME_RESPONSE, claim->own_nonce);
}

/* A datagram under the key of an undecided claim. */
static enum drop_reason open_claim(struct seal *seal, struct peer *peer,
				   const struct hostport *from, const uint8_t *bytes, size_t ad,
				   size_t len, struct opened *out)
{
	struct claim *claim = peer->session->claim;
	enum drop_reason reason;

	WEFT_ASSERT(claim != NULL && claim->own == seal->own[OWN_CURRENT].key_id);
	reason = open_with(seal, &claim->pair, bytes, ad, len);
	if (reason == DROP_NONE &&
	    !limit_pass(&peer->session->limit, seal->core->now, PEER_INTERVAL_NS, PEER_BURST))
		reason = DROP_RATE;
	if (reason != DROP_NONE)
		return reason;
	out->epoch = claim->key.epoch;
	claim->spoke_from = *from;
	if (claim->doubted)
		doubt_ask(seal, peer, from, len, out);
	else
		claim_hear(seal, claim, from, len, out);
	/* From the old address: it is the old process or its successor, not a copy elsewhere. Which
	 * address that is says who lived there before: the claimer's own record, which others send
	 * on that agreed to it, names another. */
	if (!claim->late && !claim->doubted && claim->state != CLAIM_REFUSED &&
	    (hostport_eq(from, &claim->home) || !peer_is_there(peer) ||
	     claim->state == CLAIM_UNPROVEN)) {
		claim_accept(seal, peer);
		return DROP_NONE;
	}
	if (claim->late && claim->state == CLAIM_REFUSED && hostport_eq(from, &claim->from))
		doubt_ask(seal, peer, from, 0, out);
	if (claim->doubted || claim->late)
		claim_respond(seal, claim, from, out);
	out->claiming = true;
	keep_claim(out);
	claim->asked |= out->len > 0;
	claim->spoke |= out->len == 0;
	if (claim->state == CLAIM_SET_BACK)
		claim_set_back(seal, peer);
	if (claim->state == CLAIM_CHECKING)
		rival_judge(seal, peer, false);
	return out->len > 0 ? DROP_NONE : DROP_PROVISIONAL;
}

static enum drop_reason open_session(struct seal *seal, struct key_slot *slot, int own,
				     const struct hostport *from, const uint8_t *bytes, size_t ad,
				     size_t len, struct opened *out)
{
	struct peer *peer = slot->peer;
	struct session *session = session_of(seal, peer);
	struct pair *pair = pair_of(seal, peer, own, slot->slot);
	enum drop_reason reason;

	if (pair == NULL)
		return DROP_STALE_KEY;
	reason = open_with(seal, pair, bytes, ad, len);
	if (reason == DROP_NONE &&
	    !limit_pass(&session->limit, seal->core->now, PEER_INTERVAL_NS, PEER_BURST))
		reason = DROP_RATE;
	if (reason != DROP_NONE)
		return reason;
	/* It was late, or it goes on. */
	if (slot->slot == PEER_PREVIOUS && session->behind != NULL &&
	    mono_diff_ms(seal->core->now, session->outlived) >= OUTLIVED_MS) {
		peer_fall_back(seal, peer);
		slot->slot = PEER_CURRENT;
	}
	if (slot->slot == PEER_CURRENT) {
		peer->knows = seal->own[own].key_id;
		session->spoke_from = *from;
		claim_heard(seal, peer);
	} else {
		claim_outlived(seal, peer, own, from, len);
	}
	out->epoch = slot->slot == PEER_CURRENT ? peer->current.epoch : session->previous.epoch;
	return DROP_NONE;
}

static enum drop_reason open_sealed(struct seal *seal, const struct hostport *from,
				    const uint8_t *bytes, size_t len, struct opened *out)
{
	bool with_cert = (bytes[0] & 0x0f) == DGRAM_CERT_SEALED;
	size_t ad = WIRE_HEADER_BYTES + (with_cert ? CERT_BYTES : 0);
	uint64_t key_id = wire_get(bytes + 4, KEY_ID_BYTES);
	int own = own_by_hint(seal, bytes + 1);
	const struct key_slot *known;
	struct key_slot slot;
	enum drop_reason reason;

	if (len < ad + AEAD_TAG_BYTES)
		return DROP_SHORT;
	if (key_id == seal->own[OWN_CURRENT].key_id || key_id == seal->own[OWN_PREVIOUS].key_id)
		return DROP_SELF;
	if (with_cert) {
		struct cert cert;
		if (own >= 0)
			stranger_introduce(seal, &seal->own[own], from, bytes, len);
		reason = cert_judge(seal, bytes + WIRE_HEADER_BYTES, from, len, &slot);
		if (reason == DROP_CERT && own < 0 &&
		    stranger_is(seal, bytes + WIRE_HEADER_BYTES, &cert))
			cert_answer(seal, NULL, from, bytes, len);
		if (reason != DROP_NONE)
			return reason;
		if (slot.key_id != key_id)
			return DROP_CERT;
		stash_flush(seal, slot.peer);
	}
	known = map_find(&seal->by_key, &key_id);
	if (own < 0 || known == NULL) {
		if (!with_cert || !stray_challenge(seal, &slot, from, len))
			cert_answer(seal, known != NULL ? known->peer : NULL, from, bytes, len);
		return own < 0 ? DROP_STALE_KEY : DROP_UNKNOWN_KEY;
	}
	slot = *known;
	out->from = slot.peer->member;
	out->frames = seal->plain;
	out->len = len - ad - AEAD_TAG_BYTES;
	if (slot.peer->member->state == MEMBER_REMOVED)
		return DROP_REMOVED;
	out->provisional = !hostport_eq(from, &slot.peer->member->addr);
	if ((slot.slot == PEER_CLAIM || slot.slot == PEER_RIVAL) && own != OWN_CURRENT)
		reason = DROP_STALE_KEY; /* a claim is made to the key in use */
	else if (slot.slot == PEER_RIVAL)
		reason = rival_open(seal, slot.peer, from, bytes, ad, len);
	else if (slot.slot == PEER_CLAIM)
		reason = open_claim(seal, slot.peer, from, bytes, ad, len, out);
	else
		reason = open_session(seal, &slot, own, from, bytes, ad, len, out);
	if (reason == DROP_STALE_KEY)
		cert_answer(seal, slot.peer, from, bytes, len);
	/* A claim may have been accepted right now. */
	if (reason == DROP_NONE && (out->provisional || slot.peer->shown) &&
	    key_id == slot.peer->current.key_id)
		peer_challenge(seal, slot.peer, from, len);
	return reason;
}

enum drop_reason seal_open(struct seal *seal, const struct hostport *from, const uint8_t *bytes,
			   size_t len, struct opened *out)
{
	enum drop_reason reason;
	unsigned type;

	*out = (struct opened){.from = NULL};
	seal->renewed = NULL;
	if (len < WIRE_HEADER_BYTES)
		reason = DROP_SHORT;
	else if (len > DATAGRAM_BYTES_MAX)
		reason = DROP_LONG;
	else if (bytes[0] >> 4 != WIRE_VERSION)
		reason = DROP_VERSION;
	else if (seal->own[OWN_CURRENT].key_id == 0)
		reason = DROP_NO_CLUSTER;
	else if ((type = bytes[0] & 0x0f) == DGRAM_SEALED || type == DGRAM_CERT_SEALED)
		reason = open_sealed(seal, from, bytes, len, out);
	else if (type == DGRAM_CERT)
		reason = cert_datagram(seal, from, bytes, len);
	else
		reason = DROP_TYPE;
	if (reason != DROP_NONE) {
		*out = (struct opened){.from = NULL};
		core_drop(seal->core, reason);
	}
	out->renewed = seal->renewed;
	return reason;
}

static enum drop_reason response_take(struct seal *seal, const struct opened *in,
				      const struct hostport *from, const uint8_t *body)
{
	struct member *member = in->from;
	struct peer *peer = peer_of(seal, member);
	struct session *session = session_of(seal, peer);

	/* What opens under the claimed key does not come here: this key was there before. */
	if (session->claim != NULL && claim_response(seal, peer, body)) {
		if (in->epoch == peer->current.epoch)
			peer_prove(seal, peer);
		return DROP_NONE;
	}
	if (session->challenged.port == 0 || memcmp(session->nonce, body, NONCE_BYTES) != 0)
		return DROP_FRAME;
	/* From wherever it comes, somebody opened the challenge; of the address it says no more. */
	if (in->epoch == peer->current.epoch)
		peer_prove(seal, peer);
	if (!hostport_eq(&session->challenged, from))
		return DROP_FRAME;
	session->challenged.port = 0;
	member->provisional.port = 0;
	if (hostport_eq(&member->addr, from))
		return DROP_NONE;
	member->addr = *from;
	core_trace(seal->core, TRACE_ADDRESS_MOVED, &member->id, NULL, from, 0);
	member_touch(seal->members, member);
	return DROP_NONE;
}

enum drop_reason seal_frame(struct seal *seal, const struct opened *in, const struct hostport *from,
			    uint8_t type, const uint8_t *body, size_t len)
{
	struct key_slot slot;
	struct cert cert;

	switch (type) {
	case FRAME_CERT:
		if (len != CERT_BYTES)
			return DROP_FRAME;
		/* Sealed by the same process: no claim to decide. */
		if (!cert_parse(body, len, &cert) || !id_eq(&cert.node, &in->from->id))
			return DROP_CERT;
		return cert_judge(seal, body, from, 0, &slot);
	case FRAME_CHALLENGE:
		if (len != NONCE_BYTES)
			return DROP_FRAME;
		outbox_add_via(&seal->core->outbox, &in->from->id, from, CLASS_CONTROL,
			       FRAME_RESPONSE, body, len);
		return DROP_NONE;
	case FRAME_RESPONSE:
		return len == NONCE_BYTES ? response_take(seal, in, from, body) : DROP_FRAME;
	case FRAME_REMOVED:
		if (!seal_may_check(seal, in->from))
			return DROP_RATE;
		seal->hooks.shown_removal(seal->hooks.ctx, in->from, body, len);
		return DROP_NONE;
	case FRAME_CLONE:
		return clone_frame(seal, in->from, body, len);
	default:
		return DROP_FRAME_TYPE;
	}
}

void seal_check(const struct seal *seal)
{
	size_t sessions = 0;
	size_t claims = 0;
	size_t keys = 0;

	for (size_t i = 0; i < seal->peers.count; i++) {
		const struct peer *peer = *(struct peer **)vec_at(&seal->peers, i);
		const struct session *session = peer->session;
		WEFT_ASSERT(peer->member->session == i + 1);
		keys += peer->current.key_id != 0;
		WEFT_ASSERT(peer->doubted == NULL ||
			    (peer->doubted->count + peer->doubted->below > 0 &&
			     peer->doubted->count <= DOUBTED_MAX));
		if (session == NULL)
			continue;
		sessions++;
		keys += session->previous.key_id != 0;
		keys += session->claim != NULL;
		keys += session->claim != NULL && session->claim->rival != NULL;
		claims += session->claim != NULL;
		WEFT_ASSERT((session->stash == NULL) == (session->stash_len == 0));
		WEFT_ASSERT((session->stash == NULL && session->claim == NULL) || peer->busy);
	}
	WEFT_ASSERT(sessions == seal->sessions);
	WEFT_ASSERT(keys == seal->by_key.count);
	WEFT_ASSERT(claims == seal->claims);
	WEFT_ASSERT(claims > 0 || seal->busy_due_is_stale ||
		    seal->busy_due.ns == busy_due_find(seal).ns);
}
