/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What admins sign: tokens, further admins, removals, and the ends of the first two. Each command
 * becomes one fact, answered when it is durable.
 */
#include <stdio.h>
#include <string.h>

#include "admission_impl.h"
#include "gossip/base/pack.h"

#define TTL_MS_DEFAULT (INT64_C(24) * 3600 * 1000)
#define TTL_MS_MAX (INT64_C(366) * 24 * 3600 * 1000)

static bool require_admin(struct admission *adm, uint64_t tag)
{
	if (adm->core->self.is_admin && adm->path.len > 0)
		return true;
	admission_answer_err(adm, tag, WEFT_E_DENIED,
			     "this node is no admin of cluster %s; weft admin ls says who is",
			     adm->core->self.cluster_name);
	return false;
}

/* Puts one fact of this admin and remembers to answer with id and text. */
static int put_fact(struct admission *adm, uint64_t tag, uint16_t kind, const struct id *key,
		    const uint8_t *rec, size_t rec_len, uint64_t *token, struct weft_err *err)
{
	struct row_view row = {.kind = kind, .key_len = ID_BYTES};
	uint8_t value[ADMIN_VALUE_MAX];
	int len = authority_value(rec, rec_len, &adm->path, value, sizeof(value));

	if (len < 0)
		return weft_err_set(
		    err, WEFT_E_INVALID,
		    "the values are too long to be kept; use fewer or shorter tags");
	memcpy(row.key, key->b, ID_BYTES);
	row.value = value;
	row.value_len = (size_t)len;
	return tables_put(adm->tables, tag, &row, 1, token, err);
}

static void put_and_wait(struct admission *adm, uint64_t tag, uint16_t kind, const struct id *key,
			 const uint8_t *rec, size_t rec_len, const char *text)
{
	struct weft_err err = {0};
	uint64_t token;

	if (put_fact(adm, tag, kind, key, rec, rec_len, &token, &err) != 0)
		core_answer(adm->core, tag)->err = err;
	else
		admission_wait(adm, PENDING_ANSWER, token, tag, key, text);
}

/* Where joiners find this cluster: here, then other members that are alive, admins first. */
static void token_addrs(struct admission *adm, struct token *token)
{
	const struct member_table *members = adm->members;

	token->addrs[token->addr_count++] = adm->core->advertise;
	for (int admins = 1; admins >= 0; admins--) {
		for (size_t i = 0; i < members->ordered.count; i++) {
			const struct member *member = member_at(members, i);
			if (token->addr_count == TOKEN_SEEDS_MAX)
				return;
			if (member->state != MEMBER_ALIVE || member->is_admin != (admins == 1) ||
			    id_eq(&member->id, &adm->core->self.id))
				continue;
			token->addrs[token->addr_count++] = member->addr;
		}
	}
}

static int terms_from(const struct admission *adm, const struct gossip_command *command,
		      struct rec_token *terms, struct weft_err *err)
{
	int64_t ttl = command->ttl_ms != 0 ? command->ttl_ms : TTL_MS_DEFAULT;

	*terms = (struct rec_token){.tag_count = command->label_count};
	if (ttl < 0 || ttl > TTL_MS_MAX)
		return weft_err_set(
		    err, WEFT_E_INVALID,
		    "a token lives up to 366 days; choose a --ttl between 1s and 366d");
	if (command->label_count > sizeof(terms->tags) / sizeof(terms->tags[0]))
		return weft_err_set(err, WEFT_E_INVALID,
				    "a token gives at most %zu tags; use fewer",
				    sizeof(terms->tags) / sizeof(terms->tags[0]));
	if (command->text != NULL && strlen(command->text) >= sizeof(terms->name_pattern))
		return weft_err_set(
		    err, WEFT_E_INVALID,
		    "a name pattern has at most %zu characters; use * for a part of it",
		    sizeof(terms->name_pattern) - 1);
	if (command->text != NULL)
		snprintf(terms->name_pattern, sizeof(terms->name_pattern), "%s", command->text);
	terms->expires.ms = adm->core->wall.ms + ttl;
	for (size_t i = 0; i < command->label_count; i++)
		terms->tags[i] = command->labels[i];
	return 0;
}

void admin_token_create(struct admission *adm, const struct gossip_command *command)
{
	const struct gossip_crypto *crypto = adm->core->crypto;
	struct chain_ctx ctx = admission_ctx(adm);
	char text[TOKEN_TEXT_MAX];
	struct rec_token terms;
	struct weft_err err = {0};
	struct token token;

	if (!require_admin(adm, command->tag))
		return;
	if (terms_from(adm, command, &terms, &err) != 0 ||
	    token_make(&ctx, &adm->path, adm->core->self.sign_sec, &terms, &token, &err) != 0) {
		core_answer(adm->core, command->tag)->err = err;
		return;
	}
	token_addrs(adm, &token);
	if (token_format(crypto, &token, text, &err) < 0)
		core_answer(adm->core, command->tag)->err = err;
	else
		put_and_wait(adm, command->tag, FACT_TOKEN, &token.cert.id, token.terms_bytes,
			     token.terms_len, text);
	crypto->wipe(crypto->ctx, &token, sizeof(token));
	crypto->wipe(crypto->ctx, text, sizeof(text));
}

void admin_token_rm(struct admission *adm, const struct gossip_command *command)
{
	char id[ID_TEXT_BYTES];

	if (!require_admin(adm, command->tag))
		return;
	id_format(&command->id, id);
	if (authority_has_fact(adm->tables, FACT_TOKEN_END, &command->id, NULL)) {
		core_answer(adm->core, command->tag)->id = command->id; /* done before */
		return;
	}
	if (!authority_has_fact(adm->tables, FACT_TOKEN, &command->id, NULL)) {
		admission_answer_err(adm, command->tag, WEFT_E_NOT_FOUND,
				     "no token has the id %s; weft token ls lists them", id);
		return;
	}
	put_and_wait(adm, command->tag, FACT_TOKEN_END, &command->id, NULL, 0, NULL);
}

/* The path of a new admin: from the cluster key where it is kept, so that paths stay short. */
static int subject_path(struct admission *adm, const uint8_t subject[SIGN_PUB_BYTES],
			struct admin_path *path, struct weft_err *err)
{
	const struct gossip_crypto *crypto = adm->core->crypto;
	const struct self *self = &adm->core->self;
	const struct admin_path none = {.len = 0};
	struct chain_ctx ctx = admission_ctx(adm);
	uint8_t pub[SIGN_PUB_BYTES];
	uint8_t sec[SIGN_SEC_BYTES];
	int rc;

	if (!self->has_cluster_key) {
		if (path_extend(&ctx, &adm->path, self->sign_sec, subject, adm->core->wall, path) ==
		    0)
			return 0;
		return weft_err_set(err, WEFT_E_LIMIT,
				    "this admin was named by an admin who was named by an admin; "
				    "add this one on a node nearer to the cluster key");
	}
	crypto->sign_pair(crypto->ctx, self->cluster_seed, pub, sec);
	rc = path_extend(&ctx, &none, sec, subject, adm->core->wall, path);
	crypto->wipe(crypto->ctx, sec, sizeof(sec));
	WEFT_ASSERT(rc == 0 && memcmp(pub, self->cluster_pub, SIGN_PUB_BYTES) == 0);
	return 0;
}

/* The member of a command, or an answer that there is none. */
static struct member *require_member(struct admission *adm, const struct gossip_command *command)
{
	struct member *member = member_find(adm->members, &command->id);
	char id[ID_TEXT_BYTES];

	if (member != NULL && member->has_record)
		return member;
	id_format(&command->id, id);
	admission_answer_err(adm, command->tag, WEFT_E_NOT_FOUND,
			     "no member has the id %s; weft members lists them", id);
	return NULL;
}

void admin_add(struct admission *adm, const struct gossip_command *command)
{
	uint8_t rec[PATH_BYTES_MAX + 8];
	struct weft_err err = {0};
	struct admin_path path;
	const struct member *member;
	struct pack pack;

	if (!require_admin(adm, command->tag))
		return;
	member = require_member(adm, command);
	if (member == NULL)
		return;
	if (authority_has_fact(adm->tables, FACT_ADMIN_END, &member->id, NULL)) {
		admission_answer_err(
		    adm, command->tag, WEFT_E_CONFLICT,
		    "%s ceased to be an admin, which is for good; let it join anew "
		    "first",
		    member->rec->name);
		return;
	}
	if (member_state_is_gone(member->state)) {
		admission_answer_err(adm, command->tag, WEFT_E_CONFLICT,
				     "%s is no member any more; weft members shows who is",
				     member->rec->name);
		return;
	}
	if (member->is_admin) {
		core_answer(adm->core, command->tag)->id = member->id;
		return;
	}
	if (subject_path(adm, member->rec->pubkey, &path, &err) != 0) {
		core_answer(adm->core, command->tag)->err = err;
		return;
	}
	pack_init(&pack, rec, sizeof(rec));
	pack_array(&pack, 1);
	pack_bin(&pack, path.bytes, path.len);
	WEFT_ASSERT(pack_ok(&pack));
	put_and_wait(adm, command->tag, FACT_ADMIN, &member->id, rec, pack.len, NULL);
}

void admin_rm(struct admission *adm, const struct gossip_command *command)
{
	const struct member *member;
	size_t admins = 0;

	if (!require_admin(adm, command->tag))
		return;
	member = require_member(adm, command);
	if (member == NULL)
		return;
	if (!member->is_admin) {
		admission_answer_err(adm, command->tag, WEFT_E_NOT_FOUND,
				     "%s is no admin; weft admin ls lists them", member->rec->name);
		return;
	}
	for (size_t i = 0; i < adm->members->ordered.count; i++) {
		const struct member *at = member_at(adm->members, i);
		admins += at->is_admin && !member_state_is_gone(at->state);
	}
	if (admins == 1) {
		admission_answer_err(adm, command->tag, WEFT_E_CONFLICT,
				     "%s is the last admin; add another one first",
				     member->rec->name);
		return;
	}
	put_and_wait(adm, command->tag, FACT_ADMIN_END, &member->id, NULL, 0, NULL);
}

int admin_put_removal(struct admission *adm, uint64_t tag, const struct id *id, const char *reason,
		      uint64_t *token, struct weft_err *err)
{
	struct rec_removal removal = {.at = adm->core->wall};
	uint8_t rec[128];
	int len;

	if (reason != NULL)
		snprintf(removal.reason, sizeof(removal.reason), "%.63s", reason);
	len = rec_removal_encode(&removal, rec, sizeof(rec));
	if (len < 0)
		return weft_err_set(err, WEFT_E_INVALID,
				    "the reason is not one line of text of at most 63 bytes");
	return put_fact(adm, tag, FACT_REMOVAL, id, rec, (size_t)len, token, err);
}

void admin_remove(struct admission *adm, const struct gossip_command *command)
{
	struct weft_err err = {0};
	const struct member *member;
	uint64_t token;

	if (!require_admin(adm, command->tag))
		return;
	if (id_eq(&command->id, &adm->core->self.id)) {
		admission_answer_err(adm, command->tag, WEFT_E_INVALID,
				     "this is the node itself; use weft leave");
		return;
	}
	member = member_find(adm->members, &command->id);
	if (member != NULL && member->state == MEMBER_REMOVED) {
		core_answer(adm->core, command->tag)->id = command->id; /* done before */
		return;
	}
	if (!command->flag && require_member(adm, command) == NULL)
		return;
	if (admin_put_removal(adm, command->tag, &command->id, command->text, &token, &err) != 0)
		core_answer(adm->core, command->tag)->err = err;
	else
		admission_wait(adm, PENDING_ANSWER, token, command->tag, &command->id, NULL);
}

size_t admission_admitted_by(const struct admission *adm, const struct id *id, struct id *out,
			     size_t cap)
{
	size_t count = 0;

	for (size_t i = 0; i < adm->members->ordered.count; i++) {
		const struct member *member = member_at(adm->members, i);
		struct chain_info info;
		bool found;
		if (!member->has_record || chain_read(adm->core->crypto, member->rec->chain,
						      member->rec->chain_len, &info) != 0)
			continue;
		found = !info.is_root && id_eq(&info.token, id);
		for (size_t k = 0; k < info.admin_count; k++)
			found = found || id_eq(&info.admins[k], id);
		if (!found)
			continue;
		if (count < cap)
			out[count] = member->id;
		count++;
	}
	return count;
}
