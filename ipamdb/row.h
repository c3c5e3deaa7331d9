/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Rows and facts as they become visible. */
#pragma once

#include "db.h"

/* IPAM_EV_ROW: takes what concerns addresses, passes over the rest. */
void row_apply(struct ipamdb *db, const struct row_view *row);
