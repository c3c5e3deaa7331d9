/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* What members promise about the space of nodes that are gone; reclaim.h takes it back. */
#pragma once

#include "flight.h"

/* Who left has handed everything over; what of that is not seen by then is taken back. */
#define LEFT_GRACE_MS 10000

void closures_init(struct ipamdb *db);

/* FACT_REMOVAL and FACT_CLOSURE became visible. */
void closure_removal(struct ipamdb *db, const struct id *removed);
void closure_fact(struct ipamdb *db, const struct row_view *row);

/* A member came, left or was removed; or (NULL) which of them is this node. */
void closure_member_changed(struct ipamdb *db, struct peer *peer);

/* An own range or grant has this version. */
void closure_wrote(struct ipamdb *db, uint64_t epoch, uint64_t sequence);

/* Writes this node's closure when it is missing or says something else than it should, and takes
 * back what nobody blocks. */
void closures_step(struct ipamdb *db);

/* Continuations of FLIGHT_CLOSURE and FLIGHT_KEEP. */
void closure_durable(struct ipamdb *db, int code);
void closure_kept(struct ipamdb *db, const struct flight *flight);
/* Sees to it that the members and removals that are known are on the disk: true while they are not.
 */
bool closure_keeps(struct ipamdb *db);
void closure_removal_stored(struct ipamdb *db, const struct id *removed);

/* The view by which this node would close now; borrowed until a member or a removal comes. */
const uint8_t *closure_view(struct ipamdb *db);
const struct closer *closure_of(const struct ipamdb *db, const struct id *member);

/* Asserts that the view is what all members and removals together make it. */
void closure_check(struct ipamdb *db);

/* Is there anybody whose space might be taken back? */
bool closure_has_gone(struct ipamdb *db);

/* The highest generation of what is known of gone nodes. */
uint64_t closure_top(struct ipamdb *db);

/* Was the node removed? Has it gone, in one way or the other? Is what it holds to be taken back? */
bool closure_is_removed(const struct ipamdb *db, const struct id *node);
bool closure_is_gone(const struct ipamdb *db, const struct id *node);
bool closure_forfeits(const struct ipamdb *db, const struct id *node);
