/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Rows and facts as they become visible. */
#pragma once

#include "db.h"

/* IPAM_EV_ROW: takes what concerns addresses, passes over the rest. */
void row_apply(struct ipamdb *db, const struct row_view *row);

/* Rows that were passed over, of networks that came to be tended meanwhile: from the tables. */
void rows_read_again(struct ipamdb *db);

/* The highest generation of those that were passed over, as closure_top counts them. */
uint64_t rows_passed_top(struct ipamdb *db);
