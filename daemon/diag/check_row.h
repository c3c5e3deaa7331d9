/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * One check as weft diag tells it, by weftd and by weft-hostcheck: {check, peer, verdict, measured,
 * remedy}. verdict is "ok", "warn" or "fail"; a remedy stands beside everything that is not ok.
 */
#pragma once

#include <jansson.h>
#include <stdarg.h>

/* Adds a check; peer and remedy may be NULL. What is no UTF-8 is told as "?". */
void check_row_add(json_t *checks, const char *check, const char *peer, const char *verdict,
		   const char *remedy, const char *fmt, va_list args)
    __attribute__((format(printf, 6, 0)));
