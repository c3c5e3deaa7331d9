/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Keys of pairs, and which of them are kept.
 *
 * There is one key per direction between each own ephemeral key and each of a peer's: the keyed
 * hash, under the X25519 secret, of a label, the cluster, sender, recipient and both public keys.
 * The current and the previous key of either side are in use, so a session has at most four pairs.
 *
 * Sending counters begin at the age of the own key in microseconds and rise by one. A pair that is
 * given back and derived again thus goes on above everything it ever sent, without remembering.
 * What was received is remembered as a floor: of the pair that was spoken to last before the
 * session slept; when the peer's key is replaced the floor stays with it. A pair with the previous
 * own key that slept beside it stays closed.
 */
#include <string.h>

#include "sealing.h"

static const char pair_label[] = "weft pair 1";

static void peer_key_unlist(struct seal *seal, struct peer_key *key)
{
	if (key->key_id != 0)
		map_remove(&seal->by_key, &key->key_id);
	*key = (struct peer_key){.key_id = 0};
}

static void peer_key_list(struct seal *seal, struct peer *peer, uint64_t key_id,
			  enum peer_slot slot)
{
	struct key_slot *entry = map_insert(&seal->by_key, &key_id, NULL);

	entry->peer = peer;
	entry->slot = slot;
}

struct peer *peer_known(const struct seal *seal, const struct member *member)
{
	return member->session != 0 ? *(struct peer **)vec_at(&seal->peers, member->session - 1)
				    : NULL;
}

struct peer *peer_of(struct seal *seal, struct member *member)
{
	struct peer *peer = peer_known(seal, member);

	if (peer != NULL)
		return peer;
	peer = heap_take(&seal->core->heap, sizeof(*peer));
	peer->member = member;
	vec_push(&seal->peers, &peer);
	member->session = (uint32_t)seal->peers.count;
	return peer;
}

struct session *session_of(struct seal *seal, struct peer *peer)
{
	if (peer->session == NULL) {
		peer->session = heap_take(&seal->core->heap, sizeof(*peer->session));
		seal->sessions++;
	}
	peer->session->used = seal->core->now;
	return peer->session;
}

static void pair_free(struct seal *seal, struct pair **pair)
{
	const struct gossip_crypto *crypto = seal->core->crypto;

	if (*pair == NULL)
		return;
	crypto->wipe(crypto->ctx, *pair, sizeof(**pair));
	heap_give(&seal->core->heap, *pair, sizeof(**pair));
	*pair = NULL;
}

void stash_free(struct seal *seal, struct session *session)
{
	if (session->stash != NULL)
		heap_give(&seal->core->heap, session->stash, session->stash_len);
	session->stash = NULL;
	session->stash_len = 0;
	seal->busy_due_is_stale = true;
}

/* Keeps the floor of the youngest pair that received anything under the current key. */
static void floor_keep(const struct seal *seal, struct peer *peer)
{
	for (int own = OWN_PREVIOUS; own >= OWN_CURRENT; own--) {
		const struct pair *pair = peer->session->pairs[own][PEER_CURRENT];
		if (pair == NULL || pair->window.top == 0)
			continue;
		peer->floor = pair->window.top;
		peer->floor_own = seal->own[own].key_id;
	}
}

static void behind_free(struct seal *seal, struct session *session)
{
	if (session->behind != NULL)
		heap_give(&seal->core->heap, session->behind, CERT_BYTES);
	session->behind = NULL;
}

/* A key that was only shown is gone. */
static void current_drop(struct seal *seal, struct peer *peer, bool doubted)
{
	WEFT_ASSERT(peer->shown && peer->current.key_id != 0);
	floor_keep(seal, peer);
	doubt_keep(seal, peer, &peer->current, peer->floor, peer->floor_own, doubted);
	peer_key_unlist(seal, &peer->current);
	for (int own = 0; own < 2; own++)
		pair_free(seal, &peer->session->pairs[own][PEER_CURRENT]);
}

static void fall_back(struct seal *seal, struct peer *peer, bool doubted)
{
	struct session *session = peer->session;
	const struct peer_key back = session->previous;

	WEFT_ASSERT(session->behind != NULL && back.key_id != 0);
	current_drop(seal, peer, doubted);
	peer_key_unlist(seal, &session->previous);
	for (int own = 0; own < 2; own++) {
		session->pairs[own][PEER_CURRENT] = session->pairs[own][PEER_PREVIOUS];
		session->pairs[own][PEER_PREVIOUS] = NULL;
	}
	peer->current = back;
	peer_key_list(seal, peer, back.key_id, PEER_CURRENT);
	memcpy(session->cert, session->behind, CERT_BYTES);
	behind_free(seal, session);
	session->spoke_from.port = 0;
	peer->shown = false;
	peer->knows = 0;
	peer->floor = session->floor;
	peer->floor_own = session->floor_own;
}

void peer_fall_back(struct seal *seal, struct peer *peer)
{
	fall_back(seal, peer, true);
}

/* Gives the session back and keeps the floor of the youngest pair that received anything. */
void session_sleep(struct seal *seal, struct peer *peer)
{
	struct session *session = peer->session;

	if (session == NULL)
		return;
	WEFT_ASSERT(seal->sessions > 0);
	if (session->behind != NULL)
		fall_back(seal, peer, false); /* what sleeps remembers one key only */
	floor_keep(seal, peer);
	for (int own = 0; own < 2; own++)
		for (int slot = 0; slot < 2; slot++)
			pair_free(seal, &session->pairs[own][slot]);
	seal_claim_drop(seal, peer);
	stash_free(seal, session);
	peer_key_unlist(seal, &session->previous);
	WEFT_ASSERT(session->behind == NULL);
	heap_give(&seal->core->heap, session, sizeof(*session));
	peer->session = NULL;
	seal->sessions--;
}

static void pair_key(const struct seal *seal, const uint8_t shared[32], const struct id *sender,
		     const struct id *recipient, const uint8_t *sender_key,
		     const uint8_t *recipient_key, uint8_t out[AEAD_KEY_BYTES])
{
	const struct gossip_crypto *crypto = seal->core->crypto;
	uint8_t text[sizeof(pair_label) + 3 * ID_BYTES + 2 * KX_PUB_BYTES];
	uint8_t *at = text;

	memcpy(at, pair_label, sizeof(pair_label));
	at += sizeof(pair_label);
	memcpy(at, seal->core->self.cluster.b, ID_BYTES);
	at += ID_BYTES;
	memcpy(at, sender->b, ID_BYTES);
	at += ID_BYTES;
	memcpy(at, recipient->b, ID_BYTES);
	at += ID_BYTES;
	memcpy(at, sender_key, KX_PUB_BYTES);
	at += KX_PUB_BYTES;
	memcpy(at, recipient_key, KX_PUB_BYTES);
	at += KX_PUB_BYTES;
	WEFT_ASSERT((size_t)(at - text) == sizeof(text));
	crypto->hash(crypto->ctx, shared, 32, text, sizeof(text), out);
}

bool pair_derive(const struct seal *seal, const struct own_key *own, const struct id *peer,
		 const uint8_t *key, struct pair *pair)
{
	const struct gossip_crypto *crypto = seal->core->crypto;
	const struct id *self = &seal->core->self.id;
	uint8_t shared[32];

	WEFT_ASSERT(own->key_id != 0);
	if (crypto->kx(crypto->ctx, own->sec, key, shared) != 0)
		return false;
	pair_key(seal, shared, self, peer, own->pub, key, pair->tx);
	pair_key(seal, shared, peer, self, key, own->pub, pair->rx);
	crypto->wipe(crypto->ctx, shared, sizeof(shared));
	pair->tx_next = 1 + (uint64_t)(mono_diff_ns(seal->core->now, own->made) / 1000);
	window_init(&pair->window, 0);
	return true;
}

struct pair *pair_of(struct seal *seal, struct peer *peer, int own, enum peer_slot slot)
{
	struct session *session = session_of(seal, peer);
	const struct peer_key *key = slot == PEER_CURRENT ? &peer->current : &session->previous;
	const struct own_key *mine = &seal->own[own];
	uint64_t floor_own = slot == PEER_CURRENT ? peer->floor_own : session->floor_own;
	uint64_t floor = slot == PEER_CURRENT ? peer->floor : session->floor;
	struct pair **place = &session->pairs[own][slot];

	WEFT_ASSERT(slot == PEER_CURRENT || slot == PEER_PREVIOUS);
	WEFT_ASSERT(key->key_id != 0 && mine->key_id != 0);
	if (*place != NULL)
		return *place;
	if (own == OWN_PREVIOUS && floor_own == seal->own[OWN_CURRENT].key_id)
		return NULL;
	*place = heap_take(&seal->core->heap, sizeof(**place));
	if (!pair_derive(seal, mine, &peer->member->id, key->key, *place)) {
		pair_free(seal, place);
		return NULL;
	}
	if (floor_own == mine->key_id)
		window_init(&(*place)->window, floor);
	return *place;
}

/* What was current becomes the previous key, and what was previous is forgotten with its pairs. */
static void current_shift(struct seal *seal, struct peer *peer, enum key_proof proof)
{
	struct session *session = peer->session;

	behind_free(seal, session);
	if (proof == KEY_SHOWN && peer->current.key_id != 0) {
		session->behind = heap_take(&seal->core->heap, CERT_BYTES);
		memcpy(session->behind, session->cert, CERT_BYTES);
	}
	peer_key_unlist(seal, &session->previous);
	for (int own = 0; own < 2; own++) {
		pair_free(seal, &session->pairs[own][PEER_PREVIOUS]);
		session->pairs[own][PEER_PREVIOUS] = session->pairs[own][PEER_CURRENT];
		session->pairs[own][PEER_CURRENT] = NULL;
	}
	session->previous = peer->current;
	if (session->previous.key_id != 0)
		peer_key_list(seal, peer, session->previous.key_id, PEER_PREVIOUS);
	session->floor = peer->floor;
	session->floor_own = peer->floor_own;
	session->outlived = seal->core->now; /* what is on its way comes first */
}

static void epoch_proved(struct seal *seal, struct peer *peer)
{
	if (peer->shown)
		return;
	doubt_end(seal, peer);
	if (peer->current.epoch > peer->member->epoch)
		peer->member->epoch = peer->current.epoch;
}

void peer_install(struct seal *seal, struct peer *peer, const struct peer_key *key,
		  const uint8_t cert[CERT_BYTES], enum key_proof proof)
{
	struct session *session = session_of(seal, peer);

	WEFT_ASSERT(key->key_id != 0 && key->key_id != peer->current.key_id);
	WEFT_ASSERT(proof != KEY_SHOWN || !peer->shown || key->epoch > peer->current.epoch);
	if (peer->shown && proof != KEY_RENEWED)
		current_drop(seal, peer, true);
	else
		current_shift(seal, peer, proof);
	if (proof != KEY_SHOWN)
		behind_free(seal, session);
	peer->shown = proof == KEY_SHOWN || (proof == KEY_RENEWED && peer->shown);
	peer->current = *key;
	peer_key_list(seal, peer, key->key_id, PEER_CURRENT);
	memcpy(session->cert, cert, CERT_BYTES);
	session->spoke_from.port = 0;
	seal->renewed = peer->member;
	peer->knows = 0;
	peer->floor = 0;
	peer->floor_own = 0;
	doubt_use(peer);
	epoch_proved(seal, peer);
	WEFT_ASSERT(session->previous.key_id != peer->current.key_id);
}

void peer_prove(struct seal *seal, struct peer *peer)
{
	const struct claim *claim = peer->session->claim;

	if (!peer->shown)
		return;
	peer->shown = false;
	behind_free(seal, peer->session);
	if (claim != NULL && !claim->late && claim->key.epoch <= peer->current.epoch)
		seal_claim_drop(seal, peer);
	epoch_proved(seal, peer);
}

uint64_t peer_epoch(const struct peer *peer)
{
	if (peer->current.key_id == 0)
		return 0;
	if (!peer->shown)
		return peer->current.epoch;
	return peer->session != NULL && peer->session->behind != NULL
		   ? peer->session->previous.epoch
		   : 0;
}

void peer_forget(struct seal *seal, struct peer *peer)
{
	session_sleep(seal, peer);
	doubt_forget(seal, peer);
	peer_key_unlist(seal, &peer->current);
	peer->shown = false;
	peer->knows = 0;
	peer->floor = 0;
	peer->floor_own = 0;
	WEFT_ASSERT(peer->session == NULL);
}

/* The own current key became the previous one: so do the pairs with it. */
void own_rotated(struct seal *seal)
{
	for (size_t i = 0; i < seal->peers.count; i++) {
		struct peer *peer = *(struct peer **)vec_at(&seal->peers, i);
		struct session *session = peer->session;
		if (session == NULL)
			continue;
		for (int slot = 0; slot < 2; slot++) {
			pair_free(seal, &session->pairs[OWN_PREVIOUS][slot]);
			session->pairs[OWN_PREVIOUS][slot] = session->pairs[OWN_CURRENT][slot];
			session->pairs[OWN_CURRENT][slot] = NULL;
		}
		claim_break_off(seal, peer);
	}
}

void peer_mark_busy(struct seal *seal, struct peer *peer)
{
	seal->busy_due_is_stale = true;
	if (peer->busy)
		return;
	peer->busy = true;
	vec_push(&seal->busy, &peer);
}
