/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "daemon/http/events.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gossip/base/check.h"

struct stream {
	struct events *events;
	struct request *req;
	struct stream *next, **prev;
	json_t *snapshot; /* NULL when told */
	size_t snapshot_at;
	uint64_t at; /* number of the next event to tell */
	char *line;  /* under way */
	size_t line_at;
	bool ping;
};

/* Events from first to next - 1 are in the ring; number n at n % EVENTS_KEPT. */
struct events {
	uint64_t run;
	uint64_t first, next;
	char *lines[EVENTS_KEPT];
	struct stream *streams;
	bool recording; /* since the first stream */
};

struct events *events_new(uint64_t run)
{
	struct events *events = calloc(1, sizeof(*events));

	WEFT_ASSERT(events != NULL);
	events->run = run;
	return events;
}

void events_free(struct events *events)
{
	if (!events)
		return;
	WEFT_ASSERT(events->streams == NULL);
	for (size_t i = 0; i < EVENTS_KEPT; i++)
		free(events->lines[i]);
	free(events);
}

static void cursor_of(const struct events *events, uint64_t number, char out[CURSOR_BYTES])
{
	snprintf(out, CURSOR_BYTES, "%" PRIx64 ".%" PRIu64, events->run, number);
}

void events_cursor(const struct events *events, char out[CURSOR_BYTES])
{
	cursor_of(events, events->next, out);
}

/* One line with its newline, malloc'd; json is taken over. */
static char *line_of(json_t *json)
{
	char *text = json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(6));
	size_t len;
	char *line;

	json_decref(json);
	WEFT_ASSERT(text != NULL);
	len = strlen(text);
	line = realloc(text, len + 2);
	WEFT_ASSERT(line != NULL);
	memcpy(line + len, "\n", 2);
	return line;
}

void events_add(struct events *events, json_t *json)
{
	char cursor[CURSOR_BYTES];
	char **slot = &events->lines[events->next % EVENTS_KEPT];

	WEFT_ASSERT(json_is_object(json));
	cursor_of(events, events->next + 1, cursor);
	json_object_set_new(json, "cursor", json_string(cursor));
	free(*slot);
	*slot = line_of(json);
	events->next++;
	if (events->next - events->first > EVENTS_KEPT)
		events->first = events->next - EVENTS_KEPT;
	for (struct stream *stream = events->streams; stream; stream = stream->next)
		request_stream_wake(stream->req);
}

bool events_are_wanted(const struct events *events)
{
	return events->recording;
}

static bool cursor_read(const struct events *events, const char *cursor, uint64_t *number)
{
	char *end = NULL;
	uint64_t run = strtoull(cursor, &end, 16);

	if (*end != '.' || run != events->run)
		return false;
	*number = strtoull(end + 1, &end, 10);
	return *end == '\0' && *number >= events->first && *number <= events->next;
}

bool events_has(const struct events *events, const char *cursor)
{
	uint64_t number;

	return cursor_read(events, cursor, &number);
}

/* The next line to tell, or NULL. */
static char *next_line(struct stream *stream)
{
	struct events *events = stream->events;

	if (stream->snapshot) {
		json_t *json = json_array_get(stream->snapshot, stream->snapshot_at++);

		if (json)
			return line_of(json_incref(json));
		json_decref(stream->snapshot);
		stream->snapshot = NULL;
	}
	/* A reader slower than the ring learns that it missed something. */
	if (stream->at < events->first) {
		stream->at = events->first;
		return strdup("{\"event\":\"missed\"}\n");
	}
	if (stream->at < events->next)
		return strdup(events->lines[stream->at++ % EVENTS_KEPT]);
	if (stream->ping) {
		stream->ping = false;
		return strdup("\n");
	}
	return NULL;
}

static ssize_t stream_fill(void *ctx, char *out, size_t cap)
{
	struct stream *stream = ctx;
	size_t used = 0;

	while (used < cap) {
		size_t len;

		if (!stream->line) {
			stream->line = next_line(stream);
			stream->line_at = 0;
		}
		if (!stream->line)
			break;
		len = strlen(stream->line) - stream->line_at;
		if (len > cap - used)
			len = cap - used;
		memcpy(out + used, stream->line + stream->line_at, len);
		used += len;
		stream->line_at += len;
		if (stream->line[stream->line_at] == '\0') {
			free(stream->line);
			stream->line = NULL;
		}
	}
	return (ssize_t)used;
}

static void stream_close(void *ctx)
{
	struct stream *stream = ctx;

	*stream->prev = stream->next;
	if (stream->next)
		stream->next->prev = stream->prev;
	json_decref(stream->snapshot);
	free(stream->line);
	free(stream);
}

void events_stream(struct events *events, struct request *req, const char *cursor, json_t *snapshot)
{
	struct stream *stream = calloc(1, sizeof(*stream));
	struct request_stream handle = {stream, stream_fill, stream_close};

	WEFT_ASSERT(stream != NULL);
	stream->events = events;
	stream->req = req;
	stream->snapshot = snapshot;
	stream->at = events->next;
	if (cursor && !snapshot)
		cursor_read(events, cursor, &stream->at);
	stream->next = events->streams;
	stream->prev = &events->streams;
	if (stream->next)
		stream->next->prev = &stream->next;
	events->streams = stream;
	events->recording = true;
	request_stream(req, &handle);
}

void events_ping(struct events *events)
{
	for (struct stream *stream = events->streams; stream; stream = stream->next) {
		stream->ping = true;
		request_stream_wake(stream->req);
	}
}
