/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Taking up what was granted to this node, once it has met who knows of it. */
#pragma once

#include "flight.h"

/* May grants be taken up, as far as that depends on whom this node has met? 0; WEFT_E_TIMEOUT while
 * the one to meet is there, WEFT_E_NO_PEER while he is not, err says who. */
int accept_may(const struct ipamdb *db, struct weft_err *err);

/* Writes this node's own rows for what was granted to it; true when something is left to do. */
bool accept_grants(struct ipamdb *db, struct net *net);
void accept_durable(struct ipamdb *db, struct flight *flight, int code);

/* Has this node met its admitter, or need it not, since that one is removed, or has left and named
 * it, or left and all other members were met? */
bool introduction_is_done(const struct ipamdb *db);

/* Makes it durable that the introduction is done, once. */
void introduction_keep(struct ipamdb *db);
