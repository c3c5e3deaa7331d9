/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Name patterns of tokens. One star is remembered at a time: when what follows does not fit, the
 * last star takes one character more. That is enough for this language and bounds the work by
 * name length times pattern length, whatever a stranger writes.
 */
#include "token.h"

/* Length of the set that begins at pattern ('[' included), 0 when it has no end; *fits says
 * whether c belongs to it. */
static size_t set_match(const char *pattern, char c, bool *fits)
{
	size_t at = 1;
	bool negated = pattern[at] == '!' || pattern[at] == '^';
	bool found = false;
	size_t first;

	if (negated)
		at++;
	first = at;
	while (pattern[at] != '\0' && (pattern[at] != ']' || at == first)) {
		char low = pattern[at];
		char high = low;
		if (pattern[at + 1] == '-' && pattern[at + 2] != '\0' && pattern[at + 2] != ']') {
			high = pattern[at + 2];
			at += 2;
		}
		if (low <= c && c <= high)
			found = true;
		at++;
	}
	if (pattern[at] == '\0')
		return 0;
	*fits = found != negated;
	return at + 1;
}

/* Length of the pattern's first element when c fits it, else 0. */
static size_t element_match(const char *pattern, char c)
{
	bool fits = false;
	size_t len;

	if (*pattern == '?')
		return 1;
	if (*pattern == '[') {
		len = set_match(pattern, c, &fits);
		if (len > 0)
			return fits ? len : 0;
	}
	return *pattern == c ? 1 : 0;
}

bool name_fits_pattern(const char *name, const char *pattern)
{
	const char *star = NULL; /* after the last star */
	const char *retry = NULL;

	if (*pattern == '\0')
		return true;
	while (*name != '\0') {
		size_t len;
		if (*pattern == '*') {
			star = ++pattern;
			retry = name;
			continue;
		}
		len = *pattern == '\0' ? 0 : element_match(pattern, *name);
		if (len > 0) {
			pattern += len;
			name++;
		} else if (star != NULL) {
			pattern = star;
			name = ++retry;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}
