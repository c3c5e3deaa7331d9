/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Whom others named when they left, as far as that is not known here. See naming.c. */
#pragma once

#include "db.h"

#define PART_BYTES 2
#define NAMED_PER_ROW 60 /* fits VALUE_BYTES_MAX: parting.c asserts it */

void namings_init(struct ipamdb *db);

/* Somebody else's part, of PART_BYTES as its key, names these count (<= NAMED_PER_ROW) nodes. */
void namings_put(struct ipamdb *db, const struct row_view *row, const uint8_t *ids, size_t count);

/* Forgets whom others named and who is known or removed by now. */
void namings_sweep(struct ipamdb *db);

/* Does this node, which left, name the one whose database this is? */
bool namings_have_self(const struct ipamdb *db, const struct id *by);

/* The next one whom somebody who left has named and who is not known here; start with *pos = 0. */
const struct id *namings_stranger(const struct ipamdb *db, size_t *pos);
