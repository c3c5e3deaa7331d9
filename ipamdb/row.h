/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Rows and facts as they become visible. */
#pragma once

#include "db.h"

/* IPAM_EV_ROW: takes what concerns addresses, passes over the rest. */
void row_apply(struct ipamdb *db, const struct row_view *row);

/* Rows that were passed over, of networks that came to be tended meanwhile: from the tables. Those
 * that come meanwhile are read with the next reading, or were applied already. */
void rows_read_again(struct ipamdb *db);
