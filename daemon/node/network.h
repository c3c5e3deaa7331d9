/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The networks of the cluster as their facts say, and which hosts are attached to each; making and
 * removing them.
 */
#pragma once

#include "op.h"

/* Network i (< node->networks.count) in order of id. */
struct network *network_at(const struct node *node, size_t i);

/* By id, also one that ended; the other makes what is not there. Borrowed for the step: one that
 * only attachments name goes with the last of them. */
struct network *network_find(const struct node *node, const struct id *id);
struct network *network_intern(struct node *node, const struct id *id);

/* A network that is known and has not ended; else NULL and WEFT_E_NOT_FOUND in err. */
struct network *network_live(const struct node *node, const struct id *id, struct weft_err *err);

/* An address with the length of the pool it is from; network may be NULL: with its own. */
struct prefix network_address(const struct network *network, const struct inet *ip);

/* The attachment of a host, or NULL. */
const struct attached_host *network_host(const struct network *network, const struct id *host);

/* A network or attachment row is visible, or was stored. */
void network_row_changed(struct node *node, const struct row_view *row);

/* Gives each live network its VNI, when that is due. */
void networks_number(struct node *node);

/* Reads attachments of networks whose fact came behind them and that were passed over until then.
 */
void networks_read(struct node *node);

/* Tells gossip in which networks this host takes part. */
void networks_topics(struct node *node);

/* ---- network_make.c ---- */

/* NODE_NETWORK_CREATE and NODE_NETWORK_RM. */
void network_create(struct node *node, const struct node_request *request);
void network_rm(struct node *node, const struct node_request *request);
void network_committed(struct node *node, struct op *op, const struct weft_err *err);
