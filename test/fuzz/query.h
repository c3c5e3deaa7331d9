/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Requests of the API without a socket: what the HTTP library would say of a connection, from the
 * text of an input. The programs are linked with --wrap for these two functions.
 */
#pragma once

#include <string.h>

#include "daemon/http/http_impl.h"

#define QUERY_MAX 8

/* The query of the request under way, as the HTTP library hands it out. */
static struct {
	size_t count;
	char *names[QUERY_MAX];
	char *values[QUERY_MAX];
} query;

const union MHD_ConnectionInfo *__wrap_MHD_get_connection_info(struct MHD_Connection *connection,
							       enum MHD_ConnectionInfoType type,
							       ...);
const char *__wrap_MHD_lookup_connection_value(struct MHD_Connection *connection,
					       enum MHD_ValueKind kind, const char *name);

const union MHD_ConnectionInfo *__wrap_MHD_get_connection_info(struct MHD_Connection *connection,
							       enum MHD_ConnectionInfoType type,
							       ...)
{
	(void)connection, (void)type;
	return NULL;
}

const char *__wrap_MHD_lookup_connection_value(struct MHD_Connection *connection,
					       enum MHD_ValueKind kind, const char *name)
{
	(void)connection, (void)kind;
	for (size_t i = 0; i < query.count; i++) {
		if (strcmp(query.names[i], name) == 0)
			return query.values[i];
	}
	return NULL;
}

static inline void query_read(char *text)
{
	query.count = 0;
	for (char *part = strtok_r(text, "&", &text); part && query.count < QUERY_MAX;
	     part = strtok_r(NULL, "&", &text)) {
		char *value = strchr(part, '=');

		if (value)
			*value++ = '\0';
		query.names[query.count] = part;
		query.values[query.count++] = value; /* the library says NULL for none */
	}
}
