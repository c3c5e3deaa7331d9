/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Ids. Every node, network, endpoint and token has one of 16 bytes, written as 32 hex digits and
 * accepted as any unique prefix.
 */
#pragma once

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define ID_BYTES 16
#define ID_TEXT_BYTES 33

struct id {
	uint8_t b[ID_BYTES];
};

/* No id at all: it names nothing, and as a topic the whole cluster's. */
extern const struct id id_none;

/* The order of memcmp over 16 bytes, without a call. */
static inline int bytes16_cmp(const void *a, const void *b)
{
	uint64_t x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	if (x == y) {
		memcpy(&x, (const char *)a + sizeof(x), sizeof(x));
		memcpy(&y, (const char *)b + sizeof(y), sizeof(y));
	}
	return x == y ? 0 : be64toh(x) < be64toh(y) ? -1 : 1;
}

static inline int id_cmp(const struct id *a, const struct id *b)
{
	return bytes16_cmp(a->b, b->b);
}

static inline bool id_eq(const struct id *a, const struct id *b)
{
	return memcmp(a->b, b->b, ID_BYTES) == 0;
}

static inline bool id_is_zero(const struct id *id)
{
	return id_eq(id, &id_none);
}

void id_format(const struct id *id, char text[ID_TEXT_BYTES]);

/* Exactly 32 hex digits; 0 or WEFT_E_INVALID. */
int id_parse(const char *text, struct id *id);

/* True when text is 1 to 32 hex digits and the id begins with them. */
bool id_has_prefix(const struct id *id, const char *text);
