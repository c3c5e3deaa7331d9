/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Keys that were claimed and not taken.
 *
 * What a copy says while it is refused can be recorded, and so can its certificate, and both are
 * shown again when the original has left, has failed or is cut off and nobody contradicts. So a key
 * whose claim was given up is doubted from then on: it is only ever a claim, wherever it comes
 * from, and is not accepted before its process has answered a challenge, which no record can. Asked
 * it is where it spoke from last, whoever showed its certificate from elsewhere, sealed, in no more
 * bytes than opened there. While the member lives
 * elsewhere that comes on top of the questions to the old address; else nothing is waited for but
 * the answer:
 *
 *   checking --nothing after four questions--> unproven --answer--> accepted
 *                                                  |
 *                                                  +--5 s--> forgotten
 *
 * So is a key that was only shown and gave way to another one (session.h), and beside one that is
 * only shown every one that is no newer: of the two the one that answers is the member's.
 *
 * What was opened under such a key does not open again either, nor under one whose claim only ended
 * with the own key: that is begun anew and not doubted for it. A few keys a member are kept, until
 * a certificate is taken of an epoch that is no older: then they can become true no more. Where
 * there are more the oldest is not known by name any longer, and every key up to its epoch is
 * doubted: else whoever is refused often enough would be forgotten, and believed from a record.
 */
#include <string.h>

#include "sealing.h"

static struct doubted_key *doubted_find(const struct peer *peer, uint64_t key_id)
{
	for (size_t i = 0; peer->doubted != NULL && i < peer->doubted->count; i++)
		if (peer->doubted->at[i].key_id == key_id)
			return &peer->doubted->at[i];
	return NULL;
}

bool doubt_has(const struct peer *peer, const struct peer_key *key)
{
	const struct doubted_key *known = doubted_find(peer, key->key_id);

	return (known != NULL && known->given_up) ||
	       (peer->doubted != NULL && key->epoch <= peer->doubted->below) ||
	       (peer->shown && key->epoch <= peer->current.epoch);
}

static void doubted_drop(struct doubted *doubted, size_t i)
{
	WEFT_ASSERT(i < doubted->count);
	doubted->count--;
	memmove(&doubted->at[i], &doubted->at[i + 1],
		(doubted->count - i) * sizeof(doubted->at[0]));
}

/* Makes room for one more. */
static void doubted_condense(struct doubted *doubted)
{
	size_t oldest = 0;

	for (size_t i = 1; i < doubted->count; i++)
		if (doubted->at[i].epoch < doubted->at[oldest].epoch)
			oldest = i;
	if (doubted->at[oldest].epoch > doubted->below)
		doubted->below = doubted->at[oldest].epoch;
	doubted_drop(doubted, oldest);
}

void doubt_keep(struct seal *seal, struct peer *peer, const struct peer_key *kept, uint64_t floor,
		uint64_t floor_own, bool given_up)
{
	struct doubted_key *key = doubted_find(peer, kept->key_id);

	if (key == NULL) {
		struct doubted *doubted = peer->doubted;
		if (doubted == NULL)
			doubted = peer->doubted = heap_take(&seal->core->heap, sizeof(*doubted));
		if (doubted->count == DOUBTED_MAX)
			doubted_condense(doubted);
		key = &doubted->at[doubted->count++];
		*key = (struct doubted_key){.key_id = kept->key_id, .epoch = kept->epoch};
	}
	key->given_up |= given_up;
	if (floor > 0) {
		key->floor = floor;
		key->floor_own = floor_own;
	}
}

void doubt_window(const struct peer *peer, uint64_t key_id, uint64_t own, struct window *window)
{
	const struct doubted_key *key = doubted_find(peer, key_id);

	if (key != NULL && key->floor_own == own)
		window_init(window, key->floor);
}

void doubt_begin(const struct peer *peer, struct claim *claim)
{
	memcpy(claim->own_nonce, claim->nonce, NONCE_BYTES);
	if (claim->late)
		return;
	claim->doubted = doubt_has(peer, &claim->key);
	doubt_window(peer, claim->key.key_id, claim->own, &claim->pair.window);
}

void doubt_use(struct peer *peer)
{
	const struct doubted_key *used = doubted_find(peer, peer->current.key_id);

	if (used != NULL) {
		peer->floor = used->floor;
		peer->floor_own = used->floor_own;
	}
}

void doubt_end(struct seal *seal, struct peer *peer)
{
	struct doubted *doubted = peer->doubted;

	if (doubted == NULL)
		return;
	for (size_t i = doubted->count; i-- > 0;)
		if (doubted->at[i].epoch <= peer->current.epoch)
			doubted_drop(doubted, i);
	if (doubted->count == 0 && doubted->below <= peer->current.epoch)
		doubt_forget(seal, peer);
}

void doubt_forget(struct seal *seal, struct peer *peer)
{
	if (peer->doubted != NULL)
		heap_give(&seal->core->heap, peer->doubted, sizeof(*peer->doubted));
	peer->doubted = NULL;
}

const uint8_t *frame_find(const struct opened *in, enum frame_type type, size_t len)
{
	const uint8_t *at = in->frames;
	size_t left = in->len;

	while (left >= FRAME_HEADER_BYTES) {
		size_t body = (size_t)wire_get(at + 1, 2);
		if (body > left - FRAME_HEADER_BYTES)
			return NULL;
		if (at[0] == type && (body == len || len == 0))
			return at + FRAME_HEADER_BYTES;
		at += FRAME_HEADER_BYTES + body;
		left -= FRAME_HEADER_BYTES + body;
	}
	return NULL;
}

bool frame_is(const struct opened *in, enum frame_type type, const uint8_t nonce[NONCE_BYTES])
{
	const uint8_t *body = frame_find(in, type, NONCE_BYTES);

	return body != NULL && memcmp(body, nonce, NONCE_BYTES) == 0;
}

/* What the old address is asked stays. */
void claim_move(struct seal *seal, struct claim *claim, const struct hostport *from)
{
	const struct gossip_crypto *crypto = seal->core->crypto;

	if (hostport_eq(from, &claim->from))
		return;
	crypto->random(crypto->ctx, claim->own_nonce, NONCE_BYTES);
	claim->from = *from;
	claim->heard = 0;
}

void doubt_challenge(struct seal *seal, struct claim *claim)
{
	uint8_t frame[FRAME_HEADER_BYTES + NONCE_BYTES];
	const size_t size = WIRE_OVERHEAD_BYTES + sizeof(frame);

	if (claim->heard < size || mono_diff_ms(seal->core->now, claim->asked_at) < CLAIM_PROBE_MS)
		return;
	claim->heard -= size;
	claim->asked_at = seal->core->now;
	pair_send(seal, &claim->pair, claim->key.key_id, false, &claim->from, frame,
		  wire_put_frame(frame, FRAME_CHALLENGE, claim->own_nonce, NONCE_BYTES));
}

void doubt_ask(struct seal *seal, struct peer *peer, const struct hostport *from, size_t len,
	       const struct opened *in)
{
	struct claim *claim = peer->session->claim;

	WEFT_ASSERT(claim != NULL);
	WEFT_ASSERT(claim->doubted || claim->late);
	/* No record opens: this is where the process is. */
	claim_move(seal, claim, from);
	claim->heard += len;
	if (!frame_is(in, FRAME_RESPONSE, claim->own_nonce)) {
		doubt_challenge(seal, claim);
		return;
	}
	claim->doubted = false;
	claim->answered = true;
	if (claim->late)
		return;
	/* It has answered where it is: the member is followed there when it is accepted by this
	 * datagram. */
	memcpy(peer->session->nonce, claim->own_nonce, NONCE_BYTES);
	peer->session->challenged = *from;
	peer->session->challenged_at = seal->core->now;
	peer->session->heard = 0;
}

void doubt_meet(struct seal *seal, struct peer *peer, const struct hostport *from, size_t len)
{
	struct claim *claim = peer->session->claim;

	WEFT_ASSERT(claim != NULL);
	if (!claim->doubted || (claim->spoke_from.port != 0 && !hostport_eq(from, &claim->from)))
		return;
	claim_move(seal, claim, from);
	claim->heard += len;
	doubt_challenge(seal, claim);
}
