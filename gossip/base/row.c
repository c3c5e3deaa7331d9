/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The frame around every signed row. Reading gives a view into the received bytes, because those
 * are what the author signed and what is passed on; writing makes the part to be signed.
 */
#include "row.h"

#include <string.h>

#include "check.h"
#include "err.h"
#include "pack.h"

#define ROW_FIELDS 9

_Static_assert(RANGE_KEY_BYTES <= KEY_BYTES_MAX, "the longest key fits");

/* What a fact never is: of a topic, of an epoch, or deleted. */
static bool fact_frame_is_valid(const struct row_view *row)
{
	return id_is_zero(&row->topic) && row->epoch == 0 && !row->deleted;
}

int row_parse(const uint8_t *bytes, size_t len, struct row_view *row)
{
	struct cursor cursor;
	const uint8_t *key;

	memset(row, 0, sizeof(*row));
	if (len <= ROW_SIG_BYTES || len > ROW_BYTES_MAX)
		return WEFT_E_INVALID;
	cursor_init(&cursor, bytes, len);
	if (cursor_array(&cursor, ROW_FIELDS) != ROW_FIELDS)
		return WEFT_E_INVALID;
	row->kind = (uint16_t)cursor_uint(&cursor, UINT16_MAX);
	cursor_fixed(&cursor, row->owner.b, ID_BYTES);
	cursor_fixed(&cursor, row->topic.b, ID_BYTES);
	key = cursor_bin(&cursor, KEY_BYTES_MAX, &row->key_len);
	if (!cursor_ok(&cursor))
		return WEFT_E_INVALID;
	if (row->key_len > 0)
		memcpy(row->key, key, row->key_len);
	row->epoch = cursor_uint(&cursor, UINT64_MAX);
	row->sequence = cursor_uint(&cursor, UINT64_MAX);
	row->deleted = cursor_bool(&cursor);
	row->at.ms = cursor_int(&cursor);
	row->value = cursor_bin(&cursor, VALUE_BYTES_MAX, &row->value_len);
	row->signed_len = (size_t)(cursor.at - bytes);
	row->sig = cursor_raw(&cursor, ROW_SIG_BYTES);
	if (!cursor_at_end(&cursor) || row->kind == 0)
		return WEFT_E_INVALID;
	if (row_is_fact(row) && !fact_frame_is_valid(row))
		return WEFT_E_INVALID;
	return 0;
}

void row_known(const uint8_t *bytes, size_t len, struct row_view *row)
{
	int code = row_parse(bytes, len, row);

	WEFT_ASSERT(code == 0);
}

bool row_is_of(const uint8_t *bytes, size_t len, const struct row_view *key)
{
	struct cursor cursor;
	const uint8_t *found;
	struct id owner, topic;
	size_t key_len;

	cursor_init(&cursor, bytes, len);
	if (cursor_array(&cursor, ROW_FIELDS) != ROW_FIELDS ||
	    cursor_uint(&cursor, UINT16_MAX) != key->kind)
		return false;
	cursor_fixed(&cursor, owner.b, ID_BYTES);
	cursor_fixed(&cursor, topic.b, ID_BYTES);
	found = cursor_bin(&cursor, KEY_BYTES_MAX, &key_len);
	WEFT_ASSERT(cursor_ok(&cursor));
	return key_len == key->key_len && memcmp(found, key->key, key_len) == 0 &&
	       (row_is_fact(key) || (id_eq(&owner, &key->owner) && id_eq(&topic, &key->topic)));
}

int row_encode(const struct row_view *row, uint8_t *out, size_t cap)
{
	size_t room = cap < ROW_BYTES_MAX ? cap : ROW_BYTES_MAX;
	struct pack pack;

	WEFT_ASSERT(row->kind != 0 && row->key_len <= KEY_BYTES_MAX);
	WEFT_ASSERT(!row_is_fact(row) || fact_frame_is_valid(row));
	if (room <= ROW_SIG_BYTES || row->value_len > VALUE_BYTES_MAX)
		return WEFT_E_LIMIT;
	pack_init(&pack, out, room - ROW_SIG_BYTES);
	pack_array(&pack, ROW_FIELDS);
	pack_uint(&pack, row->kind);
	pack_bin(&pack, row->owner.b, ID_BYTES);
	pack_bin(&pack, row->topic.b, ID_BYTES);
	pack_bin(&pack, row->key, row->key_len);
	pack_uint(&pack, row->epoch);
	pack_uint(&pack, row->sequence);
	pack_bool(&pack, row->deleted);
	pack_int(&pack, row->at.ms);
	pack_bin(&pack, row->value, row->value_len);
	return pack_ok(&pack) ? (int)pack.len : WEFT_E_LIMIT;
}

int row_version_cmp(const struct row_view *a, const struct row_view *b)
{
	if (a->epoch != b->epoch)
		return a->epoch < b->epoch ? -1 : 1;
	if (a->sequence != b->sequence)
		return a->sequence < b->sequence ? -1 : 1;
	/* A fact is a register that several may write: the author's id decides a tie. */
	return row_is_fact(a) ? id_cmp(&a->owner, &b->owner) : 0;
}

struct id row_key_id(const struct row_view *row)
{
	struct id id = {{0}};

	if (row->key_len == ID_BYTES)
		memcpy(id.b, row->key, ID_BYTES);
	return id;
}
