/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Identity and cluster: made once, stored, read back.
 *
 * weft init makes the cluster key, lets it certify this node as the first admin and as a member
 * without a token, and publishes both. Everything is one batch of the store: either the node has a
 * cluster or nothing happened.
 */
#include <string.h>

#include "admission_impl.h"
#include "gossip/base/pack.h"

#define CLUSTER_FIELDS 4
#define FIELDS_MAX 15

void founding_use_identity(struct admission *adm)
{
	struct self *self = &adm->core->self;
	const struct gossip_crypto *crypto = adm->core->crypto;

	WEFT_ASSERT(adm->has_identity);
	crypto->sign_pair(crypto->ctx, adm->identity, self->sign_pub, self->sign_sec);
	self->id = chain_node_id(crypto, self->sign_pub);
}

void founding_identity(struct admission *adm)
{
	if (!adm->has_identity) {
		adm->core->crypto->random(adm->core->crypto->ctx, adm->identity, SEED_BYTES);
		adm->has_identity = true;
	}
	founding_use_identity(adm);
}

int founding_load_cluster(struct admission *adm, const uint8_t *bytes, size_t len)
{
	struct self *self = &adm->core->self;
	const uint8_t *chain;
	struct cursor cursor;
	size_t fields;

	cursor_init(&cursor, bytes, len);
	fields = cursor_array(&cursor, FIELDS_MAX);
	if (fields < CLUSTER_FIELDS)
		return WEFT_E_INVALID;
	cursor_text(&cursor, self->cluster_name, sizeof(self->cluster_name));
	cursor_fixed(&cursor, self->cluster_pub, SIGN_PUB_BYTES);
	chain = cursor_bin(&cursor, CHAIN_BYTES_MAX, &adm->chain_len);
	cursor_text(&cursor, adm->core->name, sizeof(adm->core->name));
	for (size_t i = CLUSTER_FIELDS; i < fields; i++)
		cursor_skip(&cursor);
	if (!cursor_at_end(&cursor) || adm->chain_len == 0)
		return WEFT_E_INVALID;
	memcpy(adm->chain, chain, adm->chain_len);
	self->cluster = chain_cluster_id(adm->core->crypto, self->cluster_pub);
	return 0;
}

/* The chain binds the name: it is stored with it. */
void founding_write(struct admission *adm)
{
	const struct self *self = &adm->core->self;
	uint8_t bytes[CHAIN_BYTES_MAX + 256];
	struct pack pack;

	pack_init(&pack, bytes, sizeof(bytes));
	pack_array(&pack, CLUSTER_FIELDS);
	pack_str(&pack, self->cluster_name);
	pack_bin(&pack, self->cluster_pub, SIGN_PUB_BYTES);
	pack_bin(&pack, adm->chain, adm->chain_len);
	pack_str(&pack, adm->core->name);
	WEFT_ASSERT(pack_ok(&pack) && self->epoch > 0);
	admission_meta(adm, META_IDENTITY, adm->identity, SEED_BYTES);
	admission_meta(adm, META_CLUSTER, bytes, pack.len);
	admission_meta(adm, META_NODE_NAME, adm->core->name, strlen(adm->core->name));
	admission_meta_uint(adm, META_EPOCH, self->epoch);
}

/* Makes key, chain and path in memory. */
static void cluster_make(struct admission *adm, const char *name)
{
	struct core *core = adm->core;
	struct self *self = &core->self;
	const struct admin_path none = {.len = 0};
	uint8_t sec[SIGN_SEC_BYTES];
	struct chain_ctx ctx;
	int rc;

	core->crypto->random(core->crypto->ctx, self->cluster_seed, SEED_BYTES);
	core->crypto->sign_pair(core->crypto->ctx, self->cluster_seed, self->cluster_pub, sec);
	self->has_cluster_key = true;
	self->cluster = chain_cluster_id(core->crypto, self->cluster_pub);
	strncpy(self->cluster_name, name, sizeof(self->cluster_name) - 1);
	self->epoch = adm->stored_epoch + 1;
	ctx = admission_ctx(adm);
	adm->chain_len =
	    chain_root_encode(&ctx, sec, self->sign_pub, core->name, core->wall, adm->chain);
	rc = path_extend(&ctx, &none, sec, self->sign_pub, core->wall, &adm->path);
	WEFT_ASSERT(rc == 0);
	core->crypto->wipe(core->crypto->ctx, sec, sizeof(sec));
}

static void cluster_forget(struct admission *adm)
{
	struct self *self = &adm->core->self;
	const struct gossip_crypto *crypto = adm->core->crypto;

	self->cluster = id_none;
	self->cluster_name[0] = '\0';
	self->has_cluster_key = false;
	self->epoch = 0;
	crypto->wipe(crypto->ctx, self->cluster_seed, SEED_BYTES);
	adm->chain_len = 0;
	adm->path.len = 0;
	admission_phase(adm, NODE_NO_CLUSTER);
}

/* Writes the value of the fact that makes this node an admin by its path. */
static struct row_view admin_fact(struct admission *adm, const struct admin_path *path,
				  uint8_t value[ADMIN_VALUE_MAX])
{
	uint8_t subject[PATH_BYTES_MAX + 8];
	struct row_view row = {.kind = FACT_ADMIN, .key_len = ID_BYTES, .value = value};
	struct pack pack;
	int len;

	pack_init(&pack, subject, sizeof(subject));
	pack_array(&pack, 1);
	pack_bin(&pack, path->bytes, path->len);
	len = authority_value(subject, pack.len, path, value, ADMIN_VALUE_MAX);
	WEFT_ASSERT(len > 0);
	memcpy(row.key, adm->core->self.id.b, ID_BYTES);
	row.value_len = (size_t)len;
	return row;
}

static int init_put(struct admission *adm, uint64_t tag, uint64_t *token, struct weft_err *err)
{
	uint8_t value[ADMIN_VALUE_MAX];
	struct row_view row = admin_fact(adm, &adm->path, value);

	return own_record_put(adm, tag, false, &row, 1, token, err);
}

void founding_init(struct admission *adm, const struct gossip_command *command)
{
	const char *name =
	    command->text != NULL && command->text[0] != '\0' ? command->text : "weft";
	struct weft_err err = {0};
	uint64_t token;

	if (adm->core->self.phase != NODE_NO_CLUSTER) {
		admission_answer_err(adm, command->tag, WEFT_E_HAS_CLUSTER,
				     "this host is in cluster %s already; leave and reset it first",
				     adm->core->self.cluster_name);
		return;
	}
	if (!name_is_valid(name)) {
		admission_answer_err(
		    adm, command->tag, WEFT_E_INVALID,
		    "a cluster name has 1 to 63 of the characters A-Z a-z 0-9 . _ -");
		return;
	}
	founding_identity(adm);
	cluster_make(adm, name);
	admission_tables_start(adm);
	if (!core_has_room(adm->core, 0, 8, 1) || init_put(adm, command->tag, &token, &err) != 0) {
		if (err.code == 0)
			weft_err_set(&err, WEFT_E_BUSY, CORE_BUSY_TEXT);
		core_answer(adm->core, command->tag)->err = err;
		cluster_forget(adm);
		return;
	}
	founding_write(adm);
	admission_meta(adm, META_CLUSTER_KEY, adm->core->self.cluster_seed, SEED_BYTES);
	admission_meta(adm, META_ADMIN, adm->path.bytes, adm->path.len);
	admission_phase(adm, NODE_CLAIMING);
	admission_wait(adm, PENDING_INIT, token, command->tag, &adm->core->self.id, NULL);
}

/* The persist group of a restore: with the fact that makes this node an admin, unless it is one or
 * has ceased to be one. */
static int restore_put(struct admission *adm, uint64_t tag, const uint8_t *sec, uint64_t *token,
		       struct weft_err *err)
{
	struct core *core = adm->core;
	const struct admin_path none = {.len = 0};
	struct chain_ctx ctx = admission_ctx(adm);
	uint8_t value[ADMIN_VALUE_MAX];
	struct admin_path path;
	struct row_view row;
	int rc;

	if (core->self.is_admin ||
	    authority_has_fact(adm->tables, FACT_ADMIN_END, &core->self.id, NULL)) {
		*token = core_persist_begin(core, tag);
		WEFT_ASSERT(*token != 0); /* asked for before */
		return 0;
	}
	rc = path_extend(&ctx, &none, sec, core->self.sign_pub, core->wall, &path);
	WEFT_ASSERT(rc == 0);
	row = admin_fact(adm, &path, value);
	return tables_put(adm->tables, tag, &row, 1, token, err);
}

void founding_restore(struct admission *adm, const struct gossip_command *command)
{
	struct core *core = adm->core;
	struct self *self = &core->self;
	uint8_t pub[SIGN_PUB_BYTES], sec[SIGN_SEC_BYTES];
	struct weft_err err = {0};
	uint64_t token;

	if (command->len != SEED_BYTES) {
		admission_answer_err(
		    adm, command->tag, WEFT_E_INVALID,
		    "a cluster key has %d bytes; take one that weft admin backup made", SEED_BYTES);
		return;
	}
	core->crypto->sign_pair(core->crypto->ctx, command->bytes, pub, sec);
	if (memcmp(pub, self->cluster_pub, SIGN_PUB_BYTES) != 0)
		weft_err_set(&err, WEFT_E_WRONG_CLUSTER,
			     "this is the key of another cluster than %s; take the backup that was "
			     "made of this one",
			     self->cluster_name);
	else if (!core_has_room(core, 0, 3, 1))
		weft_err_set(&err, WEFT_E_BUSY, CORE_BUSY_TEXT);
	else
		(void)restore_put(adm, command->tag, sec, &token, &err);
	core->crypto->wipe(core->crypto->ctx, sec, sizeof(sec));
	if (err.code != 0) {
		core_answer(core, command->tag)->err = err;
		return;
	}
	admission_meta(adm, META_CLUSTER_KEY, command->bytes, SEED_BYTES);
	memcpy(self->cluster_seed, command->bytes, SEED_BYTES); /* counts once it is durable */
	admission_wait(adm, PENDING_RESTORE, token, command->tag, &self->id, NULL);
}

static void restore_durable(struct admission *adm, const struct pending *pending, bool ok)
{
	struct gossip_answer *answer = core_answer(adm->core, pending->tag);

	answer->id = pending->id;
	if (ok)
		adm->core->self.has_cluster_key = true;
	else
		weft_err_set(&answer->err, WEFT_E_STORE,
			     "the cluster key could not be written; nothing was changed");
}

void founding_durable(struct admission *adm, const struct pending *pending, bool ok)
{
	struct core *core = adm->core;
	struct gossip_answer *answer;

	if (pending->kind == PENDING_RESTORE) {
		restore_durable(adm, pending, ok);
		return;
	}
	answer = core_answer(core, pending->tag);
	if (!ok) {
		cluster_forget(adm);
		weft_err_set(&answer->err, WEFT_E_STORE,
			     "the cluster could not be written; nothing was changed");
		return;
	}
	answer->id = core->self.id;
	core->self.is_admin = true;
	claim_use_epoch(adm);
	admission_phase(adm, NODE_ACTIVE);
	core_trace(core, TRACE_STARTED, &core->self.id, NULL, NULL, (int64_t)core->self.epoch);
}
