/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Words and terms in the language of manual pages, man(7). */
#pragma once

#include <stdio.h>

/* Text as troff is to show it: a hyphen is a minus, which can be copied into a shell; no line
 * begins with what troff takes for a request. */
void troff_text(FILE *out, const char *words);

/* The same as a sentence: words begins in lower case and ends without a full stop. */
void troff_sentence(FILE *out, const char *words);

/* ".TP", "--option ARG", "what it does"; option and arg may be NULL. */
void troff_term(FILE *out, const char *option, const char *arg, const char *help);
