/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "request.h"

#include <string.h>

#include "attach.h"
#include "detach.h"
#include "ipam_check.h"
#include "leave.h"
#include "memo.h"
#include "network.h"
#include "presence.h"
#include "recover.h"
#include "reserve.h"
#include "route.h"
#include "talk.h"

#define OPS_MAX 4096 /* what a client leaves open is bounded; ipamdb lets as many wait */

struct op *request_op(struct node *node, enum op_kind kind, const struct node_request *request)
{
	struct op *op;

	WEFT_ASSERT(request->tag != 0);
	if (request->request_id[0] != '\0' && memo_serve(node, request))
		return NULL;
	op = op_new(node, kind, request->tag);
	memcpy(op->request_id, request->request_id,
	       strnlen(request->request_id, sizeof(op->request_id) - 1));
	op->asked = request->asked;
	if (op->request_id[0] != '\0')
		memo_begin(node, op);
	return op;
}

/* Requests that the core serves by itself. */
static const struct {
	enum node_request_kind request;
	enum gossip_command_kind command;
} passed[] = {
    {NODE_INIT, CMD_INIT},
    {NODE_JOIN, CMD_JOIN},
    {NODE_TOKEN_CREATE, CMD_TOKEN_CREATE},
    {NODE_TOKEN_RM, CMD_TOKEN_RM},
    {NODE_ADMIN_ADD, CMD_ADMIN_ADD},
    {NODE_ADMIN_RM, CMD_ADMIN_RM},
    {NODE_ADMIN_RESTORE, CMD_ADMIN_RESTORE},
    {NODE_REMOVE, CMD_REMOVE},
    {NODE_ADVERTISE, CMD_ADVERTISE},
};

static bool pass(struct node *node, const struct node_request *request)
{
	struct gossip_command command = {.text = request->text,
					 .id = request->id,
					 .flag = request->flag,
					 .bytes = request->bytes,
					 .len = request->len,
					 .addr_count = request->addr_count,
					 .addrs = request->addrs,
					 .vtep = request->vtep,
					 .ttl_ms = request->ttl_ms,
					 .label_count = request->label_count,
					 .labels = request->labels};
	struct op *op;

	for (size_t i = 0; i < sizeof(passed) / sizeof(passed[0]); i++) {
		if (passed[i].request != request->kind)
			continue;
		op = request_op(node, request->kind == NODE_JOIN ? OP_JOIN_CLUSTER : OP_PASS,
				request);
		if (op == NULL)
			return true;
		op->state = OP_ASKED;
		command.kind = passed[i].command;
		command.tag = op->id;
		route_command(node, &command);
		return true;
	}
	return false;
}

void request_passed(struct node *node, struct op *op, const struct gossip_answer *answer)
{
	op->answer.err = answer->err;
	op->answer.id = answer->id;
	if (answer->err.code == 0 && answer->len > 0) {
		op->text_len = answer->len + 1;
		op->text = heap_take(&node->heap, op->text_len);
		memcpy(op->text, answer->bytes, answer->len);
	}
	op_finish(node, op);
}

void request_joined(struct node *node, struct op *op, const struct gossip_answer *answer)
{
	if (answer->err.code != 0) {
		request_passed(node, op, answer);
		return;
	}
	op->answer.id = answer->id;
	op->state = OP_WAITS;
	node->look_again = true;
}

void request_try_joined(struct node *node, struct op *op)
{
	if (node->ready)
		op_finish(node, op);
}

static void confirm(struct node *node, const struct node_request *request)
{
	struct ipam_event event = {.kind = IPAM_EV_CONFIRM};

	route_ipam(node, &event);
	answer_now(node, request->tag, NULL);
}

static void mtu(struct node *node, const struct node_request *request)
{
	presence_mtu_set(node, &request->id, request->mtu_bytes);
	answer_now(node, request->tag, NULL);
}

/* It was remembered a moment ago. */
static void repeat(struct node *node, const struct node_request *request)
{
	struct weft_err err;

	if (memo_serve(node, request))
		return;
	weft_err_set(&err, WEFT_E_BUSY, "what was answered is just being forgotten; try again");
	answer_now(node, request->tag, &err);
}

void request_received(struct node *node, const struct node_request *request)
{
	struct weft_err err;

	if (node->ops.count >= OPS_MAX) {
		weft_err_set(&err, WEFT_E_BUSY, "%d calls are under way; try again", OPS_MAX);
		answer_now(node, request->tag, &err);
		return;
	}
	if (pass(node, request))
		return;
	switch (request->kind) {
	case NODE_LEAVE:
		leave_request(node, request);
		break;
	case NODE_NETWORK_CREATE:
		network_create(node, request);
		break;
	case NODE_NETWORK_RM:
		network_rm(node, request);
		break;
	case NODE_ATTACH:
		attach_begin(node, request);
		break;
	case NODE_DETACH:
		detach_request(node, request);
		break;
	case NODE_RESERVE:
		reserve_request(node, request);
		break;
	case NODE_RELEASE:
		release_request(node, request);
		break;
	case NODE_CONFIRM:
		confirm(node, request);
		break;
	case NODE_CHECK:
		ipam_check_request(node, request);
		break;
	case NODE_RECOVER:
		recover_request(node, request);
		break;
	case NODE_ASK:
		talk_request(node, request);
		break;
	case NODE_REPLY:
		talk_reply(node, request);
		break;
	case NODE_REPEAT:
		repeat(node, request);
		break;
	case NODE_MTU:
		mtu(node, request);
		break;
	default:
		weft_err_set(&err, WEFT_E_UNSUPPORTED, "requests of kind %d are not known",
			     (int)request->kind);
		answer_now(node, request->tag, &err);
	}
}
