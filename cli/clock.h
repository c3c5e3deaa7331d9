/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#pragma once

#include <stdint.h>

/* Milliseconds of the monotonic clock. */
int64_t clock_ms(void);
