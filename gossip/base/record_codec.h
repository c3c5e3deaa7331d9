/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The machine behind record.h, private to this folder: a record is described by a table of fields,
 * and one reader and one writer serve all tables. A record is a MessagePack array of its fields in
 * table order; a later version only appends fields, which older readers pass over. A field that is
 * appended to what was written before has to be optional: its absence says no.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum field_type {
	FIELD_NAME,    /* str, name_is_valid; min 0 allows the empty string */
	FIELD_PATTERN, /* str, empty or a name with * ? [ ] in it */
	FIELD_KEY,     /* str, the key of a label */
	FIELD_TEXT,    /* str, any text without control characters */
	FIELD_BOOL,    /* bool */
	FIELD_U8,      /* uint between min and max, as are the next three */
	FIELD_U16,
	FIELD_U32,
	FIELD_U64,
	FIELD_WALL,     /* uint, milliseconds since 1970 */
	FIELD_FIXED,    /* bin of exactly max bytes */
	FIELD_BYTES,    /* bin of at most max bytes, its length at count_at */
	FIELD_MAC,      /* bin 6, a unicast address */
	FIELD_INET,     /* bin 4 or 16; min 0 allows the empty bin, for none */
	FIELD_HOSTPORT, /* bin 6 or 18: unicast address, port big-endian and not 0 */
	FIELD_PREFIX,   /* bin 5 or 17: address, then the length as people write it */
	FIELD_RECORD,   /* array: a record of shape `of` */
	FIELD_LIST,     /* array of at most max elements of `of`, their number at count_at */
};

struct shape;

struct field {
	enum field_type type;
	size_t at;       /* offset in the record */
	size_t count_at; /* offset of the size_t that counts a list or bytes */
	uint64_t min, max;
	const struct shape *of; /* of a record or of a list's elements */
};

struct shape {
	const struct field *fields;
	size_t count;
	size_t optional; /* so many bools at the end are left out while they are false */
	size_t size;     /* of the C structure */
	bool bare;       /* one field without an array around it: an element of a list */
	/* What must hold between fields; NULL when nothing. */
	bool (*is_valid)(const void *rec);
};

/* Writes rec to out[0..cap): length; WEFT_E_LIMIT when it does not fit; WEFT_E_INVALID when no
 * reader would take it (the bytes are read back to know). */
int shape_encode(const struct shape *shape, const void *rec, uint8_t *out, size_t cap);

/* Reads foreign bytes into rec, all of them: 0, or WEFT_E_INVALID with *rec undefined. */
int shape_decode(const struct shape *shape, const uint8_t *bytes, size_t len, void *rec);

/* True when a datagram can be sent to it: neither unspecified, nor multicast, nor broadcast. */
struct inet;
bool inet_is_unicast(const struct inet *ip);
