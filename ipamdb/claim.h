/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* The claims of a network: rows of ranges and grants as their authors wrote them. */
#pragma once

#include "net.h"

/* Adds a claim, ends one that is there, or refreshes its version; true when it is new. */
bool claim_put(struct ipamdb *db, struct net *net, const struct claim *claim);

/* Takes a claim away; false when it was not there. */
bool claim_drop(struct ipamdb *db, struct net *net, const struct claim *claim);

/* Takes those ended claims away that owners' own rows outrank by now: nothing depends on them. */
void claims_forget(struct ipamdb *db, struct net *net);

/* The claim with the same span, generation, author and kind, or NULL; borrowed until a change. */
struct claim *claim_find(const struct net *net, const struct claim *like);

/* What this node has granted counts no more: it was removed. */
void claims_void(struct net *net, const struct id *author);

/* Builds the owners anew from the claims. */
void claims_rebuild(struct net *net);

/* The key of a claim's row, and back (holder and author are not part of it). */
void claim_key(const struct net *net, const struct claim *claim, uint8_t out[RANGE_KEY_BYTES]);
void claim_from_key(const struct range_key *key, struct claim *claim);
