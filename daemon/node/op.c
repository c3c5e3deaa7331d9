/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The life of an op, and the one table that says what each kind makes of what happens to it.
 *
 * An op waits until it is tried (op_try, whenever something changed), asks, and is found again by
 * its id when the answer comes. It ends once, in op_finish: a good answer of a request with an id
 * is stored first, as a commit of its own where no other carried it; then whoever asked is told,
 * and all who asked the same meanwhile. Its deadline is taken from it before op_due is called.
 */
#include "op.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "attach.h"
#include "commit.h"
#include "detach.h"
#include "ipam_check.h"
#include "leave.h"
#include "memo.h"
#include "network.h"
#include "presence.h"
#include "recover.h"
#include "request.h"
#include "reserve.h"

typedef void (*compose_fn)(struct node *node, struct op *op, const struct ipam_update *update,
			   const struct ipam_group *group, struct commit *commit);

static void compose_detach(struct node *node, struct op *op, const struct ipam_update *update,
			   const struct ipam_group *group, struct commit *commit)
{
	(void)update;
	(void)group;
	detach_compose(node, op, commit);
}

/* What each kind does with what happens to it; NULL: that never happens, or means nothing. */
static const struct {
	void (*try)(struct node *node, struct op *op);
	compose_fn compose;
	void (*ipam)(struct node *node, struct op *op, const struct ipam_answer *answer);
	void (*gossip)(struct node *node, struct op *op, const struct gossip_answer *answer);
	void (*committed)(struct node *node, struct op *op, const struct weft_err *err);
	void (*due)(struct node *node, struct op *op);
} table[OP_KIND_END] = {
    [OP_PASS] = {.gossip = request_passed},
    [OP_JOIN_CLUSTER] = {.try = request_try_joined, .gossip = request_joined},
    [OP_ATTACH] = {.try = attach_try,
		   .compose = attach_compose,
		   .ipam = attach_leased,
		   .due = attach_due},
    [OP_DETACH] = {.try = detach_try,
		   .compose = compose_detach,
		   .ipam = detach_released,
		   .committed = detach_committed,
		   .due = detach_due},
    [OP_JOIN_NETWORK] = {.compose = presence_compose, .ipam = presence_answered},
    [OP_QUIT_NETWORK] = {.try = presence_try,
			 .compose = presence_compose,
			 .ipam = presence_answered,
			 .committed = presence_committed,
			 .due = presence_try},
    [OP_REFRESH] = {.committed = presence_committed},
    [OP_NETWORK_CREATE] = {.committed = network_committed},
    [OP_NETWORK_RM] = {.committed = network_committed},
    [OP_RESERVE] = {.compose = reserve_compose, .ipam = reserve_answered},
    [OP_RELEASE] = {.compose = reserve_compose, .ipam = reserve_answered, .due = reserve_due},
    [OP_LEAVE] = {.try = leave_try,
		  .ipam = leave_ipam_answered,
		  .gossip = leave_gossip_answered,
		  .due = leave_due},
    [OP_CHECK] = {.ipam = ipam_check_answered, .due = ipam_check_due},
    [OP_RECOVER] = {.try = recover_try,
		    .ipam = recover_ipam_answered,
		    .gossip = recover_gossip_answered,
		    .committed = recover_committed,
		    .due = recover_try},
};

static struct op *op_at(const struct node *node, size_t i)
{
	return *(struct op **)vec_at(&node->ops, i);
}

static int op_cmp(const void *key, const void *item)
{
	uint64_t a = *(const uint64_t *)key;
	uint64_t b = (*(struct op *const *)item)->id;

	return a < b ? -1 : a > b;
}

struct op *op_new(struct node *node, enum op_kind kind, uint64_t tag)
{
	struct op *op = heap_take(&node->heap, sizeof(*op));

	op->id = ++node->next_tag;
	op->tag = tag;
	op->kind = kind;
	op->deadline = op->give_up = MONO_NEVER;
	vec_init(&op->pending, &node->heap, sizeof(struct id));
	vec_init(&op->findings, &node->heap, sizeof(struct node_finding));
	vec_push(&node->ops, &op); /* ids rise: the order stays */
	return op;
}

struct op *op_find(const struct node *node, uint64_t id)
{
	size_t at = vec_lower_bound(&node->ops, &id, op_cmp);

	if (at == node->ops.count || op_at(node, at)->id != id)
		return NULL;
	return op_at(node, at);
}

struct op *op_next(const struct node *node, uint64_t after)
{
	uint64_t id = after + 1;
	size_t at = vec_lower_bound(&node->ops, &id, op_cmp);

	return at < node->ops.count ? op_at(node, at) : NULL;
}

static void op_free(struct node *node, struct op *op)
{
	vec_close(&op->pending);
	vec_close(&op->findings);
	heap_give(&node->heap, op->text, op->text_len);
	heap_give(&node->heap, op->bytes, op->bytes_len);
	heap_give(&node->heap, op, sizeof(*op));
}

static void op_end(struct node *node, struct op *op)
{
	size_t at = vec_lower_bound(&node->ops, &op->id, op_cmp);

	WEFT_ASSERT(at < node->ops.count && op_at(node, at) == op);
	vec_remove(&node->ops, at);
	op_free(node, op);
}

/* What the op owns of its answer. A failure has none of it. */
static void answer_fill(struct op *op)
{
	bool is_good = op->answer.err.code == 0;

	op->answer.text = op->text;
	op->answer.bytes = is_good ? op->bytes : NULL;
	op->answer.len = is_good ? op->bytes_len : 0;
}

/* Tells the one who asked, and those who asked the same again meanwhile. */
static void op_tell(struct node *node, struct op *op)
{
	struct op *other;

	answer_fill(op);
	op->answer.findings = op->findings.items;
	op->answer.finding_count = op->findings.count;
	answer_add(node, op->tag, &op->answer);
	for (uint64_t after = op->id; (other = op_next(node, after)) != NULL;) {
		after = other->id;
		if (other->kind != OP_FOLLOW || other->parent != op->id)
			continue;
		answer_add(node, other->tag, &op->answer);
		op_end(node, other);
	}
	op_end(node, op);
}

void op_finish(struct node *node, struct op *op)
{
	struct commit *commit;

	if (op->request_id[0] != '\0' && !op->answer_stored && op->answer.err.code == 0 &&
	    op->state != OP_STORES) {
		op->state = OP_STORES;
		op->deadline = MONO_NEVER;
		commit = commit_new(node, op->id);
		op_store_answer(node, op, commit);
		commit_queue(node, commit);
		return;
	}
	if (op->request_id[0] != '\0')
		memo_settle(node, op);
	op_tell(node, op);
}

void op_fail_err(struct node *node, struct op *op, const struct weft_err *err)
{
	struct weft_err why = *err; /* it may be the op's own */

	WEFT_ASSERT(why.code != 0);
	op->answer = (struct node_answer){.err = why};
	op_finish(node, op);
}

void op_fail(struct node *node, struct op *op, int code, const char *fmt, ...)
{
	struct weft_err err = {.code = code};
	va_list args;

	va_start(args, fmt);
	vsnprintf(err.message, sizeof(err.message), fmt, args);
	va_end(args);
	op_fail_err(node, op, &err);
}

void op_store_answer(struct node *node, struct op *op, struct commit *commit)
{
	if (op->request_id[0] == '\0')
		return;
	answer_fill(op);
	memo_commit(node, op, commit);
	op->answer_stored = true;
}

void op_try(struct node *node, struct op *op)
{
	if (op->state == OP_WAITS && table[op->kind].try != NULL)
		table[op->kind].try(node, op);
}

void op_compose(struct node *node, struct op *op, const struct ipam_update *update,
		const struct ipam_group *group, struct commit *commit)
{
	if (table[op->kind].compose != NULL)
		table[op->kind].compose(node, op, update, group, commit);
}

void op_ipam_answered(struct node *node, struct op *op, const struct ipam_answer *answer)
{
	WEFT_ASSERT(table[op->kind].ipam != NULL);
	table[op->kind].ipam(node, op, answer);
}

void op_gossip_answered(struct node *node, struct op *op, const struct gossip_answer *answer)
{
	WEFT_ASSERT(table[op->kind].gossip != NULL);
	table[op->kind].gossip(node, op, answer);
}

void op_committed(struct node *node, struct op *op, const struct weft_err *err)
{
	if (op->state == OP_STORES) { /* done is done, remembered or not */
		op->answer_stored = err->code == 0;
		op_finish(node, op);
		return;
	}
	WEFT_ASSERT(table[op->kind].committed != NULL);
	table[op->kind].committed(node, op, err);
}

void op_due(struct node *node, struct op *op)
{
	op->deadline = MONO_NEVER;
	if (table[op->kind].due != NULL)
		table[op->kind].due(node, op);
}
