/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What a replica accepts depends on the row alone, and on members that it will know sooner or
 * later: never on something that ends. A revoked admin's facts and a removed node's rows stay
 * acceptable, or two replicas that heard of the end in different order would differ for ever. What
 * an end takes away is new admissions.
 *
 * A removed node keeps its key, and may date an admission as it likes; nobody can tell by the row
 * alone. So the difference is made by who shows it. The row of a newcomer that a member shows is
 * believed whatever has become of the admitter: that member believed it in time, or was shown it by
 * one who did. What a newcomer shows of itself is believed only while its admitter is not known to
 * be removed. Hence an admission holds for all when one member has it before he hears of the
 * removal, in whatever order the others hear of both; and it is void for all when none has.
 */
#include "authority.h"

#include <string.h>

#include "gossip/base/pack.h"

#define FIELDS_MAX 15

int authority_value(const uint8_t *rec, size_t rec_len, const struct admin_path *author,
		    uint8_t *out, size_t cap)
{
	struct pack pack;

	WEFT_ASSERT(author->len > 0);
	pack_init(&pack, out, cap);
	if (rec == NULL) {
		pack_array(&pack, 1);
	} else {
		/* One field more in the array's head, which is one byte below 16 fields. */
		uint8_t head = (uint8_t)(rec[0] + 1);
		WEFT_ASSERT(rec_len > 0 && (rec[0] & 0xf0) == 0x90 && (rec[0] & 0x0f) < FIELDS_MAX);
		pack_raw(&pack, &head, 1);
		pack_raw(&pack, rec + 1, rec_len - 1);
	}
	pack_bin(&pack, author->bytes, author->len);
	return pack_ok(&pack) ? (int)pack.len : WEFT_E_LIMIT;
}

static bool path_read(struct cursor *cursor, struct admin_path *path)
{
	size_t len;
	const uint8_t *bytes = cursor_bin(cursor, PATH_BYTES_MAX, &len);

	return bytes != NULL && path_parse(bytes, len, path);
}

bool authority_paths(const struct row_view *row, struct admin_path *author,
		     struct admin_path *subject)
{
	struct cursor cursor;
	size_t fields;

	cursor_init(&cursor, row->value, row->value_len);
	fields = cursor_array(&cursor, FIELDS_MAX);
	if (fields == 0)
		return false;
	if (subject != NULL) {
		if (fields < 2 || !path_read(&cursor, subject))
			return false;
		fields--;
	}
	for (size_t i = 1; i < fields; i++)
		cursor_skip(&cursor);
	return path_read(&cursor, author) && cursor_at_end(&cursor);
}

static bool is_author(const struct chain_ctx *ctx, const struct row_view *row,
		      const struct admin_path *path)
{
	struct id id = chain_node_id(ctx->crypto, path_last(path));

	return id_eq(&id, &row->owner);
}

static enum drop_reason check_admin_fact(const struct chain_ctx *ctx, const struct row_view *row,
					 uint8_t pub[SIGN_PUB_BYTES])
{
	struct admin_path author = {.len = 0};
	struct admin_path subject = {.len = 0};
	struct rec_removal removal;
	struct rec_token token;
	struct id id;

	if (row->key_len != ID_BYTES ||
	    !authority_paths(row, &author, row->kind == FACT_ADMIN ? &subject : NULL))
		return DROP_ROW;
	if (row->kind == FACT_TOKEN && rec_token_decode(row->value, row->value_len, &token) != 0)
		return DROP_ROW;
	if (row->kind == FACT_REMOVAL &&
	    rec_removal_decode(row->value, row->value_len, &removal) != 0)
		return DROP_ROW;
	if (!is_author(ctx, row, &author) || !path_verify(ctx, &author))
		return DROP_ROW_SIG;
	if (row->kind == FACT_ADMIN) {
		id = chain_node_id(ctx->crypto, path_last(&subject));
		if (memcmp(id.b, row->key, ID_BYTES) != 0 || !path_verify(ctx, &subject))
			return DROP_ROW_SIG;
	}
	memcpy(pub, path_last(&author), SIGN_PUB_BYTES);
	return DROP_NONE;
}

static bool same_admission(const struct member *member, const struct rec_member *rec)
{
	return member->has_record && member->rec->chain_len == rec->chain_len &&
	       memcmp(member->rec->chain, rec->chain, rec->chain_len) == 0 &&
	       strcmp(member->rec->name, rec->name) == 0;
}

static enum drop_reason check_member(const struct chain_ctx *ctx, const struct core *core,
				     const struct member_table *members, const struct row_view *row,
				     uint8_t pub[SIGN_PUB_BYTES])
{
	uint8_t name_hash[NAME_HASH_BYTES];
	const struct member *member;
	struct rec_member rec;
	struct id id;

	if (row->key_len != 0 || row->deleted ||
	    rec_member_decode(row->value, row->value_len, &rec) != 0)
		return DROP_ROW;
	id = chain_node_id(ctx->crypto, rec.pubkey);
	if (!id_eq(&id, &row->owner))
		return DROP_ROW_SIG;
	memcpy(pub, rec.pubkey, SIGN_PUB_BYTES);
	member = member_find(members, &id);
	if (member != NULL && same_admission(member, &rec))
		return DROP_NONE;
	if (member == NULL && members->ordered.count >= core->limits.members_max)
		return DROP_ROW_CAP;
	chain_name_hash(ctx->crypto, rec.name, name_hash);
	if (chain_verify(ctx, rec.chain, rec.chain_len, rec.pubkey, name_hash, NULL) != 0)
		return DROP_ROW_SIG;
	return DROP_NONE;
}

/* A closure says what its closer counts; its key ends with who that is. */
static bool is_closer(const struct row_view *row)
{
	return row->key_len >= ID_BYTES &&
	       memcmp(row->key + row->key_len - ID_BYTES, row->owner.b, ID_BYTES) == 0;
}

/* Rows belong to their owner; facts that need no admin any member may write. */
static enum drop_reason check_owner(const struct core *core, const struct member_table *members,
				    const struct row_view *row, uint8_t pub[SIGN_PUB_BYTES])
{
	const struct member *member;

	if (id_eq(&row->owner, &core->self.id)) {
		memcpy(pub, core->self.sign_pub, SIGN_PUB_BYTES);
		return DROP_NONE;
	}
	member = member_find(members, &row->owner);
	if (member == NULL || !member->has_record)
		return DROP_ROW_OWNER;
	memcpy(pub, member->rec->pubkey, SIGN_PUB_BYTES);
	return DROP_NONE;
}

enum drop_reason authority_check(const struct chain_ctx *ctx, const struct core *core,
				 const struct member_table *members, const struct row_view *row,
				 uint8_t pub[SIGN_PUB_BYTES])
{
	switch (row->kind) {
	case ROW_MEMBER:
		return check_member(ctx, core, members, row, pub);
	case FACT_ADMIN:
	case FACT_ADMIN_END:
	case FACT_TOKEN:
	case FACT_TOKEN_END:
	case FACT_REMOVAL:
		return check_admin_fact(ctx, row, pub);
	case FACT_CLOSURE:
		if (!is_closer(row))
			return DROP_ROW_SIG;
		break;
	default:
		break;
	}
	return check_owner(core, members, row, pub);
}

bool authority_has_fact(const struct tables *tables, uint16_t kind, const struct id *id,
			struct row_view *end)
{
	struct row_view row;

	return tables_row(tables, NULL, &id_none, kind, id->b, ID_BYTES, end != NULL ? end : &row);
}

enum introduction authority_introduction(const struct core *core,
					 const struct member_table *members,
					 const struct row_view *row, struct id *by)
{
	const struct member *admitter;
	struct chain_info info;
	struct rec_member rec;

	*by = id_none;
	if (row->kind != ROW_MEMBER || rec_member_decode(row->value, row->value_len, &rec) != 0 ||
	    chain_read(core->crypto, rec.chain, rec.chain_len, &info) != 0)
		return INTRODUCTION_STRANGE;
	*by = info.admitter;
	if (info.is_root || id_eq(&info.admitter, &core->self.id))
		return INTRODUCTION_GOOD;
	admitter = member_find(members, &info.admitter);
	if (admitter != NULL && admitter->state == MEMBER_REMOVED)
		return INTRODUCTION_VOID;
	return admitter != NULL && admitter->has_record ? INTRODUCTION_GOOD : INTRODUCTION_STRANGE;
}
