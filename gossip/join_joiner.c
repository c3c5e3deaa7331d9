/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The joiner's side of a join.
 *
 * All seeds are greeted, a little apart; whichever shows a cookie and proves its own chain first
 * gets the proof. One proof at a time: two admissions of one node would be harmless but untidy.
 * A refusal, or silence, gives the turn to the next seed that answered; a clock or a table may be
 * better elsewhere. When all have said no or nothing, the command is answered with what each said.
 *
 *   target: HELLO --cookie, chain good--> READY --its turn--> PROOF --refused, silent--> DONE
 *
 * Nothing of this node changes before the admission is durable: identity, cluster, chain, epoch and
 * the member rows that came with the answer are one batch.
 */
#include <stdio.h>
#include <string.h>

#include "admission_impl.h"
#include "base/pack.h"

#define HELLO_TRIES 5
#define HELLO_MS 250 /* doubled each time */
#define HELLO_APART_MS 50
#define PROOF_TRIES 6
#define PROOF_MS 400
#define JOIN_MS 20000

static void target_done(struct target *target, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void target_done(struct target *target, int code, const char *fmt, ...)
{
	va_list args;

	target->state = TARGET_DONE;
	target->code = code;
	va_start(args, fmt);
	vsnprintf(target->said, sizeof(target->said), fmt, args);
	va_end(args);
}

void joiner_close(struct admission *adm)
{
	struct core *core = adm->core;

	if (adm->join == NULL)
		return;
	core->crypto->wipe(core->crypto->ctx, adm->join, sizeof(*adm->join));
	heap_give(&core->heap, adm->join, sizeof(*adm->join));
	adm->join = NULL;
}

/* Back to where the node was: in no cluster. */
static void join_forget(struct admission *adm)
{
	struct self *self = &adm->core->self;

	joiner_close(adm);
	self->cluster = (struct id){{0}};
	memset(self->cluster_pub, 0, sizeof(self->cluster_pub));
	self->cluster_name[0] = '\0';
	self->epoch = 0;
	adm->chain_len = 0;
	admission_phase(adm, NODE_NO_CLUSTER);
}

static bool target_add(struct join *join, const struct hostport *addr)
{
	for (size_t i = 0; i < join->target_count; i++) {
		if (hostport_eq(&join->targets[i].addr, addr))
			return true;
	}
	if (join->target_count == TARGETS_MAX || addr->port == 0)
		return false;
	join->targets[join->target_count++] = (struct target){.addr = *addr};
	return true;
}

void joiner_begin(struct admission *adm, const struct gossip_command *command)
{
	struct core *core = adm->core;
	const struct gossip_crypto *crypto = core->crypto;
	struct weft_err err = {0};
	struct chain_ctx ctx;
	uint8_t pub[SIGN_PUB_BYTES], sec[SIGN_SEC_BYTES];
	struct join *join;

	if (core->self.phase != NODE_NO_CLUSTER) {
		admission_refuse(adm, command->tag, WEFT_E_HAS_CLUSTER,
				 "this host is in a cluster already or joining one; weft leave "
				 "and weft reset first");
		return;
	}
	if (!name_is_valid(core->name)) {
		admission_refuse(adm, command->tag, WEFT_E_INVALID,
				 "\"%s\" is no node name: 1 to 63 of A-Z a-z 0-9 . _ -; set one "
				 "with --name",
				 core->name);
		return;
	}
	join = heap_take(&core->heap, sizeof(*join));
	adm->join = join;
	if (token_parse(crypto, command->text != NULL ? command->text : "", &join->token, &err) !=
	    0) {
		joiner_close(adm);
		core_answer(core, command->tag)->err = err;
		return;
	}
	join->tag = command->tag;
	join->replace = command->flag;
	join->deadline = mono_add_ms(core->now, JOIN_MS);
	for (size_t i = 0; i < command->addr_count; i++)
		target_add(join, &command->addrs[i]);
	for (size_t i = 0; i < join->token.addr_count; i++)
		target_add(join, &join->token.addrs[i]);
	for (size_t i = 0; i < join->target_count; i++)
		join->targets[i].due = mono_add_ms(core->now, (int64_t)i * HELLO_APART_MS);
	founding_identity(adm);
	ctx = (struct chain_ctx){.crypto = crypto, .cluster_pub = join->token.cluster_pub};
	crypto->sign_pair(crypto->ctx, join->token.seed, pub, sec);
	chain_bind(&ctx, &join->token.cert.id, sec, core->self.sign_pub, join->bind);
	crypto->wipe(crypto->ctx, sec, sizeof(sec));
	crypto->kx_pair(crypto->ctx, join->eph_pub, join->eph_sec);
	join->eph_id = cert_key_id(crypto, join->eph_pub);
	admission_phase(adm, NODE_JOINING);
}

static void hello_send(struct admission *adm, struct target *target)
{
	const struct gossip_crypto *crypto = adm->core->crypto;
	uint8_t out[DATAGRAM_BYTES_MAX] = {WIRE_VERSION << 4 | DGRAM_HELLO};

	crypto->random(crypto->ctx, &target->counter, sizeof(target->counter));
	wire_put(out + 4, adm->join->eph_id, KEY_ID_BYTES);
	wire_put(out + 12, target->counter, 8);
	memcpy(out + WIRE_HEADER_BYTES, adm->join->eph_pub, KX_PUB_BYTES);
	seal_send_plain(adm->seal, &target->addr, out, sizeof(out));
	target->due = mono_add_ms(adm->core->now, (int64_t)HELLO_MS << target->tries);
	target->tries++;
}

static struct target *target_from(struct join *join, const struct hostport *from)
{
	for (size_t i = 0; i < join->target_count; i++) {
		if (hostport_eq(&join->targets[i].addr, from))
			return &join->targets[i];
	}
	return NULL;
}

/* The seed is who the token's cluster says it is: certificate, identity, chain. */
static bool seed_is_proven(struct admission *adm, struct target *target, const uint8_t *at,
			   size_t chain_len)
{
	const struct gossip_crypto *crypto = adm->core->crypto;
	struct chain_ctx ctx = {.crypto = crypto, .cluster_pub = adm->join->token.cluster_pub};
	const uint8_t *pub = at + CERT_BYTES;
	const uint8_t *name_hash = pub + SIGN_PUB_BYTES;
	const uint8_t *chain = name_hash + NAME_HASH_BYTES;
	struct id id = chain_node_id(crypto, pub);

	if (!id_eq(&id, &target->cert.node) || !cert_verify(crypto, at, pub) ||
	    chain_verify(&ctx, chain, chain_len, pub, name_hash, NULL) != 0)
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
	if (!cert_parse(at, CERT_BYTES, &target->cert))
		return DROP_CERT;
	cluster = chain_cluster_id(crypto, join->token.cluster_pub);
	if (!id_eq(&target->cert.cluster, &cluster)) {
		target_done(target, WEFT_E_WRONG_CLUSTER, "it belongs to another cluster");
		return DROP_NONE;
	}
	if (!seed_is_proven(adm, target, at, len - fixed))
		return DROP_CERT;
	if (target->cert.wire_min > WIRE_VERSION || target->cert.wire_max < WIRE_VERSION) {
		target_done(target, WEFT_E_UNSUPPORTED,
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

static void proof_sign(struct admission *adm, const struct target *target, const uint8_t *ad,
		       struct proof *proof)
{
	const struct gossip_crypto *crypto = adm->core->crypto;
	struct chain_ctx ctx = {.crypto = crypto, .cluster_pub = adm->join->token.cluster_pub};
	uint8_t pub[SIGN_PUB_BYTES], sec[SIGN_SEC_BYTES];
	struct chain_text text;

	join_transcript(&ctx, ad, target->cert.key, proof, &text);
	crypto->sign_pair(crypto->ctx, adm->join->token.seed, pub, sec);
	chain_text_sign(&text, &ctx, sec, proof->token_sig);
	crypto->wipe(crypto->ctx, sec, sizeof(sec));
	chain_text_sign(&text, &ctx, adm->core->self.sign_sec, proof->node_sig);
}

static void proof_send(struct admission *adm, struct target *target)
{
	const struct core *core = adm->core;
	const struct gossip_crypto *crypto = core->crypto;
	const struct join *join = adm->join;
	struct proof proof = {
	    .path = join->token.path,
	    .cert = join->token.cert,
	    .terms = join->token.terms_bytes,
	    .terms_len = join->token.terms_len,
	    .gossip = core->advertise,
	    .vtep = core->vtep,
	    .replace = join->replace,
	};
	uint8_t plain[DATAGRAM_BYTES_MAX], out[DATAGRAM_BYTES_MAX];
	uint64_t counter;
	int len;

	memcpy(proof.pub, core->self.sign_pub, SIGN_PUB_BYTES);
	memcpy(proof.name, core->name, sizeof(proof.name));
	memcpy(proof.bind, join->bind, SIG_BYTES);
	crypto->random(crypto->ctx, &counter, sizeof(counter));
	out[0] = WIRE_VERSION << 4 | DGRAM_PROOF;
	wire_put(out + 1, target->key_id >> 40, 3);
	wire_put(out + 4, join->eph_id, KEY_ID_BYTES);
	wire_put(out + 12, counter, 8);
	memcpy(out + WIRE_HEADER_BYTES, target->cookie, COOKIE_BYTES);
	memcpy(out + WIRE_HEADER_BYTES + COOKIE_BYTES, join->eph_pub, KX_PUB_BYTES);
	proof_sign(adm, target, out, &proof);
	len = proof_encode(&proof, plain, DATAGRAM_BYTES_MAX - PROOF_AD_BYTES - AEAD_TAG_BYTES);
	WEFT_ASSERT(len > 0); /* tokens are made so that proofs fit */
	crypto->seal(crypto->ctx, target->tx, counter, out, PROOF_AD_BYTES, plain, (size_t)len,
		     out + PROOF_AD_BYTES);
	seal_send_plain(adm->seal, &target->addr, out,
			PROOF_AD_BYTES + (size_t)len + AEAD_TAG_BYTES);
	target->due = mono_add_ms(core->now, PROOF_MS);
	target->tries++;
}

/* ---- the answer ---- */

static void row_take(struct join *join, const struct id *seed, const uint8_t *bytes, size_t len)
{
	struct row_view row;
	size_t place = 0;

	if (row_parse(bytes, len, &row) != 0 || row.kind != ROW_MEMBER)
		return;
	if (!id_eq(&row.owner, seed)) {
		for (place = 1; place < JOIN_ROWS_MAX && join->row_len[place] > 0; place++)
			if (join->row_len[place] == len &&
			    memcmp(join->rows[place], bytes, len) == 0)
				return; /* told twice */
		if (place == JOIN_ROWS_MAX)
			return;
	}
	memcpy(join->rows[place], bytes, len);
	join->row_len[place] = len;
}

static void refused(struct admission *adm, struct target *target, const struct verdict *verdict)
{
	char now[WALL_TEXT_BYTES];

	core_trace(adm->core, TRACE_JOIN_REFUSED, NULL, NULL, &target->addr, verdict->code);
	wall_format(adm->core->wall, now);
	if (verdict->code == WEFT_E_TOKEN_EXPIRED)
		target_done(target, verdict->code, "%.400s; this host's clock says %s",
			    verdict->message, now);
	else
		target_done(target, verdict->code, "%s", verdict->message);
}

/* Takes cluster, chain and epoch into memory; false when the counter-signature is not good. */
static bool adopt(struct admission *adm)
{
	struct core *core = adm->core;
	struct self *self = &core->self;
	struct join *join = adm->join;
	uint8_t name_hash[NAME_HASH_BYTES];
	struct chain_ctx ctx;

	memcpy(self->cluster_pub, join->token.cluster_pub, SIGN_PUB_BYTES);
	self->cluster = chain_cluster_id(core->crypto, self->cluster_pub);
	self->epoch = adm->stored_epoch + 1;
	adm->chain_len = chain_token_encode(&join->token.path, &join->token.cert, join->bind,
					    &join->sig, adm->chain);
	chain_name_hash(core->crypto, core->name, name_hash);
	ctx = admission_ctx(adm);
	return chain_verify(&ctx, adm->chain, adm->chain_len, self->sign_pub, name_hash, NULL) == 0;
}

static void snapshot_write(struct admission *adm, const uint8_t *bytes, size_t len)
{
	struct write write = {.kind = WRITE_SNAPSHOT, .len = len};
	uint8_t *kept = core_scratch(adm->core, len);

	memcpy(kept, bytes, len);
	write.bytes = kept;
	if (row_parse(kept, len, &write.row) == 0)
		core_persist_write(adm->core, &write);
}

/* Own rows: the member record and, when the token gives some, tags. */
static int join_put(struct admission *adm, uint64_t *token, struct weft_err *err)
{
	const struct rec_token *terms = &adm->join->token.terms;
	struct row_view row = {.kind = ROW_TAGS};
	struct rec_tags tags = {.count = terms->tag_count};
	uint8_t value[VALUE_BYTES_MAX];
	int len;

	if (terms->tag_count == 0)
		return own_record_put(adm, adm->join->tag, false, NULL, 0, token, err);
	for (size_t i = 0; i < terms->tag_count; i++)
		tags.tags[i] = terms->tags[i];
	len = rec_tags_encode(&tags, value, sizeof(value));
	WEFT_ASSERT(len > 0);
	row.value = value;
	row.value_len = (size_t)len;
	return own_record_put(adm, adm->join->tag, false, &row, 1, token, err);
}

/* Admitted: everything goes to the store as one batch. */
static void finish(struct admission *adm)
{
	struct core *core = adm->core;
	struct join *join = adm->join;
	struct weft_err err = {0};
	uint64_t token;

	if (address_is_unset(&core->advertise.ip))
		core->advertise.ip = join->observed.ip;
	if (core->advertise.port == 0)
		core->advertise.port = join->observed.port;
	if (!core_has_room(core, 0, 8 + JOIN_ROWS_MAX, 1) || !admission_may_wait(adm))
		return; /* the next proof brings the same answer */
	if (!adopt(adm)) {
		target_done(join->chosen, WEFT_E_INTERNAL, "its admission is not signed rightly");
		join->chosen = NULL;
		return;
	}
	admission_tables_start(adm);
	if (join_put(adm, &token, &err) != 0) {
		target_done(join->chosen, err.code, "%s", err.message);
		join->chosen = NULL;
		return;
	}
	founding_write(adm);
	for (size_t i = 0; i < JOIN_ROWS_MAX; i++) {
		if (join->row_len[i] > 0)
			snapshot_write(adm, join->rows[i], join->row_len[i]);
	}
	join->storing = true;
	admission_wait(adm, PENDING_JOIN, token, join->tag, &core->self.id, NULL);
}

enum drop_reason joiner_admit(struct admission *adm, const struct hostport *from,
			      const uint8_t *bytes, size_t len)
{
	const struct gossip_crypto *crypto = adm->core->crypto;
	struct join *join = adm->join;
	struct target *target = join != NULL ? join->chosen : NULL;
	uint8_t plain[DATAGRAM_BYTES_MAX];
	struct verdict verdict;
	const uint8_t *row;
	size_t row_len = 0;

	if (target == NULL || join->storing || !hostport_eq(&target->addr, from) ||
	    len <= WIRE_OVERHEAD_BYTES)
		return DROP_JOIN;
	if (crypto->open(crypto->ctx, target->rx, wire_get(bytes + 12, 8), bytes, WIRE_HEADER_BYTES,
			 bytes + WIRE_HEADER_BYTES, len - WIRE_HEADER_BYTES, plain) != 0)
		return DROP_AUTH;
	if (!verdict_decode(plain, len - WIRE_OVERHEAD_BYTES, &verdict, &row, &row_len))
		return DROP_JOIN;
	if (row != NULL) {
		row_take(join, &target->cert.node, row, row_len);
	} else if (verdict.code != 0) {
		refused(adm, target, &verdict);
		join->chosen = NULL;
		return DROP_NONE;
	} else {
		join->has_verdict = true;
		memcpy(join->sig.admitter, target->pub, SIGN_PUB_BYTES);
		join->sig.at = verdict.at;
		memcpy(join->sig.sig, verdict.sig, SIG_BYTES);
		join->observed = verdict.observed;
		memcpy(adm->core->self.cluster_name, verdict.cluster_name, NAME_BYTES);
	}
	if (join->has_verdict && join->row_len[0] > 0)
		finish(adm);
	return DROP_NONE;
}

void joiner_durable(struct admission *adm, const struct pending *pending, bool ok)
{
	struct core *core = adm->core;
	struct join *join = adm->join;
	struct gossip_answer *answer = core_answer(core, pending->tag);
	struct member *seed;

	WEFT_ASSERT(join != NULL && join->storing);
	if (!ok) {
		join_forget(adm);
		weft_err_set(&answer->err, WEFT_E_STORE,
			     "the admission could not be written; nothing was changed");
		return;
	}
	answer->id = core->self.id;
	adm->stored_epoch = core->self.epoch;
	seal_renew(adm->seal);
	adm->renew_due = mono_add_ms(core->now, RENEW_MS);
	admission_phase(adm, NODE_ACTIVE);
	for (size_t i = 0; i < JOIN_ROWS_MAX; i++) {
		if (join->row_len[i] > 0)
			(void)tables_receive(adm->tables, NULL, join->rows[i], join->row_len[i]);
	}
	seed = member_find(adm->members, &join->chosen->cert.node);
	core_trace(core, TRACE_JOINED, &join->chosen->cert.node, NULL, &join->chosen->addr, 0);
	if (seed != NULL) {
		seed->addr = join->chosen->addr; /* proven to reach it */
		tables_sync(adm->tables, seed);
	}
	joiner_close(adm);
}

/* ---- time ---- */

/* One line: what each seed said. The code of the first that said anything counts. */
static void join_fail(struct admission *adm)
{
	struct join *join = adm->join;
	char text[WEFT_ERR_BYTES];
	size_t len = 0;
	int code = WEFT_E_NO_PEER;
	uint64_t tag = join->tag;

	text[0] = '\0';
	for (size_t i = 0; i < join->target_count && len < sizeof(text) - 1; i++) {
		const struct target *target = &join->targets[i];
		char addr[HOSTPORT_TEXT_BYTES];
		int n;
		hostport_format(&target->addr, addr);
		if (code == WEFT_E_NO_PEER && target->state == TARGET_DONE)
			code = target->code;
		n = snprintf(text + len, sizeof(text) - len, "%s%s: %s", i > 0 ? "; " : "", addr,
			     target->state == TARGET_DONE ? target->said : "no answer in time");
		len += n > 0 ? (size_t)n : 0;
	}
	join_forget(adm);
	if (text[0] == '\0')
		admission_refuse(adm, tag, WEFT_E_INVALID,
				 "the token names no seed; give an address: weft join TOKEN ADDR");
	else
		admission_refuse(adm, tag, code, "not admitted: %.490s", text);
}

static void target_tick(struct admission *adm, struct target *target)
{
	if (target->state == TARGET_DONE || target->state == TARGET_READY ||
	    !mono_is_due(target->due, adm->core->now))
		return;
	if (target->state == TARGET_HELLO) {
		if (target->tries < HELLO_TRIES)
			hello_send(adm, target);
		else
			target_done(target, WEFT_E_NO_PEER, "no answer");
		return;
	}
	if (target->tries < PROOF_TRIES) {
		proof_send(adm, target);
		return;
	}
	target_done(target, WEFT_E_NO_PEER, "it began to answer and then fell silent");
	adm->join->chosen = NULL;
}

void joiner_tick(struct admission *adm)
{
	struct join *join = adm->join;
	bool all_done = true;

	if (join == NULL || join->storing)
		return;
	for (size_t i = 0; i < join->target_count; i++) {
		struct target *target = &join->targets[i];
		if (join->chosen == NULL && target->state == TARGET_READY) {
			join->chosen = target;
			join->has_verdict = false;
			memset(join->row_len, 0, sizeof(join->row_len));
			target->state = TARGET_PROOF;
			target->tries = 0;
			target->due = adm->core->now;
		}
		target_tick(adm, target);
		all_done = all_done && target->state == TARGET_DONE;
	}
	if ((all_done || mono_is_due(join->deadline, adm->core->now)) &&
	    core_has_room(adm->core, 0, 0, 1))
		join_fail(adm);
}

struct mono joiner_deadline(const struct admission *adm)
{
	const struct join *join = adm->join;
	bool all_done = true;
	struct mono due;

	if (join == NULL || join->storing)
		return MONO_NEVER;
	due = join->deadline;
	for (size_t i = 0; i < join->target_count; i++) {
		const struct target *target = &join->targets[i];
		all_done = all_done && target->state == TARGET_DONE;
		if (target->state == TARGET_HELLO || target->state == TARGET_PROOF)
			due = mono_min(due, target->due);
		if (target->state == TARGET_READY && join->chosen == NULL)
			due = adm->core->now;
	}
	return all_done ? adm->core->now : due;
}
