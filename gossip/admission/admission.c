/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The desk of admission: what is stored comes in, commands and datagrams go to whom they concern,
 * and what waits for the store is found again when it is durable.
 *
 * Phases of the node:
 *   NO_CLUSTER --init durable--> ACTIVE
 *   NO_CLUSTER --join--> JOINING --admitted and durable--> ACTIVE (or back)
 *   stored cluster --start--> CLAIMING --a member agrees, or none answers--> ACTIVE
 *   CLAIMING, ACTIVE --a member says this id lives elsewhere--> COPY
 *   ACTIVE --fenced, then weft node recover--> ACTIVE under a new epoch
 *   ACTIVE --leave durable--> LEFT, which claims until a member knows it for good
 *   start while that lasts, or its own record shown to say that it left --> LEFT likewise
 *   any --removal seen--> REMOVED
 */
#include "admission.h"

#include <stdio.h>
#include <string.h>

#include "admission_impl.h"
#include "gossip/base/pack.h"

struct chain_ctx admission_ctx(struct admission *adm)
{
	return (struct chain_ctx){
	    .crypto = adm->core->crypto,
	    .cluster_pub = adm->core->self.cluster_pub,
	    .cache = &adm->cache,
	};
}

static const uint8_t *hook_removal(void *ctx, const struct id *node, size_t *len)
{
	struct admission *adm = ctx;

	return tables_fact(adm->tables, FACT_REMOVAL, node->b, ID_BYTES, len);
}

static void hook_shown_removal(void *ctx, struct member *by, const uint8_t *bytes, size_t len)
{
	struct admission *adm = ctx;
	struct row_view row;
	struct id removed;
	bool is_own;

	if (row_parse(bytes, len, &row) != 0 || row.kind != FACT_REMOVAL)
		return;
	removed = row_key_id(&row);
	is_own = id_eq(&removed, &adm->core->self.id);
	if (!is_own && !refusal_is_ours(adm, &removed))
		return;
	(void)tables_receive(adm->tables, NULL, bytes, len);
	if (!is_own)
		refusal_shown(adm, by, &removed);
}

static const uint8_t *hook_own_row(void *ctx, const struct member *to, size_t *len)
{
	return admission_answer(ctx, to, len);
}

static const uint8_t *hook_refuser_row(void *ctx, size_t *len)
{
	return admission_refuser(ctx, len);
}

static bool hook_claims(void *ctx)
{
	const struct admission *adm = ctx;

	return adm->claiming.under_way && adm->claiming.persisted &&
	       id_is_zero(&adm->claiming.namer);
}

static void hook_clone(void *ctx, const struct id *node)
{
	struct admission *adm = ctx;

	if (id_eq(node, &adm->core->self.id))
		effect_fence(adm, FENCE_CLONE);
}

struct admission *admission_new(struct core *core, struct member_table *members, struct seal *seal,
				struct tables *tables)
{
	struct admission *adm = heap_take(&core->heap, sizeof(*adm));
	const struct seal_hooks hooks = {
	    adm,         judge_vouch,       hook_removal, hook_shown_removal,
	    hook_clone,  introduction_take, hook_own_row, hook_refuser_row,
	    hook_claims,
	};

	adm->core = core;
	adm->members = members;
	adm->seal = seal;
	adm->tables = tables;
	adm->renew_due = MONO_NEVER;
	adm->refusing.due = MONO_NEVER;
	vec_init(&adm->pending, &core->heap, sizeof(struct pending));
	vec_init(&adm->recovering.asked, &core->heap, sizeof(struct id));
	vec_init(&adm->gate.admitted, &core->heap, sizeof(struct admitted *));
	vec_init(&adm->gate.refused, &core->heap, sizeof(struct refused));
	seal_set_hooks(seal, &hooks);
	return adm;
}

void admission_free(struct admission *adm)
{
	struct core *core = adm->core;

	pending_close(adm);
	vec_close(&adm->recovering.asked);
	judge_close(adm);
	joiner_close(adm);
	core->crypto->wipe(core->crypto->ctx, adm, sizeof(*adm));
	heap_give(&core->heap, adm, sizeof(*adm));
}

static int load_uint(const struct write *write, uint64_t max, uint64_t *value)
{
	struct cursor cursor;

	cursor_init(&cursor, write->bytes, write->len);
	*value = cursor_uint(&cursor, max);
	return cursor_at_end(&cursor) ? 0 : WEFT_E_INVALID;
}

int admission_load(struct admission *adm, const struct write *write)
{
	struct self *self = &adm->core->self;
	uint64_t value;

	WEFT_ASSERT(!adm->started && write->kind == WRITE_META);
	if (write->len == 0)
		return 0;
	switch (write->meta) {
	case META_IDENTITY:
		if (write->len != SEED_BYTES)
			return WEFT_E_INVALID;
		memcpy(adm->identity, write->bytes, SEED_BYTES);
		adm->has_identity = true;
		founding_use_identity(adm);
		return 0;
	case META_CLUSTER:
		return founding_load_cluster(adm, write->bytes, write->len);
	case META_CLUSTER_KEY:
		if (write->len != SEED_BYTES)
			return WEFT_E_INVALID;
		memcpy(self->cluster_seed, write->bytes, SEED_BYTES);
		self->has_cluster_key = true;
		return 0;
	case META_EPOCH:
		return load_uint(write, EPOCH_MAX, &adm->stored_epoch);
	case META_ADMIN:
		return path_parse(write->bytes, write->len, &adm->path) ? 0 : WEFT_E_INVALID;
	case META_SEEDS:
		return seeds_load(adm, write->bytes, write->len);
	case META_INTRODUCED:
		adm->introduced = true;
		return 0;
	case META_FENCE:
		if (load_uint(write, FENCE_LEAVING, &value) != 0)
			return WEFT_E_INVALID;
		adm->fence = (enum node_fence)value;
		return 0;
	case META_REFUSED:
		return refusal_load(adm, write->bytes, write->len);
	default:
		return 0; /* of the host */
	}
}

void admission_phase(struct admission *adm, enum node_phase phase)
{
	adm->core->self.phase = phase;
}

void admission_tables_start(struct admission *adm)
{
	if (adm->tables_started)
		return;
	adm->tables_started = true;
	tables_start(adm->tables);
}

void admission_start(struct admission *adm)
{
	WEFT_ASSERT(!adm->started);
	adm->started = true;
	if (id_is_zero(&adm->core->self.cluster) || !adm->has_identity)
		return;
	effect_self(adm);
	refusal_soon(adm);
	if (adm->self_removed || adm->fence == FENCE_REMOVED) {
		admission_phase(adm, NODE_REMOVED);
	} else if (adm->fence == FENCE_LEFT) {
		admission_phase(adm, NODE_LEFT);
	} else if (adm->fence == FENCE_LEAVING || adm->core->self.member.left) {
		/* A record that others showed may be on the disk without its fence. */
		effect_fence(adm, FENCE_LEAVING);
		leave_start(adm);
	} else {
		adm->core->self.cloned = recover_is_for(adm->fence);
		claim_start(adm);
	}
}

void admission_answer_err(struct admission *adm, uint64_t tag, int code, const char *fmt, ...)
{
	char text[WEFT_ERR_BYTES];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	weft_err_set(&core_answer(adm->core, tag)->err, code, "%s", text);
}

void admission_command(struct admission *adm, const struct gossip_command *command)
{
	bool outside = command->kind == CMD_INIT || command->kind == CMD_JOIN ||
		       command->kind == CMD_ADVERTISE;

	if (!outside && adm->core->self.phase != NODE_ACTIVE) {
		admission_answer_err(adm, command->tag, WEFT_E_NO_CLUSTER,
				     "this node is not an active member of a cluster; weft status "
				     "says how it stands");
		return;
	}
	if (!admission_may_wait(adm)) {
		admission_answer_err(adm, command->tag, WEFT_E_BUSY,
				     "%d changes wait for the store; try again", PENDING_MAX);
		return;
	}
	switch (command->kind) {
	case CMD_INIT:
		founding_init(adm, command);
		return;
	case CMD_JOIN:
		joiner_begin(adm, command);
		return;
	case CMD_LEAVE:
		leave_begin(adm, command);
		return;
	case CMD_TOKEN_CREATE:
		admin_token_create(adm, command);
		return;
	case CMD_TOKEN_RM:
		admin_token_rm(adm, command);
		return;
	case CMD_ADMIN_ADD:
		admin_add(adm, command);
		return;
	case CMD_ADMIN_RM:
		admin_rm(adm, command);
		return;
	case CMD_REMOVE:
		admin_remove(adm, command);
		return;
	case CMD_ADMIN_RESTORE:
		founding_restore(adm, command);
		return;
	case CMD_ADVERTISE:
		own_record_advertise(adm, command);
		return;
	case CMD_RECOVER:
		recover_begin(adm, command);
		return;
	case CMD_RECOVERED:
		recover_lift(adm, command);
		return;
	default:
		admission_answer_err(adm, command->tag, WEFT_E_UNSUPPORTED, "unknown command");
	}
}

enum drop_reason admission_datagram(struct admission *adm, const struct hostport *from,
				    const uint8_t *bytes, size_t len)
{
	switch (bytes[0] & 0x0f) {
	case DGRAM_HELLO:
		return seed_hello(adm, from, bytes, len);
	case DGRAM_COOKIE:
		return joiner_cookie(adm, from, bytes, len);
	case DGRAM_PROOF:
		return seed_proof(adm, from, bytes, len);
	case DGRAM_ADMIT:
		return joiner_admit(adm, from, bytes, len);
	default:
		return DROP_TYPE;
	}
}

enum drop_reason admission_frame(struct admission *adm, const struct opened *in,
				 const struct hostport *from, uint8_t type, const uint8_t *body,
				 size_t len)
{
	return claim_frame(adm, in, from, type, body, len);
}

void admission_heard(struct admission *adm, const struct member *member)
{
	claim_hears(adm, member);
	seeds_heard(adm);
}

void admission_asked(struct admission *adm, const struct member *by)
{
	leave_hears(adm, by);
}

void admission_row(struct admission *adm, const struct row_view *row)
{
	effect_row(adm, row);
}

enum drop_reason admission_may_write(struct admission *adm, const struct row_view *row,
				     uint8_t pub[SIGN_PUB_BYTES])
{
	struct chain_ctx ctx = admission_ctx(adm);

	return authority_check(&ctx, adm->core, adm->members, row, pub);
}

static void fence_tick(struct admission *adm)
{
	uint64_t token;

	if (adm->fence_wanted == FENCE_NONE || !admission_may_wait(adm) ||
	    !core_has_room(adm->core, 0, 1, 0))
		return;
	token = core_persist_begin(adm->core, 0);
	admission_meta_uint(adm, META_FENCE, adm->fence_wanted);
	admission_wait(adm, PENDING_FENCE, token, 0, NULL, NULL);
	adm->fence_wanted = FENCE_NONE;
}

static bool wants_store(const struct admission *adm)
{
	bool publishes = adm->publish_wanted && !adm->publishing &&
			 adm->core->self.phase == NODE_ACTIVE && !adm->leaving.under_way;

	return adm->fence_wanted != FENCE_NONE || publishes;
}

void admission_tick(struct admission *adm)
{
	if (!adm->started)
		return;
	if (wants_store(adm) && mono_is_due(adm->retry_due, adm->core->now)) {
		fence_tick(adm);
		own_record_tick(adm);
		if (wants_store(adm))
			adm->retry_due = mono_add_ms(adm->core->now, RETRY_MS);
	}
	claiming_tick(adm);
	recover_tick(adm);
	leave_tick(adm);
	refusal_tick(adm);
	seeds_tick(adm);
	joiner_tick(adm);
}

struct mono admission_deadline(const struct admission *adm)
{
	struct mono due = MONO_NEVER;

	if (!adm->started)
		return due;
	if (wants_store(adm))
		due = mono_min(due, adm->retry_due);
	if (adm->leaving.under_way && adm->leaving.rounds > 0)
		due = mono_min(due, adm->leaving.due);
	due = mono_min(due, mono_min(claiming_deadline(adm), recover_deadline(adm)));
	due = mono_min(due, seeds_deadline(adm));
	return mono_min(due, mono_min(joiner_deadline(adm), refusal_deadline(adm)));
}

struct id admission_admitter(const struct admission *adm)
{
	struct chain_info info = {.is_root = true};

	if (adm->chain_len == 0 ||
	    chain_read(adm->core->crypto, adm->chain, adm->chain_len, &info) != 0 || info.is_root)
		return id_none;
	return info.admitter;
}

enum node_fence admission_fence(const struct admission *adm)
{
	return adm->fence == FENCE_NONE && adm->core->self.refused ? FENCE_VOID : adm->fence;
}

bool admission_original(const struct admission *adm, struct hostport *lives)
{
	*lives = adm->original;
	return adm->core->self.phase == NODE_COPY;
}

const uint8_t *admission_cluster_seed(const struct admission *adm)
{
	return adm->core->self.has_cluster_key ? adm->core->self.cluster_seed : NULL;
}

void admission_check(const struct admission *adm)
{
	const struct self *self = &adm->core->self;

	WEFT_ASSERT(adm->pending.count <= PENDING_MAX + 8);
	WEFT_ASSERT(adm->gate.admitted.count <= ADMITTED_MAX);
	WEFT_ASSERT(adm->gate.refused.count <= REFUSED_MAX);
	WEFT_ASSERT(self->phase != NODE_ACTIVE || self->epoch > 0);
	WEFT_ASSERT(self->phase != NODE_JOINING || adm->join != NULL);
	WEFT_ASSERT(!adm->claiming.under_way || self->phase != NODE_NO_CLUSTER);
}
