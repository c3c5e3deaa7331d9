/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Addresses that change hands. A box that spoke with an address keeps its MAC for half a minute; a
 * connection that was tracked keeps its translation. So whenever an address is found at another MAC
 * than before, the boxes of this host are told and the old connections are forgotten. An address
 * that went away is remembered for a while, because it may come back somewhere else. They are told
 * before the new entries, or the box, stand: a daemon that dies in between finds entries missing at
 * its next start and tells again; what stands already would tell it nothing.
 *
 * That memory dies with the daemon, and the boxes live on. So in a network that an earlier run left
 * behind any address may have been elsewhere: one that appears without a memory is announced as
 * well, until so many were that nothing remembered could be left. Its flows are not looked for:
 * that costs a walk over all that are tracked.
 */
#include <string.h>

#include "gossip/base/check.h"
#include "overlay/work.h"

#define REMEMBERED_MAX 4096

struct remembered {
	struct inet ip;
	struct mac mac;
};

_Static_assert(sizeof(struct remembered) <= 24, "as the map of announcements was made");

void work_note_gone(struct net *net, const struct inet *ip, const struct mac *mac)
{
	struct remembered *entry;

	if (net->announced.count >= REMEMBERED_MAX) {
		struct map *map = &net->announced;
		struct heap *heap = map->heap;
		uint64_t seed = map->seed;

		map_close(map);
		map_init(map, heap, sizeof(struct inet), 24, seed);
		net->forgotten = REMEMBERED_MAX;
	}
	entry = map_insert(&net->announced, ip, NULL);
	entry->mac = *mac;
}

void work_note_here(struct overlay *ov, struct net *net, const struct inet *ip,
		    const struct mac *mac, const struct mac *before)
{
	const struct overlay_config *config = &ov->config;
	const struct remembered *entry = map_find(&net->announced, ip);
	bool moved = (before != NULL && !mac_eq(before, mac)) ||
		     (entry != NULL && !mac_eq(&entry->mac, mac));
	bool perhaps = before == NULL && entry == NULL && net->forgotten > 0;

	if (entry != NULL)
		WEFT_ASSERT(map_remove(&net->announced, ip));
	net->forgotten -= perhaps;
	/* neither is worth a failure: caches heal by themselves, only later */
	if (moved || perhaps)
		(void)config->kernel->announce(config->kernel_ctx, net->bridge, ip, mac);
	if (moved)
		(void)config->kernel->flush_flows(config->kernel_ctx, ip);
}

void work_note_adopted(struct net *net)
{
	net->forgotten = REMEMBERED_MAX;
}

/* The MAC that stood for an address before the plan, or NULL. */
static const struct mac *mac_before(const struct kstate *have, const struct kneigh *now)
{
	const struct vec *vec = &have->of[KOBJ_NEIGH];
	size_t low = 0, high = vec->count;

	while (low < high) {
		size_t mid = (low + high) / 2;
		const struct kneigh *neigh = vec_at(vec, mid);
		int order = kobj_key_cmp(KOBJ_NEIGH, neigh, now);

		if (order == 0)
			return &neigh->mac;
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

void work_announce(struct work *work, struct net *net, const struct plan *plan,
		   const struct kstate *have)
{
	for (size_t i = 0; i < plan->ops.count; i++) {
		const struct kop *op = vec_at(&plan->ops, i);
		const struct kneigh *neigh = op->obj;

		if (op->kind != KOBJ_NEIGH)
			continue;
		if (op->verb == KVERB_DELETE)
			work_note_gone(net, &neigh->ip, &neigh->mac);
		else
			work_note_here(work->ov, net, &neigh->ip, &neigh->mac,
				       mac_before(have, neigh));
	}
}
