/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* The table of codes, and building the one line that a person reads. */
#include "err.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "check.h"

static const struct weft_code_info code_ok = {
    .name = "ok",
    .help = "no failure",
    .remedy = "nothing",
    .http_status = 200,
    .exit_code = 0,
    .retryable = 0,
};

/* In the order of the enum: row i belongs to code WEFT_E_FIRST_ + 1 + i. */
static const struct weft_code_info code_table[] = {
#define CODE_ROW(sym, wire_name, http, exit, retry, text, todo) \
	{.name = (wire_name),                                   \
	 .help = (text),                                        \
	 .remedy = (todo),                                      \
	 .http_status = (http),                                 \
	 .exit_code = (exit),                                   \
	 .retryable = (retry)},
    WEFT_CODES(CODE_ROW)
#undef CODE_ROW
};

#define CODE_COUNT (sizeof(code_table) / sizeof(code_table[0]))

_Static_assert(WEFT_E_FIRST_ + 1 + (int)CODE_COUNT == WEFT_E_END_, "one row a code");
_Static_assert(WEFT_E_END_ < 0, "every code is negative");

const struct weft_code_info *weft_code_info(int code)
{
	if (code == WEFT_OK)
		return &code_ok;
	if (code <= WEFT_E_FIRST_ || code >= WEFT_E_END_)
		code = WEFT_E_INTERNAL;
	return &code_table[code - WEFT_E_FIRST_ - 1];
}

int weft_code_parse(const char *name)
{
	for (size_t i = 0; i < CODE_COUNT; i++) {
		if (strcmp(code_table[i].name, name) == 0)
			return WEFT_E_FIRST_ + 1 + (int)i;
	}
	return WEFT_E_INTERNAL;
}

/* Messages quote foreign text (names, paths, answers of peers): whatever would break the line or
 * drive a terminal becomes a space, and a multi-byte character cut by the limit is dropped. */
static void message_tidy(char *message)
{
	size_t len = strlen(message);
	size_t lead = len;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)message[i];
		if (c < 0x20 || c == 0x7f)
			message[i] = ' ';
	}
	if (len < WEFT_ERR_BYTES - 1)
		return;
	while (lead > 0 && ((unsigned char)message[lead - 1] & 0xc0) == 0x80)
		lead--;
	if (lead > 0 && ((unsigned char)message[lead - 1] & 0x80) != 0) {
		unsigned char first = (unsigned char)message[lead - 1];
		size_t want = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
		if (len - (lead - 1) < want)
			message[lead - 1] = '\0';
	}
}

void weft_err_line(const struct weft_err *err, char line[WEFT_ERR_LINE_BYTES])
{
	const char *remedy = weft_code_info(err->code)->remedy;
	bool says_all = strchr(err->message, ';') || strncmp(remedy, "the message", 11) == 0;

	snprintf(line, WEFT_ERR_LINE_BYTES, "%s%s%s", err->message, says_all ? "" : "; ",
		 says_all ? "" : remedy);
}

int weft_err_set(struct weft_err *err, int code, const char *fmt, ...)
{
	va_list args;

	WEFT_ASSERT(code != WEFT_OK);
	if (err == NULL)
		return code;
	err->code = code;
	va_start(args, fmt);
	vsnprintf(err->message, sizeof(err->message), fmt, args);
	va_end(args);
	message_tidy(err->message);
	return code;
}

int weft_err_wrap(struct weft_err *err, const char *fmt, ...)
{
	char inner[WEFT_ERR_BYTES];
	va_list args;
	int len;

	if (err == NULL)
		return WEFT_E_INTERNAL;
	WEFT_ASSERT(err->code != WEFT_OK);
	memcpy(inner, err->message, sizeof(inner));
	va_start(args, fmt);
	len = vsnprintf(err->message, sizeof(err->message), fmt, args);
	va_end(args);
	if (len >= 0 && (size_t)len < sizeof(err->message)) {
		size_t room = sizeof(err->message) - (size_t)len;
		len = snprintf(err->message + len, room, ": %s", inner);
		WEFT_ASSERT(len >= 0);
	}
	message_tidy(err->message);
	return err->code;
}
