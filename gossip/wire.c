/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Names of the drop reasons, and numbers as the wire carries them. */
#include "wire.h"

#include <stddef.h>

#include "base/check.h"

struct drop_words {
	const char *name;
	const char *help;
};

static const struct drop_words words[DROP_END_] = {[DROP_NONE] = {"none", "used"},
#define DROP_WORDS_(sym, name, help) [DROP_##sym] = {name, help},
						   DROP_REASONS(DROP_WORDS_)
#undef DROP_WORDS_
};

const char *drop_name(enum drop_reason reason)
{
	WEFT_ASSERT((unsigned)reason < DROP_END_);
	return words[reason].name;
}

const char *drop_help(enum drop_reason reason)
{
	WEFT_ASSERT((unsigned)reason < DROP_END_);
	return words[reason].help;
}

void wire_put(uint8_t *at, uint64_t value, size_t bytes)
{
	WEFT_ASSERT(bytes >= 1 && bytes <= 8);
	for (size_t i = bytes; i-- > 0; value >>= 8)
		at[i] = (uint8_t)value;
}

uint64_t wire_get(const uint8_t *at, size_t bytes)
{
	uint64_t value = 0;

	WEFT_ASSERT(bytes >= 1 && bytes <= 8);
	for (size_t i = 0; i < bytes; i++)
		value = value << 8 | at[i];
	return value;
}

size_t wire_put_frame(uint8_t *at, uint8_t type, const void *body, size_t len)
{
	const uint8_t *from = body;

	WEFT_ASSERT(len <= WIRE_PAYLOAD_MAX - FRAME_HEADER_BYTES);
	at[0] = type;
	wire_put(at + 1, len, 2);
	for (size_t i = 0; i < len; i++)
		at[FRAME_HEADER_BYTES + i] = from[i];
	return FRAME_HEADER_BYTES + len;
}
