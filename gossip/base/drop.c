/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "drop.h"

#include "check.h"

struct drop_words {
	const char *name;
	const char *help;
};

static const struct drop_words words[DROP_END_] = {
#define DROP_WORDS_(sym, name, help) [DROP_##sym] = {name, help},
    DROP_REASONS(DROP_WORDS_)
#undef DROP_WORDS_
};

const char *drop_name(enum drop_reason reason)
{
	WEFT_ASSERT(reason > DROP_NONE && reason < DROP_END_);
	return words[reason].name;
}

const char *drop_help(enum drop_reason reason)
{
	WEFT_ASSERT(reason > DROP_NONE && reason < DROP_END_);
	return words[reason].help;
}
