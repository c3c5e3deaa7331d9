/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What waits until no update is being read, done one after the other in order of arrival.
 */
#include <string.h>

#include "commit.h"
#include "leave.h"
#include "network.h"
#include "route.h"

#define AGENDA_PER_STEP 256

void todo_add(struct node *node, const struct todo *todo)
{
	struct todo kept = *todo;

	if (todo->len > 0) {
		kept.bytes = heap_take(&node->heap, todo->len);
		memcpy(kept.bytes, todo->bytes, todo->len);
	}
	fifo_push(&node->todo, &kept);
}

void todo_ipam(struct node *node, const struct ipam_request *request)
{
	todo_add(node, &(struct todo){.kind = TODO_IPAM,
				      .len = sizeof(*request),
				      .bytes = (void *)(uintptr_t)request});
}

static void do_todo(struct node *node, const struct todo *todo)
{
	struct gossip_command command = {.tag = todo->tag, .bytes = todo->bytes, .len = todo->len};
	struct ipam_event event = {.kind = IPAM_EV_REQUEST, .request = todo->bytes};

	switch (todo->kind) {
	case TODO_COMMIT:
		commit_run(node, todo->bytes);
		return;
	case TODO_IPAM:
		route_ipam(node, &event);
		break;
	case TODO_MESSAGE:
		command.kind = CMD_MESSAGE;
		command.id = todo->peer;
		command.ttl_ms = todo->ttl_ms;
		route_command(node, &command);
		break;
	case TODO_REPLY:
		command.kind = CMD_REPLY;
		command.message = todo->message;
		route_command(node, &command);
		break;
	case TODO_TOPICS:
		networks_topics(node);
		break;
	case TODO_LEAVE:
		leave_announce(node, todo->tag);
		break;
	case TODO_RECOVER:
		command.kind = CMD_RECOVER;
		command.flag = todo->flag;
		route_command(node, &command);
		break;
	case TODO_RECOVERED:
		command.kind = CMD_RECOVERED;
		route_command(node, &command);
		break;
	case TODO_MEET:
		command.kind = CMD_MEET;
		command.flag = todo->flag;
		route_command(node, &command);
		break;
	}
	if (todo->len > 0)
		heap_give(&node->heap, todo->bytes, todo->len);
}

bool route_has_agenda(const struct node *node)
{
	return node->todo.count > 0;
}

void route_agenda(struct node *node)
{
	for (int i = 0; i < AGENDA_PER_STEP && route_has_agenda(node); i++) {
		struct todo todo;

		if (!route_has_room(node))
			return;
		todo = *(struct todo *)fifo_at(&node->todo, 0);
		fifo_pop(&node->todo);
		do_todo(node, &todo);
	}
}
