/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "gossip/base/instant.h"

#include <stdio.h>

#define MS_PER_DAY 86400000
#define DAYS_TO_1970 719468 /* from 0000-03-01: years that begin in March end with the leap day */
#define DAYS_PER_ERA 146097 /* 400 years */

void wall_format(struct wall wall, char text[WALL_TEXT_BYTES])
{
	int64_t ms = wall.ms % MS_PER_DAY;
	int64_t days = wall.ms / MS_PER_DAY + DAYS_TO_1970;
	int64_t era, day, year, month;

	if (ms < 0) {
		ms += MS_PER_DAY;
		days--;
	}
	era = (days >= 0 ? days : days - (DAYS_PER_ERA - 1)) / DAYS_PER_ERA;
	day = days - era * DAYS_PER_ERA;
	year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	day -= 365 * year + year / 4 - year / 100;
	month = (5 * day + 2) / 153; /* from March */
	day -= (153 * month + 2) / 5 - 1;
	month = month < 10 ? month + 3 : month - 9;
	year += era * 400 + (month <= 2);
	if (year < 0 || year > 9999)
		snprintf(text, WALL_TEXT_BYTES, "%lld ms", (long long)wall.ms);
	else
		snprintf(text, WALL_TEXT_BYTES, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", (int)year,
			 (int)month, (int)day, (int)(ms / 3600000), (int)(ms / 60000 % 60),
			 (int)(ms / 1000 % 60), (int)(ms % 1000));
}
