/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * weft-pages, a tool of the build: fills the templates of manual pages, completions and the
 * configuration file from the tables that weft and weftd themselves work by. A line of a template
 * that is a mark (@COMMANDS@) becomes what its part prints; everything else is copied.
 */
#pragma once

#include <stdio.h>

/* ---- man.c: parts of manual pages, in man(7)'s language ---- */

/* All commands of weft with their arguments. */
void man_commands(FILE *out);
/* Options that every command takes. */
void man_common(FILE *out);
/* Error codes with meaning, remedy, HTTP status and exit code. */
void man_errors(FILE *out);
/* Why datagrams and frames were not used. */
void man_drops(FILE *out);
/* Options of weftd, as flags and as keys of the file. */
void man_flags(FILE *out);
void man_keys(FILE *out);

/* ---- api.c: parts of weft-api(7) ---- */

/* What the words for types mean. */
void man_api_types(FILE *out);
/* Every method with its fields and its answer; ends the program where an answer is not described.
 */
void man_api_methods(FILE *out);
/* Objects that several answers hold. */
void man_api_objects(FILE *out);

/* ---- table.c ---- */

/* What completion knows: a line each command, option and argument, fields separated by tabs. */
void completion_table(FILE *out);
/* The same for a text between single quotes, as fish takes it. */
void completion_table_quoted(FILE *out);
/* Every key with its default, as comments of a configuration file. */
void yaml_keys(FILE *out);
