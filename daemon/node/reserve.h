/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Addresses without an endpoint: NODE_RESERVE, NODE_RELEASE. */
#pragma once

#include "op.h"

/* The steps of op.h. */
void reserve_request(struct node *node, const struct node_request *request);
void release_request(struct node *node, const struct node_request *request);
void reserve_compose(struct node *node, struct op *op, const struct ipam_update *update,
		     const struct ipam_group *group, struct commit *commit);
void reserve_answered(struct node *node, struct op *op, const struct ipam_answer *answer);
void reserve_due(struct node *node, struct op *op);

/* Networks that ended keep no reservation of this host's: releases them, one after the other. */
void reservations_end(struct node *node);
