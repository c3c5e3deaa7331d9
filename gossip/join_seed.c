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
 * An admission is remembered for a minute: the same proof again (an answer was lost) gets the same
 * counter-signature, two newcomers cannot take one name here, and the newcomer's certificate is
 * believed before its member row has come.
 */
#include <stdio.h>
#include <string.h>

#include "admission_impl.h"

#define HELLO_INTERVAL_NS (NS_PER_S / 1000)
#define HELLO_BURST 1000
#define PROOF_INTERVAL_NS (NS_PER_S / 200)
#define PROOF_BURST 400
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

enum drop_reason seed_hello(struct admission *adm, const struct hostport *from,
			    const uint8_t *bytes, size_t len)
{
	const struct self *self = &adm->core->self;
	const uint8_t *cert = seal_own_cert(adm->seal);
	uint8_t out[DATAGRAM_BYTES_MAX];
	uint8_t *at = out + WIRE_HEADER_BYTES;
	struct cert own;

	if (self->phase != NODE_ACTIVE || cert == NULL)
		return DROP_NO_CLUSTER;
	if (len != DATAGRAM_BYTES_MAX)
		return DROP_JOIN;
	if (!limit_pass(&adm->gate.hellos, adm->core->now, HELLO_INTERVAL_NS, HELLO_BURST) ||
	    !seal_may_answer(adm->seal, from))
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

/* ---- what is remembered of an admission ---- */

static struct admitted *admitted_at(const struct admission *adm, size_t i)
{
	return *(struct admitted **)vec_at(&adm->gate.admitted, i);
}

static void admitted_drop(struct admission *adm, size_t i)
{
	heap_give(&adm->core->heap, admitted_at(adm, i), sizeof(struct admitted));
	vec_remove(&adm->gate.admitted, i);
}

static struct admitted *admitted_find(struct admission *adm, const struct id *id)
{
	for (size_t i = adm->gate.admitted.count; i-- > 0;) {
		if (mono_is_due(admitted_at(adm, i)->until, adm->core->now))
			admitted_drop(adm, i);
	}
	for (size_t i = 0; i < adm->gate.admitted.count; i++) {
		if (id_eq(&admitted_at(adm, i)->id, id))
			return admitted_at(adm, i);
	}
	return NULL;
}

static bool is_promised(const struct admission *adm, const char *name, const struct id *except)
{
	for (size_t i = 0; i < adm->gate.admitted.count; i++) {
		const struct admitted *admitted = admitted_at(adm, i);
		if (strcmp(admitted->rec.name, name) == 0 && !id_eq(&admitted->id, except))
			return true;
	}
	return false;
}

bool seed_row_came(struct admission *adm, const struct id *node)
{
	for (size_t i = 0; i < adm->gate.admitted.count; i++) {
		if (!id_eq(&admitted_at(adm, i)->id, node))
			continue;
		admitted_drop(adm, i);
		return true;
	}
	return false;
}

void seed_close(struct admission *adm)
{
	while (adm->gate.admitted.count > 0)
		admitted_drop(adm, 0);
	vec_close(&adm->gate.admitted);
}

struct member *seed_vouch(void *ctx, const struct id *node)
{
	struct admission *adm = ctx;
	const struct admitted *admitted = admitted_find(adm, node);
	struct member *member;

	if (admitted == NULL)
		return NULL;
	member = member_intern(adm->members, node);
	if (member != NULL && !member->has_record && member->state != MEMBER_REMOVED)
		member_apply_record(adm->members, member, &admitted->rec, 0);
	return member;
}

/* ---- the judgement ---- */

static int say_expired(const struct admission *adm, const struct proof *proof, struct weft_err *err)
{
	char end[WALL_TEXT_BYTES];
	char now[WALL_TEXT_BYTES];

	wall_format(proof->cert.expires, end);
	wall_format(adm->core->wall, now);
	return weft_err_set(err, WEFT_E_TOKEN_EXPIRED,
			    "the token expired at %s and the clock of %s says %s", end,
			    adm->core->name, now);
}

static int check_token(struct admission *adm, const struct proof *proof, struct weft_err *err)
{
	const struct gossip_crypto *crypto = adm->core->crypto;
	struct chain_ctx ctx = admission_ctx(adm);
	struct rec_token terms;

	if (!token_terms_match(crypto, &proof->cert, proof->terms, proof->terms_len, &terms) ||
	    !token_cert_verify(&ctx, &proof->path, &proof->cert) ||
	    !chain_bind_verify(&ctx, &proof->cert, proof->pub, proof->bind))
		return weft_err_set(err, WEFT_E_TOKEN_INVALID,
				    "the token is not signed by an admin of cluster %s",
				    adm->core->self.cluster_name);
	if (authority_has_fact(adm->tables, FACT_TOKEN_END, &proof->cert.id, NULL))
		return weft_err_set(err, WEFT_E_TOKEN_REVOKED,
				    "an admin revoked the token; ask for a new one");
	for (size_t i = 0; i < path_count(&proof->path); i++) {
		struct id admin = chain_node_id(crypto, path_key(&proof->path, i));
		if (authority_has_fact(adm->tables, FACT_ADMIN_END, &admin, NULL) ||
		    authority_has_fact(adm->tables, FACT_REMOVAL, &admin, NULL))
			return weft_err_set(err, WEFT_E_TOKEN_REVOKED,
					    "the token was made by a node that is no admin any "
					    "more; ask for a new one");
	}
	if (adm->core->wall.ms > proof->cert.expires.ms)
		return say_expired(adm, proof, err);
	if (!name_fits_pattern(proof->name, terms.name_pattern))
		return weft_err_set(err, WEFT_E_DENIED,
				    "the token admits names like \"%s\", which \"%s\" is not; "
				    "choose one with --name",
				    terms.name_pattern, proof->name);
	return 0;
}

/* The member that bears a name and counts; NULL when none does. */
static struct member *bearer(const struct admission *adm, const char *name, const struct id *except)
{
	for (size_t i = 0; i < adm->members->ordered.count; i++) {
		struct member *member = *(struct member **)vec_at(&adm->members->ordered, i);
		if (member->has_record && member->state != MEMBER_LEFT &&
		    member->state != MEMBER_REMOVED && !id_eq(&member->id, except) &&
		    strcmp(member->rec.name, name) == 0)
			return member;
	}
	return NULL;
}

/* join --replace: the old bearer of the name is removed, if it is gone or was on this very host. */
static int replace(struct admission *adm, const struct member *old, const struct hostport *from,
		   struct weft_err *err)
{
	uint64_t token;

	if (!adm->core->self.is_admin)
		return weft_err_set(err, WEFT_E_DENIED,
				    "%s is no admin and cannot replace a node; join through one",
				    adm->core->name);
	if (id_eq(&old->id, &adm->core->self.id) ||
	    (member_is_present(old) && !inet_eq(&old->addr.ip, &from->ip)))
		return weft_err_set(err, WEFT_E_NAME_TAKEN,
				    "%s is running on another host; remove it with weft node rm "
				    "or choose another name",
				    old->rec.name);
	return admin_put_removal(adm, 0, &old->id, "replaced by a new join", &token, err);
}

/* 0: admit; WEFT_E_BUSY without a message: the answer comes to a later proof. */
static int check_name(struct admission *adm, const struct proof *proof, const struct id *id,
		      const struct hostport *from, struct weft_err *err)
{
	const struct member *old = bearer(adm, proof->name, id);

	if (is_promised(adm, proof->name, id))
		return weft_err_set(err, WEFT_E_NAME_TAKEN,
				    "another node is joining under the name %s now", proof->name);
	if (old == NULL)
		return 0;
	if (!proof->replace)
		return weft_err_set(err, WEFT_E_NAME_TAKEN,
				    "a member named %s is here already; choose another --name or, "
				    "if that node is gone for good, join --replace",
				    proof->name);
	return replace(adm, old, from, err) == 0 ? WEFT_E_BUSY : err->code;
}

static int judge(struct admission *adm, const struct proof *proof, const struct id *id,
		 const struct hostport *from, struct weft_err *err)
{
	const struct member *member = member_find(adm->members, id);
	int rc = check_token(adm, proof, err);

	if (rc != 0)
		return rc;
	if ((member != NULL && member->state == MEMBER_REMOVED) ||
	    authority_has_fact(adm->tables, FACT_REMOVAL, id, NULL))
		return weft_err_set(err, WEFT_E_REMOVED,
				    "this identity was removed from the cluster; weft reset makes "
				    "a new one");
	if (adm->members->ordered.count >= adm->core->limits.members_max ||
	    adm->gate.admitted.count >= ADMITTED_MAX)
		return weft_err_set(err, WEFT_E_LIMIT,
				    "the cluster has as many members as it may have, or too many "
				    "join at once");
	return check_name(adm, proof, id, from, err);
}

/* The admission of this node: the one given before, or a new one. */
static struct admitted *admit(struct admission *adm, const struct proof *proof, const struct id *id,
			      const struct hostport *from)
{
	struct admitted *admitted = heap_take(&adm->core->heap, sizeof(*admitted));
	struct chain_ctx ctx = admission_ctx(adm);
	uint8_t name_hash[NAME_HASH_BYTES];
	struct rec_member *rec = &admitted->rec;

	admitted->id = *id;
	admitted->until = mono_add_ms(adm->core->now, ADMITTED_LIFE_MS);
	admitted->sig.at = adm->core->wall;
	memcpy(admitted->sig.admitter, adm->core->self.sign_pub, SIGN_PUB_BYTES);
	chain_name_hash(adm->core->crypto, proof->name, name_hash);
	chain_admit(&ctx, &proof->cert, proof->pub, name_hash, adm->core->self.sign_sec,
		    &admitted->sig);
	memcpy(rec->name, proof->name, sizeof(rec->name));
	memcpy(rec->pubkey, proof->pub, SIGN_PUB_BYTES);
	rec->gossip = address_is_unset(&proof->gossip.ip) ? *from : proof->gossip;
	rec->vtep = address_is_unset(&proof->vtep) ? rec->gossip.ip : proof->vtep;
	rec->wire_min = WIRE_VERSION;
	rec->wire_max = WIRE_VERSION;
	rec->chain_len =
	    chain_token_encode(&proof->path, &proof->cert, proof->bind, &admitted->sig, rec->chain);
	vec_push(&adm->gate.admitted, &admitted);
	core_trace(adm->core, TRACE_ADMITTED, id, NULL, from, 0);
	return admitted;
}

/* ---- answers ---- */

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
	static const struct id no_topic;
	uint8_t plain[DATAGRAM_BYTES_MAX];
	struct row_view row;

	if (tables_row(adm->tables, owner, &no_topic, ROW_MEMBER, no_topic.b, 0, &row))
		reply_send(adm, reply, plain,
			   verdict_row_encode(row.sig - row.signed_len, row.signed_len + SIG_BYTES,
					      plain, sizeof(plain)));
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

enum drop_reason seed_proof(struct admission *adm, const struct hostport *from,
			    const uint8_t *bytes, size_t len)
{
	const struct gossip_crypto *crypto = adm->core->crypto;
	const uint8_t *eph = bytes + WIRE_HEADER_BYTES + COOKIE_BYTES;
	uint8_t shared[32], own_pub[KX_PUB_BYTES], to_seed[AEAD_KEY_BYTES];
	uint8_t plain[DATAGRAM_BYTES_MAX];
	struct reply reply = {.to = *from};
	struct admitted *admitted;
	struct weft_err err = {0};
	struct proof proof;
	struct id id;
	int rc;

	if (adm->core->self.phase != NODE_ACTIVE)
		return DROP_NO_CLUSTER;
	if (len <= PROOF_AD_BYTES + AEAD_TAG_BYTES)
		return DROP_JOIN;
	if (!cookie_fits(adm, from, bytes + WIRE_HEADER_BYTES, eph))
		return DROP_COOKIE;
	if (!limit_pass(&adm->gate.proofs, adm->core->now, PROOF_INTERVAL_NS, PROOF_BURST))
		return DROP_RATE;
	if (!seal_stranger(adm->seal, bytes + 1, eph, shared, own_pub))
		return DROP_STALE_KEY;
	join_keys(crypto, shared, eph, own_pub, to_seed, reply.key);
	memcpy(reply.hint, bytes + 4, sizeof(reply.hint));
	reply.key_id = cert_key_id(crypto, own_pub);
	if (crypto->open(crypto->ctx, to_seed, wire_get(bytes + 12, 8), bytes, PROOF_AD_BYTES,
			 bytes + PROOF_AD_BYTES, len - PROOF_AD_BYTES, plain) != 0)
		return DROP_AUTH;
	if (!proof_decode(plain, len - PROOF_AD_BYTES - AEAD_TAG_BYTES, &proof) ||
	    !signatures_fit(adm, &proof, bytes, own_pub))
		return DROP_JOIN;
	id = chain_node_id(crypto, proof.pub);
	if (id_eq(&id, &adm->core->self.id))
		return DROP_SELF;
	admitted = admitted_find(adm, &id);
	rc = admitted != NULL ? 0 : judge(adm, &proof, &id, from, &err);
	if (rc == WEFT_E_BUSY && err.code == 0)
		return DROP_NONE; /* the removal is being stored; the proof comes again */
	if (rc == 0)
		reply_admitted(adm, &reply,
			       admitted != NULL ? admitted : admit(adm, &proof, &id, from));
	else
		reply_verdict(adm, &reply, &err, NULL);
	return DROP_NONE;
}
