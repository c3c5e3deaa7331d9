/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Making a network: what its maker left open is derived from its id (VNI, pool), so that two makers
 * who do not hear each other hardly ever choose the same; what can be seen to clash is refused or
 * avoided. The fact and the rows by which this node owns the pools are one commit. Removing it is
 * one fact; each host then withdraws what it has there.
 */
#include <stdio.h>
#include <string.h>

#include "commit.h"
#include "gossip/base/derive.h"
#include "gossip/base/record_codec.h"
#include "network.h"
#include "request.h"

#define ATTEMPTS 4096   /* draws: where one pool or VNI in a hundred is free they find it */
#define VXLAN_PORT 4789 /* IANA's */

static const struct inet no_address;

/* The next network that counts for clashes: live, or being made here. */
static struct network *next_counting(const struct node *node, size_t *at)
{
	while (*at < node->networks.count) {
		struct network *network = network_at(node, (*at)++);

		if ((network->known || network->pending) && !network->ended)
			return network;
	}
	return NULL;
}

static const struct network *find_overlap(const struct node *node, const struct prefix *pool)
{
	const struct network *network;

	for (size_t at = 0; (network = next_counting(node, &at)) != NULL;)
		for (size_t i = 0; i < network->rec.pool_count; i++)
			if (prefix_overlaps(&network->rec.pools[i].subnet, pool))
				return network;
	return NULL;
}

static const struct network *find_vni(const struct node *node, uint32_t vni)
{
	const struct network *network;

	for (size_t at = 0; (network = next_counting(node, &at)) != NULL;)
		if (network->rec.vni == vni || network->vni == vni)
			return network;
	return NULL;
}

static int choose_vni(const struct node *node, const struct id *id, struct rec_network *rec,
		      struct weft_err *err)
{
	const struct network *clash;

	if (rec->vni != 0) {
		clash = find_vni(node, rec->vni);
		if (rec->vni < WEFT_VNI_MIN || rec->vni > WEFT_VNI_MAX)
			return weft_err_set(
			    err, WEFT_E_INVALID,
			    "VNI %u is not between %u and %u; choose one of these, or none",
			    rec->vni, WEFT_VNI_MIN, WEFT_VNI_MAX);
		if (clash != NULL)
			return weft_err_set(err, WEFT_E_EXISTS,
					    "VNI %u is network %s's; choose another or none",
					    rec->vni, clash->rec.name);
		return 0;
	}
	for (uint32_t i = 0; i < ATTEMPTS; i++) {
		rec->vni = vni_of_network(id, i);
		if (find_vni(node, rec->vni) == NULL)
			return 0;
	}
	return weft_err_set(err, WEFT_E_LIMIT,
			    "no number (VNI) is free; give one by --vni, or remove networks");
}

static int choose_pool(const struct node *node, const struct id *id, struct rec_network *rec,
		       struct weft_err *err)
{
	for (uint32_t i = 0; rec->pool_count == 0 && i < ATTEMPTS; i++) {
		struct prefix pool = pool_of_network(id, i);

		if (find_overlap(node, &pool) != NULL)
			continue;
		rec->pools[0] = (struct rec_pool){.subnet = pool};
		rec->pool_count = 1;
	}
	if (rec->pool_count == 0)
		return weft_err_set(err, WEFT_E_POOL_FULL,
				    "no /24 of 10.64.0.0/10 is free; give the network a --subnet");
	return 0;
}

/* The first and the last address of an IPv4 subnet are nobody's: they name it and all of it. */
static bool is_edge(const struct rec_pool *pool, const struct inet *ip)
{
	struct inet first = prefix_base(&pool->subnet), last = prefix_last(&pool->subnet);

	return inet_is_v4(ip) && (inet_eq(ip, &first) || inet_eq(ip, &last));
}

/* What the pool keeps for itself; false when then nothing is left to lease. */
static bool pool_has_free(const struct rec_pool *pool)
{
	struct inet ip = prefix_base(&pool->ip_range), last = prefix_last(&pool->ip_range);

	/* The edges, the gateway, the aux addresses: so many tries find a free one, if any. */
	for (size_t tries = 0; tries < AUX_MAX + 4; tries++) {
		bool kept = is_edge(pool, &ip) || inet_eq(&ip, &pool->gateway);

		for (size_t i = 0; i < pool->aux_count && !kept; i++)
			kept = inet_eq(&ip, &pool->aux[i]);
		if (!kept)
			return true;
		if (inet_eq(&ip, &last))
			return false;
		ip = inet_add(&ip, 1);
	}
	return true;
}

/* What its maker left open. */
static void pool_complete(struct rec_pool *pool)
{
	if (inet_eq(&pool->gateway, &no_address))
		pool->gateway = inet_add(&pool->subnet.ip, 1);
	if (inet_eq(&pool->ip_range.ip, &no_address) && pool->ip_range.bits == 0)
		pool->ip_range = pool->subnet;
}

static int pool_check(const struct rec_pool *pool, struct weft_err *err)
{
	struct inet base = prefix_base(&pool->subnet), last = prefix_last(&pool->subnet);
	char text[PREFIX_TEXT_BYTES], right[INET_TEXT_BYTES];
	bool v4 = inet_is_v4(&pool->subnet.ip);

	prefix_format(&pool->subnet, text);
	inet_format(&base, right);
	if (!inet_eq(&base, &pool->subnet.ip))
		return weft_err_set(err, WEFT_E_INVALID,
				    "subnet %s has bits below its length; perhaps %s/%u was meant",
				    text, right, prefix_len(&pool->subnet));
	if (pool->subnet.bits > 126 || (v4 && pool->subnet.bits < 104) ||
	    (!v4 && pool->subnet.bits < 32))
		return weft_err_set(err, WEFT_E_INVALID,
				    "subnet %s is too large or too small; take /8 to /30, or /32 "
				    "to /126 with IPv6",
				    text);
	if (!inet_is_unicast(&base) || !inet_is_unicast(&last) ||
	    (v4 && inet_v4(&base) >> 24 == 127))
		return weft_err_set(err, WEFT_E_INVALID,
				    "subnet %s is no hosts' (unspecified, loopback, multicast or "
				    "reserved addresses); take one of 10.0.0.0/8",
				    text);
	if (!prefix_has(&pool->subnet, &pool->gateway) || is_edge(pool, &pool->gateway))
		return weft_err_set(err, WEFT_E_INVALID,
				    "the gateway is outside of subnet %s, or its first or last "
				    "address; choose one between",
				    text);
	if (!prefix_has(&pool->subnet, &pool->ip_range.ip) ||
	    pool->ip_range.bits < pool->subnet.bits)
		return weft_err_set(err, WEFT_E_INVALID,
				    "the ip-range is outside of subnet %s; choose a part of it",
				    text);
	for (size_t i = 0; i < pool->aux_count; i++)
		if (!prefix_has(&pool->subnet, &pool->aux[i]))
			return weft_err_set(
			    err, WEFT_E_INVALID,
			    "an aux address is outside of subnet %s; choose one of it", text);
	if (!pool_has_free(pool))
		return weft_err_set(err, WEFT_E_INVALID,
				    "the ip-range of subnet %s has no address that could be "
				    "leased; make it larger",
				    text);
	return 0;
}

static int check_pools(const struct node *node, struct rec_network *rec, bool force,
		       struct weft_err *err)
{
	char text[PREFIX_TEXT_BYTES];

	for (size_t i = 0; i < rec->pool_count; i++) {
		const struct network *clash;

		pool_complete(&rec->pools[i]);
		if (pool_check(&rec->pools[i], err) != 0)
			return err->code;
		prefix_format(&rec->pools[i].subnet, text);
		for (size_t j = 0; j < i; j++)
			if (prefix_overlaps(&rec->pools[i].subnet, &rec->pools[j].subnet))
				return weft_err_set(
				    err, WEFT_E_INVALID,
				    "subnet %s overlaps another of this network; keep one", text);
		clash = find_overlap(node, &rec->pools[i].subnet);
		if (clash == NULL)
			continue;
		if (!force)
			return weft_err_set(err, WEFT_E_POOL_OVERLAP,
					    "subnet %s overlaps network %s; choose another, or "
					    "--force an --internal network",
					    text, clash->rec.name);
		if (!rec->internal || !clash->rec.internal)
			return weft_err_set(err, WEFT_E_POOL_OVERLAP,
					    "subnet %s overlaps network %s; both would have to be "
					    "--internal",
					    text, clash->rec.name);
	}
	return 0;
}

static int network_plan(const struct node *node, const struct id *id, bool force,
			struct rec_network *rec, struct weft_err *err)
{
	const struct network *network;
	uint8_t value[VALUE_BYTES_MAX];

	if (!name_is_valid(rec->name))
		return weft_err_set(err, WEFT_E_INVALID,
				    "\"%s\" is no name; use letters, digits, '.', '_' and '-'",
				    rec->name);
	for (size_t at = 0; (network = next_counting(node, &at)) != NULL;)
		if (strcmp(network->rec.name, rec->name) == 0)
			return weft_err_set(
			    err, WEFT_E_EXISTS,
			    "a network named %s is there already; choose another name", rec->name);
	if (rec->pool_count > POOLS_MAX)
		return weft_err_set(err, WEFT_E_INVALID,
				    "a network has at most %d subnets; make a second network",
				    POOLS_MAX);
	if (choose_pool(node, id, rec, err) != 0 || check_pools(node, rec, force, err) != 0 ||
	    choose_vni(node, id, rec, err) != 0)
		return err->code;
	rec->forced = force;
	rec->created = node->wall;
	if (rec->port == 0)
		rec->port = node->config.vxlan_port != 0 ? node->config.vxlan_port : VXLAN_PORT;
	if (rec_network_encode(rec, value, sizeof(value)) < 0)
		return weft_err_set(err, WEFT_E_INVALID,
				    "the options of network %s do not fit together, or are too "
				    "many; leave some out",
				    rec->name);
	return 0;
}

void network_create(struct node *node, const struct node_request *request)
{
	struct op *op = request_op(node, OP_NETWORK_CREATE, request);
	struct rec_network rec = {.vni = 0};
	struct row_view rows[POOLS_MAX];
	struct network *network;
	struct commit *commit;
	struct weft_err err = {0};
	uint8_t value[VALUE_BYTES_MAX];
	size_t count;
	int len;

	if (op == NULL)
		return;
	op->network = crypto_random_id(node->config.gossip.crypto);
	if (request->network != NULL)
		rec = *request->network;
	if (node_may_serve(node, &err) == 0 && node->leaving)
		weft_err_set(&err, WEFT_E_CONFLICT,
			     "this node is leaving the cluster; use another host");
	if (err.code != 0 || network_plan(node, &op->network, request->flag, &rec, &err) != 0) {
		op_fail_err(node, op, &err);
		return;
	}
	network = network_intern(node, &op->network);
	network->rec = rec;
	network->pending = true;
	op->answer.id = op->network;
	op->state = OP_ASKED;
	commit = commit_new(node, op->id);
	len = rec_network_encode(&rec, value, sizeof(value));
	WEFT_ASSERT(len > 0);
	op->bytes_len = (size_t)len;
	op->bytes = heap_take(&node->heap, op->bytes_len);
	memcpy(op->bytes, value, op->bytes_len);
	commit_row_of(commit, FACT_NETWORK, &(const struct id){{0}}, &op->network, value,
		      (size_t)len);
	count = ipamdb_network_rows(&op->network, &rec, rows);
	for (size_t i = 0; i < count; i++)
		commit_row(commit, &rows[i]);
	op_store_answer(node, op, commit);
	commit_queue(node, commit);
}

/* WEFT_E_IN_USE with the hosts that have endpoints, as their attachment rows say. */
static int check_unused(const struct node *node, const struct network *network,
			struct weft_err *err)
{
	char list[256] = "";
	size_t used = 0, hosts = 0;

	for (size_t i = 0; i < network->hosts.count; i++) {
		const struct attached_host *host = vec_at(&network->hosts, i);
		struct member_info info = {.name = "?"};
		int n;

		if (host->rec.endpoints == 0 || !gossip_member(node->gossip, &host->node, &info) ||
		    member_state_is_gone(info.state))
			continue;
		if (hosts++ > 0 && used + 2 < sizeof(list))
			used += (size_t)snprintf(list + used, sizeof(list) - used, ", ");
		n = snprintf(list + used, sizeof(list) - used, "%s (%u)", info.name,
			     host->rec.endpoints);
		used = n < (int)(sizeof(list) - used) ? used + (size_t)n : sizeof(list) - 1;
	}
	if (hosts == 0)
		return 0;
	return weft_err_set(err, WEFT_E_IN_USE,
			    "network %s has endpoints on %s; detach them, or use --force",
			    network->rec.name, list);
}

void network_rm(struct node *node, const struct node_request *request)
{
	struct op *op = request_op(node, OP_NETWORK_RM, request);
	const struct network *network;
	struct commit *commit;
	struct weft_err err = {0};
	static const uint8_t nil = 0xc0;

	if (op == NULL)
		return;
	network = network_live(node, &request->id, &err);
	if (network == NULL || node_may_serve(node, &err) != 0 ||
	    (!request->flag && check_unused(node, network, &err) != 0)) {
		op_fail_err(node, op, &err);
		return;
	}
	op->network = op->answer.id = request->id;
	op->state = OP_ASKED;
	commit = commit_new(node, op->id);
	commit_row_of(commit, FACT_NETWORK_END, &(const struct id){{0}}, &op->network, &nil, 1);
	op_store_answer(node, op, commit);
	commit_queue(node, commit);
}

void network_committed(struct node *node, struct op *op, const struct weft_err *err)
{
	struct network *network = network_find(node, &op->network);

	WEFT_ASSERT(network != NULL);
	network->pending = false;
	if (err->code == 0) {
		op_finish(node, op);
		return;
	}
	op->answer_stored = false;
	op_fail_err(node, op, err);
}
