/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * An endpoint from its first commit to its last.
 *
 *   NEW -> PLUGGING -> UP -> LEAVING -> UNPLUGGING -> (gone)
 *
 *   NEW         its address is being leased; only this process knows of it
 *   PLUGGING    its lease, its row and its write are durable, so that a start finds it; the kernel
 *               makes its devices, and if it cannot, the box is detached
 *   UP          at a start all stored ones are, until the kernel says that one is gone
 *   LEAVING     its end is being committed, its lease cools; if that fails it is UP again
 *   UNPLUGGING  durably ended: the kernel takes its devices away, however often that takes
 *
 * One op at a time changes a box (attach.c, detach.c, presence.c), and every state but UP has one.
 * Here is what they share: finding boxes, their rows and writes, and reports of the kernel, each of
 * which may come late, double or about a box that has ended.
 */
#include "box.h"

#include <string.h>

#include "attach.h"
#include "commit.h"
#include "detach.h"
#include "gossip/base/derive.h"
#include "network.h"
#include "op.h"
#include "presence.h"

struct box *box_at(const struct node *node, size_t i)
{
	return *(struct box **)vec_at(&node->boxes, i);
}

static int box_cmp(const void *key, const void *item)
{
	return id_cmp(key, &(*(struct box *const *)item)->endpoint.id);
}

struct box *box_find(const struct node *node, const struct id *id)
{
	size_t at = vec_lower_bound(&node->boxes, id, box_cmp);

	if (at == node->boxes.count || !id_eq(&box_at(node, at)->endpoint.id, id))
		return NULL;
	return box_at(node, at);
}

struct box *box_add(struct node *node, const struct local_endpoint *endpoint)
{
	struct box *box = heap_take(&node->heap, sizeof(*box));
	struct network *network = network_intern(node, &endpoint->network);
	size_t at = vec_lower_bound(&node->boxes, &endpoint->id, box_cmp);

	WEFT_ASSERT(box_find(node, &endpoint->id) == NULL);
	box->endpoint = *endpoint;
	vec_insert(&node->boxes, at, &box);
	if (!endpoint->is_host) {
		network->boxes++;
		network->quit_at = MONO_NEVER;
	}
	return box;
}

void box_uncount(struct node *node, const struct box *box)
{
	struct network *network = network_find(node, &box->endpoint.network);

	if (box->endpoint.is_host)
		return;
	WEFT_ASSERT(network != NULL && network->boxes > 0);
	network->boxes--;
	presence_review(node, network);
}

void box_remove(struct node *node, struct box *box)
{
	size_t at = vec_lower_bound(&node->boxes, &box->endpoint.id, box_cmp);

	WEFT_ASSERT(at < node->boxes.count && box_at(node, at) == box);
	vec_remove(&node->boxes, at);
	heap_give(&node->heap, box, sizeof(*box));
	node->look_again = true;
}

const struct box *box_at_place(const struct node *node, const struct local_endpoint *endpoint)
{
	for (size_t i = 0; i < node->boxes.count; i++) {
		const struct local_endpoint *other = &box_at(node, i)->endpoint;

		if (other->is_host || strcmp(other->ifname, endpoint->ifname) != 0)
			continue;
		if (other->netns_inode == endpoint->netns_inode &&
		    other->netns_dev == endpoint->netns_dev &&
		    (endpoint->netns_inode != 0 || strcmp(other->netns, endpoint->netns) == 0))
			return box_at(node, i);
	}
	return NULL;
}

const struct box *box_with_mac(const struct node *node, const struct id *network,
			       const struct mac *mac)
{
	for (size_t i = 0; i < node->boxes.count; i++) {
		const struct local_endpoint *other = &box_at(node, i)->endpoint;

		if (id_eq(&other->network, network) && mac_eq(&other->mac, mac))
			return box_at(node, i);
	}
	return NULL;
}

struct op *box_op(const struct node *node, const struct box *box)
{
	return box != NULL && box->op != 0 ? op_find(node, box->op) : NULL;
}

bool box_is_leaving(const struct node *node, const struct box *box)
{
	const struct op *op = box_op(node, box);

	return box->state == BOX_LEAVING || box->state == BOX_UNPLUGGING ||
	       (op != NULL && op->kind == OP_DETACH);
}

struct box *box_of_host(const struct node *node, const struct id *network)
{
	struct id self = gossip_self(node->gossip);
	struct id id = host_endpoint_of(&self, network);

	return box_find(node, &id);
}

void box_take_leases(struct node *node, struct box *box, const struct ipam_update *update,
		     const struct ipam_group *group)
{
	const struct network *network = network_find(node, &box->endpoint.network);
	struct local_endpoint *endpoint = &box->endpoint;

	WEFT_ASSERT(network != NULL && network->known);
	endpoint->addr_count = 0;
	for (size_t i = 0; i < group->write_count; i++) {
		const struct write *write = &update->writes[group->first_write + i];

		if (write->kind != WRITE_LEASE || !id_eq(&write->lease.endpoint, &endpoint->id))
			continue;
		WEFT_ASSERT(endpoint->addr_count < ENDPOINT_ADDRS_MAX);
		endpoint->addrs[endpoint->addr_count++] =
		    network_address(network, &write->lease.address);
	}
}

void box_commit(struct commit *commit, const struct box *box)
{
	const struct local_endpoint *endpoint = &box->endpoint;
	struct rec_endpoint rec = {
	    .mac = endpoint->mac, .is_host = endpoint->is_host, .addr_count = endpoint->addr_count};
	struct write write = {.kind = WRITE_ENDPOINT, .endpoint = *endpoint};
	uint8_t value[VALUE_BYTES_MAX];
	int len;

	memcpy(rec.name, endpoint->name, sizeof(rec.name));
	memcpy(rec.addrs, endpoint->addrs, sizeof(rec.addrs));
	len = rec_endpoint_encode(&rec, value, sizeof(value));
	WEFT_ASSERT(len > 0);
	commit_row_of(commit, ROW_ENDPOINT, &endpoint->network, &endpoint->id, value, (size_t)len);
	commit_write(commit, &write);
}

void box_commit_end(struct node *node, struct commit *commit, const struct box *box)
{
	struct write write = {.kind = WRITE_ENDPOINT_DROP, .endpoint = box->endpoint};

	if (node->phase == NODE_ACTIVE)
		commit_row_of(commit, ROW_ENDPOINT, &box->endpoint.network, &box->endpoint.id, NULL,
			      0);
	commit_write(commit, &write);
}

void boxes_end(struct node *node, const struct id *network)
{
	for (size_t i = 0; i < node->boxes.count; i++) {
		struct box *box = box_at(node, i);
		struct op *op = box_op(node, box);

		if (box->endpoint.is_host ||
		    (network != NULL && !id_eq(network, &box->endpoint.network)))
			continue;
		if (op != NULL && op->kind == OP_ATTACH)
			op->cancelled = true;
		else if (op == NULL && box->state == BOX_UP)
			detach_begin(node, box, NULL);
	}
}

void boxes_withdraw(struct node *node)
{
	boxes_end(node, NULL);
	for (size_t i = 0; i < node->networks.count; i++)
		presence_end(node, network_at(node, i));
}

void box_row_changed(struct node *node, const struct row_view *row)
{
	struct id self = gossip_self(node->gossip);
	struct id id = row_key_id(row);
	struct box *box = id_eq(&row->owner, &self) ? box_find(node, &id) : NULL;

	if (box == NULL || row->deleted)
		return;
	box->epoch = row->epoch;
	box->sequence = row->sequence;
}

void box_plugged(struct node *node, const struct node_event *event)
{
	struct box *box = box_find(node, &event->id);
	struct op *op = box_op(node, box);

	/* The host's own box has no devices of its own, what is missing is repaired; and whose
	 * attach was given up the kernel was told to remove at once. */
	if (op != NULL && op->kind == OP_ATTACH && op->state == OP_PLUGS)
		attach_plugged(node, op, box, event->ok ? NULL : &event->err);
}

void box_unplugged(struct node *node, const struct id *id)
{
	struct box *box = box_find(node, id);
	struct op *op = box_op(node, box);

	if (op == NULL || op->kind != OP_DETACH || box->state != BOX_UNPLUGGING)
		return;
	detach_unplugged(node, op, box);
}

void box_gone(struct node *node, const struct id *id)
{
	struct box *box = box_find(node, id);
	struct op *op = box_op(node, box);

	if (box == NULL || box->endpoint.is_host)
		return;
	if (op != NULL && op->kind == OP_ATTACH)
		op->cancelled = true;
	else if (op == NULL && box->state == BOX_UP)
		detach_begin(node, box, NULL);
}

void boxes_start(struct node *node)
{
	for (size_t i = 0; i < node->boxes.count; i++) {
		struct box *box = box_at(node, i);
		struct network *network = network_find(node, &box->endpoint.network);

		WEFT_ASSERT(network != NULL);
		/* One that was removed has begun to withdraw them already. */
		if (box->state == BOX_UP && box->op == 0 && !box->endpoint.is_host &&
		    (!id_eq(&box->endpoint.boot, &node->config.boot) || network->ended))
			detach_begin(node, box, NULL);
	}
	for (size_t i = 0; i < node->networks.count; i++)
		presence_review(node, network_at(node, i));
}

bool node_endpoint_next(const struct node *node, size_t *at, struct local_endpoint *endpoint)
{
	while (*at < node->boxes.count) {
		const struct box *box = box_at(node, (*at)++);

		if (box->state == BOX_NEW || box->state == BOX_UNPLUGGING)
			continue;
		*endpoint = box->endpoint;
		return true;
	}
	return false;
}
