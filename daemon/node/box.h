/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* The endpoints of this host, in order of id, and what the kernel says about them. */
#pragma once

#include "state.h"

struct commit;
struct op;

/* Box i (< node->boxes.count) in order of id. */
struct box *box_at(const struct node *node, size_t i);

/* Borrowed until box_remove, or NULL. */
struct box *box_find(const struct node *node, const struct id *id);

/* A copy of endpoint as a box in state BOX_NEW; its id must be new. Counted in its network. */
struct box *box_add(struct node *node, const struct local_endpoint *endpoint);

/* Forgets and frees it. */
void box_remove(struct node *node, struct box *box);

/* It is no longer one of its network's (its row is gone, or never was). Once. */
void box_uncount(struct node *node, const struct box *box);

/* A box that is plugged, or being plugged, at the same place; NULL when the place is free. */
const struct box *box_at_place(const struct node *node, const struct local_endpoint *endpoint);

/* A box of this host with this MAC in this network; NULL when there is none. */
const struct box *box_with_mac(const struct node *node, const struct id *network,
			       const struct mac *mac);

/* The host's own box in a network, or NULL. */
struct box *box_of_host(const struct node *node, const struct id *network);

/* The addresses that a group of leases gives to an endpoint. */
void box_take_leases(struct node *node, struct box *box, const struct ipam_update *update,
		     const struct ipam_group *group);

/* Its row and its write. */
void box_commit(struct commit *commit, const struct box *box);

/* Their ends; that of the row only while this node may write one. */
void box_commit_end(struct node *node, struct commit *commit, const struct box *box);

/* Ends all boxes of this host (a network: only those in it; NULL: every one), whatever they do. */
void boxes_end(struct node *node, const struct id *network);

/* This node was removed: what it had is others' to lease soon. */
void boxes_withdraw(struct node *node);

/* Own rows tell the version under which an endpoint is known. */
void box_row_changed(struct node *node, const struct row_view *row);

/* The op that changes it now, or NULL; NULL for no box. */
struct op *box_op(const struct node *node, const struct box *box);

/* It is being detached, or waits for that. */
bool box_is_leaving(const struct node *node, const struct box *box);

/* NODE_EV_PLUGGED, _UNPLUGGED, _GONE. */
void box_plugged(struct node *node, const struct node_event *event);
void box_unplugged(struct node *node, const struct id *id);
void box_gone(struct node *node, const struct id *id);

/* Boxes of an earlier boot have no namespace any more. */
void boxes_start(struct node *node);
