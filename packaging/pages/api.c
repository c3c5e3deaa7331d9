/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Parts of weft-api(7): types, methods with fields and answers, objects. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "packaging/pages/answers.h"
#include "packaging/pages/pages.h"
#include "packaging/pages/troff.h"

static const char *field_type(enum api_type type)
{
	static const char *const names[] = {
	    [API_TEXT] = "text",       [API_UINT] = "number",        [API_FLAG] = "flag",
	    [API_DURATION] = "number", [API_TEXTS] = "list of text", [API_LABELS] = "labels",
	};

	return names[type];
}

static const char *field_place(enum api_place place)
{
	static const char *const names[] = {
	    [API_IN_PATH] = "path", [API_IN_QUERY] = "query", [API_IN_BODY] = "body"};

	return names[place];
}

/* ".TP", "name (type)", "what it is". */
static void key(FILE *out, const char *name, const char *type, const char *help)
{
	fputs(".TP\n\\fB", out);
	troff_text(out, name);
	fputs("\\fR (", out);
	troff_text(out, type);
	fputs(")\n", out);
	troff_text(out, help);
	fputc('\n', out);
}

static void keys(FILE *out, const struct answer_key *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		key(out, list[i].name, list[i].type, list[i].help);
}

static void fields(FILE *out, const struct api_method *method)
{
	bool any = false;

	for (size_t i = 0; i < method->field_count; i++) {
		const struct api_field *field = &method->fields[i];
		char words[64];

		if (field->place == API_IN_LOCAL)
			continue;
		if (!any)
			fputs(".P\nFields:\n.PD 0\n", out);
		any = true;
		snprintf(words, sizeof(words), "%s: %s%s", field_place(field->place),
			 field_type(field->type), field->required ? ", required" : "");
		key(out, field->name, words, field->help);
	}
	if (any)
		fputs(".PD\n", out);
}

static void answer(FILE *out, const struct api_method *method)
{
	const struct answer *says = answer_of(method->id);

	if (!says->object && !says->text && says->key_count == 0) {
		fprintf(stderr, "weft-pages: what %s %s answers is not described\n", method->verb,
			method->path);
		exit(1);
	}
	fputs(".P\nAnswer: ", out);
	if (says->text)
		troff_text(out, says->text);
	else if (!says->object)
		fputs("an object with", out);
	else
		fprintf(out, "an object of kind \\fI%s\\fR%s", says->object->name,
			says->key_count > 0 ? ", and" : "");
	fputs(says->key_count > 0 || method->list_key ? "\n.PD 0\n" : ".\n", out);
	if (method->list_key)
		key(out, "next", "text or null",
		    "where the next page begins; null: this is the last");
	keys(out, says->keys, says->key_count);
	fputs(".PD\n", out);
}

static void method(FILE *out, const struct api_method *m)
{
	fputs(".SS ", out);
	troff_text(out, m->verb);
	fputc(' ', out);
	troff_text(out, m->path);
	fputc('\n', out);
	troff_sentence(out, m->help);
	if (m->command) {
		fputs("Command:\n.BR \"weft ", out);
		troff_text(out, m->command);
		fputs("\" .\n", out);
	}
	if (m->flags & API_CHANGES)
		fputs("Changes something.\n", out);
	if (m->flags & API_LIST)
		fputs("Comes in pages.\n", out);
	/* Who says how long to wait is answered later. */
	if (m->deadline_ms > 0 && !api_field_find(m, "timeout_ms"))
		fprintf(out, "Answers within %" PRId64 " s.\n", m->deadline_ms / 1000);
	fields(out, m);
	answer(out, m);
}

void man_api_types(FILE *out)
{
	size_t count;
	const struct answer_key *types = answer_types(&count);

	fputs(".PD 0\n", out);
	keys(out, types, count);
	fputs(".PD\n", out);
}

void man_api_methods(FILE *out)
{
	for (int i = 0; i < API_METHOD_COUNT; i++)
		method(out, api_method((enum api_id)i));
}

void man_api_objects(FILE *out)
{
	size_t count;
	const struct answer_object *objects = answer_objects(&count);

	for (size_t i = 0; i < count; i++) {
		fprintf(out, ".SS %s\n", objects[i].name);
		troff_sentence(out, objects[i].help);
		fputs(".PD 0\n", out);
		keys(out, objects[i].keys, objects[i].key_count);
		fputs(".PD\n", out);
	}
}
