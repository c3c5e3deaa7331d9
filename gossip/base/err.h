/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Errors as people, scripts and the API meet them.
 *
 * Every failure that a person can read is one row of WEFT_CODES (err_rows.h): its name on the wire
 * (`error.code`), its HTTP status, the exit code of `weft`, whether trying the same call again can
 * help, what it means and what to do about it; the manual's list is made from it. Functions return
 * 0 or one of the negative values; where a person reads the failure the last parameter is a
 * `struct weft_err *`, which holds one line: what, why, what to do.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>

#include "err_rows.h"

#define WEFT_ERR_BYTES 512
#define WEFT_ERR_LINE_BYTES (2 * WEFT_ERR_BYTES) /* with a remedy of the table */

enum weft_code {
	WEFT_OK = 0,
	WEFT_E_FIRST_ = -1000,
#define WEFT_CODE_ENUM_(sym, name, http, exit, retry, help, remedy) WEFT_E_##sym,
	WEFT_CODES(WEFT_CODE_ENUM_)
#undef WEFT_CODE_ENUM_
	    WEFT_E_END_
};

/* What a code means outside; rows never change their meaning once released. */
struct weft_code_info {
	const char *name;
	const char *help;
	const char *remedy; /* what a person does about it */
	int http_status;
	int exit_code;
	int retryable;
};

/* One failure, owned by the caller; code 0 and an empty message mean none. */
struct weft_err {
	int code;
	char message[WEFT_ERR_BYTES];
};

/* Looks a code up; an unknown one is shown as `internal`. Never NULL. */
const struct weft_code_info *weft_code_info(int code);

/* The code with this wire name, or WEFT_E_INTERNAL. */
int weft_code_parse(const char *name);

/* Sets err (may be NULL) to code and a formatted line; returns code, so that it can be returned. */
int weft_err_set(struct weft_err *err, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The line for a person: the message, and what to do from the table where the message does not say
 * it behind a semicolon. */
void weft_err_line(const struct weft_err *err, char line[WEFT_ERR_LINE_BYTES]);

/* Puts "text: " before the message that err holds; returns err's code. */
int weft_err_wrap(struct weft_err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
