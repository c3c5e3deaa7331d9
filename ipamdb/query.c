/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Queries: see query.h. */
#include "query.h"

#include <string.h>

#include "author.h"
#include "closure.h"
#include "lease.h"

#define HOLDERS_MAX 1024 /* counting more tells nobody anything */

static bool in_pools(struct net *net, const struct run *run)
{
	return net_pool(net, run->span.lo) != NULL;
}

/* How many different holders the runs have (counted up to a cap). */
static size_t count_holders(struct ipamdb *db, struct net *net)
{
	const struct runs *runs = net_runs(net);
	struct map seen;
	size_t count;

	map_init(&seen, &db->heap, ID_BYTES, ID_BYTES, db->map_seed);
	for (size_t i = 0; i < runs->items.count && seen.count < HOLDERS_MAX; i++)
		map_insert(&seen, &runs_at(runs, i)->holder, NULL);
	count = seen.count;
	map_close(&seen);
	return count;
}

static bool spans_have(const struct vec *spans, addr128 addr)
{
	for (size_t i = 0; i < spans->count; i++)
		if (span_has(vec_at(spans, i), addr))
			return true;
	return false;
}

/* Leases of this host within span: those that cool, and those that do not. */
static void count_leases(const struct ipamdb *db, const struct net *net, struct span span,
			 uint64_t *cooling, uint64_t *leased)
{
	addr128 addr;

	while (space_busy_first(&net->space, &span, &addr)) {
		struct lease_key key = {net->id, addr_to_inet(addr)};
		const struct lease_entry *entry = lease_find(db, &key);

		*cooling += entry && entry->state == LEASE_COOLING;
		*leased += entry && entry->state != LEASE_COOLING;
		if (addr == span.hi)
			return;
		span.lo = addr + 1;
	}
}

static void info_owned(struct ipamdb *db, struct net *net, struct ipam_net_info *info)
{
	static const struct span all = {0, ~(addr128)0};
	uint64_t resting = net_resting_count(db, net, &all);
	uint64_t leased = 0;
	struct vec holds;

	vec_init(&holds, &db->heap, sizeof(struct span));
	net_holds(db, net, &holds);
	for (size_t i = 0; i < holds.count; i++)
		info->held = count_add(info->held, span_size(vec_at(&holds, i)));
	for (size_t i = 0; i < net->special.count; i++)
		info->special += spans_have(&holds, *(const addr128 *)vec_at(&net->special, i));
	/* What was given away as soon as it had cooled may cool again after a restart, by a clock
	 * that was set back. */
	for (size_t i = 0; net->counts[LEASE_COOLING] > 0 && i < holds.count; i++)
		count_leases(db, net, *(struct span *)vec_at(&holds, i), &info->cooling, &leased);
	vec_close(&holds);
	for (size_t i = 0; i < net->promises.count; i++)
		info->promised = count_add(
		    info->promised,
		    span_size(&((const struct promise *)vec_at(&net->promises, i))->span));
	info->held = count_add(info->held, info->promised);
	info->free = net_free_count(db, net);
	info->leased = net->counts[LEASE_NEW] + net->counts[LEASE_HELD] + net->counts[LEASE_ENDING];
	info->cooling = count_add(info->cooling, resting);
	info->reserved = net->reserved;
}

static void info_fill(struct ipamdb *db, struct net *net, struct ipam_net_info *info)
{
	const struct runs *runs = net_runs(net);

	*info = (struct ipam_net_info){
	    .id = net->id,
	    .known = net->known,
	    .ended = net->ended,
	    .pool_count = net->pool_count,
	    .own_rows = net->range_rows,
	};
	memcpy(info->name, net->name, sizeof(info->name));
	for (size_t i = 0; i < net->pool_count; i++) {
		info->pools[i] = net->pools[i].rec;
		info->total = count_add(info->total, span_size(&net->pools[i].subnet));
	}
	info_owned(db, net, info);
	for (size_t i = 0; i < runs->items.count; i++) {
		const struct run *run = runs_at(runs, i);
		if (!in_pools(net, run))
			continue;
		if (run->clash)
			info->conflicts = count_add(info->conflicts, span_size(&run->span));
		else if (closure_is_gone(db, &run->holder))
			info->frozen = count_add(info->frozen, span_size(&run->span));
	}
	info->holders = count_holders(db, net);
}

bool ipamdb_net_next(struct ipamdb *db, size_t *at, struct ipam_net_info *info)
{
	if (*at >= db->nets.count)
		return false;
	info_fill(db, net_at(db, (*at)++), info);
	return true;
}

bool ipamdb_net(struct ipamdb *db, const struct id *network, struct ipam_net_info *info)
{
	struct net *net = net_find(db, network);

	if (net)
		info_fill(db, net, info);
	return net != NULL;
}

bool ipamdb_has_net(const struct ipamdb *db, const struct id *network)
{
	return net_find(db, network) != NULL;
}

bool ipamdb_has_ended(const struct ipamdb *db, const struct id *network)
{
	return net_has_ended(db, network);
}

uint8_t ipamdb_free_log2(struct ipamdb *db, const struct id *network)
{
	struct net *net = net_find(db, network);

	return net ? count_log2(net_free_count(db, net)) : 0;
}

/* Leases and what is free within one part of this node's own. */
static void ring_own(struct ipamdb *db, struct net *net, const struct run *run,
		     struct ipam_ring_info *info)
{
	const struct vec *own = net_own(db, net);
	uint64_t cooling = 0;

	for (size_t i = 0; i < own->count; i++) {
		struct span part;
		if (span_meet(vec_at(own, i), &run->span, &part))
			info->free = count_add(info->free, space_free(&net->space, &part));
	}
	count_leases(db, net, run->span, &cooling, &info->leased);
	info->cooling = count_add(net_resting_count(db, net, &run->span), cooling);
}

/* Is this known from the fact of the network alone? */
static bool is_untold(struct net *net, const struct run *run)
{
	const struct pool *pool = net_pool(net, run->span.lo);
	struct claim whole = {.generation = 1, .holder = run->holder, .author = run->holder};
	const struct claim *claim;

	if (run->held || run->generation != 1 || !pool)
		return false;
	whole.span = pool->subnet;
	claim = claim_find(net, &whole);
	return claim && claim->is_ended && claim->sequence == 0;
}

bool ipamdb_ring_next(struct ipamdb *db, const struct id *network, size_t *at,
		      struct ipam_ring_info *info)
{
	struct net *net = net_find(db, network);
	const struct run *run;

	if (!net || *at >= net_runs(net)->items.count)
		return false;
	run = runs_at(net_runs(net), (*at)++);
	*info = (struct ipam_ring_info){
	    .first = addr_to_inet(run->span.lo),
	    .last = addr_to_inet(run->span.hi),
	    .count = span_size(&run->span),
	    .holder = run->holder,
	    .generation = run->generation,
	    .held = run->held,
	    .clash = run->clash,
	    .removed = closure_is_removed(db, &run->holder),
	};
	info->untold = is_untold(net, run);
	info->left = !info->removed && closure_is_gone(db, &run->holder);
	if (id_eq(&run->holder, &db->self))
		ring_own(db, net, run, info);
	return true;
}

bool ipamdb_removed_next(struct ipamdb *db, size_t *at, struct id *removed)
{
	const struct vec *list = &db->closing.removed;

	if (*at >= list->count)
		return false;
	*removed = ((const struct removed *)vec_at(list, (*at)++))->node;
	return true;
}

bool ipamdb_lease_next(const struct ipamdb *db, size_t *at, struct lease *lease)
{
	const struct lease_entry *entry = map_next(&db->leases, at);

	if (entry)
		*lease = entry->lease;
	return entry != NULL;
}

bool ipamdb_lease(const struct ipamdb *db, const struct id *network, const struct inet *address,
		  struct lease *lease)
{
	struct lease_key key = {*network, *address};
	const struct lease_entry *entry = lease_find(db, &key);

	if (entry)
		*lease = entry->lease;
	return entry != NULL;
}

bool ipamdb_is_guarded(const struct ipamdb *db)
{
	return db->guarded;
}

struct findings {
	struct ipam_finding *out;
	size_t cap, count;
};

static void found(struct findings *findings, const struct ipam_finding *finding)
{
	if (findings->count < findings->cap)
		findings->out[findings->count] = *finding;
	findings->count++;
}

static void lease_judge(struct ipamdb *db, const struct lease_entry *entry, bool is_live,
			struct findings *findings)
{
	struct net *net = net_find(db, &entry->lease.network);
	addr128 addr = addr_from_inet(&entry->lease.address);
	struct ipam_finding finding = {
	    .network = entry->lease.network,
	    .endpoint = entry->lease.endpoint,
	    .address = entry->lease.address,
	    .is_reserved = entry->lease.reserved,
	    .sequence = entry->lease.sequence,
	};
	const struct run *run;

	WEFT_ASSERT(net != NULL);
	if (entry->state != LEASE_HELD)
		return; /* on its way, or over */
	run = runs_find(net_runs(net), addr);
	if (!run || run->clash || !id_eq(&run->holder, &db->self)) {
		finding.kind = IPAM_FINDING_STRAY;
		if (run)
			finding.other = run->holder;
		finding.is_disputed = run && run->clash;
		found(findings, &finding);
	} else if (!entry->lease.reserved && !is_live) {
		finding.kind = IPAM_FINDING_LEAK;
		found(findings, &finding);
	}
}

size_t ipamdb_findings(struct ipamdb *db, bool (*is_live)(void *ctx, const struct id *endpoint),
		       void *ctx, struct ipam_finding *out, size_t cap)
{
	struct findings findings = {.out = out, .cap = cap};
	const struct lease_entry *entry;
	size_t pos = 0;

	while ((entry = map_next(&db->leases, &pos)) != NULL)
		lease_judge(db, entry, is_live(ctx, &entry->lease.endpoint), &findings);
	for (size_t n = 0; n < db->nets.count; n++) {
		struct net *net = net_at(db, n);
		const struct runs *runs = net_runs(net);
		for (size_t i = 0; i < runs->items.count; i++) {
			const struct run *run = runs_at(runs, i);
			struct ipam_finding finding = {
			    .kind = IPAM_FINDING_CONFLICT,
			    .network = net->id,
			    .other = run->holder,
			    .address = addr_to_inet(run->span.lo),
			};
			if (run->clash && !net->ended)
				found(&findings, &finding);
		}
	}
	return findings.count;
}
