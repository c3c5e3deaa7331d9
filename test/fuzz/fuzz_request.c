/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Requests of the API without a socket: verb and path, query, body in two parts, then every field
 * of the method read in every way that a handler reads fields.
 *
 *   path with verb: "POST /v1/networks" LF, query "name=value&..." LF, body
 */
#include <stdlib.h>
#include <string.h>

#include "daemon/api/api.h"
#include "daemon/api/json.h"
#include "input.h"
#include "query.h"

/* A text as whatever a handler may take it for. */
static void text_read(const char *text)
{
	struct hostport hp;
	struct prefix prefix;
	struct inet ip;
	struct mac mac;
	struct id id;
	int64_t ms;

	id_parse(text, &id);
	inet_parse(text, &ip);
	mac_parse(text, &mac);
	name_is_valid(text);
	api_duration_parse(text, &ms);
	if (hostport_parse(text, GOSSIP_PORT, &hp) == 0)
		json_decref(json_hostport(&hp));
	if (prefix_parse(text, &prefix) == 0)
		json_decref(json_prefix(&prefix));
	json_decref(json_name(text));
}

static void field_read(struct request *req, const struct api_field *field)
{
	struct rec_label labels[LABELS_MAX];
	struct weft_err err = {0};
	const char *text = request_text(req, field->name);
	json_t *json = request_json(req, field->name);
	const json_t *item;
	uint64_t number;
	size_t count, i;

	request_flag(req, field->name);
	request_uint(req, field->name, &number);
	if (text)
		text_read(text);
	json_array_foreach(json, i, item)
	{
		text_read(json_string_value(item));
	}
	if (json && field->type == API_LABELS &&
	    labels_from_json(json, labels, LABELS_MAX, &count, &err) == 0)
		json_decref(json_labels(labels, count));
}

static void request_run(const char *verb, const char *path, const char *body, size_t len)
{
	struct http http = {.next_tag = 1};
	struct request *req = request_begin(&http, NULL, path, verb);
	const char *after;

	req->caller.uid = 0;
	request_take(req, body, len / 2);
	request_take(req, body + len / 2, len - len / 2);
	if (req->phase == REQUEST_READING && request_check(req)) {
		for (size_t i = 0; i < req->method->field_count; i++)
			field_read(req, &req->method->fields[i]);
		FUZZ_MUST(api_page(req, &after) <= API_PAGE_MAX);
	} else {
		FUZZ_MUST(req->phase == REQUEST_ANSWERED && req->status >= 400);
	}
	request_free(req);
	FUZZ_MUST(http.requests == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char none[1];
	char *text = malloc(size + 1);
	char *path, *args, *body;

	FUZZ_MUST(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	path = strchr(text, ' ');
	args = path ? strchr(path, '\n') : NULL;
	body = args ? strchr(args + 1, '\n') : NULL;
	if (body) {
		*path++ = '\0';
		*args++ = '\0';
		*body++ = '\0';
		query_read(args[0] ? args : none);
		request_run(text, path, body, size - (size_t)(body - text));
	}
	free(text);
	return 0;
}
