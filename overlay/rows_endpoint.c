/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Remote endpoints and their claims. An index holds the first claim of each key; further claims
 * hang on it. The chain is in no order: the winner is looked for, and chains are of length one but
 * for the moments between two rows.
 */
#include <string.h>

#include "gossip/base/check.h"
#include "overlay/rows.h"

struct by_id {
	struct id id;
	struct remote *remote;
};

struct by_addr {
	struct inet ip;
	struct remote *first;
};

struct by_mac {
	struct mac mac;
	uint8_t zero[2];
	struct remote *first;
};

_Static_assert(sizeof(struct by_id) == 24, "as the map of remotes was made");
_Static_assert(sizeof(struct by_addr) == 24, "as the map of addresses was made");
_Static_assert(sizeof(struct by_mac) == 16, "as the map of MACs was made");

static struct by_mac mac_key(const struct mac *mac)
{
	struct by_mac key = {.mac = *mac};

	return key;
}

static struct claim *claim_of(struct remote *remote, const struct inet *ip)
{
	for (size_t i = 0; i < remote->addr_count; i++) {
		if (inet_eq(&remote->addrs[i].ip, ip))
			return &remote->addrs[i];
	}
	return NULL;
}

static size_t remote_bytes(size_t addr_count)
{
	return sizeof(struct remote) + addr_count * sizeof(struct claim);
}

/* To ask the kernel for one key costs as much as to read some ten entries of a dump: of few keys
 * each is looked at, of more all entries are. */
static void touch_note(struct net *net, const struct touch *touch)
{
	size_t share = net->remotes.count / TOUCHED_SHARE;

	if (!net->entries_due && net->touched.count < (share > TOUCHED_MAX ? share : TOUCHED_MAX))
		vec_push(&net->touched, touch);
	else
		net->entries_due = true;
}

void rows_touch_mac(struct net *net, const struct mac *mac)
{
	touch_note(net, &(struct touch){.is_mac = true, .mac = *mac});
}

void rows_touch_ip(struct net *net, const struct inet *ip)
{
	touch_note(net, &(struct touch){.ip = *ip});
}

static void link_claims(struct net *net, struct remote *remote)
{
	struct by_mac key = mac_key(&remote->mac);
	struct by_mac *mac = map_insert(&net->by_mac, &key, NULL);

	net->conflicts += mac->first != NULL;
	remote->next_mac = mac->first;
	mac->first = remote;
	rows_touch_mac(net, &remote->mac);
	for (size_t i = 0; i < remote->addr_count; i++) {
		struct claim *claim = &remote->addrs[i];
		struct by_addr *addr = map_insert(&net->by_addr, &claim->ip, NULL);

		net->conflicts += addr->first != NULL;
		claim->next = addr->first;
		addr->first = remote;
		rows_touch_ip(net, &claim->ip);
	}
}

static void unlink_mac(struct net *net, struct remote *remote)
{
	struct by_mac key = mac_key(&remote->mac);
	struct by_mac *mac = map_find(&net->by_mac, &key);
	struct remote **at;

	WEFT_ASSERT(mac != NULL);
	for (at = &mac->first; *at != remote; at = &(*at)->next_mac)
		WEFT_ASSERT(*at != NULL);
	*at = remote->next_mac;
	if (mac->first == NULL)
		(void)map_remove(&net->by_mac, &key);
	else
		net->conflicts--;
	rows_touch_mac(net, &remote->mac);
}

static void unlink_addr(struct net *net, struct remote *remote, const struct claim *claim)
{
	struct by_addr *addr = map_find(&net->by_addr, &claim->ip);
	struct remote **at;

	WEFT_ASSERT(addr != NULL);
	for (at = &addr->first; *at != remote; at = &claim_of(*at, &claim->ip)->next)
		WEFT_ASSERT(*at != NULL);
	*at = claim->next;
	rows_touch_ip(net, &claim->ip);
	if (addr->first == NULL)
		(void)map_remove(&net->by_addr, &claim->ip);
	else
		net->conflicts--;
}

static void remote_free(struct overlay *ov, struct net *net, struct remote *remote)
{
	struct id id = remote->id;

	((struct owner *)vec_at(&ov->owners, remote->owner))->remotes--;
	unlink_mac(net, remote);
	for (size_t i = 0; i < remote->addr_count; i++)
		unlink_addr(net, remote, &remote->addrs[i]);
	net->fresh_count -= remote->fresh;
	(void)map_remove(&net->remotes, &id);
	heap_give(&ov->heap, remote, remote_bytes(remote->addr_count));
}

void rows_remotes_free(struct overlay *ov, struct net *net)
{
	const struct by_id *entry;

	for (size_t pos = 0; (entry = map_next(&net->remotes, &pos)) != NULL;)
		heap_give(&ov->heap, entry->remote, remote_bytes(entry->remote->addr_count));
}

static bool is_older(struct overlay_version version, struct overlay_version held)
{
	return version.epoch != held.epoch ? version.epoch < held.epoch
					   : version.sequence < held.sequence;
}

static bool says_the_same(const struct remote *remote, uint32_t owner,
			  const struct rec_endpoint *rec)
{
	if (remote->owner != owner || !mac_eq(&remote->mac, &rec->mac) ||
	    remote->addr_count != rec->addr_count)
		return false;
	for (size_t i = 0; i < rec->addr_count; i++) {
		if (!inet_eq(&remote->addrs[i].ip, &rec->addrs[i].ip))
			return false;
	}
	return true;
}

static struct remote *remote_new(struct overlay *ov, struct net *net, const struct id *endpoint,
				 const struct rec_endpoint *rec)
{
	size_t count = 0;
	struct remote *remote = heap_take(&ov->heap, remote_bytes(rec->addr_count));
	struct by_id *entry;

	remote->id = *endpoint;
	remote->mac = rec->mac;
	for (size_t i = 0; i < rec->addr_count; i++) {
		remote->addrs[count].ip = rec->addrs[i].ip;
		count++;
	}
	remote->addr_count = (uint8_t)count;
	entry = map_insert(&net->remotes, endpoint, NULL);
	entry->remote = remote;
	return remote;
}

/* An address twice in one row would chain a claim to itself. */
static bool repeats(const struct rec_endpoint *rec)
{
	for (size_t i = 1; i < rec->addr_count; i++) {
		for (size_t j = 0; j < i; j++) {
			if (inet_eq(&rec->addrs[i].ip, &rec->addrs[j].ip))
				return true;
		}
	}
	return false;
}

void overlay_endpoint_put(struct overlay *ov, const struct id *network, const struct id *endpoint,
			  const struct id *owner, struct overlay_version version,
			  const struct rec_endpoint *rec)
{
	struct net *net = rows_net_take(ov, network);
	const struct by_id *held = map_find(&net->remotes, endpoint);
	struct remote *remote = held != NULL ? held->remote : NULL;
	uint32_t place = rows_owner(ov, owner);

	ov->fed = true;
	if (id_eq(owner, &ov->config.node) || rec->addr_count > ENDPOINT_ADDRS_MAX ||
	    repeats(rec) || (remote != NULL && is_older(version, remote->version)))
		return;
	if (remote == NULL || !says_the_same(remote, place, rec)) {
		if (remote != NULL)
			remote_free(ov, net, remote);
		remote = remote_new(ov, net, endpoint, rec);
		remote->owner = place;
		((struct owner *)vec_at(&ov->owners, place))->remotes++;
		link_claims(net, remote);
	} else {
		rows_touch_mac(net, &remote->mac);
	}
	remote->version = version;
	net->fresh_count += !remote->fresh;
	remote->fresh = true;
}

void overlay_endpoint_end(struct overlay *ov, const struct id *network, const struct id *endpoint,
			  const struct id *owner, struct overlay_version version)
{
	struct net *net = rows_net(ov, network);
	const struct by_id *held = net != NULL ? map_find(&net->remotes, endpoint) : NULL;

	ov->fed = true;
	if (held == NULL || is_older(version, held->remote->version) ||
	    !id_eq(&rows_owner_at(ov, held->remote->owner)->id, owner))
		return;
	remote_free(ov, net, held->remote);
	rows_net_tidy(ov, net);
}

static bool is_reachable(const struct overlay *ov, const struct remote *remote)
{
	const struct owner *owner = rows_owner_at(ov, remote->owner);

	return owner->known && !id_eq(&owner->id, &ov->config.node) &&
	       inet_is_v4(&owner->vtep) == inet_is_v4(&ov->config.vtep);
}

static const struct remote *better(const struct overlay *ov, const struct remote *best,
				   const struct remote *remote)
{
	if (!is_reachable(ov, remote))
		return best;
	return best == NULL || id_cmp(&remote->id, &best->id) < 0 ? remote : best;
}

const struct remote *rows_addr_winner(const struct overlay *ov, const struct net *net,
				      const struct inet *ip)
{
	const struct by_addr *addr = map_find(&net->by_addr, ip);
	const struct remote *best = NULL;

	if (addr == NULL || map_find(&net->local_addrs, ip) != NULL)
		return NULL;
	for (struct remote *at = addr->first; at != NULL; at = claim_of(at, ip)->next)
		best = better(ov, best, at);
	return best;
}

const struct remote *rows_mac_winner(const struct overlay *ov, const struct net *net,
				     const struct mac *mac)
{
	struct by_mac key = mac_key(mac);
	const struct by_mac *entry = map_find(&net->by_mac, &key);
	const struct remote *best = NULL;

	if (entry == NULL || map_find(&net->local_macs, mac) != NULL)
		return NULL;
	for (struct remote *at = entry->first; at != NULL; at = at->next_mac)
		best = better(ov, best, at);
	return best;
}
