/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Leaving.
 *
 *   WAITS       boxes are detached, networks quit, other leases released; new attaches are refused
 *   HANDS_OVER  every range goes to another member, until their own rows were seen
 *   ANNOUNCES   the core tells the others; back to HANDS_OVER if somebody became known meanwhile
 *
 * Until the core has begun to tell, a failure or the end of patience leaves a member as it was,
 * except that what was detached stays so.
 */
#include "leave.h"

#include "agenda.h"
#include "box.h"
#include "ipamdb/query.h"
#include "request.h"
#include "route.h"

#define TTL_MS_DEFAULT 30000 /* half of what the API waits: telling the others comes after it */
#define AGAIN_MS 20          /* the core's step was full: the next is not */

/* Boxes that nobody has asked to detach yet; the others are waited for. */
static size_t count_boxes(const struct node *node)
{
	size_t count = 0;

	for (size_t i = 0; i < node->boxes.count; i++) {
		const struct box *box = box_at(node, i);
		count += !box->endpoint.is_host && box->state < BOX_LEAVING;
	}
	return count;
}

void leave_request(struct node *node, const struct node_request *request)
{
	struct op *op = request_op(node, OP_LEAVE, request);
	size_t boxes = count_boxes(node);
	struct weft_err err = {0};

	if (op == NULL)
		return;
	if (node->leaving)
		weft_err_set(&err, WEFT_E_BUSY,
			     "this node is leaving already; weft status says when it has");
	else if (node_may_serve(node, &err) == 0 && !request->flag && boxes == 1)
		weft_err_set(&err, WEFT_E_IN_USE,
			     "1 endpoint is attached on this host; detach it, or use --force");
	else if (err.code == 0 && !request->flag && boxes > 1)
		weft_err_set(&err, WEFT_E_IN_USE,
			     "%zu endpoints are attached on this host; detach them, or use --force",
			     boxes);
	if (err.code != 0) {
		op_fail_err(node, op, &err);
		return;
	}
	node->leaving = true;
	op->flag = request->flag;
	op->give_up =
	    mono_add_ms(node->now, request->ttl_ms > 0 ? request->ttl_ms : TTL_MS_DEFAULT);
	op->deadline = op->give_up;
	leave_try(node, op);
}

static void leave_fail(struct node *node, struct op *op, const struct weft_err *err)
{
	node->leaving = false;
	op_fail_err(node, op, err);
}

/* Releases one lease, if any is left; true when it was asked for. With the boxes gone that is a
 * reservation, or a leak that weft ipam check would find: by force, for nothing uses either. */
static bool release_next(struct node *node, struct op *op)
{
	struct lease lease;

	for (size_t at = 0; ipamdb_lease_next(node->ipamdb, &at, &lease);) {
		struct ipam_request request = {.kind = IPAM_RELEASE,
					       .tag = op->id,
					       .network = lease.network,
					       .addr_count = 1,
					       .addrs = {lease.address},
					       .force = true,
					       .deadline = MONO_NEVER};

		if (lease.cooling)
			continue;
		op->state = OP_ASKED;
		agenda_add_ipam(node, &request);
		return true;
	}
	return false;
}

static void hand_over(struct node *node, struct op *op)
{
	struct ipam_request request = {
	    .kind = IPAM_HAND_OVER, .tag = op->id, .deadline = op->give_up};

	op->state = OP_HANDS_OVER;
	op->deadline = MONO_NEVER;
	agenda_add_ipam(node, &request);
}

void leave_try(struct node *node, struct op *op)
{
	WEFT_ASSERT(op->kind == OP_LEAVE && op->state == OP_WAITS);
	boxes_withdraw(node);
	if (node->boxes.count > 0 || release_next(node, op))
		return;
	hand_over(node, op);
}

void leave_ipam_answered(struct node *node, struct op *op, const struct ipam_answer *answer)
{
	if (answer->err.code != 0) {
		leave_fail(node, op, &answer->err);
	} else if (op->state == OP_ASKED) {
		op->state = OP_WAITS;
		op->deadline = op->give_up;
		node->look_again = true;
	} else {
		WEFT_ASSERT(op->state == OP_HANDS_OVER);
		op->state = OP_ANNOUNCES;
		agenda_add(node, &(struct agenda_item){.kind = AGENDA_LEAVE, .tag = op->id});
	}
}

void leave_announce(struct node *node, uint64_t tag)
{
	struct gossip_command command = {.kind = CMD_LEAVE, .tag = tag};
	struct op *op = op_find(node, tag);

	WEFT_ASSERT(op != NULL && op->state == OP_ANNOUNCES);
	if (ipamdb_may_leave(node->ipamdb))
		route_command(node, &command);
	else
		hand_over(node, op);
}

void leave_gossip_answered(struct node *node, struct op *op, const struct gossip_answer *answer)
{
	struct ipam_event stays = {.kind = IPAM_EV_STAYS};

	WEFT_ASSERT(op->state == OP_ANNOUNCES);
	/* The step was full: what was handed over so far shall not have been in vain. */
	if (answer->err.code == WEFT_E_BUSY && !mono_is_due(op->give_up, node->now)) {
		op->deadline = mono_add_ms(node->now, AGAIN_MS);
		return;
	}
	node->leaving = false;
	if (answer->err.code != 0) {
		route_ipam(node, &stays);
		op_fail_err(node, op, &answer->err);
	} else {
		op_finish(node, op);
	}
}

void leave_due(struct node *node, struct op *op)
{
	struct weft_err err;

	if (op->state == OP_ANNOUNCES)
		agenda_add(node, &(struct agenda_item){.kind = AGENDA_LEAVE, .tag = op->id});
	if (op->state != OP_WAITS)
		return; /* ipamdb and the core keep their own time */
	weft_err_set(
	    &err, WEFT_E_TIMEOUT,
	    "%zu of this host's endpoints and addresses %s not withdrawn in time; it is still "
	    "a member",
	    node->boxes.count, node->boxes.count == 1 ? "was" : "were");
	leave_fail(node, op, &err);
}
