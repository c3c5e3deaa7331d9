/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Writing records by table. The rules about values stand in the reader alone: what was written is
 * read back, and what a peer would refuse is refused here, so that the two can never differ. Counts
 * beyond their array and text without its end are defects of the caller.
 */
#include "record_codec.h"

#include <string.h>

#include "check.h"
#include "err.h"
#include "pack.h"
#include "record.h"

#define V4_MAPPED_BITS 96

/* Room for any record, to read back what was written. */
union any_record {
	struct rec_member member;
	struct rec_tags tags;
	struct rec_network network;
	struct rec_token token;
	struct rec_endpoint endpoint;
};

/* The address in its one form; returns its length. */
static size_t inet_write(const struct inet *ip, uint8_t out[16])
{
	size_t len = inet_is_v4(ip) ? 4 : 16;

	memcpy(out, ip->b + 16 - len, len);
	return len;
}

static void address_write(struct pack *pack, const struct field *field, const void *at)
{
	static const struct inet none;
	uint8_t bytes[18];
	size_t len;

	if (field->type == FIELD_PREFIX) {
		const struct prefix *prefix = at;

		len = inet_write(&prefix->ip, bytes);
		bytes[len] = len == 4 ? (uint8_t)(prefix->bits - V4_MAPPED_BITS) : prefix->bits;
		len += 1;
	} else if (field->type == FIELD_HOSTPORT) {
		const struct hostport *hp = at;

		len = inet_write(&hp->ip, bytes);
		bytes[len] = (uint8_t)(hp->port >> 8);
		bytes[len + 1] = (uint8_t)hp->port;
		len += 2;
	} else {
		len = field->min == 0 && memcmp(at, &none, sizeof(none)) == 0
			  ? 0
			  : inet_write(at, bytes);
	}
	pack_bin(pack, bytes, len);
}

static void shape_write(struct pack *pack, const struct shape *shape, const uint8_t *rec);

static void field_write(struct pack *pack, const struct field *field, const uint8_t *rec)
{
	const void *at = rec + field->at;
	size_t count = 0;

	if (field->type == FIELD_BYTES || field->type == FIELD_LIST)
		memcpy(&count, rec + field->count_at, sizeof(count));
	WEFT_ASSERT(count <= field->max);
	switch (field->type) {
	case FIELD_NAME:
	case FIELD_PATTERN:
	case FIELD_KEY:
	case FIELD_TEXT:
		WEFT_ASSERT(memchr(at, '\0', NAME_BYTES));
		pack_str(pack, at);
		break;
	case FIELD_BOOL:
		pack_bool(pack, *(const bool *)at);
		break;
	case FIELD_U8:
		pack_uint(pack, *(const uint8_t *)at);
		break;
	case FIELD_U16:
		pack_uint(pack, *(const uint16_t *)at);
		break;
	case FIELD_U32:
		pack_uint(pack, *(const uint32_t *)at);
		break;
	case FIELD_U64:
		pack_uint(pack, *(const uint64_t *)at);
		break;
	case FIELD_WALL:
		pack_int(pack, ((const struct wall *)at)->ms);
		break;
	case FIELD_FIXED:
		pack_bin(pack, at, field->max);
		break;
	case FIELD_BYTES:
		pack_bin(pack, at, count);
		break;
	case FIELD_MAC:
		pack_bin(pack, at, sizeof(struct mac));
		break;
	case FIELD_INET:
	case FIELD_HOSTPORT:
	case FIELD_PREFIX:
		address_write(pack, field, at);
		break;
	case FIELD_RECORD:
		shape_write(pack, field->of, at);
		break;
	case FIELD_LIST:
		pack_array(pack, count);
		for (size_t i = 0; i < count; i++)
			shape_write(pack, field->of, (const uint8_t *)at + i * field->of->size);
		break;
	}
}

/* How many fields are written: optional ones only as far as they say something. */
static size_t fields_of(const struct shape *shape, const uint8_t *rec)
{
	size_t count = shape->count;

	while (count + shape->optional > shape->count) {
		const struct field *last = &shape->fields[count - 1];

		WEFT_ASSERT(last->type == FIELD_BOOL);
		if (*(const bool *)(rec + last->at))
			break;
		count--;
	}
	return count;
}

static void shape_write(struct pack *pack, const struct shape *shape, const uint8_t *rec)
{
	size_t count = fields_of(shape, rec);

	WEFT_ASSERT(!shape->bare || count == 1);
	if (!shape->bare)
		pack_array(pack, count);
	for (size_t i = 0; i < count; i++)
		field_write(pack, &shape->fields[i], rec);
}

int shape_encode(const struct shape *shape, const void *rec, uint8_t *out, size_t cap)
{
	union any_record back;
	struct pack pack;

	WEFT_ASSERT(shape->size <= sizeof(back));
	pack_init(&pack, out, cap);
	shape_write(&pack, shape, rec);
	if (!pack_ok(&pack))
		return WEFT_E_LIMIT;
	if (shape_decode(shape, out, pack.len, &back) < 0)
		return WEFT_E_INVALID;
	return (int)pack.len;
}
