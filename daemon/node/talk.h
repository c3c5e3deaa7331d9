/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Questions between the processes around two nodes (weft diag): addressed messages of kinds that
 * neither ipamdb nor this node reads. They go out as NODE_ASK, come in as deliveries of the update,
 * and are answered by NODE_REPLY.
 */
#pragma once

#include "state.h"

/* Kinds from here on belong to the process; see daemon/diag/diag_wire.h. */
#define NODE_TALK_KIND_FIRST 32

/* Sends a question; its answer, or why there is none, is the answer of the request. */
void talk_request(struct node *node, const struct node_request *request);

/* True when gossip's answer was that to a question, and was passed on. */
bool talk_answered(struct node *node, const struct gossip_answer *answer);

/* Is it a question for the process? */
bool talk_is_message(const uint8_t *bytes, size_t len);

/* Puts a question of another node out; one that finds no room is lost, as on the way. */
void talk_delivered(struct node *node, const struct gossip_delivery *delivery);

/* The process answers such a question. */
void talk_reply(struct node *node, const struct node_request *request);
void talks_open(struct node *node, uint64_t seed);
