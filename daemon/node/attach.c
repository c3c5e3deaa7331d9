/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Attach.
 *
 *   WAITS   until this node may serve, its tables stand, and the host takes part in the network
 *   ASKED   ipamdb leases; the lease, the endpoint and its row are one commit, and meanwhile the
 *           kernel makes of the devices what shows nobody the address
 *   PLUGS   durable: the row spreads while the kernel makes the devices
 *   ACKS    plugged: live hosts of the network program the endpoint and say so
 *   UNDOES  the kernel refused: the endpoint is detached again, then its error is answered
 *
 * The answer is given when every live attached host has applied the endpoint, or ack_wait_ms after
 * the commit; it then names the others. A detach that comes meanwhile is done as soon as the box is
 * plugged, so that the kernel is never asked for two things at once.
 *
 * It is an answer of what was decided: whoever hears that the time was too short finds nothing of
 * the endpoint, or where the disk refuses that, nothing once it takes it. So a lease that was long
 * on its way is not plugged any more, and of a kernel that hangs the endpoint is taken back first,
 * from the disk and the tables; what the kernel may have made of it when it goes on, it is told to
 * remove, before anything that comes later.
 */
#include "attach.h"

#include <string.h>

#include "ack.h"
#include "agenda.h"
#include "box.h"
#include "commit.h"
#include "detach.h"
#include "gossip/base/derive.h"
#include "network.h"
#include "presence.h"
#include "request.h"

static int attach_check(struct node *node, const struct node_request *request, struct weft_err *err)
{
	const struct local_endpoint *wanted = request->endpoint;
	const struct box *there;
	char id[ID_TEXT_BYTES], mac[MAC_TEXT_BYTES];

	if (wanted == NULL || wanted->ifname[0] == '\0' || request->addr_count > ENDPOINT_ADDRS_MAX)
		return weft_err_set(
		    err, WEFT_E_INVALID,
		    "an attach names an interface and at most %d addresses; leave some out",
		    ENDPOINT_ADDRS_MAX);
	if (wanted->name[0] != '\0' && !name_is_valid(wanted->name))
		return weft_err_set(err, WEFT_E_INVALID,
				    "\"%s\" is no name; use letters, digits, '.', '_' and '-'",
				    wanted->name);
	mac_format(&wanted->mac, mac);
	if (wanted->mac.b[0] & 1)
		return weft_err_set(err, WEFT_E_INVALID,
				    "%s is a multicast MAC; choose one whose first byte is even",
				    mac);
	if (node->leaving)
		return weft_err_set(err, WEFT_E_CONFLICT,
				    "this node is leaving the cluster; use another host");
	there = box_at_place(node, wanted);
	if (there != NULL && box_is_leaving(node, there))
		return weft_err_set(err, WEFT_E_BUSY,
				    "the endpoint that was %s of namespace %s is being taken away; "
				    "try again",
				    wanted->ifname, wanted->netns);
	if (there != NULL) {
		id_format(&there->endpoint.id, id);
		return weft_err_set(
		    err, WEFT_E_CONFLICT,
		    "%s of namespace %s is %sendpoint %s already; detach that first",
		    wanted->ifname, wanted->netns, there->op != 0 ? "being made " : "", id);
	}
	there = box_with_mac(node, &request->id, &wanted->mac);
	if (there != NULL) {
		id_format(&there->endpoint.id, id);
		return weft_err_set(err, WEFT_E_CONFLICT,
				    "endpoint %s of this network has this MAC already; choose "
				    "another --mac or none",
				    id);
	}
	return 0;
}

void attach_begin(struct node *node, const struct node_request *request)
{
	static const struct mac derived;
	struct op *op = request_op(node, OP_ATTACH, request);
	struct local_endpoint endpoint;
	struct weft_err err = {0};

	if (op == NULL)
		return;
	if (attach_check(node, request, &err) != 0) {
		op_fail_err(node, op, &err);
		return;
	}
	endpoint = *request->endpoint;
	endpoint.id = crypto_random_id(node->config.gossip.crypto);
	endpoint.network = request->id;
	endpoint.is_host = false;
	endpoint.addr_count = 0;
	endpoint.boot = node->config.boot;
	endpoint.since = node->wall;
	if (mac_eq(&endpoint.mac, &derived))
		endpoint.mac = mac_of_endpoint(&endpoint.id);
	op->network = request->id;
	op->endpoint = endpoint.id;
	op->addr_count = request->addr_count;
	for (size_t i = 0; i < request->addr_count; i++)
		op->addrs[i] = request->addrs[i].ip;
	op->give_up =
	    mono_add_ms(node->now, request->ttl_ms > 0 ? request->ttl_ms : REQUEST_TTL_MS_DEFAULT);
	op->deadline = op->give_up;
	/* Before the network is known to exist nothing may be kept for it. */
	if (network_live(node, &op->network, &err) == NULL) {
		op_fail_err(node, op, &err);
		return;
	}
	box_add(node, &endpoint)->op = op->id;
	attach_try(node, op);
}

/* The end of an attach of which nothing was committed, or everything was taken back. */
static void attach_fail(struct node *node, struct op *op, const struct weft_err *err)
{
	struct box *box = box_find(node, &op->endpoint);

	if (box != NULL) {
		WEFT_ASSERT(box->op == op->id && box->state == BOX_NEW);
		box_uncount(node, box);
		box_remove(node, box);
		detach_tell_joined(node, &op->endpoint);
	}
	op_fail_err(node, op, err);
}

void attaches_fail(struct node *node, const struct id *network, const struct weft_err *err)
{
	struct op *op;

	for (uint64_t after = 0; (op = op_next(node, after)) != NULL;) {
		after = op->id;
		if (op->kind == OP_ATTACH && op->state == OP_WAITS && id_eq(&op->network, network))
			attach_fail(node, op, err);
	}
}

static void attach_lease(struct node *node, struct op *op)
{
	const struct box *box = box_find(node, &op->endpoint);
	struct ipam_request request = {.kind = IPAM_LEASE,
				       .tag = op->id,
				       .network = op->network,
				       .endpoint = op->endpoint,
				       .mac = box->endpoint.mac,
				       .addr_count = op->addr_count,
				       .deadline = op->give_up};

	memcpy(request.name, box->endpoint.name, sizeof(request.name));
	memcpy(request.addrs, op->addrs, sizeof(request.addrs));
	op->state = OP_ASKED;
	op->deadline = MONO_NEVER;
	agenda_add_ipam(node, &request);
}

void attach_try(struct node *node, struct op *op)
{
	struct weft_err err = {0};
	struct network *network;
	int code = node_may_serve(node, &err);

	WEFT_ASSERT(op->kind == OP_ATTACH && op->state == OP_WAITS);
	if (code == 0 && op->cancelled)
		code = weft_err_set(&err, WEFT_E_CONFLICT, "the endpoint was detached meanwhile");
	if (code == 0 && !node->ready)
		code =
		    weft_err_set(&err, WEFT_E_BUSY, "this node has not synced with a member yet");
	if (code == WEFT_E_BUSY) {
		op->err = err; /* told if it lasts */
		return;
	}
	op->err.code = 0; /* it did not */
	network = code == 0 ? network_live(node, &op->network, &err) : NULL;
	if (network == NULL) {
		attach_fail(node, op, &err);
		return;
	}
	if (network->presence == PRESENCE_UP && network->settled)
		attach_lease(node, op);
	else if (network->presence == PRESENCE_NONE)
		presence_begin(node, network, op->give_up);
}

static uint16_t smallest_mtu(const struct network *network, uint16_t mtu)
{
	if (network->rec.mtu_bytes != 0)
		return network->rec.mtu_bytes;
	for (size_t i = 0; i < network->hosts.count; i++) {
		const struct attached_host *host = vec_at(&network->hosts, i);

		if (host->rec.mtu_bytes < mtu)
			mtu = host->rec.mtu_bytes;
	}
	return mtu;
}

void attach_compose(struct node *node, struct op *op, const struct ipam_update *update,
		    const struct ipam_group *group, struct commit *commit)
{
	struct box *box = box_find(node, &op->endpoint);
	struct network *network = network_find(node, &op->network);
	struct node_answer *answer = &op->answer;

	WEFT_ASSERT(box != NULL && network != NULL && op->state == OP_ASKED);
	box_take_leases(node, box, update, group);
	box_commit(commit, box);
	presence_compose_count(node, network, commit, network->boxes);
	answer->id = op->endpoint;
	answer->endpoint = box->endpoint;
	answer->endpoint_addr_count = box->endpoint.addr_count;
	memcpy(answer->addrs, box->endpoint.addrs, sizeof(answer->addrs));
	if (network->rec.pool_count > 0)
		answer->gateway = network->rec.pools[0].gateway;
	answer->mtu_bytes = smallest_mtu(network, presence_mtu(node, network));
	op_store_answer(node, op, commit);
	node_work_add(node, WORK_MAKE, op->tag, &box->endpoint);
}

void attach_leased(struct node *node, struct op *op, const struct ipam_answer *answer)
{
	struct box *box = box_find(node, &op->endpoint);
	struct weft_err late = {0};

	WEFT_ASSERT(op->state == OP_ASKED && box != NULL);
	if (answer->err.code != 0) {
		if (box->endpoint.addr_count > 0) /* it was leased, and not committed */
			node_work_add(node, WORK_UNMAKE, op->tag, &box->endpoint);
		op->answer_stored = false;
		attach_fail(node, op, op->err.code != 0 ? &op->err : &answer->err);
		return;
	}
	op->state = OP_PLUGS;
	box->state = BOX_PLUGGING;
	if (mono_is_due(op->give_up, node->now)) {
		node_work_add(node, WORK_UNMAKE, op->tag, &box->endpoint);
		weft_err_set(&late, WEFT_E_TIMEOUT,
			     "the disk did not take the lease in time; weft status says how the "
			     "store is, then try again");
		attach_plugged(node, op, box, &late);
		return;
	}
	ack_expect(node, op);
	op->deadline = mono_add_ms(node->now, node->config.ack_wait_ms);
	node_work_add(node, WORK_PLUG, op->tag, &box->endpoint);
}

void attach_plugged(struct node *node, struct op *op, struct box *box, const struct weft_err *err)
{
	WEFT_ASSERT(op->state == OP_PLUGS && box->state == BOX_PLUGGING);
	box->state = BOX_UP;
	if (err != NULL) {
		op->err = *err;
		op->state = OP_UNDOES;
		op->deadline = MONO_NEVER;
		box->op = 0;
		detach_begin(node, box, op);
		return;
	}
	op->state = OP_ACKS;
	attach_look(node, op);
}

void attach_undone(struct node *node, struct op *op)
{
	WEFT_ASSERT(op->state == OP_UNDOES && op->err.code != 0);
	op_fail_err(node, op, &op->err);
}

/* Why: somebody detached it, or this node is a member no longer. */
static void attach_tell_cancelled(struct node *node, struct op *op)
{
	struct weft_err err = {0};
	int code = node_may_serve(node, &err);

	if (code == 0 || code == WEFT_E_BUSY)
		weft_err_set(&err, WEFT_E_CONFLICT, "the endpoint was detached meanwhile");
	op_fail_err(node, op, &err);
}

static void attach_answer(struct node *node, struct op *op)
{
	struct box *box = box_find(node, &op->endpoint);
	struct node_answer *answer = &op->answer;

	WEFT_ASSERT(box != NULL && box->op == op->id && box->state == BOX_UP);
	box->op = 0;
	for (size_t i = 0; i < op->pending.count && i < PENDING_NAMED; i++)
		answer->pending[answer->pending_count++] =
		    *(const struct id *)vec_at(&op->pending, i);
	if (op->cancelled) {
		detach_begin(node, box, op);
		attach_tell_cancelled(node, op);
		return;
	}
	op_finish(node, op);
}

void attach_look(struct node *node, struct op *op)
{
	if (op->state == OP_ACKS && (op->pending.count == 0 || op->flag))
		attach_answer(node, op);
}

static void attach_hangs(struct node *node, struct op *op)
{
	struct box *box = box_find(node, &op->endpoint);
	struct weft_err err = {0};

	WEFT_ASSERT(op->state == OP_PLUGS && box != NULL);
	node_work_add(node, WORK_UNPLUG, 0, &box->endpoint); /* behind the plug */
	weft_err_set(&err, WEFT_E_TIMEOUT,
		     "the kernel did not make the devices in time; weft diag says what the kernel "
		     "lacks, then try again");
	attach_plugged(node, op, box, &err);
}

void attach_due(struct node *node, struct op *op)
{
	struct weft_err err = {0};

	switch (op->state) {
	case OP_WAITS:
		if (op->err.code != 0)
			err = op->err;
		else
			weft_err_set(&err, WEFT_E_TIMEOUT,
				     "this host did not join the network in time; weft status says "
				     "what it waits for, then try again");
		attach_fail(node, op, &err);
		break;
	case OP_PLUGS:
		if (!op->flag) {
			op->flag = true; /* enough waited for others */
			op->deadline = mono_add_ms(node->now, NODE_PLUG_MS);
			break;
		}
		attach_hangs(node, op);
		break;
	case OP_ACKS:
		op->flag = true;
		attach_look(node, op);
		break;
	default:
		break;
	}
}
