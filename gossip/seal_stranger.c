/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Members that this node has never heard of, or forgot in a crash before they were stored.
 *
 * Such a member knows us and takes us for failed. What it sends to a failed member carries its own
 * member row, which is complete in itself: the admission chain in it proves that the node exists,
 * its signature that the row is the node's. The datagram is sealed under a key that nobody has
 * vouched for yet, so of all that is in it only that row is looked at; if it is believed, the
 * certificate can be checked, and the datagram is opened once more as that of a member.
 */
#include "sealing.h"

#define STRANGER_INTERVAL_NS (NS_PER_S / 50)
#define STRANGER_BURST 50

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

static void look_for_row(struct seal *seal, const struct id *node, const uint8_t *at, size_t left)
{
	while (left >= FRAME_HEADER_BYTES) {
		size_t len = (size_t)wire_get(at + 1, 2);
		if (len > left - FRAME_HEADER_BYTES)
			return;
		if (at[0] == FRAME_ROW) {
			seal->hooks.introduce(seal->hooks.ctx, node, at + FRAME_HEADER_BYTES, len);
			return;
		}
		at += FRAME_HEADER_BYTES + len;
		left -= FRAME_HEADER_BYTES + len;
	}
}

void stranger_introduce(struct seal *seal, const struct own_key *own, const uint8_t *bytes,
			size_t len)
{
	const struct gossip_crypto *crypto = seal->core->crypto;
	const size_t ad = WIRE_HEADER_BYTES + CERT_BYTES;
	struct cert cert;
	struct pair pair = {.tx_next = 0};

	WEFT_ASSERT(len >= ad + AEAD_TAG_BYTES && own->key_id != 0);
	if (seal->hooks.introduce == NULL || !stranger_is(seal, bytes + WIRE_HEADER_BYTES, &cert) ||
	    !limit_pass(&seal->introductions, seal->core->now, STRANGER_INTERVAL_NS,
			STRANGER_BURST))
		return;
	if (pair_derive(seal, own, &cert.node, cert.key, &pair) &&
	    crypto->open(crypto->ctx, pair.rx, wire_get(bytes + 12, 8), bytes, ad, bytes + ad,
			 len - ad, seal->plain) == 0)
		look_for_row(seal, &cert.node, seal->plain, len - ad - AEAD_TAG_BYTES);
	crypto->wipe(crypto->ctx, &pair, sizeof(pair));
}
