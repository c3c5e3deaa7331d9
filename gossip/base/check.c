/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* The one place where weft ends itself: a broken invariant, or no memory left (heap.c). */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>

void weft_assert_failed(const char *expr, const char *file, int line)
{
	fprintf(stderr, "weft: assertion failed: %s (%s:%d)\n", expr, file, line);
	abort();
}
