/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Addresses that no endpoint of weft's has: a reservation is a lease with a row of its own, made
 * and released by request. One whose network has ended is released without being asked.
 */
#include "reserve.h"

#include <string.h>

#include "agenda.h"
#include "box.h"
#include "ipamdb/query.h"
#include "network.h"
#include "request.h"

#define RETRY_MS 500 /* another call is at the lease, or the disk is full */

static void ask(struct node *node, struct op *op, struct ipam_request *request)
{
	request->tag = op->id;
	op->state = OP_ASKED;
	agenda_add_ipam(node, request);
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
	    mono_add_ms(node->now, request->ttl_ms > 0 ? request->ttl_ms : REQUEST_TTL_MS_DEFAULT);
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

		if (write->kind != WRITE_LEASE || answer->endpoint_addr_count == ENDPOINT_ADDRS_MAX)
			continue;
		answer->addrs[answer->endpoint_addr_count++] =
		    network_address(network, &write->lease.address);
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
