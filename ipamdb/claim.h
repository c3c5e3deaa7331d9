/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* The claims of a network: rows of ranges and grants as their authors wrote them. */
#pragma once

#include "net.h"

/* So many ranges of one author that gave way in a network, each of which was an alarm, are
 * remembered; and a witness says no more words about him (witness.c). */
#define GONE_MAX 32

/* A claim that was read, and where it belongs. */
struct gathered {
	struct net *net;
	struct claim claim;
};

/* Adds a claim, ends one that is there, or refreshes its version; true when it is new. */
bool claim_put(struct ipamdb *db, struct net *net, const struct claim *claim);

/* The same for many at once, of networks that are not strange: gathered into a list (of struct
 * gathered *, in order), which is empty again when all are settled. The owners are built anew once
 * somebody asks; each claim that was there has moved at most once. How many did. */
void claims_gather(struct vec *list, struct gathered *item);
size_t claims_settle(struct ipamdb *db, struct vec *list);

/* Takes a claim away; false when it was not there. */
bool claim_drop(struct ipamdb *db, struct net *net, const struct claim *claim);

/* Takes those ended claims away that owners' own rows outrank by now: nothing depends on them. */
void claims_forget(struct ipamdb *db, struct net *net);

/* Counts all claims anew in what their authors are charged with, by 1 or -1. */
void claims_charge(struct ipamdb *db, const struct net *net, int by);

/* Takes away all claims of an author in a network that is strange. */
void claims_disown(struct ipamdb *db, struct net *net, const struct id *author);

/* Takes all away: the network has ended. */
void claims_drop_all(struct ipamdb *db, struct net *net);

/* Asserts that what is counted and derived is what the claims say; how many of them ended. */
size_t claims_check(struct ipamdb *db, struct net *net);

/* The claim with the same span, generation, author and kind, or NULL; borrowed until a change. */
struct claim *claim_find(const struct net *net, const struct claim *like);

/* What this node has granted counts no more: it was removed. */
void claims_void(struct net *net, const struct id *author);

/* Traces that two claim one generation, where the owners were built without a word of it. */
void claims_tell(struct ipamdb *db, struct net *net);

/* Builds the owners anew from the claims. */
void claims_rebuild(struct net *net);

/* The key of a claim's row, and back (holder and author are not part of it). */
void claim_key(const struct net *net, const struct claim *claim, uint8_t out[RANGE_KEY_BYTES]);
void claim_from_key(const struct range_key *key, struct claim *claim);
