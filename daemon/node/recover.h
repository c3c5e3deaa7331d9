/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* The way out of a fence: NODE_RECOVER. */
#pragma once

#include "op.h"

/* The steps of op.h: under a new epoch every member is asked, what others hold is given up, the
 * fence goes. */
void recover_request(struct node *node, const struct node_request *request);
void recover_try(struct node *node, struct op *op);
void recover_ipam_answered(struct node *node, struct op *op, const struct ipam_answer *answer);
void recover_gossip_answered(struct node *node, struct op *op, const struct gossip_answer *answer);
void recover_committed(struct node *node, struct op *op, const struct weft_err *err);
