/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * A check looks at leases from both sides: leases without an endpoint (leaks), leases outside of
 * what this node owns (strays), addresses that two nodes claim (conflicts), and endpoints of
 * different hosts with one address (doubles). Leaks are the ones that can be mended here, by
 * releasing them one after the other; the rest is for people to decide.
 */
#include "ipam_check.h"

#include "agenda.h"
#include "box.h"
#include "ipamdb/query.h"
#include "network.h"
#include "request.h"

#define FINDINGS_MAX 256 /* more are no list that somebody reads; the next check shows them */

static bool is_live(void *ctx, const struct id *endpoint)
{
	return box_find(ctx, endpoint) != NULL;
}

static void add_finding(struct op *op, const struct node_finding *finding)
{
	if (op->findings.count < FINDINGS_MAX)
		vec_push(&op->findings, finding);
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
						       .network = found[i].network,
						       .endpoint = found[i].endpoint,
						       .other = found[i].other,
						       .address = found[i].address});
}

/* Releases the next leak that was not tried yet. */
static void mend_next(struct node *node, struct op *op)
{
	while (op->flag && op->finding_at < op->findings.count) {
		const struct node_finding *finding = vec_at(&op->findings, op->finding_at);
		struct ipam_request ipam = {.kind = IPAM_RELEASE,
					    .tag = op->id,
					    .network = finding->network,
					    .addr_count = 1,
					    .addrs = {finding->address},
					    .force = true,
					    .deadline = MONO_NEVER};

		if (finding->kind == FINDING_LEAK) {
			op->state = OP_ASKED;
			agenda_add_ipam(node, &ipam);
			return;
		}
		op->finding_at++;
	}
	op_finish(node, op);
}

void ipam_check_request(struct node *node, const struct node_request *request)
{
	struct op *op = request_op(node, OP_CHECK, request);
	struct double_search search = {node, op, gossip_self(node->gossip)};

	if (op == NULL)
		return;
	op->flag = request->flag;
	find_leases(node, op);
	for (size_t i = 0; i < node->networks.count; i++)
		gossip_rows(node->gossip, &network_at(node, i)->id, ROW_ENDPOINT, visit_endpoint,
			    &search);
	mend_next(node, op);
}

void ipam_check_answered(struct node *node, struct op *op, const struct ipam_answer *answer)
{
	struct node_finding *finding = vec_at(&op->findings, op->finding_at++);

	WEFT_ASSERT(op->kind == OP_CHECK && finding->kind == FINDING_LEAK);
	finding->fixed = answer->err.code == 0;
	mend_next(node, op);
}
