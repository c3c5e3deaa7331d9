/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * A check looks at leases from both sides: leases without an endpoint (leaks), leases outside of
 * what this node owns (strays), addresses that two nodes claim (conflicts), and endpoints of
 * different hosts with one address (doubles). Leaks are the ones that can be mended here, by
 * releasing them one after the other; the rest is for people to decide.
 */
#include "reserve.h"

#include <string.h>

#include "box.h"
#include "ipamdb/query.h"
#include "network.h"
#include "request.h"

#define TTL_MS_DEFAULT 10000
#define RETRY_MS 500
#define FINDINGS_MAX 256

static void ask(struct node *node, struct op *op, struct ipam_request *request)
{
	request->tag = op->id;
	op->state = OP_ASKED;
	todo_ipam(node, request);
}

void reserve_request(struct node *node, const struct node_request *request)
{
	struct op *op = request_op(node, OP_RESERVE, request);
	struct ipam_request ipam = {.kind = IPAM_RESERVE, .network = request->id};
	struct weft_err err = {0};

	if (op == NULL)
		return;
	if (node_may_serve(node, &err) != 0 || network_live(node, &request->id, &err) == NULL) {
		op_fail_err(node, op, &err);
		return;
	}
	if (node->leaving) {
		op_fail(node, op, WEFT_E_CONFLICT,
			"this node is leaving the cluster; use another host");
		return;
	}
	if (request->addr_count > ENDPOINT_ADDRS_MAX ||
	    (request->text != NULL && strlen(request->text) >= NAME_BYTES)) {
		op_fail(node, op, WEFT_E_INVALID, "at most %d addresses and a name of %d bytes",
			ENDPOINT_ADDRS_MAX, NAME_BYTES - 1);
		return;
	}
	if (request->text != NULL)
		memcpy(ipam.name, request->text, strlen(request->text));
	/* A reservation is a lease of something that only exists on paper. */
	ipam.endpoint = crypto_random_id(node->config.gossip.crypto);
	ipam.addr_count = request->addr_count;
	for (size_t i = 0; i < request->addr_count; i++)
		ipam.addrs[i] = request->addrs[i].ip;
	ipam.deadline =
	    mono_add_ms(node->now, request->ttl_ms > 0 ? request->ttl_ms : TTL_MS_DEFAULT);
	op->network = request->id;
	op->answer.id = ipam.endpoint;
	ask(node, op, &ipam);
}

static bool is_in_pools(const struct rec_network *network, const struct inet *ip)
{
	for (size_t i = 0; i < network->pool_count; i++)
		if (prefix_has(&network->pools[i].subnet, ip))
			return true;
	return false;
}

void release_request(struct node *node, const struct node_request *request)
{
	struct op *op = request_op(node, OP_RELEASE, request);
	struct ipam_request ipam = {.kind = IPAM_RELEASE,
				    .network = request->id,
				    .addr_count = 1,
				    .force = request->flag,
				    .deadline = MONO_NEVER};
	const struct network *network = network_find(node, &request->id);
	const struct box *box;
	struct lease lease;
	char id[ID_TEXT_BYTES], text[INET_TEXT_BYTES];

	if (op == NULL)
		return;
	if (request->addr_count != 1) {
		op_fail(node, op, WEFT_E_INVALID, "a release names one address");
		return;
	}
	ipam.addrs[0] = request->addrs[0].ip;
	if (network != NULL && !is_in_pools(&network->rec, &ipam.addrs[0])) {
		inet_format(&ipam.addrs[0], text);
		op_fail(node, op, WEFT_E_ADDRESS_OUTSIDE, "%s belongs to no pool of network %s",
			text, network->rec.name);
		return;
	}
	/* Not even by force: the box would go on using it. */
	if (ipamdb_lease(node->ipamdb, &request->id, &ipam.addrs[0], &lease) && !lease.cooling &&
	    (box = box_find(node, &lease.endpoint)) != NULL) {
		id_format(&box->endpoint.id, id);
		op_fail(node, op, WEFT_E_IN_USE,
			"the address is that of %s %s; detach that instead",
			box->endpoint.is_host ? "this host's own endpoint" : "endpoint", id);
		return;
	}
	op->network = op->answer.id = request->id;
	ask(node, op, &ipam);
}

void reserve_compose(struct node *node, struct op *op, const struct ipam_update *update,
		     const struct ipam_group *group, struct commit *commit)
{
	const struct network *network = network_find(node, &op->network);
	struct node_answer *answer = &op->answer;

	for (size_t i = 0; i < group->write_count && op->kind == OP_RESERVE; i++) {
		const struct write *write = &update->writes[group->first_write + i];
		struct prefix address = {write->lease.address, 128};

		if (write->kind != WRITE_LEASE || answer->endpoint_addr_count == ENDPOINT_ADDRS_MAX)
			continue;
		for (size_t p = 0; network != NULL && p < network->rec.pool_count; p++)
			if (prefix_has(&network->rec.pools[p].subnet, &address.ip))
				address.bits = network->rec.pools[p].subnet.bits;
		answer->addrs[answer->endpoint_addr_count++] = address;
	}
	op_store_answer(node, op, commit);
}

void reservations_end(struct node *node)
{
	struct lease lease;

	for (size_t at = 0; ipamdb_lease_next(node->ipamdb, &at, &lease);) {
		struct ipam_request ipam = {.kind = IPAM_RELEASE,
					    .network = lease.network,
					    .addr_count = 1,
					    .addrs = {lease.address},
					    .deadline = MONO_NEVER};
		const struct network *network = network_find(node, &lease.network);

		if (network != NULL && network->ended && lease.reserved && !lease.cooling) {
			ask(node, op_new(node, OP_RELEASE, 0), &ipam);
			return; /* its answer, or its deadline, asks for the next */
		}
	}
}

void reserve_answered(struct node *node, struct op *op, const struct ipam_answer *answer)
{
	if (op->tag == 0 && answer->err.code != 0) {
		/* Another call is at this one, or the store is full: the others wait with it. */
		op->deadline = mono_add_ms(node->now, RETRY_MS);
		return;
	}
	if (op->tag == 0) {
		op_finish(node, op);
		reservations_end(node);
		return;
	}
	if (answer->err.code == 0) {
		op_finish(node, op);
		return;
	}
	op->answer_stored = false;
	op_fail_err(node, op, op->err.code != 0 ? &op->err : &answer->err);
}

void reserve_due(struct node *node, struct op *op)
{
	WEFT_ASSERT(op->kind == OP_RELEASE && op->tag == 0);
	op_finish(node, op);
	reservations_end(node);
}

/* ---- the check ---- */

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

/* Releases the next leak that was not tried yet; op->sequence counts the findings done. */
static void mend_next(struct node *node, struct op *op)
{
	while (op->flag && op->sequence < op->findings.count) {
		const struct node_finding *finding = vec_at(&op->findings, op->sequence);
		struct ipam_request ipam = {.kind = IPAM_RELEASE,
					    .network = finding->network,
					    .addr_count = 1,
					    .addrs = {finding->address},
					    .force = true,
					    .deadline = MONO_NEVER};

		if (finding->kind == FINDING_LEAK) {
			ask(node, op, &ipam);
			return;
		}
		op->sequence++;
	}
	op_finish(node, op);
}

void check_request(struct node *node, const struct node_request *request)
{
	struct op *op = request_op(node, OP_CHECK, request);
	struct double_search search = {node, op, gossip_self(node->gossip)};

	if (op == NULL)
		return;
	op->flag = request->flag;
	find_leases(node, op);
	for (size_t i = 0; i < node->networks.count; i++)
		gossip_rows(node->gossip, &(*(struct network **)vec_at(&node->networks, i))->id,
			    ROW_ENDPOINT, visit_endpoint, &search);
	mend_next(node, op);
}

void check_answered(struct node *node, struct op *op, const struct ipam_answer *answer)
{
	struct node_finding *finding = vec_at(&op->findings, op->sequence++);

	WEFT_ASSERT(op->kind == OP_CHECK && finding->kind == FINDING_LEAK);
	finding->fixed = answer->err.code == 0;
	mend_next(node, op);
}
