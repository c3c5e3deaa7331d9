/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Words for trace records: the text of the event with %n, %o, %a, %v and %c filled in, and the same
 * values as fields; %S and %E are the ending of what %v counts.
 */
#include <inttypes.h>
#include <string.h>

#include "daemon/log.h"
#include "gossip/base/err.h"

static enum log_level level_of(char letter)
{
	switch (letter) {
	case 'e':
		return LOG_LEVEL_ERROR;
	case 'w':
		return LOG_LEVEL_WARNING;
	case 'i':
		return LOG_LEVEL_INFO;
	default:
		return LOG_LEVEL_DEBUG;
	}
}

struct words {
	char node[ID_TEXT_BYTES];
	char object[ID_TEXT_BYTES];
	char addr[HOSTPORT_TEXT_BYTES];
	char value[24];
	const char *code;
};

static const char *word_of(const struct words *words, char letter, const char **key)
{
	switch (letter) {
	case 'n':
		*key = "node";
		return words->node;
	case 'o':
		*key = "object";
		return words->object;
	case 'a':
		*key = "addr";
		return words->addr;
	case 'c':
		*key = "code";
		return words->code;
	default:
		*key = "value";
		return words->value;
	}
}

void log_trace(struct log *log, const struct trace_record *record)
{
	struct words words;
	struct log_field fields[4];
	size_t count = 0, len = 0;
	char level = 'd';
	char text[256];
	const char *at = trace_text(record->event, &level);

	if (level_of(level) > log->level)
		return;
	id_format(&record->node, words.node);
	id_format(&record->object, words.object);
	if (record->addr.port)
		hostport_format(&record->addr, words.addr);
	else
		inet_format(&record->addr.ip, words.addr);
	snprintf(words.value, sizeof(words.value), "%" PRId64, record->value);
	words.code = weft_code_info((int)record->value)->name;
	for (; *at && len + 1 < sizeof(text); at++) {
		if (at[0] == '%' && (at[1] == 'S' || at[1] == 'E')) {
			const char *ending = *++at == 'S' ? "s" : "es";

			for (; record->value != 1 && *ending && len + 1 < sizeof(text); ending++)
				text[len++] = *ending;
			continue;
		}
		if (at[0] != '%' || !strchr("noavc", at[1]) || count == 4) {
			text[len++] = *at;
			continue;
		}
		fields[count].value = word_of(&words, *++at, &fields[count].key);

		int n = snprintf(text + len, sizeof(text) - len, "%s", fields[count].value);

		len += (size_t)n < sizeof(text) - len ? (size_t)n : sizeof(text) - len - 1;
		count++;
	}
	text[len] = '\0';
	log_event(log, LOG_PEER, level_of(level), text, fields, count);
}
