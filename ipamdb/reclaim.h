/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Taking back the space of nodes that are gone. */
#pragma once

#include "flight.h"

/* Is there space to be taken back, of this node or (NULL) of any? */
bool reclaim_is_due(struct ipamdb *db, const struct id *gone);
void reclaim_step(struct ipamdb *db);
