/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Leaving the cluster in order: NODE_LEAVE. */
#pragma once

#include "op.h"

/* The steps of op.h: boxes are detached, space is handed over, then the core leaves. */
void leave_request(struct node *node, const struct node_request *request);
void leave_try(struct node *node, struct op *op);
void leave_ipam_answered(struct node *node, struct op *op, const struct ipam_answer *answer);

/* AGENDA_LEAVE: the core is to leave now, unless somebody was not named yet. */
void leave_announce(struct node *node, uint64_t tag);
void leave_gossip_answered(struct node *node, struct op *op, const struct gossip_answer *answer);
void leave_due(struct node *node, struct op *op);
