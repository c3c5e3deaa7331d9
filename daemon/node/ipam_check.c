/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * A check looks at leases from both sides: leases without an endpoint (leaks), leases outside of
 * what this node owns (strays), addresses that two nodes claim (conflicts), and endpoints of
 * different hosts with one address (doubles).
 *
 * Who owns an address may lease it, so the other side gives way. A lease of nothing is released: a
 * leak, and a stray without a box. A box loses its address, or somebody what he has reserved, only
 * where that was allowed, since it may be the rows that are wrong: a member that lies says that it
 * owns what is not its own. A
 * double of an address that this node owns is the other host's to mend, and where two claim the
 * same at the same generation people have to say who is right. What is mended is so one by one.
 */
#include "ipam_check.h"

#include "agenda.h"
#include "box.h"
#include "detach.h"
#include "ipamdb/query.h"
#include "network.h"

#define FINDINGS_MAX 256 /* more are no list that somebody reads; the next check shows them */
#define AGAIN_MS 50      /* for a detach: tens of milliseconds */
#define GIVE_UP_MS 25000 /* the API waits 30 s: its caller hears how far this came */

static bool is_live(void *ctx, const struct id *endpoint)
{
	return box_find(ctx, endpoint) != NULL;
}

static void add_finding(struct op *op, const struct node_finding *finding)
{
	if (op->findings.count < FINDINGS_MAX)
		vec_push(&op->findings, finding);
}

static bool is_same(const struct node_finding *a, const struct node_finding *b)
{
	return id_eq(&a->network, &b->network) && inet_eq(&a->address, &b->address);
}

static enum node_remedy remedy_of(const struct node *node, const struct ipam_finding *found)
{
	const struct box *box = box_find(node, &found->endpoint);

	if (found->kind == IPAM_FINDING_LEAK)
		return REMEDY_RELEASE;
	if (found->kind == IPAM_FINDING_CONFLICT || found->is_disputed)
		return REMEDY_REMOVE;
	if (id_is_zero(&found->other))
		return REMEDY_WAIT;
	if (box == NULL)
		return found->is_reserved ? REMEDY_UNRESERVE : REMEDY_RELEASE;
	return box->endpoint.is_host ? REMEDY_QUIT : REMEDY_DETACH;
}

/* A double goes by what is found of this node's own lease; without anything that is right. */
static enum node_remedy remedy_of_double(const struct op *op, const struct node_finding *twice)
{
	for (size_t i = 0; i < op->findings.count; i++) {
		const struct node_finding *stray = vec_at(&op->findings, i);

		if (stray->kind == FINDING_STRAY && is_same(stray, twice))
			return stray->remedy;
	}
	return REMEDY_THERE;
}

struct double_search {
	struct node *node;
	struct op *op;
	struct id self;
};

static bool visit_endpoint(void *ctx, const struct row_view *row)
{
	struct double_search *search = ctx;
	struct member_info owner;
	struct rec_endpoint rec;

	/* Rows of who left or was removed are kept, but their addresses may be anybody's. */
	if (gossip_member(search->node->gossip, &row->owner, &owner) &&
	    member_state_is_gone(owner.state))
		return true;
	if (id_eq(&row->owner, &search->self) ||
	    rec_endpoint_decode(row->value, row->value_len, &rec) != 0)
		return true;
	for (size_t i = 0; i < rec.addr_count; i++) {
		struct node_finding finding = {.kind = FINDING_DOUBLE,
					       .network = row->topic,
					       .other = row->owner,
					       .address = rec.addrs[i].ip};
		struct lease lease;

		if (!ipamdb_lease(search->node->ipamdb, &row->topic, &finding.address, &lease) ||
		    lease.cooling)
			continue;
		finding.endpoint = lease.endpoint;
		finding.sequence = lease.sequence;
		finding.remedy = remedy_of_double(search->op, &finding);
		add_finding(search->op, &finding);
	}
	return true;
}

static void find_leases(struct node *node, struct op *op)
{
	static const enum node_finding_kind kinds[] = {
	    [IPAM_FINDING_LEAK] = FINDING_LEAK,
	    [IPAM_FINDING_STRAY] = FINDING_STRAY,
	    [IPAM_FINDING_CONFLICT] = FINDING_CONFLICT,
	};
	struct ipam_finding *found =
	    scratch_take(&node->scratch, FINDINGS_MAX * sizeof(struct ipam_finding));
	size_t count = ipamdb_findings(node->ipamdb, is_live, node, found, FINDINGS_MAX);

	for (size_t i = 0; i < count && i < FINDINGS_MAX; i++)
		add_finding(op, &(struct node_finding){.kind = kinds[found[i].kind],
						       .remedy = remedy_of(node, &found[i]),
						       .network = found[i].network,
						       .endpoint = found[i].endpoint,
						       .other = found[i].other,
						       .sequence = found[i].sequence,
						       .address = found[i].address});
}

static void release(struct node *node, struct op *op, const struct node_finding *finding)
{
	struct ipam_request ipam = {.kind = IPAM_RELEASE,
				    .tag = op->id,
				    .network = finding->network,
				    .addr_count = 1,
				    .addrs = {finding->address},
				    .sequence = finding->sequence,
				    .force = true,
				    .deadline = MONO_NEVER};

	op->state = OP_ASKED;
	agenda_add_ipam(node, &ipam);
}

/* False when the box has gone, so that the next finding has its turn. */
static bool is_detaching(struct node *node, struct op *op, struct node_finding *finding)
{
	struct box *box = box_find(node, &finding->endpoint);

	finding->fixed = box == NULL;
	if (box == NULL || mono_is_due(op->give_up, node->now))
		return false;
	if (box->op == 0 && box->state == BOX_UP)
		detach_begin(node, box, NULL);
	op->state = OP_WAITS;
	op->deadline = mono_add_ms(node->now, AGAIN_MS);
	return true;
}

static bool is_released(const struct op *op, const struct node_finding *finding)
{
	return finding->remedy == REMEDY_RELEASE ||
	       (finding->remedy == REMEDY_UNRESERVE && op->force);
}

/* Goes on with what was found until something has to be waited for, and ends. */
static void mend_next(struct node *node, struct op *op)
{
	for (; op->flag && op->finding_at < op->findings.count; op->finding_at++) {
		struct node_finding *finding = vec_at(&op->findings, op->finding_at);

		if (is_released(op, finding)) {
			release(node, op, finding);
			return;
		}
		if (finding->remedy == REMEDY_DETACH && op->force &&
		    is_detaching(node, op, finding))
			return;
	}
	op_finish(node, op);
}

void ipam_check_request(struct node *node, const struct node_request *request)
{
	struct op *op = op_new(node, OP_CHECK, request->tag); /* remembers nothing: see request.h */
	struct double_search search = {node, op, gossip_self(node->gossip)};

	op->flag = request->flag;
	op->force = request->force;
	op->give_up = mono_add_ms(node->now, GIVE_UP_MS);
	find_leases(node, op);
	for (size_t i = 0; i < node->networks.count; i++)
		gossip_rows(node->gossip, &network_at(node, i)->id, ROW_ENDPOINT, visit_endpoint,
			    &search);
	mend_next(node, op);
}

void ipam_check_answered(struct node *node, struct op *op, const struct ipam_answer *answer)
{
	struct node_finding *finding = vec_at(&op->findings, op->finding_at++);

	WEFT_ASSERT(op->kind == OP_CHECK && is_released(op, finding));
	finding->fixed = answer->err.code == 0;
	mend_next(node, op);
}

void ipam_check_due(struct node *node, struct op *op)
{
	WEFT_ASSERT(op->kind == OP_CHECK && op->state == OP_WAITS);
	mend_next(node, op);
}
