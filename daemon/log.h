/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The daemon's log: one event a line, a sentence and fields, as text for people, as JSON, or for
 * the journal with its own fields. Lines that a peer can cause are a class of their own with a rate
 * limit, so that nobody outside can flood it. Only the loop thread logs. Secrets are never fields.
 */
#pragma once

#include <stdarg.h>
#include <stdio.h>

#include "gossip/base/trace.h"

enum log_level { LOG_LEVEL_ERROR = 0, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_format { LOG_TEXT = 0, LOG_JSON, LOG_JOURNAL };

/* Who can cause the line: this host, or anybody who can send us a datagram. */
enum log_class { LOG_OWN = 0, LOG_PEER };

#define LOG_FIELDS_MAX 8
#define LOG_VALUE_BYTES 128
#define LOG_LINE_BYTES 2048
#define LOG_PEER_BURST 100 /* lines */
#define LOG_PEER_PER_S 20

struct log_field {
	const char *key;   /* snake_case, static */
	const char *value; /* text */
};

struct log {
	FILE *out;
	enum log_level level;
	enum log_format format;
	int64_t peer_tokens_ms; /* of the peer class, in thousandths of lines */
	struct mono peer_at;
	uint64_t suppressed; /* lines of the peer class since the last that was written */
};

void log_init(struct log *log, FILE *out, enum log_level level, enum log_format format);

/* Writes one event; fields may be NULL when count is 0. Longer lines are cut. */
void log_event(struct log *log, enum log_class class, enum log_level level, const char *text,
	       const struct log_field *fields, size_t count);

/* The same for class LOG_OWN with a formatted sentence and no fields. */
void log_line(struct log *log, enum log_level level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Words a trace record of the pure parts. */
void log_trace(struct log *log, const struct trace_record *record);

/* "error" to "debug". */
const char *log_level_name(enum log_level level);
