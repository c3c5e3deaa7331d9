/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Who has programmed what. A host whose kernel holds the entries of another's new endpoint tells
 * its owner, so that attach can answer when peers can reach the box and no earlier.
 */
#pragma once

#include "state.h"

struct op;

/* NODE_EV_APPLIED: endpoints of others stand in this kernel. */
void ack_applied(struct node *node, const struct node_applied *applied, size_t count);

/* Sends what has waited long enough. */
void acks_tick(struct node *node);

/* Is this message, from another node, such news? */
bool ack_is_message(const uint8_t *bytes, size_t len);
void ack_received(struct node *node, const struct gossip_delivery *delivery);

/* The hosts that an attach waits for: attached to its network and alive. */
void ack_expect(struct node *node, struct op *op);

/* A host is gone: nobody waits for it. */
void ack_forget(struct node *node, const struct id *host);
void acks_open(struct node *node, uint64_t seed);
