/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Answers: what one says is on the disk at that moment. */
#include "checks_parts.h"

/* What an answer must find on the disk. */
struct proof {
	const struct sim_request *request;
	const struct node_answer *answer;
	size_t leases, endpoints, facts, metas;
};

static uint16_t fact_of(enum node_request_kind kind)
{
	switch (kind) {
	case NODE_NETWORK_CREATE:
		return FACT_NETWORK;
	case NODE_TOKEN_CREATE:
		return FACT_TOKEN;
	case NODE_REMOVE:
		return FACT_REMOVAL;
	default:
		return 0;
	}
}

static void proof_lease(struct proof *proof, const struct lease *lease)
{
	if (lease->cooling)
		return;
	if (proof->request->kind == NODE_DETACH) {
		proof->leases += id_eq(&lease->endpoint, &proof->request->subject);
		return;
	}
	if (proof->request->kind == NODE_ATTACH && !id_eq(&lease->endpoint, &proof->answer->id))
		return;
	for (size_t i = 0; i < proof->answer->endpoint_addr_count; i++)
		proof->leases += id_eq(&lease->network, &proof->request->subject) &&
				 inet_eq(&lease->address, &proof->answer->addrs[i].ip);
}

static int proof_visit(void *ctx, const struct write *write)
{
	struct proof *proof = ctx;
	const struct id *subject =
	    proof->request->kind == NODE_REMOVE || proof->request->kind == NODE_DETACH
		? &proof->request->subject
		: &proof->answer->id;
	struct id key;

	switch (write->kind) {
	case WRITE_LEASE:
		proof_lease(proof, &write->lease);
		break;
	case WRITE_ENDPOINT:
		proof->endpoints += id_eq(&write->endpoint.id, subject);
		break;
	case WRITE_FACT:
		key = row_key_id(&write->row);
		proof->facts +=
		    write->row.kind == fact_of(proof->request->kind) && id_eq(&key, subject);
		break;
	case WRITE_META:
		proof->metas += write->meta == META_CLUSTER || write->meta == META_IDENTITY;
		break;
	default:
		break;
	}
	return 0;
}

static bool proof_holds(const struct proof *proof)
{
	switch (proof->request->kind) {
	case NODE_ATTACH:
		return proof->endpoints == 1 && proof->leases == proof->answer->endpoint_addr_count;
	case NODE_RESERVE:
		return proof->leases == proof->answer->endpoint_addr_count;
	case NODE_DETACH:
		return proof->endpoints == 0 && proof->leases == 0;
	case NODE_NETWORK_CREATE:
	case NODE_TOKEN_CREATE:
	case NODE_REMOVE:
		return proof->facts == 1;
	case NODE_INIT:
	case NODE_JOIN:
		return proof->metas == 2;
	default:
		return true;
	}
}

void check_answer(struct sim *sim, struct sim_host *host, const struct sim_request *request,
		  const struct node_answer *answer)
{
	bool of_box = request->kind == NODE_ATTACH || request->kind == NODE_DETACH ||
		      request->kind == NODE_RESERVE;
	struct proof proof = {.request = request, .answer = answer};

	if (answer->err.code != 0)
		return;
	check_look(sim, CHECKER_TOLD);
	disk_walk(&host->disk,
		  of_box ? 1u << WRITE_LEASE | 1u << WRITE_ENDPOINT
			 : 1u << WRITE_FACT | 1u << WRITE_META,
		  proof_visit, &proof);
	if (proof_holds(&proof))
		return;
	check_fail(sim, CHECKER_TOLD,
		   "host %zu answers a request of kind %d, but its disk has %zu leases, %zu "
		   "endpoints, %zu facts of it",
		   host->index, (int)request->kind, proof.leases, proof.endpoints, proof.facts);
}
