/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#pragma once

#include <stdint.h>

struct sim;

/* How long a world that has just become calm may take until all agree; as pinned, if it was. */
int64_t calm_bound_ms(const struct sim *sim);
