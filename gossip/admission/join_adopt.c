/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The seed's answer: a refusal gives the turn to the next seed; an admission is checked as
 * everybody else will check it, and then identity, cluster, chain, epoch and the member rows that
 * came along go to the store as one batch. Nothing of this node changes before that is durable.
 * Rows of others that come meanwhile are received behind it: who knows nobody but the seed finds
 * nobody when both have moved by its next start.
 */
#include <string.h>

#include "admission_impl.h"

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
		joiner_target_done(target, verdict->code, "%.400s; this host's clock says %s",
				   verdict->message, now);
	else
		joiner_target_done(target, verdict->code, "%s", verdict->message);
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
	uint8_t *kept = scratch_take(&adm->core->scratch, len);

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

	if (inet_is_any(&core->advertise.ip))
		core->advertise.ip = join->observed.ip;
	if (core->advertise.port == 0)
		core->advertise.port = join->observed.port;
	if (!core_has_room(core, 0, 8 + JOIN_ROWS_MAX, 1) || !admission_may_wait(adm))
		return; /* the next proof brings the same answer */
	if (!adopt(adm)) {
		joiner_target_done(join->chosen, WEFT_E_INTERNAL,
				   "its admission is not signed rightly");
		join->chosen = NULL;
		return;
	}
	admission_tables_start(adm);
	if (join_put(adm, &token, &err) != 0) {
		joiner_target_done(join->chosen, err.code, "%s", err.message);
		join->chosen = NULL;
		return;
	}
	founding_write(adm);
	seeds_write(adm, join);
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

	if (target == NULL || !hostport_eq(&target->addr, from) || len <= WIRE_OVERHEAD_BYTES)
		return DROP_JOIN;
	if (crypto->open(crypto->ctx, target->rx, wire_get(bytes + 12, 8), bytes, WIRE_HEADER_BYTES,
			 bytes + WIRE_HEADER_BYTES, len - WIRE_HEADER_BYTES, plain) != 0)
		return DROP_AUTH;
	if (!verdict_decode(plain, len - WIRE_OVERHEAD_BYTES, &verdict, &row, &row_len))
		return DROP_JOIN;
	if (row != NULL) {
		row_take(join, &target->cert.node, row, row_len);
	} else if (join->storing) {
		return DROP_JOIN;
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
	if (!join->storing && join->has_verdict && join->row_len[0] > 0)
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
		joiner_forget(adm);
		weft_err_set(&answer->err, WEFT_E_STORE,
			     "the admission could not be written; nothing was changed");
		return;
	}
	answer->id = core->self.id;
	claim_use_epoch(adm);
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
