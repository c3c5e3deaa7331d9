/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "daemon/log.h"

#include <string.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>

#include "daemon/clock.h"
#include "gossip/base/check.h"

/* A line under construction; what does not fit is left out. */
struct line {
	char text[LOG_LINE_BYTES];
	size_t len;
};

static const char *const level_names[] = {"error", "warning", "info", "debug"};
static const int level_priorities[] = {3, 4, 6, 7}; /* of syslog */

const char *log_level_name(enum log_level level)
{
	return level_names[level];
}

void log_init(struct log *log, FILE *out, enum log_level level, enum log_format format)
{
	memset(log, 0, sizeof(*log));
	log->out = out;
	log->level = level;
	log->format = format;
	log->peer_tokens_ms = LOG_PEER_BURST * 1000;
}

static void line_add(struct line *line, const char *text, size_t len)
{
	size_t room = sizeof(line->text) - 1 - line->len;

	if (len > room)
		len = room;
	memcpy(line->text + line->len, text, len);
	line->len += len;
	line->text[line->len] = '\0';
}

static void line_text(struct line *line, const char *text)
{
	line_add(line, text, strlen(text));
}

/* A value in quotes with JSON's escapes; control bytes never reach the output as they are. */
static void line_quoted(struct line *line, const char *text)
{
	line_text(line, "\"");
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		char escape[8];

		if (c == '"' || c == '\\')
			snprintf(escape, sizeof(escape), "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			snprintf(escape, sizeof(escape), "\\u%04x", c);
		else
			snprintf(escape, sizeof(escape), "%c", c);
		line_text(line, escape);
	}
	line_text(line, "\"");
}

static bool is_plain(const char *text)
{
	if (*text == '\0')
		return false;
	for (; *text; text++) {
		if (*text <= ' ' || *text == '"' || *text == '=' || *text == '\\' || *text == 0x7f)
			return false;
	}
	return true;
}

/* 2026-01-02T03:04:05.678Z info   member failed node=web1 */
static void write_text(struct log *log, enum log_level level, const char *text,
		       const struct log_field *fields, size_t count)
{
	struct line line = {.len = 0};
	char head[64];
	char at[WALL_TEXT_BYTES];

	wall_format(daemon_wall(), at);
	snprintf(head, sizeof(head), "%s %-7s ", at, level_names[level]);
	line_text(&line, head);
	line_text(&line, text);
	for (size_t i = 0; i < count; i++) {
		line_text(&line, " ");
		line_text(&line, fields[i].key);
		line_text(&line, "=");
		if (is_plain(fields[i].value))
			line_text(&line, fields[i].value);
		else
			line_quoted(&line, fields[i].value);
	}
	/* A sentence may quote a file or a peer: no control byte leaves the line. */
	for (size_t i = 0; i < line.len; i++) {
		if ((unsigned char)line.text[i] < 0x20)
			line.text[i] = ' ';
	}
	fprintf(log->out, "%s\n", line.text);
}

static void write_json(struct log *log, enum log_level level, const char *text,
		       const struct log_field *fields, size_t count)
{
	struct line line = {.len = 0};
	char at[WALL_TEXT_BYTES];

	wall_format(daemon_wall(), at);
	line_text(&line, "{\"time\":");
	line_quoted(&line, at);
	line_text(&line, ",\"level\":");
	line_quoted(&line, level_names[level]);
	line_text(&line, ",\"message\":");
	line_quoted(&line, text);
	for (size_t i = 0; i < count && line.len < sizeof(line.text) - 2 * LOG_VALUE_BYTES; i++) {
		line_text(&line, ",\"");
		line_text(&line, fields[i].key);
		line_text(&line, "\":");
		line_quoted(&line, fields[i].value);
	}
	line_text(&line, "}");
	fprintf(log->out, "%s\n", line.text);
}

static void write_journal(enum log_level level, const char *text, const struct log_field *fields,
			  size_t count)
{
	char texts[LOG_FIELDS_MAX + 2][LOG_VALUE_BYTES * 4];
	struct iovec parts[LOG_FIELDS_MAX + 2];
	size_t n = 0;

	snprintf(texts[n++], sizeof(texts[0]), "MESSAGE=%s", text);
	snprintf(texts[n++], sizeof(texts[0]), "PRIORITY=%d", level_priorities[level]);
	for (size_t i = 0; i < count; i++) {
		char *out = texts[n++];
		int at =
		    snprintf(out, sizeof(texts[0]), "WEFT_%s=%s", fields[i].key, fields[i].value);

		for (int c = 5; c < at && out[c] != '='; c++) {
			if (out[c] >= 'a' && out[c] <= 'z')
				out[c] = (char)(out[c] - 'a' + 'A');
		}
	}
	for (size_t i = 0; i < n; i++)
		parts[i] = (struct iovec){texts[i], strlen(texts[i])};
	sd_journal_sendv(parts, (int)n);
}

static void write_any(struct log *log, enum log_level level, const char *text,
		      const struct log_field *fields, size_t count)
{
	switch (log->format) {
	case LOG_JSON:
		write_json(log, level, text, fields, count);
		break;
	case LOG_JOURNAL:
		write_journal(level, text, fields, count);
		break;
	case LOG_TEXT:
		write_text(log, level, text, fields, count);
		break;
	}
	fflush(log->out);
}

/* Refills the peer class and takes a line from it; false when it is used up. */
static bool peer_may(struct log *log)
{
	struct mono now = daemon_now();

	if (log->peer_at.ns != 0)
		log->peer_tokens_ms += mono_diff_ms(now, log->peer_at) * LOG_PEER_PER_S;
	if (log->peer_tokens_ms > LOG_PEER_BURST * 1000)
		log->peer_tokens_ms = LOG_PEER_BURST * 1000;
	log->peer_at = now;
	if (log->peer_tokens_ms < 1000) {
		log->suppressed++;
		return false;
	}
	log->peer_tokens_ms -= 1000;
	return true;
}

void log_event(struct log *log, enum log_class class, enum log_level level, const char *text,
	       const struct log_field *fields, size_t count)
{
	WEFT_ASSERT(count <= LOG_FIELDS_MAX);
	if (level > log->level || (class == LOG_PEER && !peer_may(log)))
		return;
	if (log->suppressed > 0 && class == LOG_PEER) {
		char number[24];

		snprintf(number, sizeof(number), "%llu", (unsigned long long)log->suppressed);
		log->suppressed = 0;
		write_any(log, LOG_LEVEL_WARNING, "lines caused by peers were left out",
			  &(struct log_field){"count", number}, 1);
	}
	write_any(log, level, text, fields, count);
}

void log_line(struct log *log, enum log_level level, const char *fmt, ...)
{
	char text[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	log_event(log, LOG_OWN, level, text, NULL, 0);
}
