/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Rows from the store that bear the version of another one there: which of both stays. */
#pragma once

#include "gossip/core/core.h"

struct tables;

struct loads {
	struct vec passed; /* uint32_t blobs: rows that nobody has heard of, a count of each */
};

void load_init(struct loads *loads, struct core *core);
void load_close(struct tables *tables);

/* After the start, as far as the update has room. */
void load_tick(struct tables *tables);
struct mono load_deadline(const struct tables *tables);
