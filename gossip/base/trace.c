/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* The words behind trace records, from the one table in trace.h. */
#include "trace.h"

#include <stddef.h>

#include "check.h"

struct trace_words {
	char level;
	const char *text;
};

static const struct trace_words words[TRACE_END_] = {[TRACE_NONE] = {'d', "nothing"},
#define TRACE_WORDS_(sym, level, text) [TRACE_##sym] = {level, text},
						     TRACE_EVENTS(TRACE_WORDS_)
#undef TRACE_WORDS_
};

const char *trace_text(enum trace_event event, char *level)
{
	size_t at = (unsigned)event < TRACE_END_ ? (size_t)event : TRACE_NONE;

	WEFT_ASSERT(words[at].text != NULL);
	if (level != NULL)
		*level = words[at].level;
	return words[at].text;
}
