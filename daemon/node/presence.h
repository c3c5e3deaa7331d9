/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* How this host takes part in a network: its own address there and its attachment row. */
#pragma once

#include "op.h"

/* Joins a network for an attach that waits; attaches_fail is called when that fails. */
void presence_begin(struct node *node, struct network *network, struct mono give_up);

/* The number of boxes changed, or the network ended: it may be time to quit. */
void presence_review(struct node *node, struct network *network);

/* The rows of the other attached hosts are here: boxes that wait may come. */
void presence_settled(struct node *node, struct network *network);

/* Quits at once, as soon as no box is left. */
void presence_end(struct node *node, struct network *network);

/* Timers of all networks. */
void presence_tick(struct node *node);

/* What this host's underlay leaves for inner packets in a network. */
uint16_t presence_mtu(const struct node *node, const struct network *network);

/* NODE_MTU: of one network, or of all when id is zero. */
void presence_mtu_set(struct node *node, const struct id *network, uint16_t mtu_bytes);

/* Adds the attachment row, as it should be, to a commit. */
void presence_commit(struct node *node, const struct network *network, struct commit *commit);

/* Adds the attachment row to a commit when having boxes or none is news by this number. */
void presence_compose_count(struct node *node, const struct network *network, struct commit *commit,
			    size_t boxes);

/* Ops of kind OP_JOIN_NETWORK, OP_QUIT_NETWORK and OP_REFRESH. */
void presence_try(struct node *node, struct op *op);
void presence_compose(struct node *node, struct op *op, const struct ipam_update *update,
		      const struct ipam_group *group, struct commit *commit);
void presence_answered(struct node *node, struct op *op, const struct ipam_answer *answer);
void presence_committed(struct node *node, struct op *op, const struct weft_err *err);
