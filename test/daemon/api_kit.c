/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "api_kit.h"

#include <stdlib.h>
#include <string.h>

/* A request is the lab itself. */
const char *__wrap_request_text(const struct request *req, const char *name);
bool __wrap_request_flag(const struct request *req, const char *name);
bool __wrap_request_uint(const struct request *req, const char *name, uint64_t *value);
json_t *__wrap_request_json(const struct request *req, const char *name);
const struct api_method *__wrap_request_method(const struct request *req);
void __wrap_request_answer(struct request *req, json_t *json);
void __wrap_request_fail(struct request *req, const struct weft_err *err);
void __wrap_request_stream(struct request *req, const struct request_stream *stream);
void __wrap_request_stream_wake(struct request *req);
struct call *__wrap_call_of(struct daemon *d, struct request *req);
void __wrap_daemon_submit(struct daemon *d, struct request *req, struct node_request *request);

static json_t *field(const struct request *req, const char *name)
{
	return json_object_get(((const struct api_lab *)(const void *)req)->fields, name);
}

const char *__wrap_request_text(const struct request *req, const char *name)
{
	return json_string_value(field(req, name));
}

bool __wrap_request_flag(const struct request *req, const char *name)
{
	return json_is_true(field(req, name));
}

bool __wrap_request_uint(const struct request *req, const char *name, uint64_t *value)
{
	*value = (uint64_t)json_integer_value(field(req, name));
	return json_is_integer(field(req, name));
}

json_t *__wrap_request_json(const struct request *req, const char *name)
{
	return field(req, name);
}

const struct api_method *__wrap_request_method(const struct request *req)
{
	return ((const struct api_lab *)(const void *)req)->method;
}

static bool has_ended(const struct api_lab *lab)
{
	return lab->answer != NULL || lab->err.code != 0;
}

void __wrap_request_answer(struct request *req, json_t *json)
{
	struct api_lab *lab = (void *)req;

	assert_false(has_ended(lab));
	assert_non_null(json);
	lab->answer = json;
}

void __wrap_request_fail(struct request *req, const struct weft_err *err)
{
	struct api_lab *lab = (void *)req;

	assert_false(has_ended(lab));
	assert_int_not_equal(err->code, 0);
	lab->err = *err;
}

void __wrap_request_stream(struct request *req, const struct request_stream *stream)
{
	struct api_lab *lab = (void *)req;

	assert_null(lab->stream.fill);
	lab->stream = *stream;
}

void __wrap_request_stream_wake(struct request *req)
{
	(void)req;
}

struct call *__wrap_call_of(struct daemon *d, struct request *req)
{
	struct api_lab *lab = (void *)req;

	lab->call.d = d;
	return &lab->call;
}

void api_lab_answered(struct api_lab *lab, const struct node_answer *answer)
{
	struct request *req = (void *)lab;
	api_done done = lab->call.done != NULL ? lab->call.done : api_done_of(lab->method->id);

	if (answer->err.code != 0)
		__wrap_request_fail(req, &answer->err);
	else if (done != NULL)
		done(&lab->d, req, answer);
	else
		__wrap_request_answer(req, json_object());
}

void __wrap_daemon_submit(struct daemon *d, struct request *req, struct node_request *request)
{
	struct api_lab *lab = (void *)req;
	struct weft_err err = {0};

	assert_ptr_equal(d, &lab->d);
	assert_int_equal(repeat_note(d, req, request, &err), 0);
	api_lab_answered(lab, cluster_call(lab->cluster, lab->host, request));
}

void api_lab_be(struct api_lab *lab, size_t host)
{
	lab->host = host;
	lab->d.node = lab->cluster->hosts[host].node;
}

struct api_lab *api_lab_new(size_t hosts)
{
	struct api_lab *lab = calloc(1, sizeof(*lab));
	FILE *nowhere = fopen("/dev/null", "w");

	assert_non_null(lab);
	assert_non_null(nowhere);
	log_init(&lab->log, nowhere, LOG_LEVEL_INFO, LOG_TEXT);
	lab->cluster = cluster_new(hosts);
	assert_int_equal(hostport_parse("0.0.0.0:7947", GOSSIP_PORT, &lab->options.bind), 0);
	lab->d.options = &lab->options;
	lab->d.log = &lab->log;
	lab->d.events = events_new(1);
	api_lab_be(lab, 0);
	return lab;
}

/* What the last call left goes. */
static void forget(struct api_lab *lab)
{
	json_decref(lab->fields);
	json_decref(lab->answer);
	lab->fields = lab->answer = NULL;
	lab->err = (struct weft_err){.code = 0};
	memset(&lab->call, 0, sizeof(lab->call));
}

void api_lab_free(struct api_lab *lab)
{
	forget(lab);
	if (lab->stream.fill != NULL)
		lab->stream.close(lab->stream.ctx);
	events_free(lab->d.events);
	cluster_free(lab->cluster);
	fclose(lab->log.out);
	free(lab);
}

int api_lab_call(struct api_lab *lab, enum api_id id, json_t *fields)
{
	forget(lab);
	lab->fields = fields;
	lab->method = api_method(id);
	api_handle(&lab->d, (void *)lab);
	return lab->err.code;
}

void assert_fails(struct api_lab *lab, enum api_id id, json_t *fields, int code, const char *words)
{
	assert_int_equal(api_lab_call(lab, id, fields), code);
	if (strstr(lab->err.message, words) == NULL)
		fail_msg("\"%s\" has no \"%s\"", lab->err.message, words);
}

const char *answer_text(const struct api_lab *lab, const char *key)
{
	return json_string_value(json_object_get(lab->answer, key));
}
