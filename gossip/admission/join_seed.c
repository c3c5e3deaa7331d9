/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The seed's side of a join.
 *
 * Until a cookie comes back nothing is kept and nothing larger than the question is said. With a
 * valid cookie the source address is real; then the proof may cost a key agreement and a few
 * signature checks, under a limit. What is refused is refused with a reason, sealed, because a
 * person waits for it on the other side.
 *
 * Work for strangers is limited: all of them share a rate that lets a rack of machines join at
 * once, and where that is used up each neighbourhood of addresses has a little left of its own. Who
 * floods from elsewhere, even with cookies of its own, keeps nobody out.
 */
#include <string.h>

#include "admission_impl.h"

#define HELLO_INTERVAL_NS (NS_PER_S / 1000)
#define HELLO_BURST 1000
#define PROOF_INTERVAL_NS (NS_PER_S / 200)
#define PROOF_BURST 400
#define HELLO_SHARE_NS (NS_PER_S / 4)
#define HELLO_SHARE_BURST 8
#define PROOF_SHARE_NS NS_PER_S
#define PROOF_SHARE_BURST 4
#define MAC_BYTES 16

_Static_assert(8 + MAC_BYTES == COOKIE_BYTES, "time and hash");

static void cookie_make(struct admission *adm, const uint8_t secret[32],
			const struct hostport *from, const uint8_t pub[KX_PUB_BYTES],
			uint64_t at_ms, uint8_t out[COOKIE_BYTES])
{
	const struct gossip_crypto *crypto = adm->core->crypto;
	uint8_t text[8 + 16 + 2 + KX_PUB_BYTES];
	uint8_t mac[HASH_BYTES];

	wire_put(text, at_ms, 8);
	memcpy(text + 8, from->ip.b, 16);
	wire_put(text + 24, from->port, 2);
	memcpy(text + 26, pub, KX_PUB_BYTES);
	crypto->hash(crypto->ctx, secret, 32, text, sizeof(text), mac);
	wire_put(out, at_ms, 8);
	memcpy(out + 8, mac, MAC_BYTES);
}

static uint64_t now_ms(const struct admission *adm)
{
	return (uint64_t)(adm->core->now.ns / NS_PER_MS);
}

static void secrets_rotate(struct admission *adm)
{
	struct gate *gate = &adm->gate;
	const struct gossip_crypto *crypto = adm->core->crypto;

	if (gate->has_secret && !mono_is_due(gate->rotate_due, adm->core->now))
		return;
	if (!gate->has_secret)
		crypto->random(crypto->ctx, gate->secrets[1], sizeof(gate->secrets[1]));
	else
		memcpy(gate->secrets[1], gate->secrets[0], sizeof(gate->secrets[1]));
	crypto->random(crypto->ctx, gate->secrets[0], sizeof(gate->secrets[0]));
	gate->has_secret = true;
	gate->rotate_due = mono_add_ms(adm->core->now, COOKIE_LIFE_MS);
}

static bool cookie_fits(struct admission *adm, const struct hostport *from,
			const uint8_t cookie[COOKIE_BYTES], const uint8_t pub[KX_PUB_BYTES])
{
	uint64_t at = wire_get(cookie, 8);
	uint64_t now = now_ms(adm);
	uint8_t want[COOKIE_BYTES];
	bool fits = false;

	if (!adm->gate.has_secret || at > now || now - at > COOKIE_LIFE_MS)
		return false;
	for (int i = 0; i < 2; i++) {
		cookie_make(adm, adm->gate.secrets[i], from, pub, at, want);
		fits = fits || memcmp(want, cookie, COOKIE_BYTES) == 0;
	}
	return fits;
}

static bool may_say_hello(struct admission *adm, const struct hostport *from)
{
	struct limit *share = &adm->gate.hello_shares[core_share(adm->core, from, GATE_SHARES)];
	const struct mono now = adm->core->now;

	return limit_pass(&adm->gate.hellos, now, HELLO_INTERVAL_NS, HELLO_BURST) ||
	       limit_pass(share, now, HELLO_SHARE_NS, HELLO_SHARE_BURST);
}

static bool may_prove(struct admission *adm, const struct hostport *from)
{
	struct limit *share = &adm->gate.proof_shares[core_share(adm->core, from, GATE_SHARES)];
	const struct mono now = adm->core->now;

	return limit_pass(&adm->gate.proofs, now, PROOF_INTERVAL_NS, PROOF_BURST) ||
	       limit_pass(share, now, PROOF_SHARE_NS, PROOF_SHARE_BURST);
}

enum drop_reason seed_hello(struct admission *adm, const struct hostport *from,
			    const uint8_t *bytes, size_t len)
{
	const struct self *self = &adm->core->self;
	const uint8_t *cert = seal_own_cert(adm->seal);
	uint8_t out[DATAGRAM_BYTES_MAX];
	uint8_t *at = out + WIRE_HEADER_BYTES;
	struct cert own;

	if (self->phase != NODE_ACTIVE || adm->leaving.under_way || cert == NULL)
		return DROP_NO_CLUSTER;
	if (len != DATAGRAM_BYTES_MAX)
		return DROP_JOIN;
	if (!may_say_hello(adm, from) || !seal_may_answer(adm->seal, from))
		return DROP_RATE;
	secrets_rotate(adm);
	if (!cert_parse(cert, CERT_BYTES, &own))
		return DROP_CERT;
	out[0] = WIRE_VERSION << 4 | DGRAM_COOKIE;
	memcpy(out + 1, bytes + 4, 3);
	wire_put(out + 4, cert_key_id(adm->core->crypto, own.key), KEY_ID_BYTES);
	memcpy(out + 12, bytes + 12, 8);
	cookie_make(adm, adm->gate.secrets[0], from, bytes + WIRE_HEADER_BYTES, now_ms(adm), at);
	at += COOKIE_BYTES;
	memcpy(at, cert, CERT_BYTES);
	at += CERT_BYTES;
	memcpy(at, self->sign_pub, SIGN_PUB_BYTES);
	at += SIGN_PUB_BYTES;
	chain_name_hash(adm->core->crypto, adm->core->name, at);
	at += NAME_HASH_BYTES;
	memcpy(at, adm->chain, adm->chain_len);
	at += adm->chain_len;
	WEFT_ASSERT((size_t)(at - out) <= len);
	seal_send_plain(adm->seal, from, out, (size_t)(at - out));
	return DROP_NONE;
}

struct reply {
	struct hostport to;
	uint8_t hint[3];
	uint64_t key_id;
	uint8_t key[AEAD_KEY_BYTES];
};

/* Each answer has a random counter: one handshake key seals a handful of them. */
static void reply_send(struct admission *adm, const struct reply *reply, const uint8_t *plain,
		       int len)
{
	const struct gossip_crypto *crypto = adm->core->crypto;
	uint8_t out[DATAGRAM_BYTES_MAX];
	uint64_t counter;

	if (len < 0 || WIRE_OVERHEAD_BYTES + (size_t)len > sizeof(out))
		return;
	crypto->random(crypto->ctx, &counter, sizeof(counter));
	out[0] = WIRE_VERSION << 4 | DGRAM_ADMIT;
	memcpy(out + 1, reply->hint, 3);
	wire_put(out + 4, reply->key_id, KEY_ID_BYTES);
	wire_put(out + 12, counter, 8);
	crypto->seal(crypto->ctx, reply->key, counter, out, WIRE_HEADER_BYTES, plain, (size_t)len,
		     out + WIRE_HEADER_BYTES);
	seal_send_plain(adm->seal, &reply->to, out, WIRE_OVERHEAD_BYTES + (size_t)len);
}

static void reply_row(struct admission *adm, const struct reply *reply, const struct id *owner)
{
	uint8_t plain[DATAGRAM_BYTES_MAX];
	struct row_view row;
	const uint8_t *bytes;
	size_t len;

	if (!tables_row(adm->tables, owner, &id_none, ROW_MEMBER, NULL, 0, &row))
		return;
	bytes = row_bytes(&row, &len);
	reply_send(adm, reply, plain, verdict_row_encode(bytes, len, plain, sizeof(plain)));
}

static void reply_verdict(struct admission *adm, const struct reply *reply,
			  const struct weft_err *err, const struct admission_sig *sig)
{
	struct verdict verdict = {
	    .code = err->code,
	    .clock = adm->core->wall,
	    .observed = reply->to,
	};
	uint8_t plain[DATAGRAM_BYTES_MAX];

	if (verdict.clock.ms < 0)
		verdict.clock.ms = 0;
	memcpy(verdict.message, err->message, sizeof(verdict.message));
	memcpy(verdict.cluster_name, adm->core->self.cluster_name, sizeof(verdict.cluster_name));
	if (sig != NULL) {
		verdict.at = sig->at;
		memcpy(verdict.sig, sig->sig, SIG_BYTES);
	}
	reply_send(adm, reply, plain, verdict_encode(&verdict, plain, sizeof(plain)));
}

static void reply_admitted(struct admission *adm, const struct reply *reply,
			   const struct admitted *admitted)
{
	struct id skip[JOIN_ROWS_MAX] = {admitted->id};

	for (size_t i = 1; i < JOIN_ROWS_MAX; i++) {
		const struct member *peer = member_pick(adm->members, skip, i);
		if (peer == NULL)
			break;
		skip[i] = peer->id;
		reply_row(adm, reply, &peer->id);
	}
	reply_row(adm, reply, &adm->core->self.id);
	reply_verdict(adm, reply, &(struct weft_err){.code = 0}, &admitted->sig);
}

static bool signatures_fit(struct admission *adm, const struct proof *proof, const uint8_t *bytes,
			   const uint8_t own_pub[KX_PUB_BYTES])
{
	struct chain_ctx ctx = admission_ctx(adm);
	struct chain_text text;

	join_transcript(&ctx, bytes, own_pub, proof, &text);
	return chain_text_verify(&text, &ctx, proof->cert.pub, proof->token_sig) &&
	       chain_text_verify(&text, &ctx, proof->pub, proof->node_sig);
}

/* What one proof is opened and answered with. */
struct proof_keys {
	uint8_t shared[32], to_seed[AEAD_KEY_BYTES];
	struct reply reply;
};

static enum drop_reason take_proof(struct admission *adm, const struct hostport *from,
				   const uint8_t *bytes, size_t len, struct proof_keys *keys)
{
	const struct gossip_crypto *crypto = adm->core->crypto;
	const uint8_t *eph = bytes + WIRE_HEADER_BYTES + COOKIE_BYTES;
	struct reply *reply = &keys->reply;
	uint8_t own_pub[KX_PUB_BYTES];
	uint8_t plain[DATAGRAM_BYTES_MAX];
	const struct refused *refused;
	struct admitted *admitted;
	struct weft_err err = {0};
	struct proof proof;
	struct id id;
	int rc;

	if (adm->core->self.phase != NODE_ACTIVE || adm->leaving.under_way)
		return DROP_NO_CLUSTER;
	if (len <= PROOF_AD_BYTES + AEAD_TAG_BYTES)
		return DROP_JOIN;
	if (!cookie_fits(adm, from, bytes + WIRE_HEADER_BYTES, eph))
		return DROP_COOKIE;
	if (!may_prove(adm, from))
		return DROP_RATE;
	if (!seal_stranger(adm->seal, bytes + 1, eph, keys->shared, own_pub))
		return DROP_STALE_KEY;
	join_keys(crypto, keys->shared, eph, own_pub, keys->to_seed, reply->key);
	memcpy(reply->hint, bytes + 4, sizeof(reply->hint));
	reply->key_id = cert_key_id(crypto, own_pub);
	if (crypto->open(crypto->ctx, keys->to_seed, wire_get(bytes + 12, 8), bytes, PROOF_AD_BYTES,
			 bytes + PROOF_AD_BYTES, len - PROOF_AD_BYTES, plain) != 0)
		return DROP_AUTH;
	if (!proof_decode(plain, len - PROOF_AD_BYTES - AEAD_TAG_BYTES, &proof) ||
	    !signatures_fit(adm, &proof, bytes, own_pub))
		return DROP_JOIN;
	id = chain_node_id(crypto, proof.pub);
	if (id_eq(&id, &adm->core->self.id))
		return DROP_SELF;
	admitted = judge_admitted(adm, &id);
	refused = admitted == NULL ? judge_refused(adm, eph) : NULL;
	if (refused != NULL) {
		if (refused->storing == 0)
			reply_verdict(adm, reply, &refused->why, NULL);
		return DROP_NONE;
	}
	rc = admitted != NULL ? 0 : judge_proof(adm, &proof, &id, from, eph, &err);
	if (rc == WEFT_E_BUSY && err.code == 0)
		return DROP_NONE; /* the removal is being stored; the proof comes again */
	if (rc == 0) {
		reply_admitted(adm, reply,
			       admitted != NULL ? admitted : judge_admit(adm, &proof, &id, from));
	} else {
		if (rc == WEFT_E_NAME_TAKEN) /* so the token is good: nobody else fills the list */
			judge_refuse(adm, eph, &err);
		reply_verdict(adm, reply, &err, NULL);
	}
	return DROP_NONE;
}

enum drop_reason seed_proof(struct admission *adm, const struct hostport *from,
			    const uint8_t *bytes, size_t len)
{
	const struct gossip_crypto *crypto = adm->core->crypto;
	struct proof_keys keys = {.reply.to = *from};
	enum drop_reason reason = take_proof(adm, from, bytes, len, &keys);

	crypto->wipe(crypto->ctx, &keys, sizeof(keys));
	return reason;
}
