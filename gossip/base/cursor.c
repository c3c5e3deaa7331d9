/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Reading foreign MessagePack.
 *
 * Every value begins with one byte, from which head_read makes a struct head: the kind, and a
 * number (the value of an integer, the length of a byte string, the count of a container). A count
 * that the bytes left cannot hold is bad before anyone acts on it, so nothing a sender writes
 * makes us work harder than its datagram is long. Integers are read from any width; lengths too.
 * Nothing here asserts on the bytes read.
 */
#include <string.h>

#include "check.h"
#include "pack.h"

#define SKIP_DEPTH_MAX 32

enum kind {
	KIND_BAD,
	KIND_NIL,
	KIND_BOOL,
	KIND_UINT, /* number is the value */
	KIND_NINT, /* number is the value's two's complement, below zero */
	KIND_BIN,
	KIND_STR,
	KIND_EXT,   /* number counts the type byte as well */
	KIND_FLOAT, /* number is its width in bytes */
	KIND_ARRAY,
	KIND_MAP,
};

struct head {
	enum kind kind;
	uint64_t number;
};

static size_t left(const struct cursor *cursor)
{
	return cursor->bad ? 0 : (size_t)(cursor->end - cursor->at);
}

static void fail(struct cursor *cursor)
{
	cursor->bad = true;
}

/* A big-endian number of width bytes; 0 and bad when they are not there. */
static uint64_t number_read(struct cursor *cursor, size_t width)
{
	const uint8_t *bytes = cursor_raw(cursor, width);
	uint64_t number = 0;

	if (bytes == NULL)
		return 0;
	for (size_t i = 0; i < width; i++)
		number = number << 8 | bytes[i];
	return number;
}

static struct head signed_read(struct cursor *cursor, size_t width)
{
	uint64_t number = number_read(cursor, width);
	uint64_t sign = UINT64_C(1) << (8 * width - 1);

	if ((number & sign) == 0)
		return (struct head){KIND_UINT, number};
	return (struct head){KIND_NINT, number | (UINT64_MAX - (sign - 1))};
}

/* The forms from 0xc0 to 0xdf, in the order of the MessagePack specification. */
static struct head wide_head_read(struct cursor *cursor, uint8_t first)
{
	switch (first) {
	case 0xc0:
		return (struct head){KIND_NIL, 0};
	case 0xc2:
	case 0xc3:
		return (struct head){KIND_BOOL, first & 1};
	case 0xc4:
	case 0xc5:
	case 0xc6:
		return (struct head){KIND_BIN, number_read(cursor, (size_t)1 << (first - 0xc4))};
	case 0xc7:
	case 0xc8:
	case 0xc9:
		return (struct head){KIND_EXT,
				     number_read(cursor, (size_t)1 << (first - 0xc7)) + 1};
	case 0xca:
		return (struct head){KIND_FLOAT, 4};
	case 0xcb:
		return (struct head){KIND_FLOAT, 8};
	case 0xcc:
	case 0xcd:
	case 0xce:
	case 0xcf:
		return (struct head){KIND_UINT, number_read(cursor, (size_t)1 << (first - 0xcc))};
	case 0xd0:
	case 0xd1:
	case 0xd2:
	case 0xd3:
		return signed_read(cursor, (size_t)1 << (first - 0xd0));
	case 0xd4:
	case 0xd5:
	case 0xd6:
	case 0xd7:
	case 0xd8:
		return (struct head){KIND_EXT, (UINT64_C(1) << (first - 0xd4)) + 1};
	case 0xd9:
	case 0xda:
	case 0xdb:
		return (struct head){KIND_STR, number_read(cursor, (size_t)1 << (first - 0xd9))};
	case 0xdc:
	case 0xdd:
		return (struct head){KIND_ARRAY, number_read(cursor, (size_t)2 << (first - 0xdc))};
	case 0xde:
	case 0xdf:
		return (struct head){KIND_MAP, number_read(cursor, (size_t)2 << (first - 0xde))};
	default: /* 0xc1 is never used */
		return (struct head){KIND_BAD, 0};
	}
}

static struct head head_read(struct cursor *cursor)
{
	const uint8_t *at = cursor_raw(cursor, 1);
	struct head head;

	if (at == NULL)
		return (struct head){KIND_BAD, 0};
	if (*at <= 0x7f)
		head = (struct head){KIND_UINT, *at};
	else if (*at <= 0x8f)
		head = (struct head){KIND_MAP, *at & 0x0fu};
	else if (*at <= 0x9f)
		head = (struct head){KIND_ARRAY, *at & 0x0fu};
	else if (*at <= 0xbf)
		head = (struct head){KIND_STR, *at & 0x1fu};
	else if (*at >= 0xe0)
		head = (struct head){KIND_NINT, UINT64_MAX - (0xffu - *at)};
	else
		head = wide_head_read(cursor, *at);
	if (head.kind == KIND_BAD)
		fail(cursor);
	return cursor->bad ? (struct head){KIND_BAD, 0} : head;
}

/* The two heads that rows are full of, without the way through the table of all: true for a small
 * integer, or the length of a short byte string. */
static inline bool common_head(struct cursor *cursor, enum kind kind, uint64_t *number)
{
	const uint8_t *at = cursor->at;

	if (kind == KIND_UINT && left(cursor) >= 1 && at[0] <= 0x7f) {
		*number = at[0];
		cursor->at += 1;
		return true;
	}
	if (kind == KIND_BIN && left(cursor) >= 2 && at[0] == 0xc4) {
		*number = at[1];
		cursor->at += 2;
		return true;
	}
	return false;
}

/* Reads a head of this kind whose number is at most max; 0 and bad otherwise. */
static inline uint64_t expect(struct cursor *cursor, enum kind kind, uint64_t max)
{
	struct head head = {.kind = kind};

	if (!common_head(cursor, kind, &head.number))
		head = head_read(cursor);
	if (head.kind != kind || head.number > max) {
		fail(cursor);
		return 0;
	}
	return head.number;
}

void cursor_init(struct cursor *cursor, const void *bytes, size_t len)
{
	static const uint8_t nothing[1];

	WEFT_ASSERT(bytes != NULL || len == 0);
	cursor->at = bytes != NULL ? bytes : nothing;
	cursor->end = cursor->at + len;
	cursor->bad = false;
}

bool cursor_ok(const struct cursor *cursor)
{
	return !cursor->bad;
}

bool cursor_at_end(const struct cursor *cursor)
{
	return !cursor->bad && cursor->at == cursor->end;
}

size_t cursor_array(struct cursor *cursor, size_t max)
{
	uint64_t count = expect(cursor, KIND_ARRAY, max);

	if (count > left(cursor)) {
		fail(cursor);
		return 0;
	}
	return (size_t)count;
}

uint64_t cursor_uint(struct cursor *cursor, uint64_t max)
{
	return expect(cursor, KIND_UINT, max);
}

int64_t cursor_int(struct cursor *cursor)
{
	struct head head = head_read(cursor);

	if (head.kind == KIND_UINT && head.number <= INT64_MAX)
		return (int64_t)head.number;
	if (head.kind == KIND_NINT)
		return -(int64_t)(UINT64_MAX - head.number) - 1;
	fail(cursor);
	return 0;
}

bool cursor_bool(struct cursor *cursor)
{
	return expect(cursor, KIND_BOOL, 1) == 1;
}

const uint8_t *cursor_bin(struct cursor *cursor, size_t max, size_t *len)
{
	const uint8_t *bytes;

	*len = (size_t)expect(cursor, KIND_BIN, max);
	bytes = cursor_raw(cursor, *len);
	if (bytes == NULL)
		*len = 0;
	return bytes;
}

void cursor_fixed(struct cursor *cursor, void *out, size_t len)
{
	size_t found;
	const uint8_t *bytes = cursor_bin(cursor, len, &found);

	if (bytes == NULL || found != len) {
		fail(cursor);
		memset(out, 0, len);
		return;
	}
	memcpy(out, bytes, len);
}

/* The length of the one well-formed character at text[0..len), 0 when there is none: no overlong
 * form, no surrogate, nothing above U+10FFFF, no control character (C0, DEL, C1). */
static size_t utf8_char(const uint8_t *text, size_t len)
{
	static const uint32_t smallest[] = {0, 0, 0xa0, 0x800, 0x10000};
	uint32_t point;
	size_t n;

	if (text[0] < 0x80)
		return text[0] >= 0x20 && text[0] != 0x7f ? 1 : 0;
	if (text[0] < 0xc2 || text[0] > 0xf4)
		return 0;
	n = text[0] >= 0xf0 ? 4 : text[0] >= 0xe0 ? 3 : 2;
	if (n > len)
		return 0;
	point = text[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		point = point << 6 | (text[i] & 0x3fu);
	}
	if (point < smallest[n] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
		return 0;
	return n;
}

void cursor_text(struct cursor *cursor, char *out, size_t cap)
{
	size_t len;
	const uint8_t *text;

	WEFT_ASSERT(cap > 0);
	out[0] = '\0';
	len = (size_t)expect(cursor, KIND_STR, cap - 1);
	text = cursor_raw(cursor, len);
	if (text == NULL)
		return;
	for (size_t i = 0; i < len;) {
		size_t n = utf8_char(text + i, len - i);
		if (n == 0) {
			fail(cursor);
			return;
		}
		i += n;
	}
	memcpy(out, text, len);
	out[len] = '\0';
}

const uint8_t *cursor_raw(struct cursor *cursor, size_t len)
{
	const uint8_t *bytes = cursor->at;

	if (cursor->bad || len > left(cursor)) {
		fail(cursor);
		return NULL;
	}
	cursor->at += len;
	return bytes;
}

bool cursor_nil(struct cursor *cursor)
{
	if (left(cursor) == 0 || *cursor->at != 0xc0)
		return false;
	cursor->at++;
	return true;
}

void cursor_skip(struct cursor *cursor)
{
	uint64_t open[SKIP_DEPTH_MAX] = {0}; /* values still to pass in each open container */
	size_t depth = 0;

	do {
		struct head head;
		uint64_t inside = 0;

		if (depth > 0)
			open[depth - 1]--;
		head = head_read(cursor);
		if (head.kind >= KIND_BIN && head.kind <= KIND_FLOAT) {
			if (head.number > left(cursor))
				fail(cursor);
			else
				cursor_raw(cursor, (size_t)head.number);
		} else if (head.kind == KIND_ARRAY || head.kind == KIND_MAP) {
			inside = head.kind == KIND_MAP ? head.number * 2 : head.number;
		}
		if (inside > left(cursor) || (inside > 0 && depth == SKIP_DEPTH_MAX))
			fail(cursor);
		else if (inside > 0)
			open[depth++] = inside;
		while (depth > 0 && open[depth - 1] == 0)
			depth--;
	} while (!cursor->bad && depth > 0);
}
