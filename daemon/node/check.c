/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* What holds between two steps of a node: node_check. (weft ipam check is in ipam_check.c.) */
#include "box.h"
#include "network.h"
#include "op.h"

static void check_box(const struct node *node, const struct box *box)
{
	const struct op *op = box_op(node, box);
	const struct network *network = network_find(node, &box->endpoint.network);

	WEFT_ASSERT(network != NULL);
	WEFT_ASSERT((box->op != 0) == (op != NULL));
	WEFT_ASSERT(box->state == BOX_UP || op != NULL);
	WEFT_ASSERT(op == NULL || id_eq(&op->endpoint, &box->endpoint.id));
	if (box->endpoint.is_host)
		WEFT_ASSERT(network->presence != PRESENCE_NONE);
	else
		WEFT_ASSERT(box->state == BOX_NEW || box->endpoint.addr_count > 0 || box->op != 0 ||
			    box->state == BOX_UP);
}

static void check_network(const struct node *node, const struct network *network)
{
	size_t boxes = 0;

	for (size_t i = 0; i < node->boxes.count; i++) {
		const struct box *box = box_at(node, i);

		boxes += !box->endpoint.is_host && box->state != BOX_UNPLUGGING &&
			 id_eq(&box->endpoint.network, &network->id);
	}
	WEFT_ASSERT(boxes == network->boxes);
	WEFT_ASSERT((network->presence == PRESENCE_NONE) ==
		    (box_of_host(node, &network->id) == NULL));
	WEFT_ASSERT(network->op == 0 || op_find(node, network->op) != NULL);
}

void node_check(const struct node *node)
{
	WEFT_ASSERT(!node->reading_gossip && !node->reading_ipamdb);
	for (size_t i = 0; i < node->boxes.count; i++) {
		const struct box *box = box_at(node, i);

		if (i > 0)
			WEFT_ASSERT(id_cmp(&box_at(node, i - 1)->endpoint.id, &box->endpoint.id) <
				    0);
		check_box(node, box);
	}
	for (size_t i = 0; i < node->networks.count; i++)
		check_network(node, network_at(node, i));
	for (size_t i = 1; i < node->ops.count; i++)
		WEFT_ASSERT((*(struct op **)vec_at(&node->ops, i - 1))->id <
			    (*(struct op **)vec_at(&node->ops, i))->id);
}
