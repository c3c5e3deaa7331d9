/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Calls that come again under their request id. Such a one goes to the node before its handler sees
 * it, for what the handler looks at has changed by the first: the network is gone, the host is in a
 * cluster. The node gives the first answer (daemon/node/memo.c), and the method's api_done words
 * it.
 *
 * A request id is that of one call, which is known by its method and a hash of its fields. Apart
 * from two: how long somebody waits is no part of what is asked, and of a passphrase nothing goes
 * to the disk that could be tried without the cost of its own hash.
 */
#include <stdlib.h>
#include <string.h>

#include "daemon/api/api.h"
#include "daemon/api/json.h"
#include "gossip/base/check.h"

#define ARGS_LABEL "weft call"
#define FOLLOWED_LABEL "weft call, second part"

static bool is_asked(const struct api_field *field)
{
	return field->place != API_IN_LOCAL && strcmp(field->name, "timeout_ms") != 0 &&
	       strcmp(field->name, "passphrase") != 0;
}

/* A new reference, or NULL where it is not given. */
static json_t *value_of(const struct request *req, const struct api_field *field)
{
	const char *text;
	uint64_t number;

	switch (field->type) {
	case API_TEXT:
		text = request_text(req, field->name);
		return text ? json_name(text) : NULL;
	case API_UINT:
	case API_DURATION:
		return request_uint(req, field->name, &number) ? json_integer((json_int_t)number)
							       : NULL;
	case API_FLAG:
		return request_flag(req, field->name) ? json_true() : NULL;
	case API_TEXTS:
	case API_LABELS:
		return json_incref(request_json(req, field->name));
	}
	return NULL;
}

static struct id args_of(const struct request *req)
{
	const struct api_method *method = request_method(req);
	json_t *json = json_object();
	struct id id;
	char *text;

	for (size_t i = 0; i < method->field_count; i++) {
		json_t *value =
		    is_asked(&method->fields[i]) ? value_of(req, &method->fields[i]) : NULL;

		if (value)
			json_object_set_new(json, method->fields[i].name, value);
	}
	text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
	WEFT_ASSERT(text != NULL);
	id = crypto_id(gossip_crypto_sodium(), ARGS_LABEL, text, strlen(text));
	free(text);
	json_decref(json);
	return id;
}

int repeat_note(struct daemon *d, struct request *req, struct node_request *request,
		struct weft_err *err)
{
	const struct api_method *method = request_method(req);
	const char *text = request_text(req, API_REQUEST_ID);
	struct id id;

	if (!(method->flags & API_CHANGES) || !text || text[0] == '\0')
		return 0;
	if (strlen(text) >= sizeof(request->request_id))
		return weft_err_set(err, WEFT_E_INVALID, "--request-id has at most %zu bytes",
				    sizeof(request->request_id) - 1);
	memcpy(request->request_id, text, strlen(text) + 1);
	if (call_of(d, req)->followed) {
		id = crypto_id(gossip_crypto_sodium(), FOLLOWED_LABEL, text, strlen(text));
		id_format(&id, request->request_id);
	}
	WEFT_ASSERT(strlen(method->command) < sizeof(request->asked.method));
	memcpy(request->asked.method, method->command, strlen(method->command) + 1);
	request->asked.args = args_of(req);
	return 0;
}

bool repeat_is_known(struct daemon *d, struct request *req)
{
	struct node_request request = {.kind = NODE_REPEAT};
	struct weft_err err = {0};

	if (repeat_note(d, req, &request, &err) != 0) {
		request_fail(req, &err);
		return true;
	}
	if (request.request_id[0] == '\0' || !node_remembers(d->node, request.request_id))
		return false;
	daemon_submit(d, req, &request);
	return true;
}
