/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Authors over their caps. Nodes that refuse rows of one refuse different ones, and would compare
 * and fetch for ever; what such an author wrote is therefore compared no more. It stays visible.
 *
 * The same is so of an owner who signed two rows of one version: who has one of them refuses the
 * other. While such an owner is a member its rows are compared nevertheless, since it may be an
 * honest one of which a copy ran for a moment, and others need its rows. Once it is gone nothing of
 * it will ever change, and what differs stays as it is. The two rows are kept as the proof that
 * others are shown, so that all stop comparing.
 */
#pragma once

#include "replica.h"

/* Takes an origin out of all comparisons, for good. */
void replica_cap(struct replica *replica, uint32_t origin);

/* Keeps the first two rows of one version that were seen, counting their blobs once more; an origin
 * of a frozen owner is compared no more from then on. */
void replica_prove(struct replica *replica, uint32_t origin, uint32_t held, uint32_t refused);

/* The owner is gone: what is compared of it from now on is what nothing is proved about. */
void replica_freeze(struct replica *replica, uint32_t owner);

/* The same for all facts of an author. */
void replica_cap_author(struct replica *replica, const struct id *author);

/* Is this fact's author over its cap? */
bool replica_is_capped(const struct replica *replica, const struct slot *fact);

/* How many facts here are of this author. */
uint32_t replica_facts_of(const struct replica *replica, const struct id *author);

/* A fact of this author is being stored; the one in this slot gives way to it. */
void replica_own(struct replica *replica, const struct id *author);
void replica_disown(struct replica *replica, uint32_t slot);
