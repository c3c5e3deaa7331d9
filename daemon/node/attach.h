/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Giving a namespace an endpoint: NODE_ATTACH. */
#pragma once

#include "op.h"

/* The steps of op.h: begun by a request, tried until its network is joined, composed into the
 * commit of its lease, and plugged in once that is durable. */
void attach_begin(struct node *node, const struct node_request *request);
void attach_try(struct node *node, struct op *op);
void attach_compose(struct node *node, struct op *op, const struct ipam_update *update,
		    const struct ipam_group *group, struct commit *commit);
void attach_leased(struct node *node, struct op *op, const struct ipam_answer *answer);

/* The kernel made the plug (err NULL) or refused it. */
void attach_plugged(struct node *node, struct op *op, struct box *box, const struct weft_err *err);

/* What a failed plug had left behind is taken back; its box is gone. */
void attach_undone(struct node *node, struct op *op);

/* Somebody less to wait for: answers when nobody is left. */
void attach_look(struct node *node, struct op *op);
void attach_due(struct node *node, struct op *op);

/* Ends those that wait for a network to be joined. */
void attaches_fail(struct node *node, const struct id *network, const struct weft_err *err);
