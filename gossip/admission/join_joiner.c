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

#define HELLO_TRIES 10
#define HELLO_MS 250 /* doubled each time, up to */
#define HELLO_MS_MAX 1000
#define HELLO_APART_MS 50
#define PROOF_TRIES 12
#define PROOF_MS 400
#define JOIN_MS 20000

void joiner_target_done(struct target *target, int code, const char *fmt, ...)
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
void joiner_forget(struct admission *adm)
{
	struct self *self = &adm->core->self;

	joiner_close(adm);
	self->cluster = id_none;
	memset(self->cluster_pub, 0, sizeof(self->cluster_pub));
	self->cluster_name[0] = '\0';
	self->epoch = 0;
	adm->chain_len = 0;
	adm->seeds = (struct seeds){.count = 0};
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
		admission_answer_err(adm, command->tag, WEFT_E_HAS_CLUSTER,
				     "this host is in a cluster already or joining one; weft leave "
				     "and weft reset first");
		return;
	}
	if (!name_is_valid(core->name)) {
		admission_answer_err(
		    adm, command->tag, WEFT_E_INVALID,
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
	int64_t wait_ms;

	crypto->random(crypto->ctx, &target->counter, sizeof(target->counter));
	wire_put(out + 4, adm->join->eph_id, KEY_ID_BYTES);
	wire_put(out + 12, target->counter, 8);
	memcpy(out + WIRE_HEADER_BYTES, adm->join->eph_pub, KX_PUB_BYTES);
	seal_send_plain(adm->seal, &target->addr, out, sizeof(out));
	wait_ms = (int64_t)HELLO_MS << target->tries;
	target->due = mono_add_ms(adm->core->now, wait_ms < HELLO_MS_MAX ? wait_ms : HELLO_MS_MAX);
	target->tries++;
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
		n = snprintf(text + len, sizeof(text) - len, "%s%s: %s", i > 0 ? ", " : "", addr,
			     target->state == TARGET_DONE ? target->said : "no answer in time");
		len += n > 0 ? (size_t)n : 0;
	}
	joiner_forget(adm);
	if (text[0] == '\0')
		admission_answer_err(
		    adm, tag, WEFT_E_INVALID,
		    "the token names no seed; give an address: weft join TOKEN ADDR");
	else
		admission_answer_err(adm, tag, code, "not admitted: %.490s", text);
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
			joiner_target_done(target, WEFT_E_NO_PEER, "no answer");
		return;
	}
	if (target->tries < PROOF_TRIES) {
		proof_send(adm, target);
		return;
	}
	joiner_target_done(target, WEFT_E_NO_PEER, "it began to answer and then fell silent");
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
