/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* What becomes of a removed node's ranges: closing them, and taking them back. */
#pragma once

#include "flight.h"

/* FACT_REMOVAL and FACT_CLOSURE became visible. */
void closure_removal(struct ipamdb *db, const struct id *removed);
void closure_fact(struct ipamdb *db, const struct row_view *row);

/* A row of a range or grant whose author this node has closed: true when it counts. */
bool closure_admits(struct ipamdb *db, const struct row_view *row);

/* Writes closures and reclaims what nobody blocks. */
void closures_step(struct ipamdb *db);
void closure_durable(struct ipamdb *db, struct flight *flight, int code);

/* Members whose closure is missing or differs, for queries: up to cap ids; the number of all. */
size_t closure_blockers(struct ipamdb *db, const struct id *removed, struct id *out, size_t cap);
/* Removed nodes known here, by place. */
bool closure_next(const struct ipamdb *db, size_t *at, struct id *removed);
bool closure_is_removed(const struct ipamdb *db, const struct id *node);
