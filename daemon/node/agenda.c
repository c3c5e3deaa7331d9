/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* The agenda of a node: see agenda.h. */
#include "agenda.h"

#include <string.h>

#include "commit.h"
#include "leave.h"
#include "network.h"
#include "route.h"

#define ITEMS_PER_STEP 256 /* then datagrams and the kernel have their turn */

void agenda_add(struct node *node, const struct agenda_item *item)
{
	struct agenda_item kept = *item;

	if (item->len > 0) {
		kept.bytes = heap_take(&node->heap, item->len);
		memcpy(kept.bytes, item->bytes, item->len);
	}
	fifo_push(&node->agenda, &kept);
}

void agenda_add_ipam(struct node *node, const struct ipam_request *request)
{
	agenda_add(node, &(struct agenda_item){.kind = AGENDA_IPAM,
					       .len = sizeof(*request),
					       .bytes = (void *)(uintptr_t)request});
}

static void item_do(struct node *node, const struct agenda_item *item)
{
	struct gossip_command command = {.tag = item->tag, .bytes = item->bytes, .len = item->len};
	struct ipam_event event = {.kind = IPAM_EV_REQUEST, .request = item->bytes};

	switch (item->kind) {
	case AGENDA_COMMIT:
		commit_run(node, item->bytes);
		return;
	case AGENDA_IPAM:
		route_ipam(node, &event);
		break;
	case AGENDA_MESSAGE:
		command.kind = CMD_MESSAGE;
		command.id = item->peer;
		command.ttl_ms = item->ttl_ms;
		route_command(node, &command);
		break;
	case AGENDA_REPLY:
		command.kind = CMD_REPLY;
		command.message = item->message;
		route_command(node, &command);
		break;
	case AGENDA_TOPICS:
		networks_topics(node);
		break;
	case AGENDA_LEAVE:
		leave_announce(node, item->tag);
		break;
	case AGENDA_RECOVER:
		command.kind = CMD_RECOVER;
		command.flag = item->flag;
		route_command(node, &command);
		break;
	case AGENDA_RECOVERED:
		command.kind = CMD_RECOVERED;
		route_command(node, &command);
		break;
	case AGENDA_MEET:
		command.kind = CMD_MEET;
		command.flag = item->flag;
		route_command(node, &command);
		break;
	}
	if (item->len > 0)
		heap_give(&node->heap, item->bytes, item->len);
}

bool agenda_is_empty(const struct node *node)
{
	return node->agenda.count == 0;
}

void agenda_run(struct node *node)
{
	for (int i = 0; i < ITEMS_PER_STEP && !agenda_is_empty(node); i++) {
		struct agenda_item item;

		if (!route_has_room(node))
			return;
		item = *(struct agenda_item *)fifo_at(&node->agenda, 0);
		fifo_pop(&node->agenda);
		item_do(node, &item);
	}
}
