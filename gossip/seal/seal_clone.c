/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Clones: two processes of one identity.
 *
 * Two certificates of one node and one epoch cannot come from one process: epochs are durable
 * before they are used. Where both processes answered they are the proof of a clone and go to
 * everybody; but a late claimer that asks, and so waits for its answer, is only refused, and a
 * certificate that somebody shows may be the record of one: the original shall not suffer from it.
 * Of an epoch that the node has passed they prove nothing to others: it has recovered since.
 *
 * To the node itself they do, as long as it runs and was not recovered: it knows which keys it had.
 * A member that was just started may have taken a copy of a disk some days old for the member, and
 * shows the certificate of that one to the original that it refuses for it. An epoch of an earlier
 * run is not among those known, and proves nothing: the node may have signed it itself.
 */
#include <string.h>

#include "sealing.h"

#define CLONE_TELL 8

/* Sends the proof to some members; who sees it first sends it on. */
static void clone_tell(struct seal *seal, const struct id *node, const uint8_t *known,
		       const uint8_t *other)
{
	struct id skip[CLONE_TELL + 1] = {*node};
	uint8_t body[2 * CERT_BYTES];

	memcpy(body, known, CERT_BYTES);
	memcpy(body + CERT_BYTES, other, CERT_BYTES);
	outbox_add(&seal->core->outbox, node, CLASS_CONTROL, FRAME_CLONE, body, sizeof(body));
	for (size_t i = 1; i <= CLONE_TELL; i++) {
		const struct member *to = member_pick(seal->members, skip, i);
		if (to == NULL)
			break;
		skip[i] = to->id;
		outbox_add(&seal->core->outbox, &to->id, CLASS_CONTROL, FRAME_CLONE, body,
			   sizeof(body));
	}
}

/* What was proved already says nothing more, and of one node something new is told seldom: each
 * proof goes from everybody to some others. */
static bool alarm_is_new(const struct seal *seal, const struct id *node, uint64_t epoch)
{
	const struct peer *peer;

	if (id_eq(node, &seal->core->self.id))
		return !seal->core->self.cloned;
	peer = peer_known(seal, member_find(seal->members, node));
	return peer == NULL || peer->cloned == 0 ||
	       (epoch > peer->cloned &&
		mono_diff_ms(seal->core->now, peer->alarmed) >= CLONE_AGAIN_MS);
}

void clone_alarm(struct seal *seal, const struct id *node, const uint8_t *known,
		 const uint8_t *other)
{
	bool is_self = id_eq(node, &seal->core->self.id);
	struct cert first, second;

	if (!cert_parse(other, CERT_BYTES, &second) || !alarm_is_new(seal, node, second.epoch))
		return;
	if (!is_self) {
		struct peer *peer = peer_of(seal, member_find(seal->members, node));
		peer->cloned = second.epoch;
		peer->alarmed = seal->core->now;
	}
	core_trace(seal->core, TRACE_CLONE_SEEN, node, NULL, NULL, 0);
	if (is_self)
		seal->core->self.cloned = true;
	/* A session that slept has no certificate to show; the next meeting proves it again. */
	if (known != NULL && cert_parse(known, CERT_BYTES, &first))
		clone_tell(seal, node, known, other);
	seal->hooks.clone(seal->hooks.ctx, node);
}

enum drop_reason clone_frame(struct seal *seal, struct member *by, const uint8_t *body, size_t len)
{
	const struct core *core = seal->core;
	const struct member *member;
	const uint8_t *pub = core->self.sign_pub;
	uint64_t in_use = core->self.epoch;
	struct cert a, b;

	if (len != 2 * CERT_BYTES || !cert_parse(body, CERT_BYTES, &a) ||
	    !cert_parse(body + CERT_BYTES, CERT_BYTES, &b))
		return DROP_FRAME;
	if (!id_eq(&a.node, &b.node) || a.epoch != b.epoch ||
	    !id_eq(&a.cluster, &core->self.cluster) || !id_eq(&a.cluster, &b.cluster) ||
	    memcmp(a.key, b.key, KX_PUB_BYTES) == 0)
		return DROP_CERT;
	if (!id_eq(&a.node, &core->self.id)) {
		member = member_find(seal->members, &a.node);
		if (member == NULL || !member->has_key)
			return DROP_CERT;
		pub = member->rec->pubkey;
		in_use = member->epoch;
	}
	if (a.epoch < in_use)
		return DROP_OLD_CERT; /* it has recovered since, and would be fenced for ever */
	if (!alarm_is_new(seal, &a.node, a.epoch))
		return DROP_NONE;
	if (!seal_may_check(seal, by))
		return DROP_RATE;
	if (!cert_verify(core->crypto, body, pub) ||
	    !cert_verify(core->crypto, body + CERT_BYTES, pub))
		return DROP_CERT;
	clone_alarm(seal, &a.node, body, body + CERT_BYTES);
	return DROP_NONE;
}

void own_past_add(struct seal *seal)
{
	const struct own_key *own = &seal->own[OWN_CURRENT];
	size_t at = seal->past_count++ % PAST_MAX;
	struct cert cert;

	WEFT_ASSERT(cert_parse(own->cert, CERT_BYTES, &cert));
	seal->past[at].epoch = cert.epoch;
	seal->past[at].key_id = own->key_id;
}

void seal_forget_past(struct seal *seal)
{
	seal->past_count = 0;
}

/* The id of the key that this process had in this epoch; 0 where that is not known. */
static uint64_t own_past_find(const struct seal *seal, uint64_t epoch)
{
	size_t count = seal->past_count < PAST_MAX ? seal->past_count : PAST_MAX;

	for (size_t i = 0; i < count; i++)
		if (seal->past[i].epoch == epoch)
			return seal->past[i].key_id;
	return 0;
}

enum drop_reason seal_shown_past(struct seal *seal, struct member *by, const uint8_t *cert)
{
	const struct self *self = &seal->core->self;
	struct cert shown;
	uint64_t had;

	if (!cert_parse(cert, CERT_BYTES, &shown) || !id_eq(&shown.node, &self->id))
		return DROP_CERT;
	had = own_past_find(seal, shown.epoch);
	if (had == 0 || had == cert_key_id(seal->core->crypto, shown.key) ||
	    !alarm_is_new(seal, &self->id, shown.epoch))
		return DROP_NONE;
	if (!seal_may_check(seal, by))
		return DROP_RATE;
	if (!cert_verify(seal->core->crypto, cert, self->sign_pub))
		return DROP_CERT;
	clone_alarm(seal, &self->id, NULL, cert);
	return DROP_NONE;
}
