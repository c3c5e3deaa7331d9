/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Handlers of the API before a cluster of whole nodes: fields go in as JSON, an answer or an error
 * comes out. What stands in for the HTTP layer and the loop is put in by the linker's --wrap: see
 * CMakeLists.
 */
#pragma once

#include "daemon/api/api.h"
#include "test/node/cluster.h"

struct api_lab {
	struct cluster *cluster;
	size_t host; /* whose daemon it is */
	struct daemon d;
	struct options options;
	struct log log;
	const struct api_method *method;
	json_t *fields;
	json_t *answer;               /* of the last call; NULL after an error */
	struct weft_err err;          /* of the last call */
	struct call call;             /* what the handler kept of the last call */
	struct request_stream stream; /* opened last, not closed yet; fill NULL: none */
};

/* A daemon on the first host of so many; freed by api_lab_free. */
struct api_lab *api_lab_new(size_t hosts);
void api_lab_free(struct api_lab *lab);

/* The daemon of this host from now on. */
void api_lab_be(struct api_lab *lab, size_t host);

/* Calls a method with fields (taken over; NULL for none) and waits for its end: 0, or the code of
 * the error. */
int api_lab_call(struct api_lab *lab, enum api_id id, json_t *fields);

/* Lets the handler of the last call see this answer of the node. */
void api_lab_answered(struct api_lab *lab, const struct node_answer *answer);

/* The call fails with this code, and says these words. */
void assert_fails(struct api_lab *lab, enum api_id id, json_t *fields, int code, const char *words);

/* A text in the last answer, by its key. */
const char *answer_text(const struct api_lab *lab, const char *key);
