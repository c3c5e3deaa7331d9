/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Between gossip and ipamdb: steps of the one become events of the other. */
#pragma once

#include "state.h"

/* One step of gossip with all that follows from its update. The update of the node has room for
 * it: route_has_room. */
void route_gossip(struct node *node, struct gossip_event *event);
void route_command(struct node *node, const struct gossip_command *command);

/* CMD_PUT: node->put_token is that of the rows, or 0 with node->put_err. The update is gossip's,
 * until its next step. */
const struct gossip_update *route_put(struct node *node, struct gossip_command *command);
void route_ipam(struct node *node, struct ipam_event *event);

/* Is there room for what a step of gossip may put out? */
bool route_has_room(const struct node *node);

/* Tells ipamdb whether this node may lease, when that has changed. */
void route_standing(struct node *node);

/* Phase, members and rows as they are known before the first change. */
void route_start(struct node *node);
void calls_open(struct node *node, uint64_t seed);
