/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Certificates in and out.
 *
 * A datagram of type CERT is one of four:
 *   request  160 bytes, hint zero: "here is mine, show me yours", answered by an answer
 *   knock    the same and zeros up to 1,232 bytes, to an address of which nobody knows whose it is:
 *            answered to a failed member by a CHALLENGE and the row of who answers, so that both
 *            know each other and where they are; to others as a request
 *   answer   160 bytes, hint of the key that the request named: never answered
 *   hint     36 bytes: an answer to a request too small for a certificate (an answer is never
 *            larger than its request). It only makes the other side ask, so that nothing but a
 *            small datagram to a member's known address can come of a forged one.
 *
 * A certificate is taken when it is signed by the member's identity key and newer than what is
 * known. Arriving from where the member lives (or when nobody believes that it lives) it is used
 * at once, and stays when its process answers (session.h); from elsewhere it is a claim, which
 * seal_claim.c decides.
 *
 * Checks and answers are limited. What comes from where a member lives has a share of its own, so
 * that a member that restarts is heard while strangers flood.
 */
#include <string.h>

#include "sealing.h"

/* A check costs a signature, about 60 us: these two keep them below a fifth of one core. */
#define STRANGER_INTERVAL_NS (NS_PER_S / 1000)
#define STRANGER_BURST 1000
#define CHECK_INTERVAL_NS (NS_PER_S / 2000)
#define CHECK_BURST 2000
#define PEER_CHECK_INTERVAL_NS (NS_PER_S / 10) /* also answers to one member */
#define PEER_CHECK_BURST 20
#define HINT_INTERVAL_NS (NS_PER_S / 500)
#define HINT_BURST 500

bool seal_may_answer(struct seal *seal, const struct hostport *from)
{
	uint64_t hash = map_hash(from->ip.b, sizeof(from->ip.b), seal->core->map_seed);

	return limit_pass(&seal->answers[hash % SOURCES], seal->core->now, ANSWER_INTERVAL_NS,
			  ANSWER_BURST);
}

static void cert_send(struct seal *seal, const struct hostport *to, const uint8_t hint[HINT_BYTES],
		      uint64_t counter)
{
	const struct own_key *own = &seal->own[OWN_CURRENT];
	uint8_t bytes[CERT_DGRAM_BYTES];

	header_write(bytes, DGRAM_CERT, hint, own->key_id, counter);
	memcpy(bytes + WIRE_HEADER_BYTES, own->cert, CERT_BYTES);
	seal_send_plain(seal, to, bytes, sizeof(bytes));
}

static bool lives_at(const struct peer *peer, const struct hostport *from)
{
	return peer != NULL && hostport_eq(&peer->member->addr, from);
}

/* While a claim is undecided a record may come that the claimer wrote: home is where it was. */
bool peer_is_home(const struct peer *peer, const struct hostport *from)
{
	const struct claim *claim = peer->session != NULL ? peer->session->claim : NULL;

	return lives_at(peer, from) || (claim != NULL && claim->state == CLAIM_CHECKING &&
					!claim->late && hostport_eq(&claim->home, from));
}

void cert_answer(struct seal *seal, struct peer *peer, const struct hostport *to,
		 const uint8_t *request, size_t len)
{
	const struct own_key *own = &seal->own[OWN_CURRENT];
	uint8_t hint[HINT_BYTES];
	uint64_t counter = wire_get(request + 12, 8);
	bool may = lives_at(peer, to) ? limit_pass(&peer->answers, seal->core->now,
						   PEER_CHECK_INTERVAL_NS, PEER_CHECK_BURST)
				      : seal_may_answer(seal, to);

	if (own->key_id == 0 || !may)
		return;
	memcpy(hint, request + 4, HINT_BYTES); /* the first bytes of the sender's key id */
	if (len >= CERT_DGRAM_BYTES) {
		cert_send(seal, to, hint, counter);
	} else {
		uint8_t bytes[HINT_DGRAM_BYTES] = {0};
		header_write(bytes, DGRAM_CERT, hint, own->key_id, counter);
		seal_send_plain(seal, to, bytes, sizeof(bytes));
	}
}

void cert_ask(struct seal *seal, struct peer *peer, const struct hostport *to)
{
	static const uint8_t no_hint[HINT_BYTES];
	uint64_t counter = 0;

	if (peer->has_asked && mono_diff_ms(seal->core->now, peer->asked) < ASK_MS)
		return;
	peer->asked = seal->core->now;
	peer->has_asked = true;
	seal->busy_due_is_stale |= peer->busy;
	seal->core->crypto->random(seal->core->crypto->ctx, &counter, sizeof(counter));
	cert_send(seal, to, no_hint, counter);
}

void seal_knock(struct seal *seal, const struct hostport *to)
{
	static const uint8_t no_hint[HINT_BYTES];
	const struct own_key *own = &seal->own[OWN_CURRENT];
	uint8_t bytes[KNOCK_DGRAM_BYTES] = {0};

	WEFT_ASSERT(own->key_id != 0 && to->port != 0);
	seal->knocked = *to;
	seal->core->crypto->random(seal->core->crypto->ctx, &seal->knock, sizeof(seal->knock));
	header_write(bytes, DGRAM_CERT, no_hint, own->key_id, seal->knock);
	memcpy(bytes + WIRE_HEADER_BYTES, own->cert, CERT_BYTES);
	seal_send_plain(seal, to, bytes, sizeof(bytes));
}

/* The answer to a knock comes from where that went, and may be met with as many bytes. */
static size_t answer_credit(struct seal *seal, const struct hostport *from, const uint8_t *bytes,
			    size_t len)
{
	if (seal->knocked.port == 0 || !hostport_eq(from, &seal->knocked) ||
	    wire_get(bytes + 12, 8) != seal->knock)
		return len;
	seal->knocked.port = 0;
	return KNOCK_DGRAM_BYTES;
}

/* Tells a removed node of its removal, under a pair made for this one datagram: where it lived, or
 * elsewhere with no more bytes than the request had. */
static void tell_removed(struct seal *seal, struct member *member, const struct peer_key *key,
			 const struct hostport *to, size_t request_len)
{
	struct peer *peer = peer_of(seal, member);
	uint8_t frame[WIRE_PAYLOAD_MAX];
	struct rejection why = {.len = 0};
	struct pair pair;
	size_t room;

	if (peer->has_notified && mono_diff_ms(seal->core->now, peer->notified) < REMOVED_MS)
		return;
	why.fact = seal->hooks.removal(seal->hooks.ctx, &member->id, &why.len);
	if (why.fact == NULL || why.len + FRAME_HEADER_BYTES + CERT_BYTES > WIRE_PAYLOAD_MAX)
		return;
	room = FRAME_HEADER_BYTES + why.len;
	if (!lives_at(peer, to) && WIRE_OVERHEAD_BYTES + CERT_BYTES + room > request_len)
		return;
	if (WIRE_OVERHEAD_BYTES + CERT_BYTES + room < request_len)
		room = request_len - WIRE_OVERHEAD_BYTES - CERT_BYTES;
	if (!seal_may_answer(seal, to) ||
	    !pair_derive(seal, &seal->own[OWN_CURRENT], &member->id, key->key, &pair))
		return;
	peer->notified = seal->core->now;
	peer->has_notified = true;
	pair_send(seal, &pair, key->key_id, true, to, frame, put_removal(seal, frame, room, &why));
	seal->core->crypto->wipe(seal->core->crypto->ctx, &pair, sizeof(pair));
}

/* A key that is in use already needs no check: what is sealed under it proves itself. */
static bool key_is_known(struct seal *seal, struct peer *peer, uint64_t key_id,
			 const struct hostport *from, struct key_slot *out)
{
	const struct key_slot *known = map_find(&seal->by_key, &key_id);

	if (known == NULL || known->peer != peer)
		return false;
	/* Somebody may have shown a record of what the old address was asked for. */
	if (known->slot == PEER_RIVAL && peer_is_home(peer, from) &&
	    !doubt_has(peer, &peer->session->claim->rival->key)) {
		rival_free(seal, peer);
		return false;
	}
	*out = *known;
	return true;
}

/* Anything opened under it: hardly a record does, but for what was lost on its way here. */
static bool claim_has_spoken(const struct claim *claim)
{
	return claim->asked || claim->spoke;
}

/* Two claim at once: the first one is decided on, and the other heard beside it, for one may be the
 * copy of the other. Of two from one place the later start speaks. */
static bool must_wait(const struct claim *claim, const struct peer_key *key,
		      const struct hostport *from)
{
	return claim->state == CLAIM_CHECKING && !claim->late && !claim->doubted &&
	       (!hostport_eq(from, &claim->from) || key->epoch <= claim->key.epoch);
}

/* A checked certificate against what is known of its node. */
static enum drop_reason judge_newer(struct seal *seal, struct peer *peer, const uint8_t *bytes,
				    const struct peer_key *key, const struct hostport *from,
				    bool trusted)
{
	const struct member *member = peer->member;
	uint64_t known = peer_epoch(peer);
	uint64_t claimed = peer->session != NULL && peer->session->claim != NULL
			       ? peer->session->claim->key.epoch
			       : 0;
	bool lives_elsewhere =
	    peer_is_there(peer) && member->addr.port != 0 && !peer_is_home(peer, from);
	bool doubted = doubt_has(peer, key);

	if (map_find(&seal->by_key, &key->key_id) != NULL)
		return DROP_CERT; /* somebody else's key under this node's name */
	if (key->epoch <= known || key->epoch < member->epoch) {
		/* An undecided claim is worth more than one that cannot become true; of those the
		 * one that speaks. */
		if (!trusted && (claimed == 0 || (peer->session->claim->late &&
						  !claim_has_spoken(peer->session->claim)))) {
			claim_begin(seal, peer, key, bytes, from, true);
			return DROP_NONE;
		}
		/* Shown by anybody it proves that a copy was there once, perhaps refused. */
		if (!trusted || key->epoch != known)
			return DROP_OLD_CERT;
		clone_alarm(seal, &member->id, peer->session != NULL ? peer->session->cert : NULL,
			    bytes);
		return DROP_CERT;
	}
	if (trusted || ((!lives_elsewhere || key->epoch == member->epoch) && !doubted)) {
		if (claimed <= key->epoch)
			seal_claim_drop(seal, peer);
		peer_install(seal, peer, key, bytes, trusted ? KEY_RENEWED : KEY_SHOWN);
		return DROP_NONE;
	}
	if (claimed != 0 && must_wait(peer->session->claim, key, from))
		return rival_show(seal, peer, key, bytes, from) ? DROP_NONE : DROP_OLD_CERT;
	/* What was given up once waits until that is decided which was not, or which speaks. */
	if (doubted && claimed != 0 && !peer->session->claim->late &&
	    (!peer->session->claim->doubted || claim_has_spoken(peer->session->claim)))
		return DROP_OLD_CERT;
	claim_begin(seal, peer, key, bytes, from, false);
	return DROP_NONE;
}

bool seal_may_check(struct seal *seal, struct member *member)
{
	struct mono now = seal->core->now;

	return limit_pass(&peer_of(seal, member)->checks, now, PEER_CHECK_INTERVAL_NS,
			  PEER_CHECK_BURST) &&
	       limit_pass(&seal->checks, now, CHECK_INTERVAL_NS, CHECK_BURST);
}

/* May one more signature be checked for somebody who says that he is this peer? */
static bool may_check(struct seal *seal, struct peer *peer, const struct hostport *from,
		      bool trusted)
{
	if (trusted || lives_at(peer, from))
		return seal_may_check(seal, peer->member);
	return limit_pass(&seal->strangers, seal->core->now, STRANGER_INTERVAL_NS, STRANGER_BURST);
}

enum drop_reason cert_judge(struct seal *seal, const uint8_t *bytes, const struct hostport *from,
			    size_t len, struct key_slot *out)
{
	const bool trusted = len == 0;
	struct core *core = seal->core;
	struct member *member;
	struct peer_key key;
	struct peer *peer;
	struct cert cert;
	enum drop_reason reason;

	if (!cert_parse(bytes, CERT_BYTES, &cert) || !id_eq(&cert.cluster, &core->self.cluster))
		return DROP_CERT;
	if (cert.wire_min > WIRE_VERSION || cert.wire_max < WIRE_VERSION)
		return DROP_VERSION;
	if (id_eq(&cert.node, &core->self.id))
		return DROP_SELF; /* it may be a record of a copy that was refused */
	key = (struct peer_key){.key_id = cert_key_id(core->crypto, cert.key), .epoch = cert.epoch};
	memcpy(key.key, cert.key, KX_PUB_BYTES);
	member = member_find(seal->members, &cert.node);
	if (member == NULL || (!member->has_key && member->state != MEMBER_REMOVED))
		member = seal->hooks.vouch(seal->hooks.ctx, &cert.node);
	if (member == NULL || (!member->has_key && member->state != MEMBER_REMOVED))
		return DROP_CERT;
	peer = peer_of(seal, member);
	if (member->state != MEMBER_REMOVED && key_is_known(seal, peer, key.key_id, from, out))
		return DROP_NONE;
	if (!may_check(seal, peer, from, trusted))
		return DROP_RATE;
	if (!member->has_key || !cert_verify(core->crypto, bytes, member->rec->pubkey))
		return member->state == MEMBER_REMOVED ? DROP_REMOVED : DROP_CERT;
	if (member->state == MEMBER_REMOVED) {
		tell_removed(seal, member, &key, from, len);
		return DROP_REMOVED;
	}
	reason = judge_newer(seal, peer, bytes, &key, from, trusted);
	if (reason != DROP_NONE)
		return reason;
	return key_is_known(seal, peer, key.key_id, from, out) ? DROP_NONE : DROP_CERT;
}

/* Where it was heard last, or where its record says that it lives: it is looked for in both. */
static bool may_live_at(const struct member *member, const struct hostport *addr)
{
	return hostport_eq(&member->addr, addr) ||
	       (addr->port != 0 && hostport_eq(&member->rec->gossip, addr));
}

/* Somebody at a member's address does not know our key: show it, and ask for theirs. */
static enum drop_reason hint_take(struct seal *seal, const struct hostport *from,
				  const uint8_t *bytes)
{
	uint8_t own_hint[HINT_BYTES];

	hint_of(seal->own[OWN_CURRENT].key_id, own_hint);
	if (memcmp(bytes + 1, own_hint, HINT_BYTES) != 0)
		return DROP_STALE_KEY;
	if (!seal_may_answer(seal, from) ||
	    !limit_pass(&seal->hints, seal->core->now, HINT_INTERVAL_NS, HINT_BURST))
		return DROP_RATE;
	for (size_t i = 0; i < seal->peers.count; i++) {
		struct peer *peer = *(struct peer **)vec_at(&seal->peers, i);
		if (!may_live_at(peer->member, from) || peer->member->state == MEMBER_REMOVED)
			continue;
		peer->knows = 0;
		cert_ask(seal, peer, from);
	}
	return DROP_NONE;
}

enum drop_reason cert_datagram(struct seal *seal, const struct hostport *from, const uint8_t *bytes,
			       size_t len)
{
	static const uint8_t no_hint[HINT_BYTES];
	bool is_request = memcmp(bytes + 1, no_hint, HINT_BYTES) == 0;
	struct key_slot slot;
	struct cert cert;
	enum drop_reason reason;

	if (len == HINT_DGRAM_BYTES)
		return hint_take(seal, from, bytes);
	if (len != CERT_DGRAM_BYTES && (len != KNOCK_DGRAM_BYTES || !is_request))
		return DROP_CERT;
	reason = cert_judge(seal, bytes + WIRE_HEADER_BYTES, from, len, &slot);
	if (reason == DROP_CERT && stranger_is(seal, bytes + WIRE_HEADER_BYTES, &cert)) {
		/* Our certificate is no secret: with it a member that we forgot can introduce
		 * itself. */
		if (is_request)
			cert_answer(seal, NULL, from, bytes, len);
		else if (answer_credit(seal, from, bytes, len) == KNOCK_DGRAM_BYTES)
			stranger_greet(seal, &cert, from);
	}
	if (reason != DROP_NONE)
		return reason;
	if (!is_request) {
		if (slot.slot == PEER_CURRENT)
			slot.peer->knows = 0;
		len = answer_credit(seal, from, bytes, len);
		if (slot.slot == PEER_CLAIM)
			doubt_meet(seal, slot.peer, from, len);
		else if (slot.slot == PEER_RIVAL)
			rival_meet(seal, slot.peer, from, len);
		else
			(void)stray_challenge(seal, &slot, from, len);
	} else if (len != KNOCK_DGRAM_BYTES || !stray_challenge(seal, &slot, from, len)) {
		cert_answer(seal, slot.peer, from, bytes, len);
	}
	if (slot.slot == PEER_CURRENT)
		stash_flush(seal, slot.peer);
	return DROP_NONE;
}
