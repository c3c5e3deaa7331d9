/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Taking an endpoint away: NODE_DETACH, and the node's own reasons to do so. */
#pragma once

#include "op.h"

/* Asked for by a caller; repeating it is fine. */
void detach_request(struct node *node, const struct node_request *request);

/* Ends a box that is up, on the node's own account. failed: the attach that made it and fails,
 * whose answer may be stored already; NULL. It is told of the end if it waits for it (OP_UNDOES).
 */
void detach_begin(struct node *node, struct box *box, struct op *failed);

/* The steps of op.h, and the kernel's word that the plug is gone. */
void detach_try(struct node *node, struct op *op);
void detach_compose(struct node *node, struct op *op, struct commit *commit);
void detach_released(struct node *node, struct op *op, const struct ipam_answer *answer);
void detach_committed(struct node *node, struct op *op, const struct weft_err *err);
void detach_unplugged(struct node *node, struct op *op, struct box *box);

/* The endpoint is gone: those who asked for that while something else was under way are answered.
 */
void detach_tell_joined(struct node *node, const struct id *endpoint);
void detach_due(struct node *node, struct op *op);
