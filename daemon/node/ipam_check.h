/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* What is wrong with addresses: NODE_CHECK. */
#pragma once

#include "op.h"

/* Compares leases, boxes and rows; with the request's flag it repairs what it can, with its force
 * also what boxes lose their addresses by. */
void ipam_check_request(struct node *node, const struct node_request *request);
void ipam_check_answered(struct node *node, struct op *op, const struct ipam_answer *answer);

/* Has the box that is being detached gone? */
void ipam_check_due(struct node *node, struct op *op);
