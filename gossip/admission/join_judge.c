/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Whether a proof admits: the token by its signatures, revocations and the clock, the name by its
 * pattern and by who bears it, the identity by removals.
 *
 * An admission is remembered for a minute: the same proof again (an answer was lost) gets the same
 * counter-signature, two newcomers cannot take one name here, and the newcomer's certificate is
 * believed before its member row has come. It is a member from that row on, here as everywhere:
 * were it one before, who admits somebody that never speaks again would know a member that nobody
 * else ever hears of.
 *
 * A refusal is remembered as long as the proof's cookie lives: the joiner was told, and goes on
 * elsewhere or not at all. Were it judged again later, whoever has recorded it could have a member
 * replaced, once that fails, for nobody. For the same reason a removal that a proof asks for is
 * written once: while it is being stored the proof waits, and when it could not be, the proof is
 * refused.
 */
#include <string.h>

#include "admission_impl.h"

static struct admitted *admitted_at(const struct admission *adm, size_t i)
{
	return *(struct admitted **)vec_at(&adm->gate.admitted, i);
}

static void admitted_drop(struct admission *adm, size_t i)
{
	heap_give(&adm->core->heap, admitted_at(adm, i), sizeof(struct admitted));
	vec_remove(&adm->gate.admitted, i);
}

struct admitted *judge_admitted(struct admission *adm, const struct id *id)
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

/* Where a newcomer says that it is to be found. */
static struct hostport place_of(const struct proof *proof, const struct hostport *from)
{
	return inet_is_any(&proof->gossip.ip) ? *from : proof->gossip;
}

/* Is the name promised to another newcomer? One at the same place is that newcomer: it was stopped
 * before it had stored its identity, and comes with a new one. */
static bool is_promised(struct admission *adm, const char *name, const struct id *id,
			const struct hostport *place)
{
	for (size_t i = adm->gate.admitted.count; i-- > 0;) {
		const struct admitted *admitted = admitted_at(adm, i);
		if (strcmp(admitted->rec.name, name) != 0 || id_eq(&admitted->id, id))
			continue;
		if (!hostport_eq(&admitted->rec.gossip, place))
			return true;
		admitted_drop(adm, i);
	}
	return false;
}

void judge_row_came(struct admission *adm, const struct id *node)
{
	for (size_t i = 0; i < adm->gate.admitted.count; i++) {
		if (!id_eq(&admitted_at(adm, i)->id, node))
			continue;
		admitted_drop(adm, i);
		return;
	}
}

void judge_close(struct admission *adm)
{
	while (adm->gate.admitted.count > 0)
		admitted_drop(adm, 0);
	vec_close(&adm->gate.admitted);
	vec_close(&adm->gate.refused);
}

const struct refused *judge_refused(struct admission *adm, const uint8_t key[KX_PUB_BYTES])
{
	struct vec *list = &adm->gate.refused;

	while (list->count > 0 &&
	       mono_is_due(((struct refused *)vec_at(list, 0))->until, adm->core->now))
		vec_remove(list, 0);
	for (size_t i = 0; i < list->count; i++) {
		struct refused refused = *(struct refused *)vec_at(list, i);
		if (memcmp(refused.key, key, KX_PUB_BYTES) != 0)
			continue;
		/* The cookie of this proof may be younger; those that end first stay in front. */
		refused.until = mono_add_ms(adm->core->now, COOKIE_LIFE_MS);
		vec_remove(list, i);
		return vec_push(list, &refused);
	}
	return NULL;
}

static void refused_add(struct admission *adm, const uint8_t key[KX_PUB_BYTES],
			struct refused *refused)
{
	memcpy(refused->key, key, KX_PUB_BYTES);
	refused->until = mono_add_ms(adm->core->now, COOKIE_LIFE_MS);
	if (adm->gate.refused.count == REFUSED_MAX)
		vec_remove(&adm->gate.refused, 0);
	vec_push(&adm->gate.refused, refused);
}

void judge_refuse(struct admission *adm, const uint8_t key[KX_PUB_BYTES],
		  const struct weft_err *why)
{
	struct refused refused = {.why = *why};

	refused_add(adm, key, &refused);
}

void judge_replaced(struct admission *adm, uint64_t token, bool ok)
{
	WEFT_ASSERT(token != 0);
	for (size_t i = 0; i < adm->gate.refused.count; i++) {
		struct refused refused = *(struct refused *)vec_at(&adm->gate.refused, i);
		if (refused.storing != token)
			continue;
		vec_remove(&adm->gate.refused, i);
		if (ok)
			return; /* the proof comes again and is judged */
		refused.storing = 0;
		weft_err_set(&refused.why, WEFT_E_BUSY,
			     "%s could not write down that the old node of this name is removed; "
			     "see to its disk or join through another admin",
			     adm->core->name);
		refused_add(adm, refused.key, &refused);
		return;
	}
}

struct member *judge_vouch(void *ctx, const struct id *node)
{
	struct admission *adm = ctx;
	const struct admitted *admitted = judge_admitted(adm, node);
	struct member *member;

	if (admitted == NULL)
		return NULL;
	member = member_intern(adm->members, node);
	if (member != NULL && !member->has_record && member->state != MEMBER_REMOVED)
		member_vouch(adm->members, member, admitted->rec.pubkey, &admitted->rec.gossip);
	return member;
}

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
		struct member *member = member_at(adm->members, i);
		if (member->has_record && !member_state_is_gone(member->state) &&
		    !id_eq(&member->id, except) && strcmp(member->rec->name, name) == 0)
			return member;
	}
	return NULL;
}

/* join --replace: the old bearer of the name is removed, if it is gone or was on this very host.
 * 0: that is being stored, or will be when the proof comes again. */
static int replace(struct admission *adm, const struct member *old, const struct hostport *from,
		   const uint8_t key[KX_PUB_BYTES], struct weft_err *err)
{
	struct refused refused = {.storing = 0};
	int rc;

	if (!adm->core->self.is_admin)
		return weft_err_set(err, WEFT_E_DENIED,
				    "%s is no admin and cannot replace a node; join through one",
				    adm->core->name);
	if (id_eq(&old->id, &adm->core->self.id) ||
	    (member_is_present(old) && !inet_eq(&old->addr.ip, &from->ip)))
		return weft_err_set(err, WEFT_E_NAME_TAKEN,
				    "%s is running on another host; remove it with weft node rm "
				    "or choose another name",
				    old->rec->name);
	if (!admission_may_wait(adm))
		return 0;
	rc = admin_put_removal(adm, 0, &old->id, "replaced by a new join", &refused.storing, err);
	if (rc != 0)
		return rc;
	admission_wait(adm, PENDING_REPLACE, refused.storing, 0, &old->id, NULL);
	refused_add(adm, key, &refused);
	return 0;
}

/* 0: admit; WEFT_E_BUSY without a message: the answer comes to a later proof. */
static int check_name(struct admission *adm, const struct proof *proof, const struct id *id,
		      const struct hostport *from, const uint8_t key[KX_PUB_BYTES],
		      struct weft_err *err)
{
	const struct member *old = bearer(adm, proof->name, id);
	struct hostport place = place_of(proof, from);

	if (is_promised(adm, proof->name, id, &place))
		return weft_err_set(err, WEFT_E_NAME_TAKEN,
				    "another node is joining under the name %s now; choose another "
				    "--name or, if that join broke off, try again in a minute",
				    proof->name);
	if (old == NULL)
		return 0;
	if (!proof->replace)
		return weft_err_set(err, WEFT_E_NAME_TAKEN,
				    "a member named %s is here already; choose another --name or, "
				    "if that node is gone for good, join --replace",
				    proof->name);
	return replace(adm, old, from, key, err) == 0 ? WEFT_E_BUSY : err->code;
}

int judge_proof(struct admission *adm, const struct proof *proof, const struct id *id,
		const struct hostport *from, const uint8_t key[KX_PUB_BYTES], struct weft_err *err)
{
	const struct member *member = member_find(adm->members, id);
	int rc = check_token(adm, proof, err);

	if (rc != 0)
		return rc;
	if (adm->core->self.refused)
		return weft_err_set(
		    err, WEFT_E_FENCED,
		    "%s is not believed to be a member itself; join through another",
		    adm->core->name);
	if (!introduction_may_admit(adm))
		return weft_err_set(err, WEFT_E_BUSY,
				    "%s has just joined itself and does not know the others yet; "
				    "join through another, or try again in a moment",
				    adm->core->name);
	if ((member != NULL && member->state == MEMBER_REMOVED) ||
	    authority_has_fact(adm->tables, FACT_REMOVAL, id, NULL))
		return weft_err_set(err, WEFT_E_REMOVED,
				    "this identity was removed from the cluster; weft reset makes "
				    "a new one");
	if (adm->members->ordered.count >= adm->core->limits.members_max)
		return weft_err_set(err, WEFT_E_LIMIT,
				    "the cluster has its most of %u members; remove those that are "
				    "gone",
				    adm->core->limits.members_max);
	if (adm->gate.admitted.count >= ADMITTED_MAX)
		return weft_err_set(
		    err, WEFT_E_LIMIT,
		    "too many join at once by this member; join through another, or "
		    "try again in a moment");
	return check_name(adm, proof, id, from, key, err);
}

struct admitted *judge_admit(struct admission *adm, const struct proof *proof, const struct id *id,
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
	rec->gossip = place_of(proof, from);
	rec->vtep = inet_is_any(&proof->vtep) ? rec->gossip.ip : proof->vtep;
	rec->wire_min = WIRE_VERSION;
	rec->wire_max = WIRE_VERSION;
	rec->chain_len =
	    chain_token_encode(&proof->path, &proof->cert, proof->bind, &admitted->sig, rec->chain);
	vec_push(&adm->gate.admitted, &admitted);
	core_trace(adm->core, TRACE_ADMITTED, id, NULL, from, 0);
	return admitted;
}
