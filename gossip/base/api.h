/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The one table of the API: every method with its path, its fields and its words of help. The
 * daemon dispatches by it and checks fields with it; `weft` makes its command line, its help and
 * its requests from it. Data only: nothing here knows HTTP or JSON libraries.
 *
 * A changing method takes a `request_id` besides its fields: the same call again under it gets the
 * first answer again. Durations are milliseconds in the API and `90s`, `24h` on the command line.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api_methods.h"

#define API_PATH_PARTS_MAX 8
#define API_PART_BYTES 64
#define API_BODY_BYTES_MAX 65536
#define API_PAGE_DEFAULT 1000
#define API_PAGE_MAX 5000
#define API_REQUEST_ID "request_id"

/* Files in the state directory on their way between weftd and a root that it cannot reach: weft
 * makes and removes them, weftd removes at its start what is left. */
#define API_CARRIED "carried."

enum api_type {
	API_TEXT = 1,
	API_UINT,
	API_FLAG,     /* true or false; on the command line the option alone means true */
	API_DURATION, /* milliseconds */
	API_TEXTS,    /* a list; the option may be repeated */
	API_LABELS,   /* an object of texts; the option takes k=v and may be repeated */
};

enum api_place {
	API_IN_PATH = 1,
	API_IN_QUERY,
	API_IN_BODY,
	API_IN_LOCAL, /* read by the command itself, never sent */
};

struct api_field {
	const char *name; /* key in the path pattern, the query or the body */
	enum api_type type;
	enum api_place place;
	bool required;
	const char *option; /* "--ttl"; NULL: a positional argument, in order; empty: the command
			     * itself finds the value */
	const char *arg;    /* how help writes the value */
	const char *help;
};

enum api_flag {
	API_CHANGES = 1, /* only root and the socket's group; takes a request id */
	API_STREAM = 2,  /* one JSON object a line, without end */
	API_LIST = 4,    /* answers {<list key>: [...], "next": cursor}; takes limit and after */
	API_PLAIN = 8,   /* answers text, not JSON */
};

enum api_id {
#define API_ENUM_(sym, verb, path, command, list, deadline, flags, help) API_##sym,
	API_METHODS(API_ENUM_)
#undef API_ENUM_
	    API_METHOD_COUNT
};

struct api_method {
	enum api_id id;
	const char *verb;
	const char *path;    /* parts in braces are fields */
	const char *command; /* words of `weft`; NULL: none */
	const char *list_key;
	int64_t deadline_ms; /* 0: none */
	unsigned flags;      /* enum api_flag */
	const char *help;
	const struct api_field *fields;
	size_t field_count;
};

/* Values of the fields in a path, in the order in which the pattern names them. */
struct api_path {
	size_t count;
	const char *names[API_PATH_PARTS_MAX]; /* static */
	char values[API_PATH_PARTS_MAX][API_PART_BYTES];
};

/* Methods by id (< API_METHOD_COUNT); never NULL. */
const struct api_method *api_method(enum api_id id);

/* The method of this verb and path, its path values in *path; NULL when there is none, with
 * *other_verb true when the path exists under another verb. */
const struct api_method *api_find(const char *verb, const char *text, struct api_path *path,
				  bool *other_verb);

/* The method whose command begins words (count of them); *used is the number of its words. */
const struct api_method *api_find_command(const char *const *words, size_t count, size_t *used);

/* A field by name, or NULL. */
const struct api_field *api_field_find(const struct api_method *method, const char *name);

/* "250ms", "90s", "5m", "24h", "7d" or a bare number of seconds, to milliseconds: 0, or
 * WEFT_E_INVALID. */
int api_duration_parse(const char *text, int64_t *ms);
