/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Remote endpoints and their claims. Claims of one key are in no order: the winner is looked for,
 * and there is one of each key but for the moments between two rows.
 *
 * No remote has what is at home here, whatever others say, but for one thing while the overlay is
 * held: an address that the host leased for itself. If the disk went back, it may have been given
 * back meanwhile and be another's; there is no box that would show by its end that it was.
 */
#include <stddef.h>

#include "gossip/base/check.h"
#include "overlay/rows.h"

_Static_assert(sizeof(struct remote) + sizeof(struct claim) == 96,
	       "a remote with one address fits a class of the heap");

static size_t remote_bytes(size_t addr_count)
{
	return sizeof(struct remote) + addr_count * sizeof(struct claim);
}

static struct remote *remote_by_id(const struct index_link *link)
{
	return (struct remote *)((uintptr_t)link - offsetof(struct remote, by_id));
}

static struct remote *remote_by_mac(const struct index_link *link)
{
	return (struct remote *)((uintptr_t)link - offsetof(struct remote, by_mac));
}

static struct remote *remote_by_addr(const struct index_link *link)
{
	return ((struct claim *)((uintptr_t)link - offsetof(struct claim, by_addr)))->remote;
}

void rows_remotes_init(struct overlay *ov, struct net *net)
{
	uint64_t seed = ov->config.seed;

	index_init(&net->remotes, &ov->heap, offsetof(struct remote, by_id), sizeof(struct id),
		   seed);
	index_init(&net->by_mac, &ov->heap,
		   offsetof(struct remote, by_mac) - offsetof(struct remote, mac),
		   sizeof(struct mac), seed);
	index_init(&net->by_addr, &ov->heap, offsetof(struct claim, by_addr), sizeof(struct inet),
		   seed);
}

void rows_remotes_free(struct overlay *ov, struct net *net)
{
	struct index_link *link;

	for (size_t pos = 0; (link = index_pop(&net->remotes, &pos)) != NULL;) {
		struct remote *remote = remote_by_id(link);

		heap_give(&ov->heap, remote, remote_bytes(remote->addr_count));
	}
	index_close(&net->remotes);
	index_close(&net->by_mac);
	index_close(&net->by_addr);
}

struct remote *rows_remote(const struct net *net, const struct id *endpoint)
{
	const struct index_link *link = index_first(&net->remotes, endpoint);

	return link != NULL ? remote_by_id(link) : NULL;
}

struct remote *rows_remote_next(const struct net *net, struct index_walk *walk)
{
	const struct index_link *link = index_each(&net->remotes, walk);

	return link != NULL ? remote_by_id(link) : NULL;
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

/* An address of the host's own comes and goes with claims of others, while the overlay is held. */
static void touch_claim(struct overlay *ov, struct net *net, const struct claim *claim)
{
	rows_touch_ip(net, &claim->ip);
	ov->host_due |= ov->held && map_find(&net->local_addrs, &claim->ip) != NULL;
}

static void link_claims(struct overlay *ov, struct net *net, struct remote *remote)
{
	net->conflicts += index_add(&net->by_mac, &remote->by_mac);
	rows_touch_mac(net, &remote->mac);
	for (size_t i = 0; i < remote->addr_count; i++) {
		struct claim *claim = &remote->addrs[i];

		net->conflicts += index_add(&net->by_addr, &claim->by_addr);
		touch_claim(ov, net, claim);
	}
}

static void unlink_claims(struct overlay *ov, struct net *net, struct remote *remote)
{
	net->conflicts -= index_remove(&net->by_mac, &remote->by_mac);
	rows_touch_mac(net, &remote->mac);
	for (size_t i = 0; i < remote->addr_count; i++) {
		struct claim *claim = &remote->addrs[i];

		net->conflicts -= index_remove(&net->by_addr, &claim->by_addr);
		touch_claim(ov, net, claim);
	}
}

static void remote_free(struct overlay *ov, struct net *net, struct remote *remote)
{
	((struct owner *)vec_at(&ov->owners, remote->owner))->remotes--;
	unlink_claims(ov, net, remote);
	net->fresh_count -= remote->fresh;
	(void)index_remove(&net->remotes, &remote->by_id);
	heap_give(&ov->heap, remote, remote_bytes(remote->addr_count));
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
	struct remote *remote = heap_take(&ov->heap, remote_bytes(rec->addr_count));

	remote->id = *endpoint;
	remote->mac = rec->mac;
	remote->addr_count = (uint8_t)rec->addr_count;
	for (size_t i = 0; i < rec->addr_count; i++)
		remote->addrs[i] = (struct claim){.ip = rec->addrs[i].ip, .remote = remote};
	(void)index_add(&net->remotes, &remote->by_id);
	return remote;
}

/* An address twice in one row would be a conflict of the endpoint with itself. */
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
	struct remote *remote = rows_remote(net, endpoint);
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
		link_claims(ov, net, remote);
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
	struct remote *remote = net != NULL ? rows_remote(net, endpoint) : NULL;

	ov->fed = true;
	if (remote == NULL || is_older(version, remote->version) ||
	    !id_eq(&rows_owner_at(ov, remote->owner)->id, owner))
		return;
	remote_free(ov, net, remote);
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

/* Is the address of something here, whoever else says that he has it? */
static bool is_at_home(const struct overlay *ov, const struct net *net, const struct inet *ip)
{
	return map_find(&net->local_addrs, ip) != NULL && !(ov->held && rows_own_has(net, ip));
}

const struct remote *rows_addr_winner(const struct overlay *ov, const struct net *net,
				      const struct inet *ip)
{
	const struct index_link *claim = index_first(&net->by_addr, ip);
	const struct remote *best = NULL;

	if (claim == NULL || is_at_home(ov, net, ip))
		return NULL;
	for (; claim != NULL; claim = index_next(&net->by_addr, claim))
		best = better(ov, best, remote_by_addr(claim));
	return best;
}

const struct remote *rows_mac_winner(const struct overlay *ov, const struct net *net,
				     const struct mac *mac)
{
	const struct index_link *claim = index_first(&net->by_mac, mac);
	const struct remote *best = NULL;

	if (claim == NULL || map_find(&net->local_macs, mac) != NULL)
		return NULL;
	for (; claim != NULL; claim = index_next(&net->by_mac, claim))
		best = better(ov, best, remote_by_mac(claim));
	return best;
}
