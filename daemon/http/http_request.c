/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The life of a request: reading -> pending -> answered -> sent. Fields are checked against the
 * API's table before a handler sees them; a handler may answer at once or later.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "daemon/http/http_impl.h"
#include "gossip/base/check.h"

static void read_caller(struct request *req)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(req->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct ucred cred = {.uid = (uid_t)-1, .gid = (gid_t)-1};
	socklen_t len = sizeof(cred);

	if (info && !req->http->config.pages_only)
		getsockopt(info->connect_fd, SOL_SOCKET, SO_PEERCRED, &cred, &len);
	req->caller = (struct caller){cred.uid, cred.gid, cred.pid};
}

/* Was the caller in this supplementary group when it connected? */
static bool caller_is_in(int fd, gid_t wanted)
{
	socklen_t len = 0;
	gid_t none, *groups;
	bool is_in = false;

	/* Asked without room the kernel says how much the list takes. */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, &none, &len) == 0 || errno != ERANGE)
		return false;
	groups = malloc(len);
	WEFT_ASSERT(groups != NULL);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) == 0) {
		for (size_t i = 0; i < len / sizeof(groups[0]) && !is_in; i++)
			is_in = groups[i] == wanted;
	}
	free(groups);
	return is_in;
}

/* Root, and members of the group that owns the socket. */
static bool may_change(const struct request *req)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(req->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	gid_t wanted = req->http->config.change_gid;

	if (req->http->config.pages_only)
		return false;
	if (req->caller.uid == 0)
		return true;
	if (wanted == (gid_t)-1 || !info)
		return false;
	return req->caller.gid == wanted || caller_is_in(info->connect_fd, wanted);
}

static void fail(struct request *req, int code, const char *text)
{
	struct weft_err err = {0};

	weft_err_set(&err, code, "%s", text);
	request_fail(req, &err);
}

struct request *request_begin(struct http *http, struct MHD_Connection *connection, const char *url,
			      const char *verb)
{
	struct request *req = calloc(1, sizeof(*req));
	bool other_verb = false;

	WEFT_ASSERT(req != NULL);
	req->http = http;
	req->connection = connection;
	req->tag = http->next_tag++;
	req->next = http->requests;
	req->prev = &http->requests;
	if (req->next)
		req->next->prev = &req->next;
	http->requests = req;
	http->counts.requests++;
	read_caller(req);
	req->method = api_find(verb, url, &req->path, &other_verb);
	if (http->config.pages_only && !(req->method && (req->method->flags & API_PLAIN))) {
		req->method = NULL;
		other_verb = false;
	}
	if (!req->method) {
		fail(req, other_verb ? WEFT_E_INVALID : WEFT_E_NOT_FOUND,
		     other_verb ? "this path takes another verb" : "there is no such path");
		return req;
	}
	req->deadline = req->method->deadline_ms
			    ? mono_add_ms(daemon_now(), req->method->deadline_ms)
			    : MONO_NEVER;
	weft_err_set(&req->late, WEFT_E_TIMEOUT,
		     "no answer within %lld s; what was asked may still happen",
		     (long long)(req->method->deadline_ms / 1000));
	return req;
}

void request_take(struct request *req, const char *bytes, size_t len)
{
	char *grown;

	if (req->phase != REQUEST_READING)
		return;
	if (req->len + len > API_BODY_BYTES_MAX) {
		struct weft_err err = {0};

		weft_err_set(&err, WEFT_E_LIMIT, "the body is larger than %d KiB; send less",
			     API_BODY_BYTES_MAX / 1024);
		request_fail_status(req, MHD_HTTP_CONTENT_TOO_LARGE, &err);
		return;
	}
	grown = realloc(req->bytes, req->len + len + 1);
	WEFT_ASSERT(grown != NULL);
	memcpy(grown + req->len, bytes, len);
	req->bytes = grown;
	req->len += len;
	req->bytes[req->len] = '\0';
}

static bool list_fits(const json_t *value)
{
	size_t i;
	json_t *item;

	if (!json_is_array(value))
		return false;
	json_array_foreach(value, i, item)
	{
		if (!json_is_string(item))
			return false;
	}
	return true;
}

static bool labels_fit(json_t *value)
{
	const char *key;
	json_t *item;

	if (!json_is_object(value))
		return false;
	json_object_foreach(value, key, item)
	{
		if (!json_is_string(item))
			return false;
	}
	return true;
}

static bool type_fits(const struct api_field *field, json_t *value)
{
	switch (field->type) {
	case API_TEXT:
		return json_is_string(value);
	case API_UINT:
	case API_DURATION:
		return json_is_integer(value) && json_integer_value(value) >= 0;
	case API_FLAG:
		return json_is_boolean(value);
	case API_TEXTS:
		return list_fits(value);
	case API_LABELS:
		return labels_fit(value);
	}
	return false;
}

/* Every key of the body is a field of the body with its type. */
static int body_check(struct request *req, struct weft_err *err)
{
	static const char *const types[] = {"",
					    "a text",
					    "a number",
					    "true or false",
					    "milliseconds",
					    "a list of texts",
					    "an object of texts"};
	const char *key;
	json_t *value;

	json_object_foreach(req->body, key, value)
	{
		const struct api_field *field = api_field_find(req->method, key);

		if ((req->method->flags & API_CHANGES) && strcmp(key, API_REQUEST_ID) == 0 &&
		    json_is_string(value))
			continue;
		if (!field || field->place != API_IN_BODY)
			return weft_err_set(
			    err, WEFT_E_INVALID,
			    "unknown field \"%.64s\"; weft-api(7) lists the fields of each method",
			    key);
		if (!type_fits(field, value))
			return weft_err_set(err, WEFT_E_INVALID, "%s must be %s", key,
					    types[field->type]);
	}
	return 0;
}

static int required_check(const struct request *req, struct weft_err *err)
{
	for (size_t i = 0; i < req->method->field_count; i++) {
		const struct api_field *field = &req->method->fields[i];

		if (!field->required || field->place == API_IN_LOCAL ||
		    request_text(req, field->name) || request_json(req, field->name))
			continue;
		return weft_err_set(err, WEFT_E_INVALID, "%s is missing: %s", field->name,
				    field->help);
	}
	return 0;
}

bool request_check(struct request *req)
{
	struct weft_err err = {0};
	json_error_t why;

	if ((req->method->flags & API_CHANGES) && !may_change(req)) {
		fail(req, WEFT_E_DENIED,
		     "only root and members of the socket's group may change things");
		return false;
	}
	req->body = req->len ? json_loadb(req->bytes, req->len, JSON_REJECT_DUPLICATES, &why)
			     : json_object();
	if (!json_is_object(req->body)) {
		weft_err_set(&err, WEFT_E_INVALID,
			     "the body is not a JSON object%s%s; send one, as weft-api(7) shows",
			     req->body ? "" : ": ", req->body ? "" : why.text);
		request_fail(req, &err);
		return false;
	}
	if (body_check(req, &err) != 0 || required_check(req, &err) != 0) {
		request_fail(req, &err);
		return false;
	}
	return true;
}

void request_free(struct request *req)
{
	*req->prev = req->next;
	if (req->next)
		req->next->prev = req->prev;
	if (req->state_close)
		req->state_close(req->state);
	if (req->response)
		MHD_destroy_response(req->response);
	json_decref(req->body);
	free(req->bytes);
	free(req);
}

const struct api_method *request_method(const struct request *req)
{
	return req->method;
}

uint64_t request_tag(const struct request *req)
{
	return req->tag;
}

const struct caller *request_caller(const struct request *req)
{
	return &req->caller;
}

static const char *query_of(const struct request *req, const char *name)
{
	return MHD_lookup_connection_value(req->connection, MHD_GET_ARGUMENT_KIND, name);
}

const char *request_text(const struct request *req, const char *name)
{
	const char *text = json_string_value(json_object_get(req->body, name));

	for (size_t i = 0; !text && i < req->path.count; i++) {
		if (strcmp(req->path.names[i], name) == 0)
			text = req->path.values[i];
	}
	return text ? text : query_of(req, name);
}

bool request_flag(const struct request *req, const char *name)
{
	const char *text = query_of(req, name);

	return json_is_true(json_object_get(req->body, name)) ||
	       (text && (strcmp(text, "true") == 0 || strcmp(text, "1") == 0));
}

bool request_uint(const struct request *req, const char *name, uint64_t *value)
{
	const json_t *json = json_object_get(req->body, name);
	const char *text = json ? NULL : query_of(req, name);
	char *end = NULL;

	if (json_is_integer(json))
		*value = (uint64_t)json_integer_value(json);
	else if (text && *text >= '0' && *text <= '9')
		*value = strtoull(text, &end, 10);
	else
		return false;
	return !end || *end == '\0';
}

json_t *request_json(const struct request *req, const char *name)
{
	return json_object_get(req->body, name);
}

void request_state_set(struct request *req, void *state, void (*close_fn)(void *state))
{
	WEFT_ASSERT(req->state == NULL);
	req->state = state;
	req->state_close = close_fn;
}

void *request_state(const struct request *req)
{
	return req->state;
}

void request_late_set(struct request *req, const struct weft_err *err)
{
	req->late = *err;
}

void request_deadline_set(struct request *req, int64_t ms)
{
	req->deadline = mono_add_ms(daemon_now(), ms);
	http_deadline_arm(req->http, req->deadline);
}

void http_each_pending(struct http *http, void *ctx, void (*each)(void *ctx, struct request *req))
{
	struct request *following;

	/* Answered requests stay in the list until the server runs again: following stays valid. */
	for (struct request *req = http->requests; req; req = following) {
		following = req->next;
		if (req->phase == REQUEST_PENDING)
			each(ctx, req);
	}
}
