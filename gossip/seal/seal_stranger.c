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
 * says who it is, to the key that the answer shows, in a datagram as long as may be. A member's row
 * is no secret. Where he refuses it, or it was removed, he says so beside his own row: a removal is
 * heard of members only, for any who were removed have some to show.
 *
 * Each such datagram costs a key agreement before anything opens. All strangers share a rate; where
 * it is used up each neighbourhood of addresses has a little left of its own.
 */
#include "sealing.h"

#define INTRODUCTION_INTERVAL_NS (NS_PER_S / 50)
#define INTRODUCTION_BURST 50
#define INTRODUCTION_SHARE_NS (2 * NS_PER_S)
#define INTRODUCTION_SHARE_BURST 1
#define ROWS_SHOWN 2
#define ROOM_MAX (WIRE_PAYLOAD_MAX - CERT_BYTES) /* for frames beside a certificate */

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

/* Looks at the rows in there; true when one is refused for good. */
static bool look_inside(struct seal *seal, const struct id *node, const uint8_t *at, size_t left,
			struct rejection *why)
{
	const struct seal_hooks *hooks = &seal->hooks;

	while (left >= FRAME_HEADER_BYTES) {
		size_t len = (size_t)wire_get(at + 1, 2);
		if (len > left - FRAME_HEADER_BYTES)
			return false;
		if (at[0] == FRAME_ROW &&
		    hooks->introduce(hooks->ctx, node, at + FRAME_HEADER_BYTES, len, why))
			return true;
		at += FRAME_HEADER_BYTES + len;
		left -= FRAME_HEADER_BYTES + len;
	}
	return false;
}

/* Who knows nobody hears it of members only, so before it goes who says it, or who admitted him. To
 * who filled a datagram for that the rows come first: a member whom he knows is heard soon again.
 */
size_t put_removal(struct seal *seal, uint8_t *out, size_t room, const struct rejection *why)
{
	const struct seal_hooks *hooks = &seal->hooks;
	const size_t size = FRAME_HEADER_BYTES + why->len;
	const size_t for_rows = room == ROOM_MAX || room < size ? room : room - size;
	const uint8_t *last = NULL;
	size_t len = 0;

	for (int i = 0; i < ROWS_SHOWN && hooks->refuser_row != NULL; i++) {
		size_t row_len = 0;
		const uint8_t *row = hooks->refuser_row(hooks->ctx, &row_len);

		if (row == NULL || row == last || len + FRAME_HEADER_BYTES + row_len > for_rows)
			continue;
		len += wire_put_frame(out + len, FRAME_ROW, row, row_len);
		last = row;
	}
	if (len + size <= room)
		len += wire_put_frame(out + len, FRAME_REMOVED, why->fact, why->len);
	return len;
}

/* Tells a newcomer, under a pair made for this one datagram, if the key that it shows is its own.
 * The certificate goes along where it may: the newcomer need not have it.
 */
static void tell_refused(struct seal *seal, const struct cert *cert, const uint8_t *cert_bytes,
			 const struct rejection *why, const struct hostport *to, size_t request_len)
{
	const struct gossip_crypto *crypto = seal->core->crypto;
	const size_t size = WIRE_OVERHEAD_BYTES + FRAME_HEADER_BYTES + why->len;
	const bool with_cert = size + CERT_BYTES <= request_len;
	uint8_t frames[WIRE_PAYLOAD_MAX];
	struct pair pair;
	size_t len;

	if (size > request_len || !cert_verify(crypto, cert_bytes, why->pub) ||
	    !seal_may_answer(seal, to) ||
	    !pair_derive(seal, &seal->own[OWN_CURRENT], &cert->node, cert->key, &pair))
		return;
	len = with_cert
		  ? put_removal(seal, frames, request_len - WIRE_OVERHEAD_BYTES - CERT_BYTES, why)
		  : wire_put_frame(frames, FRAME_REMOVED, why->fact, why->len);
	pair_send(seal, &pair, cert_key_id(crypto, cert->key), with_cert, to, frames, len);
	crypto->wipe(crypto->ctx, &pair, sizeof(pair));
}

static bool may_introduce(struct seal *seal, const struct hostport *from)
{
	const size_t nth = core_share(seal->core, from, INTRODUCTION_SHARES);
	const struct mono now = seal->core->now;

	return limit_pass(&seal->introductions, now, INTRODUCTION_INTERVAL_NS,
			  INTRODUCTION_BURST) ||
	       limit_pass(&seal->introduction_shares[nth], now, INTRODUCTION_SHARE_NS,
			  INTRODUCTION_SHARE_BURST);
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
	    !may_introduce(seal, from))
		return;
	if (pair_derive(seal, own, &cert.node, cert.key, &pair) &&
	    crypto->open(crypto->ctx, pair.rx, wire_get(bytes + 12, 8), bytes, ad, bytes + ad,
			 len - ad, seal->plain) == 0 &&
	    look_inside(seal, &cert.node, seal->plain, len - ad - AEAD_TAG_BYTES, &why))
		tell_refused(seal, &cert, bytes + WIRE_HEADER_BYTES, &why, from, len);
	crypto->wipe(crypto->ctx, &pair, sizeof(pair));
}

/* What is left of it, which is zero, becomes one frame where a frame fits: what answers it may
 * be as long. All bytes used. */
static size_t pad(uint8_t frames[ROOM_MAX], size_t used)
{
	if (ROOM_MAX - used < FRAME_HEADER_BYTES)
		return used;
	frames[used] = FRAME_PAD;
	wire_put(frames + used + 1, ROOM_MAX - used - FRAME_HEADER_BYTES, 2);
	return ROOM_MAX;
}

void stranger_greet(struct seal *seal, const struct cert *cert, const struct hostport *to)
{
	const struct gossip_crypto *crypto = seal->core->crypto;
	uint8_t frames[ROOM_MAX] = {0};
	struct pair pair;
	const uint8_t *row;
	size_t len = 0;

	if (seal->hooks.own_row == NULL)
		return;
	row = seal->hooks.own_row(seal->hooks.ctx, NULL, &len);
	if (row == NULL || FRAME_HEADER_BYTES + len > sizeof(frames) ||
	    !pair_derive(seal, &seal->own[OWN_CURRENT], &cert->node, cert->key, &pair))
		return;
	pair_send(seal, &pair, cert_key_id(crypto, cert->key), true, to, frames,
		  pad(frames, wire_put_frame(frames, FRAME_ROW, row, len)));
	crypto->wipe(crypto->ctx, &pair, sizeof(pair));
}
