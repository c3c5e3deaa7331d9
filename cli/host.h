/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Other programs that weft asks about this host: weft-hostcheck, and tools whose output goes into a
 * support bundle. */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "gossip/base/err.h"

#define HOST_TOO_LONG (-1)

/* Checks of this host by weft-hostcheck, told what the daemon says of it (facts; NULL without one):
 * an array, or NULL with err. */
json_t *host_checks(const json_t *facts, struct weft_err *err);

/* The output of a command (argv ends with NULL), at most cap - 1 bytes, malloc'd; NULL when it
 * cannot be run. *code is its exit code, or HOST_TOO_LONG where it had to be ended after for_ms.
 * words say on a terminal what is waited for. */
char *host_output(const char *const *argv, const char *words, int64_t for_ms, size_t cap,
		  int *code);
