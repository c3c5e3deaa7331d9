/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Granting: requests of other nodes for space, and what this node promised. */
#pragma once

#include "flight.h"

/* IPAM_EV_MESSAGE: a request of another node. */
void donor_message(struct ipamdb *db, const struct ipam_event *event);

/* Begins to grant a free block of this node's own; message: the request that its grant answers, 0:
 * none. There must be room for a group of one row. */
void donor_grant(struct ipamdb *db, struct net *net, const struct id *to, const struct span *block,
		 uint64_t message);

/* Continuation of FLIGHT_GRANT and FLIGHT_HANDOVER. */
void donor_durable(struct ipamdb *db, struct flight *flight, int code);

/* Grants that this node made and whose recipient has not yet written a row of its own. */
bool donor_is_owed(struct ipamdb *db, struct net *net);
