/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Options that weft takes whatever the command is. */
#include <string.h>

#include "cli/cli.h"

#define ROW(name, type, option, arg, help, places)                             \
	{                                                                      \
		{name, type, API_IN_LOCAL, false, option, arg, help}, (places) \
	}

static const struct common_option rows[] = {
    ROW("socket", API_TEXT, "--socket", "PATH", "socket of weftd", COMMON_FRONT | COMMON_BEHIND),
    ROW("json", API_FLAG, "--json", NULL, "print JSON", COMMON_FRONT | COMMON_BEHIND),
    ROW(API_REQUEST_ID, API_TEXT, "--request-id", "ID",
	"repeats a call: the same again under this id gets its first answer", COMMON_CHANGES),
    ROW("help", API_FLAG, "--help", NULL, "print help", COMMON_FRONT | COMMON_BEHIND),
    ROW("version", API_FLAG, "--version", NULL, "print the version of weft", COMMON_FRONT),
};

const struct common_option *common_options(size_t *count)
{
	*count = sizeof(rows) / sizeof(rows[0]);
	return rows;
}

const struct common_option *common_find(const char *word, unsigned places, const char **value)
{
	if (strcmp(word, "-h") == 0)
		word = "--help";
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *name = rows[i].field.option;
		size_t len = strlen(name);

		if (!(rows[i].places & places) || strncmp(word, name, len) != 0 ||
		    (word[len] != '\0' && word[len] != '='))
			continue;
		*value = word[len] == '=' ? word + len + 1 : NULL;
		return &rows[i];
	}
	return NULL;
}

bool common_is_behind(const struct common_option *option, const struct api_method *method)
{
	return (option->places & COMMON_BEHIND) ||
	       ((option->places & COMMON_CHANGES) && (method->flags & API_CHANGES));
}

enum common_taken common_take(const char *word, unsigned places, const char *next,
			      struct cli_options *options, bool *used_next)
{
	const char *value = NULL;
	const struct common_option *option = common_find(word, places, &value);

	*used_next = false;
	if (!option)
		return COMMON_NONE;
	if (option->field.type == API_FLAG && value)
		return COMMON_TAKES_NO_VALUE;
	if (option->field.type != API_FLAG && !value && !next)
		return COMMON_LACKS_VALUE;
	*used_next = option->field.type != API_FLAG && !value;
	value = value ? value : next;
	if (strcmp(option->field.name, "json") == 0)
		options->json = true;
	else if (strcmp(option->field.name, "help") == 0)
		options->help = true;
	else if (strcmp(option->field.name, "version") == 0)
		options->version = true;
	else
		options->socket = value;
	return COMMON_TAKEN;
}

const char *common_fault(enum common_taken taken)
{
	if (taken == COMMON_LACKS_VALUE)
		return "a value is missing behind";
	return taken == COMMON_TAKES_NO_VALUE ? "this option takes no value:" : "unknown option";
}
