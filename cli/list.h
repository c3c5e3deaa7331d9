/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Lists for people, and how single values and states are shown. */
#pragma once

#include "cli/cli.h"
#include "cli/table.h"

/* Prints the answer of a list method; false when the method answers no list. */
bool print_list(enum api_id method, const json_t *list, bool colour, FILE *out);

/* The ranges of a network, and what a check found. */
void print_ring_list(const json_t *ranges, bool colour, FILE *out);
void print_finding_list(const json_t *findings, bool colour, FILE *out);

/* A value (NULL too) as it stands in a cell or behind a key, malloc'd. */
char *text_of(const json_t *value);

/* The text of an object's key, borrowed; preset where there is none. */
const char *text_at(const json_t *object, const char *key, const char *preset);
enum colour colour_of(const char *state);

/* The end of a noun behind a count: "" for one, else "s". */
const char *plural(long long count);
