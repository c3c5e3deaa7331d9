/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Ranges change hands: granting, accepting, giving back, handing over, merging. */
#pragma once

#include "flight.h"

/* IPAM_EV_MESSAGE: a request of another node. */
void donor_message(struct ipamdb *db, const struct ipam_event *event);

/* Continuation of FLIGHT_GRANT and FLIGHT_HANDOVER. */
void donor_durable(struct ipamdb *db, struct flight *flight, int code);

/* May grants be taken up, as far as that depends on whom this node has met? 0; WEFT_E_TIMEOUT while
 * the one to meet is there, WEFT_E_NO_PEER while he is not, err says who. */
int accept_may(struct ipamdb *db, struct weft_err *err);

/* Writes this node's own rows for what was granted to it; true when something is left to do. */
bool accept_grants(struct ipamdb *db, struct net *net);

/* Has this node met its admitter, or need it not, since that one is removed, or has left and named
 * it, or left and all other members were met? See accept.c. */
bool introduction_is_done(const struct ipamdb *db);

/* Makes it durable that the introduction is done, once. */
void introduction_keep(struct ipamdb *db);
void accept_durable(struct ipamdb *db, struct flight *flight, int code);

/* Grants that this node made and whose recipient has not yet written a row of its own. */
bool donor_is_owed(struct ipamdb *db, struct net *net);

/* Merges and collects own rows, gives idle single addresses back; the next time to look. */
struct mono tidy_net(struct ipamdb *db, struct net *net);

/* IPAM_HAND_OVER. */
void handover_begin(struct ipamdb *db, const struct ipam_request *req);
void handover_step(struct ipamdb *db);

/* The leave came to nothing after all was handed over: this node grants and takes up again. */
void handover_undo(struct ipamdb *db);

/* A range was taken up that another node granted while this one hands over. */
void handover_given(struct ipamdb *db, const struct id *giver);
