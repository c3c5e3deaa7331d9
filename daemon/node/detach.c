/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Detach.
 *
 *   WAITS   until this node may write (a restarted one claims its epoch first), or to try again
 *   ASKED   ipamdb releases; the release, the endpoint's end and its tombstone are one commit
 *   PLUGS   durable: the kernel takes the devices away, then it is done
 *
 * A box is detached once at a time; others who ask for the same meanwhile are answered with it. An
 * endpoint that is not there (never was, or gone already) is WEFT_E_NOT_FOUND: whether that counts
 * as done is for the caller to say. What the node does on its own account is tried until it is
 * done.
 */
#include "detach.h"

#include <string.h>

#include "agenda.h"
#include "attach.h"
#include "box.h"
#include "commit.h"
#include "memo.h"
#include "network.h"
#include "presence.h"
#include "request.h"

#define RETRY_MS 500
#define GIVE_UP_MS 10000    /* as long as the API waits for a detach */
#define UNPLUG_MS_MAX 20000 /* what a hanging kernel has not done by then the reconciler does */

void detach_request(struct node *node, const struct node_request *request)
{
	struct op *op = request_op(node, OP_DETACH, request);
	struct box *box = box_find(node, &request->id);
	struct op *other;

	if (op == NULL)
		return;
	if (id_is_zero(&request->id)) { /* none was found: an answer like another */
		op_finish(node, op);
		return;
	}
	if (box == NULL || box->endpoint.is_host) {
		op_fail(node, op, WEFT_E_NOT_FOUND, "this host has no endpoint of this id");
		return;
	}
	op->endpoint = request->id;
	op->network = box->endpoint.network;
	op->answer.id = request->id;
	op->give_up = mono_add_ms(node->now, GIVE_UP_MS);
	other = box_op(node, box);
	if (other != NULL) {
		op->joined = true;
		if (other->kind == OP_ATTACH)
			other->cancelled = true;
		return;
	}
	WEFT_ASSERT(box->state == BOX_UP);
	box->op = op->id;
	detach_try(node, op);
}

/* From now on it is the detach that unsays it, however often that is tried, and although the
 * attach is answered meanwhile. */
static void take_answer(struct op *op, struct op *failed)
{
	if (!failed->answer_stored)
		return;
	memcpy(op->unsays, failed->request_id, sizeof(op->unsays));
	failed->answer_stored = false;
}

void detach_begin(struct node *node, struct box *box, struct op *failed)
{
	struct op *op = op_new(node, OP_DETACH, 0);

	WEFT_ASSERT(box->op == 0 && box->state == BOX_UP && !box->endpoint.is_host);
	op->endpoint = box->endpoint.id;
	op->network = box->endpoint.network;
	op->parent = failed != NULL && failed->state == OP_UNDOES ? failed->id : 0;
	if (failed != NULL)
		take_answer(op, failed);
	box->op = op->id;
	detach_try(node, op);
}

static void detach_later(struct node *node, struct op *op)
{
	op->state = OP_WAITS;
	op->deadline = mono_add_ms(node->now, RETRY_MS);
}

/* All who asked for the same. */
static void tell_joined(struct node *node, const struct id *endpoint, const struct weft_err *err)
{
	struct op *op;

	for (uint64_t after = 0; (op = op_next(node, after)) != NULL;) {
		after = op->id;
		if (op->kind != OP_DETACH || !op->joined || op->state == OP_STORES ||
		    !id_eq(&op->endpoint, endpoint))
			continue;
		if (err != NULL)
			op_fail_err(node, op, err);
		else
			op_finish(node, op);
	}
}

void detach_tell_joined(struct node *node, const struct id *endpoint)
{
	tell_joined(node, endpoint, NULL);
}

/* Tells the attach behind it, which need not wait for another try. */
static void tell_parent(struct node *node, struct op *op)
{
	struct op *parent = op->parent != 0 ? op_find(node, op->parent) : NULL;

	op->parent = 0;
	if (parent != NULL)
		attach_undone(node, parent);
}

static void detach_fail(struct node *node, struct op *op, const struct weft_err *err)
{
	struct box *box = box_find(node, &op->endpoint);

	WEFT_ASSERT(box != NULL && box->op == op->id);
	box->state = BOX_UP;
	tell_parent(node, op);
	if (op->tag == 0 || (err->code == WEFT_E_BUSY && !mono_is_due(op->give_up, node->now))) {
		detach_later(node, op);
		return;
	}
	box->op = 0;
	tell_joined(node, &op->endpoint, err);
	op_fail_err(node, op, err);
}

void detach_try(struct node *node, struct op *op)
{
	struct box *box = box_find(node, &op->endpoint);
	struct ipam_request request = {.kind = IPAM_RELEASE_ENDPOINT,
				       .tag = op->id,
				       .network = op->network,
				       .endpoint = op->endpoint,
				       .deadline = MONO_NEVER};
	struct weft_err err = {0};
	int code = node_may_serve(node, &err);

	if (op->joined)
		return;
	WEFT_ASSERT(box != NULL && box->op == op->id && op->state == OP_WAITS);
	/* One that left or was removed still clears up behind itself; a copy touches nothing. */
	if (code == WEFT_E_BUSY || code == WEFT_E_IS_COPY) {
		tell_parent(node, op);
		if (op->tag != 0 && (code == WEFT_E_IS_COPY || mono_is_due(op->give_up, node->now)))
			detach_fail(node, op, &err);
		else
			op->deadline = op->tag != 0 ? op->give_up : MONO_NEVER;
		return;
	}
	box->state = BOX_LEAVING;
	op->state = OP_ASKED;
	op->deadline = MONO_NEVER;
	op->committed = false;
	op->err.code = 0;
	agenda_add_ipam(node, &request);
}

void detach_compose(struct node *node, struct op *op, struct commit *commit)
{
	const struct box *box = box_find(node, &op->endpoint);
	struct network *network = network_find(node, &op->network);

	WEFT_ASSERT(box != NULL && network != NULL && box->state == BOX_LEAVING);
	box_commit_end(node, commit, box);
	presence_compose_count(node, network, commit, network->boxes - 1);
	op_store_answer(node, op, commit);
	if (op->unsays[0] != '\0')
		memo_commit_none(node, op->unsays, commit);
	else if (op->tag == 0)
		memo_commit_end(node, &op->endpoint, commit);
	op->committed = true;
}

static void detach_done(struct node *node, struct op *op, struct box *box)
{
	struct id endpoint = op->endpoint;

	box_remove(node, box);
	tell_parent(node, op);
	tell_joined(node, &endpoint, NULL);
	op_finish(node, op);
}

static void detach_durable(struct node *node, struct op *op)
{
	struct box *box = box_find(node, &op->endpoint);

	WEFT_ASSERT(box != NULL && box->state == BOX_LEAVING);
	box->state = BOX_UNPLUGGING;
	box_uncount(node, box);
	if (op->tag == 0)
		memo_end(node, &op->endpoint);
	if (op->parent != 0) { /* a plug that failed left nothing */
		detach_done(node, op, box);
		return;
	}
	op->state = OP_PLUGS;
	op->deadline = mono_add_ms(node->now, UNPLUG_MS_MAX);
	node_work_add(node, WORK_UNPLUG, op->tag, &box->endpoint);
}

void detach_released(struct node *node, struct op *op, const struct ipam_answer *answer)
{
	struct commit *commit;

	WEFT_ASSERT(op->state == OP_ASKED);
	if (answer->err.code != 0) {
		op->answer_stored = false;
		detach_fail(node, op, op->err.code != 0 ? &op->err : &answer->err);
	} else if (op->committed) {
		detach_durable(node, op);
	} else { /* nothing was leased */
		commit = commit_new(node, op->id);
		detach_compose(node, op, commit);
		commit_queue(node, commit);
	}
}

void detach_committed(struct node *node, struct op *op, const struct weft_err *err)
{
	WEFT_ASSERT(op->state == OP_ASKED);
	if (err->code == 0) {
		detach_durable(node, op);
		return;
	}
	op->answer_stored = false;
	detach_fail(node, op, err);
}

void detach_unplugged(struct node *node, struct op *op, struct box *box)
{
	WEFT_ASSERT(op->state == OP_PLUGS && box->state == BOX_UNPLUGGING);
	detach_done(node, op, box);
}

void detach_due(struct node *node, struct op *op)
{
	if (op->state == OP_WAITS)
		detach_try(node, op);
	else if (op->state == OP_PLUGS) /* the kernel repairs what it has not done yet */
		detach_done(node, op, box_find(node, &op->endpoint));
}
