/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * From words to a call, by the fields of the method: positional fields in order (a list takes the
 * rest), options by name. Values are judged by their type here, what they mean by the daemon.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/http.h"
#include "gossip/base/check.h"

#define REPLY_MARGIN_MS 5000 /* the daemon's own deadline comes first */

/* The words of one command while they are read. */
struct words {
	const struct api_method *method;
	struct cli_options *options;
	json_t *values;  /* by field name */
	size_t position; /* of the next positional field */
	char *const *argv;
	int argc, at;
};

static int usage(const struct api_method *method, struct weft_err *err, const char *what,
		 const char *word)
{
	return weft_err_set(err, WEFT_E_INVALID, "%s%s%.64s%s; see weft help %s", what,
			    word ? " \"" : "", word ? word : "", word ? "\"" : "", method->command);
}

static json_t *slot(struct words *words, const struct api_field *field, json_t *fresh)
{
	json_t *have = json_object_get(words->values, field->name);

	if (have) {
		json_decref(fresh);
		return have;
	}
	json_object_set_new(words->values, field->name, fresh);
	return fresh;
}

static int set_number(struct words *words, const struct api_field *field, const char *value,
		      struct weft_err *err)
{
	char *end;
	unsigned long long number;

	if (*value < '0' || *value > '9')
		return usage(words->method, err, "not a number:", value);
	number = strtoull(value, &end, 10);
	if (*end || number > INT64_MAX)
		return usage(words->method, err, "not a number:", value);
	json_object_set_new(words->values, field->name, json_integer((json_int_t)number));
	return 0;
}

static int set_label(struct words *words, const struct api_field *field, const char *value,
		     struct weft_err *err)
{
	const char *equals = strchr(value, '=');
	char key[128];

	if (!equals || equals == value || (size_t)(equals - value) >= sizeof(key))
		return usage(words->method, err, "expected KEY=VALUE instead of", value);
	snprintf(key, sizeof(key), "%.*s", (int)(equals - value), value);
	json_object_set_new(slot(words, field, json_object()), key, json_string(equals + 1));
	return 0;
}

static int set_value(struct words *words, const struct api_field *field, const char *value,
		     struct weft_err *err)
{
	json_t *text = json_string(value);
	int64_t ms;

	json_decref(text);
	if (!text)
		return usage(words->method, err, "an argument is not UTF-8", NULL);
	switch (field->type) {
	case API_TEXT:
		json_object_set_new(words->values, field->name, json_string(value));
		return 0;
	case API_TEXTS:
		json_array_append_new(slot(words, field, json_array()), json_string(value));
		return 0;
	case API_LABELS:
		return set_label(words, field, value, err);
	case API_UINT:
		return set_number(words, field, value, err);
	case API_DURATION:
		if (api_duration_parse(value, &ms) != 0)
			return usage(words->method, err,
				     "a duration is written 250ms, 90s, 10m or 24h, not", value);
		json_object_set_new(words->values, field->name, json_integer(ms));
		return 0;
	case API_FLAG:
		json_object_set_new(words->values, field->name, json_true());
		return 0;
	}
	return 0;
}

/* Does word name this option, and with which value behind "="? */
static bool is_option(const char *word, const char *option, const char **value)
{
	size_t len = strlen(option);

	if (strncmp(word, option, len) != 0 || (word[len] != '\0' && word[len] != '='))
		return false;
	*value = word[len] == '=' ? word + len + 1 : NULL;
	return true;
}

static const struct api_field *find_option(const struct api_method *method, const char *word,
					   const char **value)
{
	const struct common_option *common;

	for (size_t i = 0; i < method->field_count; i++) {
		const char *option = method->fields[i].option;

		if (option && option[0] && is_option(word, option, value))
			return &method->fields[i];
	}
	common = common_find(word, COMMON_CHANGES, value);
	return common && common_is_behind(common, method) ? &common->field : NULL;
}

/* Options that every command takes. */
static int take_common(struct words *words, const char *word, struct weft_err *err)
{
	const char *next = words->at < words->argc ? words->argv[words->at] : NULL;
	bool used_next;
	enum common_taken taken =
	    common_take(word, COMMON_BEHIND, next, words->options, &used_next);

	words->at += used_next;
	return taken == COMMON_TAKEN ? 0 : usage(words->method, err, common_fault(taken), word);
}

static int take_option(struct words *words, const char *word, struct weft_err *err)
{
	const char *value = NULL;
	const struct api_field *field = find_option(words->method, word, &value);

	if (!field)
		return take_common(words, word, err);
	if (field->type == API_FLAG && value)
		return usage(words->method, err, common_fault(COMMON_TAKES_NO_VALUE), word);
	if (field->type != API_FLAG && !value) {
		if (words->at == words->argc)
			return usage(words->method, err, common_fault(COMMON_LACKS_VALUE), word);
		value = words->argv[words->at++];
	}
	return set_value(words, field, value ? value : "", err);
}

static int take_positional(struct words *words, const char *word, struct weft_err *err)
{
	for (; words->position < words->method->field_count; words->position++) {
		const struct api_field *field = &words->method->fields[words->position];

		if (field->option)
			continue;
		if (field->type != API_TEXTS)
			words->position++;
		return set_value(words, field, word, err);
	}
	return usage(words->method, err, "one argument too many:", word);
}

static int check_required(const struct words *words, struct weft_err *err)
{
	for (size_t i = 0; i < words->method->field_count; i++) {
		const struct api_field *field = &words->method->fields[i];

		if (field->required && (!field->option || field->option[0]) &&
		    !json_object_get(words->values, field->name))
			return usage(words->method, err,
				     field->option ? "this option is missing:" : "missing:",
				     field->option ? field->option : field->arg);
	}
	return 0;
}

/* A relative path of a namespace means something else to the daemon. */
static int words_whole(const struct words *words, struct weft_err *err)
{
	const char *netns = json_string_value(json_object_get(words->values, "netns"));
	char whole[PATH_MAX], here[PATH_MAX];
	int n;

	if (!netns || netns[0] == '/' || !strchr(netns, '/'))
		return 0;
	if (!getcwd(here, sizeof(here)))
		return weft_err_set(err, WEFT_E_INVALID,
				    "the working directory is gone; change to one that is there");
	n = snprintf(whole, sizeof(whole), "%s/%s", here, netns);
	if (n < 0 || (size_t)n >= sizeof(whole))
		return usage(words->method, err, "the namespace's path is too long", NULL);
	json_object_set_new(words->values, "netns", json_string(whole));
	return 0;
}

/* The path with its parts filled in. */
static int build_path(const struct words *words, struct call *call, struct weft_err *err)
{
	const char *at = words->method->path;
	size_t len = 0;

	while (*at) {
		char name[API_PART_BYTES] = "";
		const char *value;
		size_t part = strcspn(at, "{");

		if (part == 0) {
			part = strcspn(at, "}") + 1;
			memcpy(name, at + 1, part - 2);
			value = json_string_value(json_object_get(words->values, name));
			if (value[0] == '\0')
				return usage(words->method, err, "this argument is empty:",
					     api_field_find(words->method, name)->arg);
			/* What no name, id or address is would be another path. */
			if (strchr(value, '/') || strlen(value) >= API_PART_BYTES)
				return usage(words->method, err,
					     "an argument here has no / and at most 63 bytes, not",
					     value);
			if (!http_escape(value, call->path + len, sizeof(call->path) - len))
				return usage(words->method, err, "an argument is too long", NULL);
			len += strlen(call->path + len);
		} else {
			WEFT_ASSERT(len + part < sizeof(call->path));
			memcpy(call->path + len, at, part);
			len += part;
			call->path[len] = '\0';
		}
		at += part;
	}
	return 0;
}

int call_query(struct call *call, const char *name, const char *value, struct weft_err *err)
{
	size_t len = strlen(call->path);
	int n = snprintf(call->path + len, sizeof(call->path) - len,
			 "%c%s=", strchr(call->path, '?') ? '&' : '?', name);

	if (n < 0 || (size_t)n >= sizeof(call->path) - len ||
	    !http_escape(value, call->path + len + n, sizeof(call->path) - len - (size_t)n))
		return weft_err_set(err, WEFT_E_INVALID,
				    "the arguments are too long; shorten them");
	return 0;
}

static int build(const struct words *words, struct call *call, struct weft_err *err)
{
	bool has_body = strcmp(words->method->verb, "POST") == 0;
	const char *key;
	json_t *value;
	int rc = words_whole(words, err);

	if (rc == 0)
		rc = build_path(words, call, err);
	json_object_foreach(words->values, key, value)
	{
		const struct api_field *field = api_field_find(words->method, key);
		enum api_place place = field ? field->place : API_IN_BODY;

		if (rc != 0 || place == API_IN_PATH)
			continue;
		if (place == API_IN_LOCAL)
			json_object_set(call->local, key, value);
		else if (place == API_IN_BODY && has_body)
			json_object_set(call->body, key, value);
		else
			rc = call_query(call, key,
					json_is_true(value) ? "true" : json_string_value(value),
					err);
	}
	return rc;
}

int call_parse(const struct api_method *method, int argc, char *const *argv,
	       struct cli_options *options, struct call *call, struct weft_err *err)
{
	struct words words = {.method = method,
			      .options = options,
			      .values = json_object(),
			      .argv = argv,
			      .argc = argc};
	bool only_positional = false;
	int rc = 0;

	memset(call, 0, sizeof(*call));
	call->method = method;
	call->local = json_object();
	call->body = strcmp(method->verb, "POST") == 0 ? json_object() : NULL;
	call->deadline_ms = method->deadline_ms ? method->deadline_ms + REPLY_MARGIN_MS : 0;
	while (rc == 0 && words.at < argc) {
		const char *word = argv[words.at++];

		if (!only_positional && strcmp(word, "--") == 0)
			only_positional = true;
		else if (!only_positional && word[0] == '-' && word[1] != '\0')
			rc = take_option(&words, word, err);
		else
			rc = take_positional(&words, word, err);
	}
	if (rc == 0 && !options->help)
		rc = check_required(&words, err);
	if (rc == 0 && !options->help)
		rc = build(&words, call, err);
	json_decref(words.values);
	return rc;
}

void call_close(struct call *call)
{
	json_decref(call->body);
	json_decref(call->local);
	memset(call, 0, sizeof(*call));
}
