/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The networks that this host has heard of, in order of id, whether or not it takes part in them:
 * the fact that made one, the fact that ended it, and the attachments of hosts. They come in any
 * order and again after a start, so a network may be known by its attachments alone for a while,
 * and each look decides anew from all that is there. What this host itself does in one is told in
 * presence.c.
 */
#include "network.h"

#include <string.h>

#include "agenda.h"
#include "box.h"
#include "gossip/base/vni.h"
#include "ipamdb/query.h"
#include "presence.h"
#include "reserve.h"
#include "route.h"

struct network *network_at(const struct node *node, size_t i)
{
	return *(struct network **)vec_at(&node->networks, i);
}

static int network_cmp(const void *key, const void *item)
{
	return id_cmp(key, &(*(struct network *const *)item)->id);
}

struct network *network_find(const struct node *node, const struct id *id)
{
	size_t at = vec_lower_bound(&node->networks, id, network_cmp);

	if (at == node->networks.count || !id_eq(&network_at(node, at)->id, id))
		return NULL;
	return network_at(node, at);
}

struct network *network_intern(struct node *node, const struct id *id)
{
	struct network *network = network_find(node, id);

	if (network != NULL)
		return network;
	network = heap_take(&node->heap, sizeof(*network));
	network->id = *id;
	network->ended = ipamdb_has_ended(node->ipamdb, id);
	network->quit_at = network->refresh_at = MONO_NEVER;
	vec_init(&network->hosts, &node->heap, sizeof(struct attached_host));
	vec_insert(&node->networks, vec_lower_bound(&node->networks, id, network_cmp), &network);
	return network;
}

/* Gives a network back that only rows spoke of which are gone: whoever makes one up has made room
 * for the next. */
static void network_leave(struct node *node, struct network *network)
{
	if (network->known || network->ended || network->pending || network->hosts.count > 0 ||
	    network->presence != PRESENCE_NONE || network->op != 0 || network->boxes > 0)
		return;
	vec_remove(&node->networks, vec_lower_bound(&node->networks, &network->id, network_cmp));
	vec_close(&network->hosts);
	heap_give(&node->heap, network, sizeof(*network));
}

struct network *network_live(const struct node *node, const struct id *id, struct weft_err *err)
{
	struct network *network = network_find(node, id);

	if (network != NULL && network->known && !network->ended)
		return network;
	if (network != NULL && network->known)
		weft_err_set(err, WEFT_E_NOT_FOUND, "network %s was removed", network->rec.name);
	else
		weft_err_set(err, WEFT_E_NOT_FOUND, "no network has this id");
	return NULL;
}

struct prefix network_address(const struct network *network, const struct inet *ip)
{
	struct prefix address = {*ip, 128};

	for (size_t i = 0; network != NULL && i < network->rec.pool_count; i++)
		if (prefix_has(&network->rec.pools[i].subnet, ip))
			address.bits = network->rec.pools[i].subnet.bits;
	return address;
}

static int host_cmp(const void *key, const void *item)
{
	return id_cmp(key, &((const struct attached_host *)item)->node);
}

static size_t host_at(const struct network *network, const struct id *host, bool *found)
{
	size_t at = vec_lower_bound(&network->hosts, host, host_cmp);
	const struct attached_host *there =
	    at < network->hosts.count ? vec_at(&network->hosts, at) : NULL;

	*found = there != NULL && id_eq(&there->node, host);
	return at;
}

const struct attached_host *network_host(const struct network *network, const struct id *host)
{
	bool found;
	size_t at = host_at(network, host, &found);

	return found ? vec_at(&network->hosts, at) : NULL;
}

static void attachment_changed(struct node *node, const struct row_view *row)
{
	struct id id = row_key_id(row);
	struct attached_host host = {.node = row->owner};
	struct network *network;
	bool found;
	size_t at;

	if (!row->deleted && rec_attachment_decode(row->value, row->value_len, &host.rec) != 0)
		return;
	/* ipamdb has seen it before, and bounds what may be spoken of that nobody made. */
	if (network_find(node, &id) == NULL && (row->deleted || !ipamdb_has_net(node->ipamdb, &id)))
		return;
	network = network_intern(node, &id);
	at = host_at(network, &row->owner, &found);
	if (found && row->deleted)
		vec_remove(&network->hosts, at);
	else if (found)
		*(struct attached_host *)vec_at(&network->hosts, at) = host;
	else if (!row->deleted)
		vec_insert(&network->hosts, at, &host);
	if (found == row->deleted && network->presence == PRESENCE_NONE && node->started) {
		struct id self = gossip_self(node->gossip);

		if (id_eq(&row->owner, &self))
			agenda_add(node, &(struct agenda_item){.kind = AGENDA_TOPICS});
	}
	network_leave(node, network);
}

static void attachment_read(void *ctx, const struct row_view *row)
{
	struct node *node = ctx;
	const struct network *network;
	struct id id = row_key_id(row);

	if (row->kind != ROW_ATTACHMENT)
		return;
	network = network_find(node, &id);
	if (network != NULL && network->reading)
		attachment_changed(node, row);
}

void networks_read(struct node *node)
{
	int64_t wait_ms = READING_PAUSE_MS;
	bool is_over;

	if (!node->unread || !mono_is_due(node->read_at, node->now))
		return;
	for (size_t i = 0; i < node->networks.count && !node->reading.is_up; i++)
		network_at(node, i)->reading = network_at(node, i)->unread;
	is_over = ipamdb_read_passed(node->ipamdb, &node->reading, attachment_read, node, &wait_ms);
	node->read_at = mono_add_ms(node->now, wait_ms);
	if (!is_over)
		return;
	node->unread = false;
	for (size_t i = 0; i < node->networks.count; i++) {
		struct network *network = network_at(node, i);

		network->unread = network->unread && !network->reading;
		network->reading = false;
		node->unread = node->unread || network->unread;
	}
	node->look_again = true;
}

static void fact_changed(struct node *node, const struct row_view *row)
{
	struct id id = row_key_id(row);
	struct rec_network rec;
	struct network *network;
	bool was_known;

	if (rec_network_decode(row->value, row->value_len, &rec) != 0)
		return;
	network = network_intern(node, &id);
	was_known = network->known;
	network->rec = rec;
	network->author = row->owner;
	network->known = true;
	network->pending = false;
	node->numbers_due = true;
	node->look_again = true;
	if (was_known || network->ended)
		return;
	network->unread = node->unread = true;
	networks_read(node);
}

void network_row_changed(struct node *node, const struct row_view *row)
{
	struct id id = row_key_id(row);
	struct network *network;

	switch (row->kind) {
	case ROW_ATTACHMENT:
		attachment_changed(node, row);
		break;
	case FACT_NETWORK:
		fact_changed(node, row);
		break;
	case FACT_NETWORK_END:
		network = network_find(node, &id);
		if (network == NULL)
			break; /* a fact that comes later will find that it has ended */
		network->ended = true;
		node->numbers_due = true;
		node->look_again = true;
		if (!node->started)
			break;
		boxes_end(node, &id);
		presence_review(node, network);
		reservations_end(node);
		break;
	default:
		break;
	}
}

static void number(struct node *node, struct network *network, uint32_t vni)
{
	struct trace_record record = {
	    .event = TRACE_NUMBERED, .at = node->now, .object = network->id, .value = vni};

	if (network->vni == vni)
		return;
	if (vni != network->rec.vni || network->vni != 0)
		trace_emit(&node->config.gossip.trace, &record);
	network->vni = vni;
}

void networks_number(struct node *node)
{
	struct vec claims;

	if (!node->numbers_due)
		return;
	node->numbers_due = false;
	vec_init(&claims, &node->heap, sizeof(struct vni_claim));
	for (size_t i = 0; i < node->networks.count; i++) {
		struct network *network = network_at(node, i);
		struct vni_claim claim = {.network = network->id, .recorded = network->rec.vni};

		if (network->known && !network->ended)
			vec_push(&claims, &claim);
	}
	vnis_assign(&node->heap, node->config.gossip.seed, claims.items, claims.count);
	for (size_t i = 0; i < claims.count; i++) {
		const struct vni_claim *claim = vec_at(&claims, i);

		number(node, network_find(node, &claim->network), claim->used);
	}
	vec_close(&claims);
}

uint32_t node_network_vni(struct node *node, const struct id *network)
{
	const struct network *found;

	networks_number(node);
	found = network_find(node, network);
	return found != NULL ? found->vni : 0;
}

size_t node_network_boxes(const struct node *node, const struct id *network)
{
	const struct network *found = network_find(node, network);

	return found != NULL ? found->boxes : 0;
}

void networks_topics(struct node *node)
{
	struct id *topics =
	    scratch_take(&node->scratch, (node->networks.count + 1) * sizeof(struct id));
	struct gossip_command command = {.kind = CMD_TOPICS, .topics = topics};
	struct id self = gossip_self(node->gossip);

	for (size_t i = 0; i < node->networks.count; i++)
		/* Attached by its rows alone: they are of another run of this node. */
		if (network_at(node, i)->presence != PRESENCE_NONE ||
		    network_host(network_at(node, i), &self) != NULL)
			topics[command.topic_count++] = network_at(node, i)->id;
	route_command(node, &command);
}
