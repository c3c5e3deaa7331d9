/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What /v1/events tells: the last changes as lines of JSON in a ring, each with a cursor, and the
 * streams that read them. A cursor names this run of the daemon and a place; one that the ring no
 * longer holds gets a snapshot instead.
 */
#pragma once

#include <jansson.h>

#include "daemon/http/request.h"

#define EVENTS_KEPT 4096
#define EVENTS_PING_MS 30000
#define CURSOR_BYTES 48

struct events;

/* Freed by events_free. run tells cursors of different runs of weftd apart. */
struct events *events_new(uint64_t run);
void events_free(struct events *events);

/* Adds one event; json is taken over and gets its cursor. Streams are woken. */
void events_add(struct events *events, json_t *json);

/* The cursor after the newest event. */
void events_cursor(const struct events *events, char out[CURSOR_BYTES]);

/* True once somebody listened: before that nobody pays for making events. */
bool events_are_wanted(const struct events *events);

/* True when the ring still has everything after cursor. */
bool events_has(const struct events *events, const char *cursor);

/* Answers req with a stream: the lines of snapshot (an array, taken over) and then what follows,
 * or, with NULL for it, what follows cursor. */
void events_stream(struct events *events, struct request *req, const char *cursor,
		   json_t *snapshot);

/* Writes an empty line to streams that have been silent, so that dead ones are noticed. */
void events_ping(struct events *events);
