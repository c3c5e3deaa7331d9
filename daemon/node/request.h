/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Requests of the API, by kind. */
#pragma once

#include "op.h"

/* Of a request that wants an address and names no time: as long as the API waits for such a call
 * (gossip/base/api_methods.h). */
#define REQUEST_TTL_MS_DEFAULT 10000

/* NODE_EV_REQUEST. */
void request_received(struct node *node, const struct node_request *request);

/* The op of a request; NULL when its request id was answered already or is being served. A check
 * and a recovery go without: what they find is of the moment, so each looks anew. */
struct op *request_op(struct node *node, enum op_kind kind, const struct node_request *request);

/* The core answered a command that was passed to it. */
void request_passed(struct node *node, struct op *op, const struct gossip_answer *answer);

/* The same of a join. It is answered once the host is ready: it has synced with a member, so that
 * each knows of the other's, or sync_wait has passed. */
void request_joined(struct node *node, struct op *op, const struct gossip_answer *answer);
void request_try_joined(struct node *node, struct op *op);
