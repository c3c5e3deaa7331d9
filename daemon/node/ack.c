/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * News of what was applied goes to the owner as an addressed message: version, kind, then an array
 * of triples {endpoint bin16, epoch uint, sequence uint}.
 *
 * An owner waits for its newest endpoints only and forgets them after ack_wait_ms. So news is cheap
 * to lose and has to be quick, and this side keeps it small without knowing who waits: the first is
 * sent at once, what follows to the same owner within GAP_MS shares one message, and of more than
 * fit the newest (highest version) remain. A bulk sync therefore costs a few messages, not one a
 * row. An owner's queue lives as long as that lasts; nothing is kept of whoever was told all.
 */
#include "ack.h"

#include <string.h>

#include "agenda.h"
#include "attach.h"
#include "box.h"
#include "gossip/base/pack.h"
#include "ipamdb/message.h"
#include "network.h"
#include "op.h"

#define ACK_KIND 16
#define ACKS_PER_MESSAGE 20
#define OWNERS_MAX 4096 /* told at once: 5 MiB of queues; more is a bulk sync, old news to most */
#define GAP_MS 4        /* of the 50 ms that an attach waits by default */
#define TTL_MS 200      /* by then no owner waits */

struct ack_queue {
	struct id owner;
	struct mono free_at; /* a message may go */
	size_t count;
	struct node_applied items[ACKS_PER_MESSAGE];
};

static int version_cmp(const struct node_applied *a, const struct node_applied *b)
{
	if (a->epoch != b->epoch)
		return a->epoch < b->epoch ? -1 : 1;
	return a->sequence < b->sequence ? -1 : a->sequence > b->sequence;
}

static void queue_put(struct ack_queue *queue, const struct node_applied *item)
{
	size_t oldest = 0;

	if (queue->count < ACKS_PER_MESSAGE) {
		queue->items[queue->count++] = *item;
		return;
	}
	for (size_t i = 1; i < queue->count; i++)
		if (version_cmp(&queue->items[i], &queue->items[oldest]) < 0)
			oldest = i;
	if (version_cmp(item, &queue->items[oldest]) > 0)
		queue->items[oldest] = *item;
}

static void queue_send(struct node *node, struct ack_queue *queue)
{
	uint8_t bytes[MESSAGE_BYTES_MAX] = {NODE_MESSAGE_VERSION, ACK_KIND};
	struct pack pack;

	pack_init(&pack, bytes + NODE_MESSAGE_HEADER_BYTES,
		  sizeof(bytes) - NODE_MESSAGE_HEADER_BYTES);
	pack_array(&pack, queue->count);
	for (size_t i = 0; i < queue->count; i++) {
		pack_array(&pack, 3);
		pack_bin(&pack, queue->items[i].endpoint.b, ID_BYTES);
		pack_uint(&pack, queue->items[i].epoch);
		pack_uint(&pack, queue->items[i].sequence);
	}
	WEFT_ASSERT(pack_ok(&pack));
	agenda_add(node, &(struct agenda_item){.kind = AGENDA_MESSAGE,
					       .peer = queue->owner,
					       .ttl_ms = TTL_MS,
					       .len = NODE_MESSAGE_HEADER_BYTES + pack.len,
					       .bytes = bytes});
	queue->count = 0;
	queue->free_at = mono_add_ms(node->now, GAP_MS);
}

void ack_applied(struct node *node, const struct node_applied *applied, size_t count)
{
	struct id self = gossip_self(node->gossip);

	if (node->phase != NODE_ACTIVE)
		return;
	for (size_t i = 0; i < count; i++) {
		struct ack_queue *queue = map_find(&node->acks, &applied[i].owner);

		if (id_eq(&applied[i].owner, &self))
			continue;
		if (queue == NULL && node->acks.count >= OWNERS_MAX)
			continue;
		queue = map_insert(&node->acks, &applied[i].owner, NULL);
		queue_put(queue, &applied[i]);
		node->acks_due = mono_min(node->acks_due, queue->free_at);
	}
}

void acks_tick(struct node *node)
{
	struct ack_queue *queue;
	struct id *done;
	size_t pos = 0, done_count = 0;

	if (!mono_is_due(node->acks_due, node->now))
		return;
	node->acks_due = MONO_NEVER;
	if (node->acks.count == 0)
		return;
	done = scratch_take(&node->scratch, node->acks.count * sizeof(*done));
	while ((queue = map_next(&node->acks, &pos)) != NULL) {
		if (mono_is_due(queue->free_at, node->now)) {
			if (queue->count == 0) {
				done[done_count++] = queue->owner;
				continue;
			}
			queue_send(node, queue);
		}
		node->acks_due = mono_min(node->acks_due, queue->free_at);
	}
	while (done_count > 0)
		map_remove(&node->acks, &done[--done_count]);
}

bool ack_is_message(const uint8_t *bytes, size_t len)
{
	return len >= NODE_MESSAGE_HEADER_BYTES && bytes[0] == NODE_MESSAGE_VERSION &&
	       bytes[1] == ACK_KIND;
}

static void host_done(struct node *node, struct op *op, const struct id *host)
{
	for (size_t i = 0; i < op->pending.count; i++) {
		if (!id_eq(vec_at(&op->pending, i), host))
			continue;
		vec_remove(&op->pending, i);
		break;
	}
	attach_look(node, op);
}

/* One host has applied a version of an endpoint: its attach may be complete. */
static void item_received(struct node *node, const struct id *from, const struct id *endpoint,
			  uint64_t epoch, uint64_t sequence)
{
	const struct box *box = box_find(node, endpoint);
	struct op *op = box_op(node, box);

	if (op == NULL || op->kind != OP_ATTACH || box->sequence == 0)
		return;
	if (epoch < box->epoch || (epoch == box->epoch && sequence < box->sequence))
		return;
	host_done(node, op, from);
}

void ack_received(struct node *node, const struct gossip_delivery *delivery)
{
	struct cursor cursor;
	size_t count;

	WEFT_ASSERT(ack_is_message(delivery->bytes, delivery->len));
	cursor_init(&cursor, delivery->bytes + NODE_MESSAGE_HEADER_BYTES,
		    delivery->len - NODE_MESSAGE_HEADER_BYTES);
	count = cursor_array(&cursor, ACKS_PER_MESSAGE);
	for (size_t i = 0; i < count; i++) {
		struct id endpoint;
		uint64_t epoch, sequence;

		cursor_array(&cursor, 3);
		cursor_fixed(&cursor, endpoint.b, ID_BYTES);
		epoch = cursor_uint(&cursor, UINT64_MAX);
		sequence = cursor_uint(&cursor, UINT64_MAX);
		if (!cursor_ok(&cursor))
			break; /* a member of another version; what was read counts */
		item_received(node, &delivery->from, &endpoint, epoch, sequence);
	}
	agenda_add(node, &(struct agenda_item){.kind = AGENDA_REPLY, .message = delivery->message});
}

void ack_expect(struct node *node, struct op *op)
{
	const struct network *network = network_find(node, &op->network);
	struct id self = gossip_self(node->gossip);

	op->pending.count = 0;
	for (size_t i = 0; network != NULL && i < network->hosts.count; i++) {
		const struct attached_host *host = vec_at(&network->hosts, i);
		struct member_info info;

		if (id_eq(&host->node, &self) || !gossip_member(node->gossip, &host->node, &info))
			continue;
		if (info.state == MEMBER_ALIVE || info.state == MEMBER_SUSPECT)
			vec_push(&op->pending, &host->node);
	}
}

void ack_forget(struct node *node, const struct id *host)
{
	struct op *op = NULL;

	for (uint64_t after = 0; (op = op_next(node, after)) != NULL;) {
		after = op->id;
		if (op->kind == OP_ATTACH && op->pending.count > 0)
			host_done(node, op, host);
	}
}

void acks_open(struct node *node, uint64_t seed)
{
	map_init(&node->acks, &node->heap, ID_BYTES, sizeof(struct ack_queue), seed);
}
