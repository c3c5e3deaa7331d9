/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Other programs that weft asks about this host: weft-hostcheck, and tools whose output goes into a
 * support bundle. */
#pragma once

#include <jansson.h>

#include "gossip/base/err.h"

/* Checks of this host by weft-hostcheck, told what the daemon says of it (facts; NULL without one):
 * an array, or NULL with err. */
json_t *host_checks(const json_t *facts, struct weft_err *err);

/* The output of a command (argv ends with NULL), at most cap - 1 bytes, malloc'd; NULL when it
 * cannot be run. *code is its exit code. words say on a terminal what is waited for. */
char *host_output(const char *const *argv, const char *words, size_t cap, int *code);
