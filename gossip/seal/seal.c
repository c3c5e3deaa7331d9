/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Sealing: the way in and the way out.
 *
 * On the way in the cheap tests come first: size, version, own key, sender's key, window (peek),
 * rate; then the seal; only what opened moves the window. Whatever fails is counted by its reason
 * and answered with silence, but for an unknown or stale key, which is answered with a certificate
 * no larger than the request.
 *
 * On the way out a datagram carries our certificate until the peer has spoken to our current key.
 * Frames that do not fit beside it follow the certificate in a datagram of their own. For a member
 * whose key is not known a few datagrams of frames wait while its certificate is asked for.
 */
#include "seal.h"

#include <string.h>

#include "sealing.h"

#define STASH_BYTES_MAX ((size_t)3 * WIRE_PAYLOAD_MAX)

struct seal *seal_new(struct core *core, struct member_table *members)
{
	struct seal *seal = heap_take(&core->heap, sizeof(*seal));

	seal->core = core;
	seal->members = members;
	map_init(&seal->by_key, &core->heap, sizeof(uint64_t), sizeof(struct key_slot),
		 core->map_seed);
	vec_init(&seal->peers, &core->heap, sizeof(struct peer *));
	vec_init(&seal->busy, &core->heap, sizeof(struct peer *));
	seal->busy_due = MONO_NEVER;
	return seal;
}

void seal_set_hooks(struct seal *seal, const struct seal_hooks *hooks)
{
	WEFT_ASSERT(hooks->vouch != NULL && hooks->removal != NULL);
	WEFT_ASSERT(hooks->shown_removal != NULL && hooks->clone != NULL);
	seal->hooks = *hooks;
}

void seal_free(struct seal *seal)
{
	struct core *core = seal->core;

	for (size_t i = 0; i < seal->peers.count; i++) {
		struct peer *peer = *(struct peer **)vec_at(&seal->peers, i);
		peer_forget(seal, peer);
		heap_give(&core->heap, peer, sizeof(*peer));
	}
	WEFT_ASSERT(seal->sessions == 0 && seal->by_key.count == 0);
	map_close(&seal->by_key);
	vec_close(&seal->peers);
	vec_close(&seal->busy);
	core->crypto->wipe(core->crypto->ctx, seal, sizeof(*seal));
	heap_give(&core->heap, seal, sizeof(*seal));
}

void seal_renew(struct seal *seal)
{
	struct core *core = seal->core;
	struct own_key *own = &seal->own[OWN_CURRENT];
	struct cert cert = {
	    .wire_min = WIRE_VERSION,
	    .wire_max = WIRE_VERSION,
	    .cluster = core->self.cluster,
	    .node = core->self.id,
	    .epoch = core->self.epoch,
	};

	WEFT_ASSERT(core->self.epoch > 0 && !id_is_zero(&core->self.cluster));
	if (own->key_id != 0)
		own_past_add(seal);
	seal->own[OWN_PREVIOUS] = *own;
	own_rotated(seal);
	*own = (struct own_key){.made = core->now};
	core->crypto->kx_pair(core->crypto->ctx, own->pub, own->sec);
	memcpy(cert.key, own->pub, KX_PUB_BYTES);
	cert_sign(core->crypto, &cert, core->self.sign_sec, own->cert);
	own->key_id = cert_key_id(core->crypto, own->pub);
	WEFT_ASSERT(own->key_id != 0 && own->key_id != seal->own[OWN_PREVIOUS].key_id);
}

void hint_of(uint64_t key_id, uint8_t hint[HINT_BYTES])
{
	wire_put(hint, key_id >> 40, HINT_BYTES);
}

int own_by_hint(const struct seal *seal, const uint8_t hint[HINT_BYTES])
{
	for (int i = 0; i < 2; i++) {
		uint8_t own[HINT_BYTES];
		hint_of(seal->own[i].key_id, own);
		if (seal->own[i].key_id != 0 && memcmp(own, hint, HINT_BYTES) == 0)
			return i;
	}
	return -1;
}

void header_write(uint8_t *at, enum datagram_type type, const uint8_t hint[HINT_BYTES],
		  uint64_t key_id, uint64_t counter)
{
	at[0] = (uint8_t)(WIRE_VERSION << 4 | type);
	memcpy(at + 1, hint, HINT_BYTES);
	wire_put(at + 4, key_id, KEY_ID_BYTES);
	wire_put(at + 12, counter, 8);
}

bool seal_send_plain(struct seal *seal, const struct hostport *to, const uint8_t *bytes, size_t len)
{
	struct gossip_update *update = seal->core->update;
	uint8_t *copy;

	WEFT_ASSERT(len <= DATAGRAM_BYTES_MAX);
	if (update->send_count == UPDATE_SENDS || to->port == 0)
		return false;
	copy = scratch_take(&seal->core->scratch, len);
	memcpy(copy, bytes, len);
	update->sends[update->send_count++] = (struct gossip_send){*to, copy, len};
	return true;
}

bool pair_send(struct seal *seal, struct pair *pair, uint64_t peer_key_id, bool with_cert,
	       const struct hostport *to, const uint8_t *frames, size_t len)
{
	struct core *core = seal->core;
	const struct own_key *own = &seal->own[OWN_CURRENT];
	size_t ad = WIRE_HEADER_BYTES + (with_cert ? CERT_BYTES : 0);
	uint8_t hint[HINT_BYTES];
	uint8_t *bytes;

	WEFT_ASSERT(ad + len + AEAD_TAG_BYTES <= DATAGRAM_BYTES_MAX);
	if (core->update->send_count == UPDATE_SENDS || to->port == 0)
		return false;
	bytes = scratch_take(&core->scratch, ad + len + AEAD_TAG_BYTES);
	hint_of(peer_key_id, hint);
	header_write(bytes, with_cert ? DGRAM_CERT_SEALED : DGRAM_SEALED, hint, own->key_id,
		     pair->tx_next);
	if (with_cert)
		memcpy(bytes + WIRE_HEADER_BYTES, own->cert, CERT_BYTES);
	core->crypto->seal(core->crypto->ctx, pair->tx, pair->tx_next, bytes, ad, frames, len,
			   bytes + ad);
	pair->tx_next++;
	core->update->sends[core->update->send_count++] =
	    (struct gossip_send){*to, bytes, ad + len + AEAD_TAG_BYTES};
	return true;
}

/* How many bytes of whole frames lie before limit; the first frame always counts. */
static size_t frames_within(const uint8_t *frames, size_t len, size_t limit)
{
	size_t at = 0;

	while (at < len) {
		size_t next = at + FRAME_HEADER_BYTES + (size_t)wire_get(frames + at + 1, 2);
		WEFT_ASSERT(next <= len);
		if (next > limit && at > 0)
			break;
		at = next;
	}
	return at;
}

/* Keeps all but the first cut bytes of what waits, and adds len more. */
static void stash_change(struct seal *seal, struct session *session, size_t cut,
			 const uint8_t *frames, size_t len)
{
	size_t kept = session->stash_len - cut;
	uint8_t *old = session->stash;
	uint8_t *fresh = NULL;

	WEFT_ASSERT(cut <= session->stash_len && kept + len <= STASH_BYTES_MAX);
	if (kept + len > 0)
		fresh = heap_take(&seal->core->heap, kept + len);
	if (kept > 0)
		memcpy(fresh, old + cut, kept);
	if (len > 0)
		memcpy(fresh + kept, frames, len);
	heap_give(&seal->core->heap, old, session->stash_len);
	session->stash = fresh;
	session->stash_len = kept + len;
	seal->busy_due_is_stale = true;
}

static void stash_put(struct seal *seal, struct peer *peer, const struct hostport *via,
		      const uint8_t *frames, size_t len)
{
	const struct hostport place = via != NULL ? *via : (struct hostport){.port = 0};
	struct session *session = session_of(seal, peer);
	size_t cut = 0;

	/* The newest say most: what is over the limit goes at the old end, frame by frame, and so
	 * does all that was for another place. */
	if (session->stash != NULL && !hostport_eq(&session->stash_via, &place))
		cut = session->stash_len;
	while (session->stash_len - cut + len > STASH_BYTES_MAX)
		cut += frames_within(session->stash + cut, session->stash_len - cut, 0);
	stash_change(seal, session, cut, frames, len);
	session->stash_via = place;
	session->stash_until = mono_add_ms(seal->core->now, STASH_MS);
	peer_mark_busy(seal, peer);
}

void stash_flush(struct seal *seal, struct peer *peer)
{
	struct session *session = peer->session;
	const struct hostport *via;

	if (session == NULL || peer->current.key_id == 0)
		return;
	via = session->stash_via.port != 0 ? &session->stash_via : NULL;
	while (session->stash != NULL) {
		size_t len = frames_within(session->stash, session->stash_len,
					   seal_room(seal, peer->member));
		if (seal_send(seal, peer->member, via, session->stash, len) != 0)
			return;
		stash_change(seal, session, len, NULL, 0);
	}
}

static bool needs_cert(const struct seal *seal, const struct peer *peer)
{
	return peer == NULL || peer->knows != seal->own[OWN_CURRENT].key_id;
}

int seal_send(struct seal *seal, struct member *to, const struct hostport *via,
	      const uint8_t *frames, size_t len)
{
	const struct own_key *own = &seal->own[OWN_CURRENT];
	const struct hostport *addr = via != NULL ? via : &to->addr;
	static const uint8_t answer_hint[HINT_BYTES] = {0xff, 0xff, 0xff};
	struct peer *peer;
	struct pair *pair;
	bool with_cert;

	WEFT_ASSERT(len <= WIRE_PAYLOAD_MAX);
	if (own->key_id == 0 || addr->port == 0 || to->state == MEMBER_REMOVED)
		return 0; /* nowhere to send to: as good as lost on the way */
	if (seal->core->update->send_count + 2 > UPDATE_SENDS)
		return WEFT_E_LIMIT;
	peer = peer_of(seal, to);
	if (peer->current.key_id == 0) {
		if (len > 0)
			stash_put(seal, peer, via, frames, len);
		cert_ask(seal, peer, addr);
		return 0;
	}
	pair = pair_of(seal, peer, OWN_CURRENT, PEER_CURRENT);
	if (pair == NULL)
		return 0;
	with_cert = needs_cert(seal, peer);
	if (with_cert && len > WIRE_PAYLOAD_MAX - CERT_BYTES) {
		uint8_t bytes[CERT_DGRAM_BYTES];
		header_write(bytes, DGRAM_CERT, answer_hint, own->key_id, 0);
		memcpy(bytes + WIRE_HEADER_BYTES, own->cert, CERT_BYTES);
		seal_send_plain(seal, addr, bytes, sizeof(bytes));
		with_cert = false;
	}
	return pair_send(seal, pair, peer->current.key_id, with_cert, addr, frames, len)
		   ? 0
		   : WEFT_E_LIMIT;
}

bool seal_has_spoken(const struct seal *seal, const struct member *member)
{
	const struct peer *peer = peer_known(seal, member);

	return peer != NULL && peer->session != NULL && peer->session->spoke_from.port != 0;
}

size_t seal_room(const struct seal *seal, const struct member *to)
{
	const struct peer *peer = peer_known(seal, to);

	return WIRE_PAYLOAD_MAX - (needs_cert(seal, peer) ? CERT_BYTES : 0);
}

const uint8_t *seal_own_cert(const struct seal *seal)
{
	return seal->own[OWN_CURRENT].key_id != 0 ? seal->own[OWN_CURRENT].cert : NULL;
}

bool seal_is_own_key(const struct seal *seal, const uint8_t pub[KX_PUB_BYTES])
{
	for (int i = 0; i < 2; i++) {
		if (seal->own[i].key_id != 0 && memcmp(seal->own[i].pub, pub, KX_PUB_BYTES) == 0)
			return true;
	}
	return false;
}

bool seal_stranger(const struct seal *seal, const uint8_t hint[3], const uint8_t pub[KX_PUB_BYTES],
		   uint8_t shared[32], uint8_t own_pub[KX_PUB_BYTES])
{
	const struct gossip_crypto *crypto = seal->core->crypto;

	int own = own_by_hint(seal, hint);

	if (own < 0)
		return false;
	memcpy(own_pub, seal->own[own].pub, KX_PUB_BYTES);
	return crypto->kx(crypto->ctx, seal->own[own].sec, pub, shared) == 0;
}

void seal_forget(struct seal *seal, struct member *member)
{
	struct peer *peer = peer_known(seal, member);

	if (peer != NULL)
		peer_forget(seal, peer);
}

/* Sessions that sleep after a while when there are many; a few are looked at each time. */
static void sweep(struct seal *seal)
{
	size_t looks = seal->peers.count / 16 + 1;

	seal->sweep_due = mono_add_ms(seal->core->now, SWEEP_MS);
	for (size_t i = 0; i < looks && seal->sessions > SESSIONS_KEPT; i++) {
		struct peer *peer;
		seal->sweep_at = (seal->sweep_at + 1) % seal->peers.count;
		peer = *(struct peer **)vec_at(&seal->peers, seal->sweep_at);
		if (peer->session != NULL && !peer->busy &&
		    mono_diff_ms(seal->core->now, peer->session->used) > SESSION_IDLE_MS)
			session_sleep(seal, peer);
	}
}

static void stash_tick(struct seal *seal, struct peer *peer)
{
	struct session *session = peer->session;

	if (session->stash == NULL)
		return;
	if (mono_is_due(session->stash_until, seal->core->now))
		stash_free(seal, session);
	else if (peer->current.key_id == 0)
		cert_ask(seal, peer,
			 session->stash_via.port != 0 ? &session->stash_via : &peer->member->addr);
	else
		stash_flush(seal, peer);
}

void seal_tick(struct seal *seal)
{
	seal->busy_due_is_stale |= seal->busy.count > 0;
	for (size_t i = seal->busy.count; i-- > 0;) {
		struct peer *peer = *(struct peer **)vec_at(&seal->busy, i);
		if (peer->session != NULL) {
			stash_tick(seal, peer);
			claim_tick(seal, peer);
		}
		if (peer->session != NULL &&
		    (peer->session->stash != NULL || peer->session->claim != NULL))
			continue;
		peer->busy = false;
		vec_remove(&seal->busy, i);
	}
	if (seal->sessions > SESSIONS_KEPT && mono_is_due(seal->sweep_due, seal->core->now))
		sweep(seal);
}

struct mono busy_due_find(const struct seal *seal)
{
	struct mono due = MONO_NEVER;

	for (size_t i = 0; i < seal->busy.count; i++) {
		const struct peer *peer = *(struct peer **)vec_at(&seal->busy, i);
		const struct session *session = peer->session;
		/* Nothing waits any more: seal_tick takes it from the list. */
		if (session == NULL || (session->stash == NULL && session->claim == NULL))
			return (struct mono){0};
		if (session->stash != NULL)
			due = mono_min(
			    due, mono_min(session->stash_until, mono_add_ms(peer->asked, ASK_MS)));
		if (session->claim != NULL)
			due = mono_min(due, session->claim->due);
	}
	return due;
}

struct mono seal_deadline(struct seal *seal)
{
	struct mono due;

	if (seal->busy_due_is_stale || seal->claims > 0)
		seal->busy_due = busy_due_find(seal);
	seal->busy_due_is_stale = false;
	due = seal->busy_due.ns != 0 ? seal->busy_due : seal->core->now;
	if (seal->sessions > SESSIONS_KEPT)
		due = mono_min(due, seal->sweep_due);
	return due;
}
