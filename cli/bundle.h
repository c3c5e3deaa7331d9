/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The support bundle: one JSON document with what somebody needs who looks at this host from
 * afar. Nothing in it is secret: tokens, keys and the store stay where they are.
 */
#pragma once

#include "cli/cli.h"

/* Writes a new file that only its owner reads. facts may be NULL. Parts that could not be had say
 * why in their places, and *gaps is how many. 0, or a code with err. */
int bundle_write(const struct cli_options *options, const char *path, const json_t *checks,
		 const json_t *facts, size_t *gaps, struct weft_err *err);
