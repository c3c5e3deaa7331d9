/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "packaging/pages/troff.h"

#include <ctype.h>

void troff_text(FILE *out, const char *words)
{
	if (words[0] == '.' || words[0] == '\'')
		fputs("\\&", out);
	for (; *words; words++) {
		if (*words == '-')
			fputs("\\-", out);
		else if (*words == '\\')
			fputs("\\e", out);
		else
			fputc(*words, out);
	}
}

void troff_term(FILE *out, const char *option, const char *arg, const char *help)
{
	fputs(".TP\n\\fB", out);
	troff_text(out, option ? option : "");
	fputs("\\fR", out);
	if (arg) {
		fputs(option ? " \\fI" : "\\fI", out);
		troff_text(out, arg);
		fputs("\\fR", out);
	}
	fputc('\n', out);
	troff_text(out, help);
	fputc('\n', out);
}

void troff_sentence(FILE *out, const char *words)
{
	fputc(toupper((unsigned char)words[0]), out);
	troff_text(out, words + 1);
	fputs(".\n", out);
}
