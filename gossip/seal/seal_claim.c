/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Claims.
 *
 * A state directory that was copied, or a machine that was cloned, gives two processes with one
 * identity. The newer one shows a higher epoch, rightly signed. Nothing in the certificate tells
 * it from an honest restart; what tells them apart is that after an honest restart the old process
 * is gone. So a newer certificate from another address is kept aside while the old address is
 * asked, under the old key, to answer a challenge:
 *
 *   checking --answer under the old key--> refused --5 s--> forgotten, and doubted (seal_doubt.c)
 *   checking --nothing after four questions--> accepted
 *   checking --seal under the claimed key from the old address--> accepted (it moved about)
 *   checking --seal under the old key--> asked anew, some times: the old process may have been
 *     stopped while it was asked, and what it sent proves nothing by itself, for it may be late
 *
 * Accepted is the key, not the address: a certificate that was recorded can be shown by anybody
 * from anywhere. The member is followed once it answers a challenge there, as everybody who moves;
 * it is sent one with its acceptance. Until it answers, its key is only shown (session.h), and the
 * old process may still take its own one back by a word.
 *
 * Of two that claim at once the first one is decided on, and the other is heard beside it: it may
 * be the original, which nobody asks where it is now, or the copy of one that was just started
 * (seal_rival.c). Where it comes from the place of the first it is its successor.
 *
 * Until then a claimer is heard for one thing only, its FRAME_CLAIM. When the member's key is not
 * known here, its old address is asked for a certificate first; that one is older than the claim,
 * comes from where the member lives, and so becomes the current one.
 *
 * A directory that was copied some starts ago, or a disk that went back, claims an epoch that the
 * node has reached or passed meanwhile. Such a late claim never becomes true:
 *
 *   checking --answer under the old key--> refused: a copy, which hears where its id lives
 *   checking --nothing after four questions, or it came from the old address--> set back
 *
 * Who is set back and speaks is shown the later certificate, which it signed itself. So is a copy
 * that was refused and goes on without asking: some others must have agreed to it.
 *
 * An original that stood still, or was cut off, while its copy was accepted goes on under the key
 * before the one in use, and nobody sends to where it is. Who hears it shows it the later
 * certificate as well: it fences itself and claims, and is told where its id lives now. What a
 * process sent just before its end may come that late, too; then nobody is there to hear of it.
 *
 * An original that this node took for failed when it took its older copy for the member is refused
 * as well, and asks nothing: it runs. When it is refused once more, seconds later, both have shown
 * that they live on. It is shown the certificate in use then, and knows whether it was its own in
 * that epoch (seal_clone.c).
 */
#include <string.h>

#include "sealing.h"

static struct claim *claim_of(const struct peer *peer)
{
	return peer->session != NULL ? peer->session->claim : NULL;
}

void claim_begin(struct seal *seal, struct peer *peer, const struct peer_key *key,
		 const uint8_t cert[CERT_BYTES], const struct hostport *from, bool late)
{
	const struct gossip_crypto *crypto = seal->core->crypto;
	struct session *session = session_of(seal, peer);
	struct key_slot *slot;
	const struct hostport *home =
	    session->spoke_from.port != 0 ? &session->spoke_from : &peer->member->addr;
	struct claim *claim;

	seal_claim_drop(seal, peer);
	claim = heap_take(&seal->core->heap, sizeof(*claim));
	*claim = (struct claim){
	    .state = CLAIM_CHECKING,
	    .key = *key,
	    .from = *from,
	    .home = peer->member->addr,
	    .late = late,
	    .own = seal->own[OWN_CURRENT].key_id,
	    .due = seal->core->now,
	};
	if (late && (home->port == 0 || hostport_eq(from, home))) {
		claim->state = CLAIM_SET_BACK;
		claim->due = mono_add_ms(seal->core->now, CLAIM_REFUSED_MS);
	}
	if (!late && !peer_is_there(peer)) {
		claim->state = CLAIM_UNPROVEN; /* there is nobody to be asked but itself */
		claim->due = mono_add_ms(seal->core->now, CLAIM_REFUSED_MS);
	}
	memcpy(claim->cert, cert, CERT_BYTES);
	crypto->random(crypto->ctx, claim->nonce, NONCE_BYTES);
	if (!pair_derive(seal, &seal->own[OWN_CURRENT], &peer->member->id, key->key,
			 &claim->pair)) {
		heap_give(&seal->core->heap, claim, sizeof(*claim));
		return;
	}
	doubt_begin(peer, claim);
	session->claim = claim;
	seal->claims++;
	slot = map_insert(&seal->by_key, &key->key_id, NULL);
	slot->peer = peer;
	slot->slot = PEER_CLAIM;
	peer_mark_busy(seal, peer);
}

static void claim_free(struct seal *seal, struct peer *peer)
{
	const struct gossip_crypto *crypto = seal->core->crypto;
	struct claim *claim = claim_of(peer);

	if (claim == NULL)
		return;
	rival_free(seal, peer);
	map_remove(&seal->by_key, &claim->key.key_id);
	crypto->wipe(crypto->ctx, claim, sizeof(*claim));
	heap_give(&seal->core->heap, claim, sizeof(*claim));
	peer->session->claim = NULL;
	WEFT_ASSERT(seal->claims > 0);
	seal->claims--;
	seal->busy_due_is_stale = true;
}

void seal_claim_drop(struct seal *seal, struct peer *peer)
{
	const struct claim *claim = claim_of(peer);

	if (claim != NULL && !claim->late)
		doubt_keep(seal, peer, &claim->key, claim->pair.window.top, claim->own, true);
	claim_free(seal, peer);
}

void claim_break_off(struct seal *seal, struct peer *peer)
{
	const struct claim *claim = claim_of(peer);

	if (claim != NULL && !claim->late)
		doubt_keep(seal, peer, &claim->key, claim->pair.window.top, claim->own,
			   claim->doubted || claim->state == CLAIM_REFUSED);
	claim_free(seal, peer);
}

void claim_accept(struct seal *seal, struct peer *peer)
{
	struct claim *claim = claim_of(peer);
	uint8_t cert[CERT_BYTES];
	struct hostport spoke_from;
	struct peer_key key;
	struct pair *pair;
	struct pair used;
	bool answered;

	WEFT_ASSERT(claim != NULL && !claim->late && !claim->doubted);
	answered = claim->answered;
	spoke_from = claim->spoke_from;
	key = claim->key;
	used = claim->pair;
	memcpy(cert, claim->cert, CERT_BYTES);
	claim_free(seal, peer);
	peer_install(seal, peer, &key, cert, answered ? KEY_ANSWERED : KEY_SHOWN);
	peer->session->spoke_from = spoke_from; /* the next one that claims finds it there */
	if (spoke_from.port != 0)
		peer->knows = seal->own[OWN_CURRENT].key_id;
	/* What was received under the claim must not be received again. */
	pair = pair_of(seal, peer, OWN_CURRENT, PEER_CURRENT);
	WEFT_ASSERT(pair != NULL);
	pair->window = used.window;
	if (used.tx_next > pair->tx_next)
		pair->tx_next = used.tx_next;
	seal->core->crypto->wipe(seal->core->crypto->ctx, &used, sizeof(used));
}

/* Asks one address by a challenge under the old key; while there is none, for a certificate, and
 * under the claimed key, in case the member answers at both of its addresses. */
static void claim_probe_at(struct seal *seal, struct peer *peer, struct claim *claim,
			   const struct hostport *at)
{
	const struct session *session = peer->session;
	uint8_t frame[FRAME_HEADER_BYTES + NONCE_BYTES];
	size_t len = wire_put_frame(frame, FRAME_CHALLENGE, claim->nonce, NONCE_BYTES);
	struct pair *pair = NULL;

	if (session->behind != NULL &&
	    (pair = pair_of(seal, peer, OWN_CURRENT, PEER_PREVIOUS)) != NULL)
		pair_send(seal, pair, session->previous.key_id, false, at, frame, len);
	if (peer->current.key_id != 0)
		pair = pair_of(seal, peer, OWN_CURRENT, PEER_CURRENT);
	if (pair != NULL) {
		pair_send(seal, pair, peer->current.key_id,
			  peer->knows != seal->own[OWN_CURRENT].key_id, at, frame, len);
		return;
	}
	cert_ask(seal, peer, at);
	pair_send(seal, &claim->pair, claim->key.key_id, true, at, frame, len);
}

/* Asks the old address. A record may have come since that names another, and be the claimer's: the
 * one before is asked as well, and the one from where the old key spoke last. */
static void claim_probe(struct seal *seal, struct peer *peer, struct claim *claim)
{
	const struct hostport *old = &peer->member->addr;
	const struct hostport *spoke = &peer->session->spoke_from;

	claim->probes++;
	claim->due = mono_add_ms(seal->core->now, CLAIM_PROBE_MS);
	claim_probe_at(seal, peer, claim, old);
	if (claim->home.port != 0 && !hostport_eq(&claim->home, old)) {
		peer->has_asked = false; /* somebody else is asked */
		claim_probe_at(seal, peer, claim, &claim->home);
	}
	if (peer->current.key_id != 0 && spoke->port != 0 && !hostport_eq(spoke, old) &&
	    !hostport_eq(spoke, &claim->home))
		claim_probe_at(seal, peer, claim, spoke);
	rival_tick(seal, peer);
}

/* Both processes are told: the member's address is that of one of them. The other one has spoken
 * to our key, so it needs no certificate of ours. */
static void claim_is_clone(struct seal *seal, struct peer *peer, struct claim *claim)
{
	uint8_t body[2 * CERT_BYTES], frame[FRAME_HEADER_BYTES + sizeof(body)];

	memcpy(body, peer->session->cert, CERT_BYTES);
	memcpy(body + CERT_BYTES, claim->cert, CERT_BYTES);
	if (claim->heard >= WIRE_OVERHEAD_BYTES + sizeof(frame))
		pair_send(seal, &claim->pair, claim->key.key_id, false, &claim->from, frame,
			  wire_put_frame(frame, FRAME_CLONE, body, sizeof(body)));
	clone_alarm(seal, &peer->member->id, body, body + CERT_BYTES);
}

/* Whoever claims runs, and was refused twice for an older certificate whose process answered. */
static void claim_show_older(struct seal *seal, struct peer *peer, struct claim *claim)
{
	uint8_t frame[FRAME_HEADER_BYTES + CERT_BYTES];
	struct cert cert;

	if (claim->heard < WIRE_OVERHEAD_BYTES + sizeof(frame) ||
	    !cert_parse(peer->session->cert, CERT_BYTES, &cert))
		return; /* a session that slept has forgotten it */
	claim->heard -= WIRE_OVERHEAD_BYTES + sizeof(frame);
	pair_send(seal, &claim->pair, claim->key.key_id, false, &claim->from, frame,
		  wire_put_frame(frame, FRAME_SET_BACK, peer->session->cert, CERT_BYTES));
}

/* Who is set back may know nobody who is there, and of one whose record it has not it looks at that
 * alone. So to one who is taken for failed the own row goes first, where the bytes that came allow
 * it, and where they do not allow both, one of them. */
static size_t claim_introduce(struct seal *seal, const struct peer *peer, size_t room, size_t more,
			      uint8_t *out)
{
	const struct seal_hooks *hooks = &seal->hooks;
	const uint8_t *row;
	size_t len = 0, size;

	if (peer->member->state != MEMBER_FAILED || hooks->own_row == NULL)
		return 0;
	row = hooks->own_row(hooks->ctx, peer->member, &len);
	size = WIRE_OVERHEAD_BYTES + CERT_BYTES + FRAME_HEADER_BYTES + len;
	if (row == NULL || size > room)
		return 0;
	if (size + more > room && rng_below(&seal->core->rng, 2) == 0)
		return 0;
	return wire_put_frame(out, FRAME_ROW, row, len);
}

void claim_set_back(struct seal *seal, struct peer *peer)
{
	struct claim *claim = claim_of(peer);
	uint8_t frames[WIRE_PAYLOAD_MAX], epoch[8];
	const uint8_t *body = epoch;
	uint64_t known = peer_epoch(peer);
	size_t len = sizeof(epoch), room, used, size;
	struct cert cert;

	WEFT_ASSERT(claim != NULL && claim->late && claim->state != CLAIM_CHECKING);
	if (peer->member->epoch > known)
		known = peer->member->epoch;
	wire_put(epoch, known, sizeof(epoch));
	/* A session that slept has forgotten the certificate. */
	if (!peer->shown && cert_parse(peer->session->cert, CERT_BYTES, &cert) &&
	    cert.epoch >= claim->key.epoch) {
		body = peer->session->cert;
		len = CERT_BYTES;
	}
	room = claim->heard < DATAGRAM_BYTES_MAX ? claim->heard : DATAGRAM_BYTES_MAX;
	used = claim_introduce(seal, peer, room, FRAME_HEADER_BYTES + len, frames);
	size = WIRE_OVERHEAD_BYTES + (used > 0 ? (size_t)CERT_BYTES : 0) + used;
	if (size + FRAME_HEADER_BYTES + len <= room) {
		size += FRAME_HEADER_BYTES + len;
		used += wire_put_frame(frames + used, FRAME_SET_BACK, body, len);
	}
	if (used == 0)
		return;
	claim->heard -= size;
	pair_send(seal, &claim->pair, claim->key.key_id, size > WIRE_OVERHEAD_BYTES + used,
		  &claim->from, frames, used);
}

void claim_outlived(struct seal *seal, struct peer *peer, int own, const struct hostport *from,
		    size_t len)
{
	const bool with_cert = own != OWN_CURRENT;
	struct session *session = peer->session;
	uint8_t frame[FRAME_HEADER_BYTES + CERT_BYTES];
	struct pair *pair;

	WEFT_ASSERT(session != NULL && session->previous.key_id != 0);
	if (peer->shown ||
	    WIRE_OVERHEAD_BYTES + sizeof(frame) + (with_cert ? CERT_BYTES : 0) > len ||
	    mono_diff_ms(seal->core->now, session->outlived) < OUTLIVED_MS)
		return;
	session->outlived = seal->core->now;
	pair = pair_of(seal, peer, OWN_CURRENT, PEER_PREVIOUS);
	if (pair != NULL)
		pair_send(seal, pair, session->previous.key_id, with_cert, from, frame,
			  wire_put_frame(frame, FRAME_SET_BACK, session->cert, CERT_BYTES));
}

void claim_tick(struct seal *seal, struct peer *peer)
{
	struct claim *claim = claim_of(peer);

	if (claim == NULL || !mono_is_due(claim->due, seal->core->now))
		return;
	if (claim->state == CLAIM_REFUSED) {
		if (claim->answered && !claim->asked && !peer->shown &&
		    claim->key.epoch == peer->current.epoch)
			claim_is_clone(seal, peer, claim);
		else if (claim->spoke && !claim->asked && claim->late)
			claim_set_back(seal, peer);
		else if (claim->answered && !claim->asked && !peer->shown &&
			 claim->key.epoch > peer->current.epoch)
			claim_show_older(seal, peer, claim);
		seal_claim_drop(seal, peer);
	} else if (claim->state == CLAIM_SET_BACK || claim->state == CLAIM_UNPROVEN) {
		seal_claim_drop(seal, peer);
	} else if (claim->probes < CLAIM_PROBES) {
		claim_probe(seal, peer, claim);
	} else if (claim->late) {
		claim->state = CLAIM_SET_BACK;
		claim->due = mono_add_ms(seal->core->now, CLAIM_REFUSED_MS);
		claim_set_back(seal, peer);
	} else if (claim->doubted) {
		claim->state = CLAIM_UNPROVEN;
		claim->due = mono_add_ms(seal->core->now, CLAIM_REFUSED_MS);
	} else if (!rival_judge(seal, peer, true)) {
		const struct hostport from = claim->from;
		size_t heard = claim->heard;

		claim_accept(seal, peer);
		if (peer->shown || !hostport_eq(&from, &peer->member->addr))
			peer_challenge(seal, peer, &from, heard);
	}
}

void claim_heard(struct seal *seal, struct peer *peer)
{
	struct claim *claim = claim_of(peer);
	struct mono soonest;

	if (claim == NULL || claim->begun == CLAIM_BEGUN_MAX)
		return;
	if (claim->state == CLAIM_UNPROVEN) {
		claim->state = CLAIM_CHECKING;
		claim->due = seal->core->now;
	}
	if (claim->state != CLAIM_CHECKING || claim->probes == 0)
		return;
	soonest = mono_add_ms(claim->due, CLAIM_AGAIN_MS - CLAIM_PROBE_MS);
	claim->probes = 0;
	claim->begun++;
	claim->due = soonest.ns > seal->core->now.ns ? soonest : seal->core->now;
}

/* The old key answered: true when the nonce was a claim's. */
bool claim_response(struct seal *seal, struct peer *peer, const uint8_t nonce[NONCE_BYTES])
{
	struct claim *claim = claim_of(peer);

	if (claim == NULL || memcmp(claim->nonce, nonce, NONCE_BYTES) != 0)
		return false;
	rival_free(seal, peer);
	claim->state = CLAIM_REFUSED;
	claim->due = mono_add_ms(seal->core->now, CLAIM_REFUSED_MS);
	/* What opened may be a record: does a second process live beside this one? */
	if (claim->late && claim->spoke && !claim->asked)
		doubt_challenge(seal, claim);
	return true;
}

enum claim_state seal_claim(const struct seal *seal, const struct member *member)
{
	const struct peer *peer = peer_known(seal, member);

	return peer != NULL && claim_of(peer) != NULL ? claim_of(peer)->state : CLAIM_NONE;
}

void seal_answer_claim(struct seal *seal, const struct member *member, const struct hostport *to,
		       const uint8_t *frames, size_t len)
{
	struct peer *peer = peer_known(seal, member);
	struct claim *claim = peer != NULL ? claim_of(peer) : NULL;

	if (claim == NULL || claim->own != seal->own[OWN_CURRENT].key_id ||
	    !hostport_eq(to, &claim->from) || claim->heard < WIRE_OVERHEAD_BYTES + len)
		return; /* it asks again */
	claim->heard -= WIRE_OVERHEAD_BYTES + len;
	pair_send(seal, &claim->pair, claim->key.key_id, false, to, frames, len);
}
