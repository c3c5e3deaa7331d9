/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Members that this node has never heard of, or forgot in a crash before they were stored.
 *
 * Such a member knows us and takes us for failed. What it sends to a failed member carries its own
 * member row, which is complete in itself: the admission chain in it proves that the node exists,
 * its signature that the row is the node's. The datagram is sealed under a key that nobody has
 * vouched for yet, so of all that is in it only that row is looked at; if it is believed, the
 * certificate can be checked, and the datagram is opened once more as that of a member. If it is
 * refused for good, because of who admitted the node, the node is told so (refusal.c).
 *
 * Who answers a knock may be a stranger as well: then neither knows the other, and whoever knocked
 * says who it is, to the key that the answer shows. A member's row is no secret. Where he refuses
 * it, the removal that he shows is looked at once, which its author's signature proves.
 */
#include "sealing.h"

#define INTRODUCTION_INTERVAL_NS (NS_PER_S / 50)
#define INTRODUCTION_BURST 50

bool stranger_is(const struct seal *seal, const uint8_t cert_bytes[CERT_BYTES], struct cert *cert)
{
	const struct member *member;

	if (!cert_parse(cert_bytes, CERT_BYTES, cert) ||
	    !id_eq(&cert->cluster, &seal->core->self.cluster) ||
	    id_eq(&cert->node, &seal->core->self.id))
		return false;
	member = member_find(seal->members, &cert->node);
	return member == NULL || (!member->has_key && member->state != MEMBER_REMOVED);
}

/* A knock went there, which he answered or not yet: who knows of the removal of this node answers
 * it by that alone. */
static bool was_asked(const struct seal *seal, const struct hostport *at)
{
	return hostport_eq(at, &seal->greeted) || hostport_eq(at, &seal->knocked);
}

/* Looks at the rows in there, or at a removal from where this node asked; true when one is refused
 * for good. */
static bool look_inside(struct seal *seal, const struct id *node, const struct hostport *from,
			const uint8_t *at, size_t left, struct rejection *why)
{
	const struct seal_hooks *hooks = &seal->hooks;

	while (left >= FRAME_HEADER_BYTES) {
		size_t len = (size_t)wire_get(at + 1, 2);
		if (len > left - FRAME_HEADER_BYTES)
			return false;
		if (at[0] == FRAME_ROW &&
		    hooks->introduce(hooks->ctx, node, at + FRAME_HEADER_BYTES, len, why))
			return true;
		if (at[0] == FRAME_REMOVED && was_asked(seal, from)) {
			seal->greeted.port = seal->knocked.port = 0;
			hooks->shown_removal(hooks->ctx, NULL, at + FRAME_HEADER_BYTES, len);
			return false;
		}
		at += FRAME_HEADER_BYTES + len;
		left -= FRAME_HEADER_BYTES + len;
	}
	return false;
}

/* Tells a newcomer, under a pair made for this one datagram, if the key that it shows is its own.
 * The certificate goes along where it may: the newcomer need not have it.
 */
static void tell_refused(struct seal *seal, const struct cert *cert, const uint8_t *cert_bytes,
			 const struct rejection *why, const struct hostport *to, size_t request_len)
{
	const struct gossip_crypto *crypto = seal->core->crypto;
	uint8_t frame[WIRE_PAYLOAD_MAX];
	const size_t size = WIRE_OVERHEAD_BYTES + FRAME_HEADER_BYTES + why->len;
	struct pair pair;

	if (size > request_len || !cert_verify(crypto, cert_bytes, why->pub) ||
	    !seal_may_answer(seal, to) ||
	    !pair_derive(seal, &seal->own[OWN_CURRENT], &cert->node, cert->key, &pair))
		return;
	pair_send(seal, &pair, cert_key_id(crypto, cert->key), size + CERT_BYTES <= request_len, to,
		  frame, wire_put_frame(frame, FRAME_REMOVED, why->fact, why->len));
	crypto->wipe(crypto->ctx, &pair, sizeof(pair));
}

void stranger_introduce(struct seal *seal, const struct own_key *own, const struct hostport *from,
			const uint8_t *bytes, size_t len)
{
	const struct gossip_crypto *crypto = seal->core->crypto;
	const size_t ad = WIRE_HEADER_BYTES + CERT_BYTES;
	struct cert cert;
	struct pair pair = {.tx_next = 0};
	struct rejection why;

	WEFT_ASSERT(len >= ad + AEAD_TAG_BYTES && own->key_id != 0);
	if (seal->hooks.introduce == NULL || !stranger_is(seal, bytes + WIRE_HEADER_BYTES, &cert) ||
	    !limit_pass(&seal->introductions, seal->core->now, INTRODUCTION_INTERVAL_NS,
			INTRODUCTION_BURST))
		return;
	if (pair_derive(seal, own, &cert.node, cert.key, &pair) &&
	    crypto->open(crypto->ctx, pair.rx, wire_get(bytes + 12, 8), bytes, ad, bytes + ad,
			 len - ad, seal->plain) == 0 &&
	    look_inside(seal, &cert.node, from, seal->plain, len - ad - AEAD_TAG_BYTES, &why))
		tell_refused(seal, &cert, bytes + WIRE_HEADER_BYTES, &why, from, len);
	crypto->wipe(crypto->ctx, &pair, sizeof(pair));
}

void stranger_greet(struct seal *seal, const struct cert *cert, const struct hostport *to)
{
	const struct gossip_crypto *crypto = seal->core->crypto;
	uint8_t frame[WIRE_PAYLOAD_MAX - CERT_BYTES];
	struct pair pair;
	const uint8_t *row;
	size_t len = 0;

	if (seal->hooks.own_row == NULL)
		return;
	row = seal->hooks.own_row(seal->hooks.ctx, NULL, &len);
	if (row == NULL || FRAME_HEADER_BYTES + len > sizeof(frame) ||
	    !pair_derive(seal, &seal->own[OWN_CURRENT], &cert->node, cert->key, &pair))
		return;
	pair_send(seal, &pair, cert_key_id(crypto, cert->key), true, to, frame,
		  wire_put_frame(frame, FRAME_ROW, row, len));
	seal->greeted = *to;
	crypto->wipe(crypto->ctx, &pair, sizeof(pair));
}
