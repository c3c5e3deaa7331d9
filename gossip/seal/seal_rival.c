/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * An older process that a claim would take the place of, and that is not where it is looked for.
 *
 * A member that was just started knows no key of the one whose id is claimed, and asks at the
 * address of its record; so does one that knows an older key. But the process may have moved since,
 * or live behind a gateway, and be about to find this node by itself. What it shows then, while the
 * claim is undecided, is an older certificate from a third place:
 *
 *   shown --something opens under it--> sent the claim's nonce --answer--> claims in its turn
 *
 * Two processes are there then, and mostly the newer one is the copy, for it counted on from the
 * same disk: its claim is given up, and doubted. The older one has to stand the same questions to
 * the old address as any that claims, before it is believed. Nothing else of it is looked at until
 * then. A copy of a disk that is days old is older than its original, which renews its certificate
 * each day: where both are strangers here and the original has moved, the copy is taken.
 *
 * The certificate alone may be a record, of a copy that was refused or of a process that has ended.
 * It changes nothing: nothing is asked for its sake, and the next one that is shown takes its place
 * as long as nothing opens under it, which no record does. What was held back on its way may open
 * once, and is then in the way of another one until this claim is decided; but it answers nothing.
 */
#include <string.h>

#include "sealing.h"

void rival_free(struct seal *seal, struct claim *claim)
{
	const struct gossip_crypto *crypto = seal->core->crypto;

	if (claim->rival == NULL)
		return;
	map_remove(&seal->by_key, &claim->rival->key.key_id);
	crypto->wipe(crypto->ctx, claim->rival, sizeof(*claim->rival));
	heap_give(&seal->core->heap, claim->rival, sizeof(*claim->rival));
	claim->rival = NULL;
}

bool rival_show(struct seal *seal, struct peer *peer, const struct peer_key *key,
		const uint8_t cert[CERT_BYTES], const struct hostport *from)
{
	struct claim *claim = peer->session->claim;
	struct key_slot *slot;
	struct rival *rival;
	struct pair pair;

	WEFT_ASSERT(claim != NULL);
	WEFT_ASSERT(claim->state == CLAIM_CHECKING && !claim->late && !claim->doubted);
	/* Of one epoch neither is the older one, and at one place there is one process. */
	if (key->epoch >= claim->key.epoch || hostport_eq(from, &claim->from) ||
	    (claim->rival != NULL && claim->rival->spoke))
		return false;
	if (!pair_derive(seal, &seal->own[OWN_CURRENT], &peer->member->id, key->key, &pair))
		return false;
	rival_free(seal, claim);
	rival = claim->rival = heap_take(&seal->core->heap, sizeof(*rival));
	*rival = (struct rival){.key = *key, .pair = pair};
	memcpy(rival->cert, cert, CERT_BYTES);
	seal->core->crypto->wipe(seal->core->crypto->ctx, &pair, sizeof(pair));
	slot = map_insert(&seal->by_key, &key->key_id, NULL);
	slot->peer = peer;
	slot->slot = PEER_RIVAL;
	return true;
}

/* In no more bytes than opened there, and not too often. */
static void rival_ask(struct seal *seal, struct claim *claim, const struct hostport *from,
		      size_t len)
{
	struct rival *rival = claim->rival;
	uint8_t frame[FRAME_HEADER_BYTES + NONCE_BYTES];

	if (claim->state != CLAIM_CHECKING || len < WIRE_OVERHEAD_BYTES + sizeof(frame))
		return;
	if (rival->asked && mono_diff_ms(seal->core->now, rival->asked_at) < CLAIM_AGAIN_MS)
		return;
	rival->asked = true;
	rival->asked_at = seal->core->now;
	pair_send(seal, &rival->pair, rival->key.key_id, false, from, frame,
		  wire_put_frame(frame, FRAME_CHALLENGE, claim->nonce, NONCE_BYTES));
}

enum drop_reason rival_open(struct seal *seal, struct peer *peer, const struct hostport *from,
			    const uint8_t *bytes, size_t ad, size_t len)
{
	struct claim *claim = peer->session->claim;
	const struct opened in = {.frames = seal->plain, .len = len - ad - AEAD_TAG_BYTES};
	struct rival *rival;
	struct rival answered;
	const uint8_t *answer;
	enum drop_reason reason;

	WEFT_ASSERT(claim != NULL);
	WEFT_ASSERT(claim->rival != NULL && claim->own == seal->own[OWN_CURRENT].key_id);
	rival = claim->rival;
	reason = open_with(seal, &rival->pair, bytes, ad, len);
	if (reason != DROP_NONE)
		return reason;
	if (!limit_pass(&peer->session->limit, seal->core->now, PEER_INTERVAL_NS, PEER_BURST))
		return DROP_RATE;
	rival->spoke = true;
	answer = frame_find(&in, FRAME_RESPONSE, NONCE_BYTES);
	if (answer == NULL || memcmp(answer, claim->nonce, NONCE_BYTES) != 0) {
		rival_ask(seal, claim, from, len);
		return DROP_PROVISIONAL;
	}
	if (claim->state != CLAIM_CHECKING)
		return DROP_PROVISIONAL; /* it is decided already */
	answered = *rival;
	claim_begin(seal, peer, &answered.key, answered.cert, from, false);
	/* What was received must not be received again. */
	if (peer->session->claim != NULL)
		peer->session->claim->pair.window = answered.pair.window;
	seal->core->crypto->wipe(seal->core->crypto->ctx, &answered, sizeof(answered));
	return DROP_PROVISIONAL;
}
