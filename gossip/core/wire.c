/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Names of the drop reasons, and frames as the wire carries them. */
#include "wire.h"

#include <stddef.h>
#include <string.h>

#include "gossip/base/check.h"

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

size_t wire_put_frame(uint8_t *at, uint8_t type, const void *body, size_t len)
{
	WEFT_ASSERT(len <= WIRE_PAYLOAD_MAX - FRAME_HEADER_BYTES);
	at[0] = type;
	wire_put(at + 1, len, 2);
	if (len > 0)
		memcpy(at + FRAME_HEADER_BYTES, body, len);
	return FRAME_HEADER_BYTES + len;
}
