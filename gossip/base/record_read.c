/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Reading records by table.
 *
 * Foreign bytes are read by the bounded cursor: a bad field marks it bad and everything after reads
 * as zero, so a record is read straight down and judged once at its end. Every rule about values
 * stands here or in the tables; the writer has none of its own.
 *
 * Addresses have one form each: IPv4 in 4 bytes, IPv6 in 16, never IPv4 in its mapped form.
 */
#include "record_codec.h"

#include <string.h>

#include "err.h"
#include "pack.h"
#include "record.h"

#define TRAILING_MAX 64 /* fields of a record, with those of later versions */
#define INET_V4_AT 12   /* where the IPv4 address stands in the 16 bytes */

bool inet_is_unicast(const struct inet *ip)
{
	static const uint8_t zero[16];

	if (inet_is_v4(ip)) {
		uint32_t v4 = inet_v4(ip);

		return v4 >> 24 != 0 && v4 < 0xe0000000u; /* 0/8, multicast, reserved */
	}
	return ip->b[0] != 0xff && memcmp(ip->b, zero, sizeof(zero)) != 0;
}

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* A word of letters, digits and the given others; the first is a letter or digit unless wild. */
static bool word_is_valid(const char *text, const char *others, bool wild)
{
	size_t len = strnlen(text, NAME_BYTES);

	if (len == 0 || len >= NAME_BYTES || (!wild && !is_alnum(text[0])))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!is_alnum(text[i]) && !strchr(others, text[i]))
			return false;
	return true;
}

bool name_is_valid(const char *name)
{
	return word_is_valid(name, "._-", false);
}

static bool text_is_valid(const struct field *field, const char *text)
{
	switch (field->type) {
	case FIELD_NAME:
		return (field->min == 0 && text[0] == '\0') || name_is_valid(text);
	case FIELD_PATTERN:
		return text[0] == '\0' || word_is_valid(text, "._-*?[]", true);
	case FIELD_KEY:
		return word_is_valid(text, "._/-", false);
	default:
		return true;
	}
}

/* The address in 4 or 16 bytes; marks the cursor bad for another length or a mapped address. */
static struct inet inet_read(struct cursor *cursor, const uint8_t *bytes, size_t len)
{
	struct inet ip = {{0}};

	if (len == 4) {
		ip.b[10] = ip.b[11] = 0xff;
		memcpy(ip.b + INET_V4_AT, bytes, 4);
	} else if (len == 16) {
		memcpy(ip.b, bytes, 16);
		if (inet_is_v4(&ip))
			cursor->bad = true;
	} else {
		cursor->bad = true;
	}
	return ip;
}

static void prefix_read(struct cursor *cursor, const uint8_t *bytes, size_t len,
			struct prefix *prefix)
{
	unsigned width = len == 5 ? 32 : 128;

	prefix->ip = inet_read(cursor, bytes, len ? len - 1 : 0);
	if (!cursor_ok(cursor) || bytes[len - 1] > width) {
		cursor->bad = true;
		return;
	}
	prefix->bits = (uint8_t)(bytes[len - 1] + 128 - width);
}

/* The fields that hold addresses. */
static void address_read(struct cursor *cursor, const struct field *field, void *at)
{
	size_t len = 0;
	const uint8_t *bytes = cursor_bin(cursor, 18, &len);

	if (!cursor_ok(cursor))
		return;
	if (field->type == FIELD_PREFIX) {
		prefix_read(cursor, bytes, len, at);
	} else if (field->type == FIELD_INET) {
		if (len > 0 || field->min > 0)
			*(struct inet *)at = inet_read(cursor, bytes, len);
	} else if (len > 2) {
		struct hostport *hp = at;

		hp->ip = inet_read(cursor, bytes, len - 2);
		hp->port = (uint16_t)(bytes[len - 2] << 8 | bytes[len - 1]);
		if (hp->port == 0 || !inet_is_unicast(&hp->ip))
			cursor->bad = true;
	} else {
		cursor->bad = true;
	}
}

static void mac_read(struct cursor *cursor, struct mac *mac)
{
	static const struct mac none;

	cursor_fixed(cursor, mac->b, sizeof(mac->b));
	if ((mac->b[0] & 1) || memcmp(mac, &none, sizeof(none)) == 0)
		cursor->bad = true;
}

static void number_read(struct cursor *cursor, const struct field *field, void *at)
{
	uint64_t value = cursor_uint(cursor, field->max);

	if (value < field->min)
		cursor->bad = true;
	if (field->type == FIELD_U8)
		*(uint8_t *)at = (uint8_t)value;
	else if (field->type == FIELD_U16)
		*(uint16_t *)at = (uint16_t)value;
	else if (field->type == FIELD_U32)
		*(uint32_t *)at = (uint32_t)value;
	else if (field->type == FIELD_U64)
		*(uint64_t *)at = value;
	else
		((struct wall *)at)->ms = (int64_t)value;
}

static void shape_read(struct cursor *cursor, const struct shape *shape, uint8_t *rec);

static void field_read(struct cursor *cursor, const struct field *field, uint8_t *rec)
{
	void *at = rec + field->at;
	size_t count = 0;

	switch (field->type) {
	case FIELD_NAME:
	case FIELD_PATTERN:
	case FIELD_KEY:
	case FIELD_TEXT:
		cursor_text(cursor, at, NAME_BYTES);
		if (cursor_ok(cursor) && !text_is_valid(field, at))
			cursor->bad = true;
		break;
	case FIELD_BOOL:
		*(bool *)at = cursor_bool(cursor);
		break;
	case FIELD_U8:
	case FIELD_U16:
	case FIELD_U32:
	case FIELD_U64:
	case FIELD_WALL:
		number_read(cursor, field, at);
		break;
	case FIELD_FIXED:
		cursor_fixed(cursor, at, field->max);
		break;
	case FIELD_BYTES: {
		const uint8_t *bytes = cursor_bin(cursor, field->max, &count);

		if (cursor_ok(cursor)) {
			if (count > 0)
				memcpy(at, bytes, count);
			memcpy(rec + field->count_at, &count, sizeof(count));
		}
		break;
	}
	case FIELD_MAC:
		mac_read(cursor, at);
		break;
	case FIELD_INET:
	case FIELD_HOSTPORT:
	case FIELD_PREFIX:
		address_read(cursor, field, at);
		break;
	case FIELD_RECORD:
		shape_read(cursor, field->of, at);
		break;
	case FIELD_LIST:
		count = cursor_array(cursor, field->max);
		for (size_t i = 0; i < count && cursor_ok(cursor); i++)
			shape_read(cursor, field->of, (uint8_t *)at + i * field->of->size);
		memcpy(rec + field->count_at, &count, sizeof(count));
		break;
	}
}

static void shape_read(struct cursor *cursor, const struct shape *shape, uint8_t *rec)
{
	size_t count = shape->bare ? 1 : cursor_array(cursor, TRAILING_MAX);

	if (count + shape->optional < shape->count)
		cursor->bad = true;
	for (size_t i = 0; i < shape->count && i < count && cursor_ok(cursor); i++)
		field_read(cursor, &shape->fields[i], rec);
	for (size_t i = shape->count; i < count && cursor_ok(cursor); i++)
		cursor_skip(cursor);
	if (cursor_ok(cursor) && shape->is_valid && !shape->is_valid(rec))
		cursor->bad = true;
}

int shape_decode(const struct shape *shape, const uint8_t *bytes, size_t len, void *rec)
{
	struct cursor cursor;

	memset(rec, 0, shape->size);
	cursor_init(&cursor, bytes, len);
	shape_read(&cursor, shape, rec);
	return cursor_at_end(&cursor) ? 0 : WEFT_E_INVALID;
}
