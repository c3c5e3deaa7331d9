/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * A host takes part in a network from its first box on until LINGER_MS after its last.
 *
 *   NONE -> JOINING   lease of the host's own address; with it in one commit the attachment row
 *                     and the host's own endpoint
 *        -> UP        the kernel is told by WORK_PLUG of the endpoint (is_host); boxes come once
 *                     the rows of the others are here (settled), so that a new box is never
 *                     spoken to by somebody whom this host cannot answer
 *        -> QUITTING  the release, with it both rows' tombstones; ranges stay this node's
 *        -> NONE
 *
 * The attachment row also says how many boxes there are and how much is free. Whether there are
 * any (a network with boxes is not removed) is written with the box itself; the rest when it
 * differs, at most every REFRESH_MS.
 */
#include "presence.h"

#include <string.h>

#include "agenda.h"
#include "attach.h"
#include "box.h"
#include "commit.h"
#include "gossip/base/derive.h"
#include "ipamdb/query.h"
#include "network.h"

#define LINGER_MS 10000  /* a box that is made anew finds its network still joined */
#define REFRESH_MS 10000 /* each change goes to every host of the cluster */
#define RETRY_MS 500
#define SETTLE_MS 1000 /* some round trips of a comparison: with a silent host boxes come late */

static void networks_due_by(struct node *node, struct mono at)
{
	node->networks_due = mono_min(node->networks_due, at);
}

uint16_t presence_mtu(const struct node *node, const struct network *network)
{
	return network->mtu_bytes != 0 ? network->mtu_bytes : node->config.mtu_bytes;
}

void presence_mtu_set(struct node *node, const struct id *id, uint16_t mtu_bytes)
{
	if (id_is_zero(id))
		node->config.mtu_bytes = mtu_bytes;
	for (size_t i = 0; i < node->networks.count; i++) {
		struct network *network = network_at(node, i);

		if (!id_is_zero(id) && !id_eq(id, &network->id))
			continue;
		network->mtu_bytes = mtu_bytes;
		network->refresh_at = node->now;
		networks_due_by(node, node->now);
	}
}

static struct rec_attachment attachment_now(const struct node *node, const struct network *network,
					    size_t boxes)
{
	return (struct rec_attachment){.mtu_bytes = presence_mtu(node, network),
				       .free_log2 = ipamdb_free_log2(node->ipamdb, &network->id),
				       .endpoints = (uint32_t)boxes};
}

static void commit_attachment(struct node *node, const struct network *network,
			      struct commit *commit, size_t boxes)
{
	struct rec_attachment rec = attachment_now(node, network, boxes);
	uint8_t value[VALUE_BYTES_MAX];
	int len = rec_attachment_encode(&rec, value, sizeof(value));

	WEFT_ASSERT(len > 0);
	commit_row_of(commit, ROW_ATTACHMENT, &id_none, &network->id, value, (size_t)len);
}

void presence_commit(struct node *node, const struct network *network, struct commit *commit)
{
	commit_attachment(node, network, commit, network->boxes);
}

/* The own attachment as others see it; NULL when there is none. */
static const struct rec_attachment *attachment_told(const struct node *node,
						    const struct network *network)
{
	struct id self = gossip_self(node->gossip);
	const struct attached_host *host = network_host(network, &self);

	return host != NULL ? &host->rec : NULL;
}

void presence_compose_count(struct node *node, const struct network *network, struct commit *commit,
			    size_t boxes)
{
	const struct rec_attachment *told = attachment_told(node, network);

	if (node->phase == NODE_ACTIVE && network->presence == PRESENCE_UP && told != NULL &&
	    (told->endpoints == 0) != (boxes == 0))
		commit_attachment(node, network, commit, boxes);
}

/* ---- joining ---- */

void presence_begin(struct node *node, struct network *network, struct mono give_up)
{
	struct id self = gossip_self(node->gossip);
	struct local_endpoint endpoint = {.id = host_endpoint_of(&self, &network->id),
					  .network = network->id,
					  .mac = mac_of_bridge(&self, network->rec.vni),
					  .is_host = true,
					  .boot = node->config.boot,
					  .since = node->wall};
	struct ipam_request request = {.kind = IPAM_LEASE,
				       .network = network->id,
				       .endpoint = endpoint.id,
				       .mac = endpoint.mac,
				       .deadline = give_up};
	struct op *op = op_new(node, OP_JOIN_NETWORK, 0);

	WEFT_ASSERT(network->presence == PRESENCE_NONE && network->op == 0);
	memcpy(endpoint.name, node->config.gossip.name, sizeof(endpoint.name));
	memcpy(request.name, endpoint.name, sizeof(request.name));
	op->network = network->id;
	op->endpoint = endpoint.id;
	op->state = OP_ASKED;
	request.tag = op->id;
	network->op = op->id;
	network->presence = PRESENCE_JOINING;
	network->settled = false;
	box_add(node, &endpoint)->op = op->id;
	agenda_add(node, &(struct agenda_item){.kind = AGENDA_TOPICS});
	agenda_add_ipam(node, &request);
}

/* Is there anybody whose rows would have to come? */
static bool has_peers(const struct node *node, const struct network *network)
{
	struct id self = gossip_self(node->gossip);

	for (size_t i = 0; i < network->hosts.count; i++) {
		const struct attached_host *host = vec_at(&network->hosts, i);
		struct member_info info;

		if (!id_eq(&host->node, &self) && gossip_member(node->gossip, &host->node, &info) &&
		    (info.state == MEMBER_ALIVE || info.state == MEMBER_SUSPECT))
			return true;
	}
	return false;
}

static void join_ended(struct node *node, struct op *op, const struct weft_err *err)
{
	struct network *network = network_find(node, &op->network);
	struct box *box = box_find(node, &op->endpoint);

	WEFT_ASSERT(network != NULL && network->presence == PRESENCE_JOINING && box != NULL);
	network->op = 0;
	if (err->code != 0) {
		struct weft_err why = *err;

		network->presence = PRESENCE_NONE;
		box_remove(node, box);
		agenda_add(node, &(struct agenda_item){.kind = AGENDA_TOPICS});
		weft_err_wrap(&why, "this host's own address");
		attaches_fail(node, &op->network, &why);
	} else {
		network->presence = PRESENCE_UP;
		network->settled = network->settled || !has_peers(node, network);
		network->settle_at = mono_add_ms(node->now, SETTLE_MS);
		networks_due_by(node, network->settle_at);
		network->refresh_at = mono_add_ms(node->now, REFRESH_MS);
		networks_due_by(node, network->refresh_at);
		box->state = BOX_UP;
		box->op = 0;
		node_work_add(node, WORK_PLUG, 0, &box->endpoint);
		presence_review(node, network);
	}
	node->look_again = true;
	op_finish(node, op);
}

/* ---- quitting ---- */

static void quit_begin(struct node *node, struct network *network)
{
	struct box *box = box_of_host(node, &network->id);
	struct op *op = op_new(node, OP_QUIT_NETWORK, 0);

	WEFT_ASSERT(network->presence == PRESENCE_UP && network->op == 0);
	WEFT_ASSERT(box != NULL && box->op == 0 && network->boxes == 0);
	network->presence = PRESENCE_QUITTING;
	network->quit_at = MONO_NEVER;
	network->op = box->op = op->id;
	op->network = network->id;
	op->endpoint = box->endpoint.id;
	presence_try(node, op);
}

void presence_try(struct node *node, struct op *op)
{
	struct ipam_request request = {.kind = IPAM_RELEASE_ENDPOINT,
				       .tag = op->id,
				       .network = op->network,
				       .endpoint = op->endpoint,
				       .deadline = MONO_NEVER};
	int code = node_may_serve(node, NULL);

	WEFT_ASSERT(op->kind == OP_QUIT_NETWORK && op->state == OP_WAITS);
	op->deadline = MONO_NEVER;
	if (code == WEFT_E_BUSY || code == WEFT_E_IS_COPY)
		return;
	op->state = OP_ASKED;
	op->committed = false;
	agenda_add_ipam(node, &request);
}

static void compose_quit(struct node *node, struct op *op, struct commit *commit)
{
	struct network *network = network_find(node, &op->network);

	box_commit_end(node, commit, box_find(node, &op->endpoint));
	if (node->phase == NODE_ACTIVE && attachment_told(node, network) != NULL)
		commit_row_of(commit, ROW_ATTACHMENT, &id_none, &network->id, NULL, 0);
	op->committed = true;
}

static void quit_ended(struct node *node, struct op *op, const struct weft_err *err)
{
	struct network *network = network_find(node, &op->network);
	struct box *box = box_find(node, &op->endpoint);

	WEFT_ASSERT(network != NULL && network->presence == PRESENCE_QUITTING && box != NULL);
	if (err->code != 0) {
		op->state = OP_WAITS;
		op->deadline = mono_add_ms(node->now, RETRY_MS);
		return;
	}
	node_work_add(node, WORK_UNPLUG, 0, &box->endpoint);
	network->op = 0;
	network->presence = PRESENCE_NONE;
	network->refresh_at = MONO_NEVER;
	box_remove(node, box);
	agenda_add(node, &(struct agenda_item){.kind = AGENDA_TOPICS});
	node->look_again = true;
	op_finish(node, op);
}

/* ---- both ---- */

void presence_compose(struct node *node, struct op *op, const struct ipam_update *update,
		      const struct ipam_group *group, struct commit *commit)
{
	struct network *network = network_find(node, &op->network);
	struct box *box = box_find(node, &op->endpoint);

	WEFT_ASSERT(network != NULL && box != NULL);
	if (op->kind == OP_QUIT_NETWORK) {
		compose_quit(node, op, commit);
		return;
	}
	box_take_leases(node, box, update, group);
	box_commit(commit, box);
	commit_attachment(node, network, commit, network->boxes);
}

void presence_answered(struct node *node, struct op *op, const struct ipam_answer *answer)
{
	const struct weft_err *err = op->err.code != 0 ? &op->err : &answer->err;
	struct commit *commit;

	if (op->kind == OP_JOIN_NETWORK) {
		join_ended(node, op, err);
	} else if (answer->err.code != 0 || op->committed) {
		quit_ended(node, op, &answer->err);
	} else { /* nothing was leased */
		commit = commit_new(node, op->id);
		compose_quit(node, op, commit);
		commit_queue(node, commit);
	}
}

void presence_committed(struct node *node, struct op *op, const struct weft_err *err)
{
	struct network *network = network_find(node, &op->network);

	if (op->kind == OP_QUIT_NETWORK) {
		quit_ended(node, op, err);
		return;
	}
	WEFT_ASSERT(op->kind == OP_REFRESH && network->op == op->id);
	network->op = 0;
	network->refreshed = node->now;
	network->refresh_at = mono_add_ms(node->now, err->code == 0 ? REFRESH_MS : RETRY_MS);
	networks_due_by(node, network->refresh_at);
	op_finish(node, op);
	presence_review(node, network);
}

void presence_settled(struct node *node, struct network *network)
{
	network->settled = true;
	node->look_again = true;
}

/* ---- time ---- */

void presence_review(struct node *node, struct network *network)
{
	if (network->presence != PRESENCE_UP || network->boxes > 0)
		return;
	if (network->ended || node->leaving || node->phase == NODE_REMOVED)
		network->quit_at = node->now;
	else if (network->quit_at.ns == MONO_NEVER.ns)
		network->quit_at = mono_add_ms(node->now, LINGER_MS);
	networks_due_by(node, network->quit_at);
}

void presence_end(struct node *node, struct network *network)
{
	presence_review(node, network);
	if (network->presence == PRESENCE_UP && network->boxes == 0) {
		network->quit_at = node->now;
		networks_due_by(node, node->now);
	}
}

static void refresh(struct node *node, struct network *network)
{
	const struct rec_attachment *told = attachment_told(node, network);
	struct rec_attachment is = attachment_now(node, network, network->boxes);
	struct commit *commit;
	struct op *op;

	network->refresh_at = mono_add_ms(node->now, REFRESH_MS);
	if (node->phase != NODE_ACTIVE || told == NULL ||
	    (told->mtu_bytes == is.mtu_bytes && told->free_log2 == is.free_log2 &&
	     told->endpoints == is.endpoints))
		return;
	op = op_new(node, OP_REFRESH, 0);
	op->network = network->id;
	op->state = OP_ASKED;
	network->op = op->id;
	commit = commit_new(node, op->id);
	commit_attachment(node, network, commit, network->boxes);
	commit_queue(node, commit);
}

static void network_tick(struct node *node, struct network *network)
{
	if (network->presence != PRESENCE_UP)
		return;
	if (!network->settled && mono_is_due(network->settle_at, node->now))
		presence_settled(node, network);
	if (!network->settled)
		networks_due_by(node, network->settle_at);
	if (network->op == 0 && mono_is_due(network->quit_at, node->now)) {
		if (network->boxes == 0)
			quit_begin(node, network);
		else
			network->quit_at = MONO_NEVER;
	} else if (network->op == 0 && mono_is_due(network->refresh_at, node->now)) {
		refresh(node, network);
	}
	/* What waits for an op is looked at again when that has ended. */
	if (network->presence == PRESENCE_UP && network->op == 0)
		networks_due_by(node, mono_min(network->quit_at, network->refresh_at));
}

void presence_tick(struct node *node)
{
	if (!mono_is_due(node->networks_due, node->now))
		return;
	node->networks_due = MONO_NEVER;
	for (size_t i = 0; i < node->networks.count; i++)
		network_tick(node, network_at(node, i));
}
