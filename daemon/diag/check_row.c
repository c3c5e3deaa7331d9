/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "daemon/diag/check_row.h"

#include <stdio.h>
#include <string.h>

#include "gossip/base/check.h"
#include "gossip/base/err.h"

/* Texts quote paths and what peers say. */
static json_t *told(const char *text)
{
	json_t *json = text ? json_string(text) : json_null();

	return json ? json : json_string("?");
}

void check_row_add(json_t *checks, const char *check, const char *peer, const char *verdict,
		   const char *remedy, const char *fmt, va_list args)
{
	char text[WEFT_ERR_BYTES];

	WEFT_ASSERT((remedy == NULL) == (strcmp(verdict, "ok") == 0));
	vsnprintf(text, sizeof(text), fmt, args);
	json_array_append_new(checks, json_pack("{s:s,s:o,s:s,s:o,s:o}", "check", check, "peer",
						told(peer), "verdict", verdict, "measured",
						told(text), "remedy", told(remedy)));
}
