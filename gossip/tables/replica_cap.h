/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Authors over their caps. Nodes that refuse rows of one refuse different ones, and would compare
 * and fetch for ever; what such an author wrote is therefore compared no more. It stays visible.
 */
#pragma once

#include "replica.h"

/* So many rows of an origin are kept. */
uint32_t replica_origin_cap(const struct replica *replica, const struct origin *origin);

/* Takes an origin out of all comparisons, for good. */
void replica_cap(struct replica *replica, uint32_t origin);

/* The same for all facts of an author. */
void replica_cap_author(struct replica *replica, const struct id *author);

/* Is this fact's author over its cap? */
bool replica_is_capped(const struct replica *replica, const struct slot *fact);

/* The cap that so many more facts of this kind would pass, of their author's; 0: none. Ended ones
 * count.
 */
uint32_t replica_facts_cap(const struct replica *replica, const struct id *author, uint16_t kind,
			   uint32_t more);

/* This fact is being stored; the one in this slot gives way to it. */
void replica_facts_add(struct replica *replica, const struct row_view *fact);
void replica_facts_sub(struct replica *replica, uint32_t slot);
