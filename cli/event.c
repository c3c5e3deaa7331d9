/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Events for people, a line each: when, of what kind, what happened, whose name and id, where. */
#include <stdlib.h>
#include <string.h>

#include "cli/list.h"
#include "gossip/base/check.h"

/* A value behind a blank, if there is one. */
static void put_value(const json_t *object, const char *key, const char *before, FILE *out)
{
	char *text = text_of(json_object_get(object, key));

	WEFT_ASSERT(text != NULL);
	if (strcmp(text, "-") != 0)
		fprintf(out, "%s%s", before, text);
	free(text);
}

static void put_object(const char *kind, const char *action, const json_t *object, FILE *out)
{
	const char *name = text_at(object, "name", "");

	fprintf(out, " %s %.8s", name[0] ? name : "-", text_at(object, "id", "-"));
	if (strcmp(kind, "member") == 0) {
		put_value(object, "addr", " ", out);
		/* Any other action is the state. */
		if (strcmp(action, "is") == 0 || strcmp(action, "changed") == 0)
			put_value(object, "state", " ", out);
	} else if (strcmp(kind, "network") == 0) {
		put_value(object, "subnets", " ", out);
	} else if (strcmp(kind, "endpoint") == 0) {
		put_value(object, "addresses", " ", out);
		put_value(object, "network", " in ", out);
		put_value(object, "host", " on ", out);
	}
}

void print_event(const json_t *event, FILE *out)
{
	const char *kind = text_at(event, "event", "-"), *action = text_at(event, "action", "-");
	const json_t *object = json_object_get(event, kind);

	if (strcmp(kind, "snapshot") == 0)
		return;
	fprintf(out, "%s %-8s ", text_at(event, "at", "-"), kind);
	if (json_object_size(object) > 0) {
		fprintf(out, "%-8s", action);
		put_object(kind, action, object, out);
	} else {
		fputs(action, out);
	}
	fputc('\n', out);
	fflush(out);
}
