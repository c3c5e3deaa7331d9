/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "overlay/rows.h"

#include <string.h>

#include "gossip/base/check.h"

struct net_entry {
	struct id id;
	struct net *net;
};

struct owner_entry {
	struct id id;
	uint32_t place;
};

struct net *rows_net(const struct overlay *ov, const struct id *network)
{
	const struct net_entry *entry = map_find(&ov->nets, network);

	return entry == NULL ? NULL : entry->net;
}

struct net *rows_net_take(struct overlay *ov, const struct id *network)
{
	uint64_t seed = ov->config.seed;
	struct heap *heap = &ov->heap;
	struct net_entry *entry;
	struct net *net = rows_net(ov, network);

	if (net != NULL)
		return net;
	net = heap_take(heap, sizeof(*net));
	net->id = *network;
	map_init(&net->attached, heap, sizeof(struct id), sizeof(struct attached), seed);
	map_init(&net->locals, heap, sizeof(struct id), sizeof(struct local), seed);
	map_init(&net->local_addrs, heap, sizeof(struct inet), sizeof(struct inet), seed);
	map_init(&net->local_macs, heap, sizeof(struct mac), sizeof(struct mac), seed);
	rows_remotes_init(ov, net);
	map_init(&net->announced, heap, sizeof(struct inet), 24, seed);
	vec_init(&net->touched, heap, sizeof(struct touch));
	vec_init(&net->failed_keys, heap, sizeof(struct touch));
	net->devices.retry_at = net->entries.retry_at = MONO_NEVER;
	entry = map_insert(&ov->nets, network, NULL);
	entry->net = net;
	return net;
}

static void rows_net_free(struct overlay *ov, struct net *net)
{
	struct id id = net->id;

	rows_remotes_free(ov, net);
	map_close(&net->attached);
	map_close(&net->locals);
	map_close(&net->local_addrs);
	map_close(&net->local_macs);
	map_close(&net->announced);
	vec_close(&net->touched);
	vec_close(&net->failed_keys);
	heap_give(&ov->heap, net, sizeof(*net));
	WEFT_ASSERT(map_remove(&ov->nets, &id));
}

void rows_net_tidy(struct overlay *ov, struct net *net)
{
	if (!net->known && !net->is_standing && net->attached.count == 0 &&
	    net->locals.count == 0 && net->remotes.count == 0 && net->devices.failed == 0)
		rows_net_free(ov, net);
}

struct net *rows_net_next(const struct overlay *ov, size_t *pos)
{
	const struct net_entry *entry = map_next(&ov->nets, pos);

	return entry == NULL ? NULL : entry->net;
}

bool rows_net_is_wanted(const struct overlay *ov, const struct net *net)
{
	return net->known && !net->is_displaced &&
	       (net->locals.count > 0 || map_find(&net->attached, &ov->config.node) != NULL);
}

bool rows_net_is_undecided(const struct net *net)
{
	return !net->known && !net->ended && net->locals.count > 0;
}

uint32_t rows_owner(struct overlay *ov, const struct id *node)
{
	struct owner owner = {.id = *node};
	struct owner_entry *entry;
	bool fresh;

	entry = map_insert(&ov->owner_of, node, &fresh);
	if (fresh) {
		entry->place = (uint32_t)ov->owners.count;
		vec_push(&ov->owners, &owner);
	}
	WEFT_ASSERT(entry->place < ov->owners.count);
	return entry->place;
}

const struct owner *rows_owner_find(const struct overlay *ov, const struct id *node)
{
	const struct owner_entry *entry = map_find(&ov->owner_of, node);

	return entry == NULL ? NULL : rows_owner_at(ov, entry->place);
}

const struct owner *rows_owner_at(const struct overlay *ov, uint32_t place)
{
	return vec_at(&ov->owners, place);
}

/* Where a host is moved, what points at it moves too, if anything does. */
static void mark_host_moved(struct overlay *ov, bool entries)
{
	struct net *net;

	for (size_t pos = 0; (net = rows_net_next(ov, &pos)) != NULL;)
		net->entries_due |= entries || net->fact.multicast;
	ov->host_due = true;
	ov->mtu_due = true;
}

void overlay_vtep_set(struct overlay *ov, const struct inet *vtep)
{
	ov->fed = true;
	if (inet_eq(&ov->config.vtep, vtep))
		return;
	ov->config.vtep = *vtep;
	mark_host_moved(ov, true);
}

void overlay_member_put(struct overlay *ov, const struct id *node, const struct inet *vtep)
{
	struct owner *owner = vec_at(&ov->owners, rows_owner(ov, node));

	ov->fed = true;
	if (owner->known && inet_eq(&owner->vtep, vtep))
		return;
	owner->known = true;
	owner->vtep = *vtep;
	mark_host_moved(ov, owner->remotes > 0);
}

void overlay_member_end(struct overlay *ov, const struct id *node)
{
	struct owner *owner = vec_at(&ov->owners, rows_owner(ov, node));

	ov->fed = true;
	if (!owner->known)
		return;
	owner->known = false;
	mark_host_moved(ov, owner->remotes > 0);
}

/* Padding is zeroed: facts are compared as bytes. */
static void read_fact(const struct rec_network *rec, struct net_fact *fact)
{
	memset(fact, 0, sizeof(*fact));
	fact->vni = rec->vni & 0xffffff;
	fact->port = rec->port;
	fact->mtu_wanted = rec->mtu_bytes;
	fact->internal = rec->internal;
	fact->multicast = rec->multicast;
	fact->pool_count = rec->pool_count < POOLS_MAX ? rec->pool_count : POOLS_MAX;
	for (size_t i = 0; i < fact->pool_count; i++) {
		fact->pools[i].subnet = rec->pools[i].subnet;
		fact->pools[i].subnet.ip = prefix_base(&rec->pools[i].subnet);
		fact->pools[i].gateway = rec->pools[i].gateway;
	}
}

void overlay_network_put(struct overlay *ov, const struct id *network,
			 const struct rec_network *rec)
{
	struct net *net = rows_net_take(ov, network);
	struct net_fact fact;

	ov->fed = true;
	read_fact(rec, &fact);
	/* Both began as zeros; a difference between members would only be work done twice.
	 * NOLINTNEXTLINE(bugprone-suspicious-memory-comparison) */
	if (net->known && memcmp(&net->fact, &fact, sizeof(fact)) == 0)
		return;
	net->fact = fact;
	net->known = true;
	net->ended = false;
	ov->numbers_due = true;
	net->entries_due = true;
	ov->host_due = true;
	ov->mtu_due = true;
}

void overlay_network_end(struct overlay *ov, const struct id *network)
{
	struct net *net = rows_net(ov, network);

	ov->fed = true;
	if (net == NULL || net->ended)
		return;
	net->known = false;
	net->ended = true;
	ov->numbers_due = true;
	ov->host_due = true;
	rows_net_tidy(ov, net);
}

void overlay_attachment_put(struct overlay *ov, const struct id *network, const struct id *node,
			    const struct rec_attachment *rec)
{
	struct net *net = rows_net_take(ov, network);
	struct attached *attached;
	bool fresh;

	ov->fed = true;
	(void)rows_owner(ov, node);
	attached = map_insert(&net->attached, node, &fresh);
	if (!fresh && attached->mtu == rec->mtu_bytes)
		return;
	attached->mtu = rec->mtu_bytes;
	net->entries_due |= fresh && net->fact.multicast;
	ov->mtu_due = true;
	ov->host_due |= fresh;
}

void overlay_attachment_end(struct overlay *ov, const struct id *network, const struct id *node)
{
	struct net *net = rows_net(ov, network);

	ov->fed = true;
	if (net == NULL || !map_remove(&net->attached, node))
		return;
	net->entries_due |= net->fact.multicast;
	ov->mtu_due = true;
	ov->host_due = true;
	rows_net_tidy(ov, net);
}

/* The addresses and MACs that are at home here: no remote entry may point away from them. */
static void index_locals(struct net *net)
{
	const struct local *local;

	for (size_t pos = 0; (local = map_next(&net->locals, &pos)) != NULL;) {
		const struct local_endpoint *endpoint = &local->endpoint;

		map_insert(&net->local_macs, &endpoint->mac, NULL);
		for (size_t i = 0; i < endpoint->addr_count; i++)
			map_insert(&net->local_addrs, &endpoint->addrs[i].ip, NULL);
	}
}

static void touch_local(struct net *net, const struct local_endpoint *endpoint)
{
	rows_touch_mac(net, &endpoint->mac);
	for (size_t i = 0; i < endpoint->addr_count; i++)
		rows_touch_ip(net, &endpoint->addrs[i].ip);
}

static void forget_local_index(struct net *net, const struct local_endpoint *endpoint)
{
	(void)map_remove(&net->local_macs, &endpoint->mac);
	for (size_t i = 0; i < endpoint->addr_count; i++)
		(void)map_remove(&net->local_addrs, &endpoint->addrs[i].ip);
	touch_local(net, endpoint);
}

void overlay_local_put(struct overlay *ov, const struct local_endpoint *endpoint)
{
	struct net *net = rows_net_take(ov, &endpoint->network);
	struct local *local;
	bool fresh;

	ov->fed = true;
	WEFT_ASSERT(endpoint->addr_count <= ENDPOINT_ADDRS_MAX);
	local = map_insert(&net->locals, &endpoint->id, &fresh);
	if (!fresh)
		forget_local_index(net, &local->endpoint);
	local->endpoint = *endpoint;
	local->lost_told = false;
	name_local_port(endpoint, local->endpoint.host_ifname);
	index_locals(net);
	touch_local(net, &local->endpoint);
	ov->host_due = true;
	ov->mtu_due |= net->mtu == 0;
}

void overlay_local_end(struct overlay *ov, const struct id *network, const struct id *endpoint)
{
	struct net *net = rows_net(ov, network);
	struct local *local = net != NULL ? map_find(&net->locals, endpoint) : NULL;

	ov->fed = true;
	if (local == NULL)
		return;
	forget_local_index(net, &local->endpoint);
	(void)map_remove(&net->locals, endpoint);
	index_locals(net);
	ov->host_due = true;
	rows_net_tidy(ov, net);
}

/* The host's own endpoint in a network, or NULL. */
static const struct local_endpoint *own_lease(const struct net *net)
{
	const struct local *local;

	for (size_t pos = 0; (local = map_next(&net->locals, &pos)) != NULL;) {
		if (local->endpoint.is_host)
			return &local->endpoint;
	}
	return NULL;
}

bool rows_own_has(const struct net *net, const struct inet *ip)
{
	const struct local_endpoint *own = own_lease(net);

	for (size_t i = 0; own != NULL && i < own->addr_count; i++) {
		if (inet_eq(&own->addrs[i].ip, ip))
			return true;
	}
	return false;
}

bool rows_own_is_elsewhere(const struct overlay *ov, const struct net *net, const struct inet *ip)
{
	return rows_own_has(net, ip) && rows_addr_winner(ov, net, ip) != NULL;
}

size_t rows_own_addrs(const struct overlay *ov, const struct net *net,
		      struct inet out[ENDPOINT_ADDRS_MAX])
{
	const struct local_endpoint *own = own_lease(net);
	size_t count = 0;

	for (size_t i = 0; own != NULL && i < own->addr_count; i++) {
		if (rows_addr_winner(ov, net, &own->addrs[i].ip) == NULL)
			out[count++] = own->addrs[i].ip;
	}
	return count;
}
