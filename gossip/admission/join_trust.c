/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The joiner's look at a seed: nothing of the joiner, not even its name, is shown before the seed
 * has proven that it is a member of the token's cluster. A cookie that does not prove it is passed
 * over, since anybody on the way may have sent it; the true one may still come.
 */
#include <string.h>

#include "admission_impl.h"

static struct target *target_from(struct join *join, const struct hostport *from)
{
	for (size_t i = 0; i < join->target_count; i++) {
		if (hostport_eq(&join->targets[i].addr, from))
			return &join->targets[i];
	}
	return NULL;
}

/* The certificate is of the identity key shown with it. */
static bool seed_is_consistent(struct admission *adm, const struct target *target,
			       const uint8_t *at)
{
	const struct gossip_crypto *crypto = adm->core->crypto;
	const uint8_t *pub = at + CERT_BYTES;
	struct id id = chain_node_id(crypto, pub);

	return id_eq(&id, &target->cert.node) && cert_verify(crypto, at, pub);
}

/* That identity belongs to the token's cluster. */
static bool seed_is_member(struct admission *adm, struct target *target, const uint8_t *at,
			   size_t chain_len)
{
	struct chain_ctx ctx = {.crypto = adm->core->crypto,
				.cluster_pub = adm->join->token.cluster_pub};
	const uint8_t *pub = at + CERT_BYTES;
	const uint8_t *name_hash = pub + SIGN_PUB_BYTES;
	const uint8_t *chain = name_hash + NAME_HASH_BYTES;

	if (chain_verify(&ctx, chain, chain_len, pub, name_hash, NULL) != 0)
		return false;
	memcpy(target->pub, pub, SIGN_PUB_BYTES);
	return true;
}

enum drop_reason joiner_cookie(struct admission *adm, const struct hostport *from,
			       const uint8_t *bytes, size_t len)
{
	const struct gossip_crypto *crypto = adm->core->crypto;
	const size_t fixed = COOKIE_AT_CERT + CERT_BYTES + SIGN_PUB_BYTES + NAME_HASH_BYTES;
	const uint8_t *at = bytes + COOKIE_AT_CERT;
	struct join *join = adm->join;
	struct target *target = join != NULL ? target_from(join, from) : NULL;
	uint8_t shared[32];
	struct id cluster;

	if (target == NULL || target->state != TARGET_HELLO || len <= fixed || target->tries == 0 ||
	    wire_get(bytes + 12, 8) != target->counter)
		return DROP_JOIN;
	if (!cert_parse(at, CERT_BYTES, &target->cert) || !seed_is_consistent(adm, target, at))
		return DROP_CERT;
	cluster = chain_cluster_id(crypto, join->token.cluster_pub);
	if (!id_eq(&target->cert.cluster, &cluster)) {
		joiner_target_done(target, WEFT_E_WRONG_CLUSTER, "it belongs to another cluster");
		return DROP_NONE;
	}
	if (!seed_is_member(adm, target, at, len - fixed))
		return DROP_CERT;
	if (target->cert.wire_min > WIRE_VERSION || target->cert.wire_max < WIRE_VERSION) {
		joiner_target_done(
		    target, WEFT_E_UNSUPPORTED,
		    "it speaks versions %u to %u of the wire and this node version %u",
		    target->cert.wire_min, target->cert.wire_max, WIRE_VERSION);
		return DROP_NONE;
	}
	if (crypto->kx(crypto->ctx, join->eph_sec, target->cert.key, shared) != 0)
		return DROP_CERT;
	join_keys(crypto, shared, join->eph_pub, target->cert.key, target->tx, target->rx);
	crypto->wipe(crypto->ctx, shared, sizeof(shared));
	memcpy(target->cookie, bytes + WIRE_HEADER_BYTES, COOKIE_BYTES);
	target->key_id = cert_key_id(crypto, target->cert.key);
	target->state = TARGET_READY;
	return DROP_NONE;
}
