/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Networks: what is ours and which of it is free.
 *
 * Ours is what the owners say is held by this node at an undisputed generation whose row this node
 * has itself made durable, less what is promised to others, and what rests (rest.c). Free is what
 * of that is not busy.
 * Addresses that were never used are taken first, going up from a cursor; then those that came
 * back, the longest rested first. Automatic leases keep to the pool's ip_range, named ones to its
 * subnet.
 */
#include "net.h"

#include <string.h>

#include "claim.h"
#include "db.h"
#include "lease.h"
#include "rest.h"

/* Marks an address that nobody ever leases. */
static void special_add(struct net *net, addr128 addr)
{
	if (net_is_special(net, addr))
		return;
	vec_push(&net->special, &addr);
	if (!space_is_busy(&net->space, addr))
		space_take(&net->space, addr);
}

bool net_is_special(const struct net *net, addr128 addr)
{
	for (size_t i = 0; i < net->special.count; i++)
		if (*(const addr128 *)vec_at(&net->special, i) == addr)
			return true;
	return false;
}

static void pool_define(struct net *net, const struct rec_pool *rec)
{
	static const struct inet none;
	struct pool *pool = &net->pools[net->pool_count++];

	*pool = (struct pool){.rec = *rec};
	pool->subnet = span_from_prefix(&rec->subnet);
	pool->range = span_from_prefix(&rec->ip_range);
	pool->v4 = inet_is_v4(&rec->subnet.ip);
	pool->cursor = pool->subnet.lo;
	if (pool->subnet.hi - pool->subnet.lo > 1) {
		special_add(net, pool->subnet.lo); /* the network, or any router of IPv6 */
		if (pool->v4)
			special_add(net, pool->subnet.hi); /* broadcast */
	}
	if (!inet_eq(&rec->gateway, &none))
		special_add(net, addr_from_inet(&rec->gateway));
	for (size_t i = 0; i < rec->aux_count; i++)
		special_add(net, addr_from_inet(&rec->aux[i]));
}

void net_define(struct ipamdb *db, struct net *net, const struct rec_network *rec)
{
	WEFT_ASSERT(rec->pool_count <= POOLS_MAX);
	memcpy(net->name, rec->name, sizeof(net->name));
	if (net->known)
		return;
	net->known = true;
	net_tend(db, net);
	net->pools = heap_take(&db->heap, POOLS_MAX * sizeof(*net->pools));
	for (size_t i = 0; i < rec->pool_count; i++)
		pool_define(net, &rec->pools[i]);
	net_own_changed(net);
	db->serve = true;
}

struct pool *net_pool(struct net *net, addr128 addr)
{
	for (size_t i = 0; i < net->pool_count; i++)
		if (span_has(&net->pools[i].subnet, addr))
			return &net->pools[i];
	return NULL;
}

const struct runs *net_runs(struct net *net)
{
	if (net->runs_stale)
		claims_rebuild(net);
	return &net->runs;
}

void net_own_changed(struct net *net)
{
	net->own_stale = net->words_due = true;
	if (net->tidy_at.ns == MONO_NEVER.ns)
		net->tidy_at = (struct mono){0}; /* the next chores give it its time */
}

void net_self_changed(struct ipamdb *db, struct net *net)
{
	net->range_rows = 0;
	for (size_t i = 0; i < net->claims.count; i++) {
		const struct claim *claim = vec_at(&net->claims, i);
		if (id_eq(&claim->author, &db->self) && !claim->is_ended)
			net->range_rows++;
		if (claim->is_grant && id_eq(&claim->holder, &db->self))
			net->wants_accept = true;
	}
	if (net->range_rows > 0)
		net_tend(db, net);
	net_own_changed(net);
}

static int span_cmp(const void *key, const void *item)
{
	const struct span *a = key;
	const struct span *b = item;

	return a->lo > b->lo ? 1 : -1;
}

static void span_insert(struct vec *list, const struct span *span)
{
	vec_insert(list, vec_lower_bound(list, span, span_cmp), span);
}

/* Appends to a list in order; what continues its last span makes that longer. */
static void span_append(struct vec *out, struct span span)
{
	struct span *last = out->count > 0 ? vec_at(out, out->count - 1) : NULL;

	if (last && last->hi + 1 == span.lo)
		last->hi = span.hi;
	else
		vec_push(out, &span);
}

/* Appends span less what is held back (in order, overlapping or not) from place *at on. */
static void append_less(struct vec *out, struct span span, const struct vec *held_back, size_t *at)
{
	for (size_t i = *at; i < held_back->count; i++) {
		const struct span *hold = vec_at(held_back, i);
		if (hold->lo > span.hi)
			break;
		if (hold->hi < span.lo) {
			*at += i == *at;
			continue;
		}
		if (hold->lo > span.lo)
			span_append(out, (struct span){span.lo, hold->lo - 1});
		if (hold->hi >= span.hi)
			return;
		span.lo = hold->hi + 1;
	}
	span_append(out, span);
}

/* What this node owns, less what is promised and, unless with_rests, what rests. */
static void own_build(struct ipamdb *db, struct net *net, bool with_rests, struct vec *out)
{
	const struct runs *runs = net_runs(net);
	struct vec held_back;
	size_t at = 0;

	vec_init(&held_back, &db->heap, sizeof(struct span));
	for (size_t i = 0; i < net->promises.count; i++)
		span_insert(&held_back, &((struct promise *)vec_at(&net->promises, i))->span);
	for (size_t i = 0; i < net->rests.count && !with_rests; i++)
		span_insert(&held_back, &((struct resting *)vec_at(&net->rests, i))->span);
	for (size_t i = 0; i < runs->items.count; i++) {
		const struct run *run = runs_at(runs, i);
		if (run->held && !run->clash && id_eq(&run->holder, &db->self))
			append_less(out, run->span, &held_back, &at);
	}
	vec_close(&held_back);
}

const struct vec *net_own(struct ipamdb *db, struct net *net)
{
	(void)net_runs(net);
	if (!net->own_stale)
		return &net->own;
	net->own.count = 0;
	own_build(db, net, false, &net->own);
	for (size_t i = 0; i < net->pool_count; i++)
		net->pools[i].cursor = net->pools[i].subnet.lo;
	net->own_stale = false;
	return &net->own;
}

void net_holds(struct ipamdb *db, struct net *net, struct vec *out)
{
	own_build(db, net, true, out);
}

uint64_t net_resting_count(struct ipamdb *db, struct net *net, const struct span *span)
{
	const struct vec *own = net_own(db, net);
	struct vec all, resting;
	uint64_t sum = 0;
	size_t at = 0;

	if (net->rests.count == 0)
		return 0;
	vec_init(&all, &db->heap, sizeof(struct span));
	vec_init(&resting, &db->heap, sizeof(struct span));
	net_holds(db, net, &all);
	for (size_t i = 0; i < all.count; i++)
		append_less(&resting, *(struct span *)vec_at(&all, i), own, &at);
	for (size_t i = 0; i < resting.count; i++) {
		struct span part;
		if (span_meet(vec_at(&resting, i), span, &part))
			sum = count_add(sum, space_free(&net->space, &part));
	}
	vec_close(&resting);
	vec_close(&all);
	return sum;
}

bool net_cools(struct ipamdb *db, struct net *net)
{
	static const struct span all = {0, ~(addr128)0};

	return net->counts[LEASE_COOLING] > 0 || net_resting_count(db, net, &all) > 0;
}

static int span_find_cmp(const void *key, const void *item)
{
	return *(const addr128 *)key > ((const struct span *)item)->hi ? 1 : -1;
}

bool net_owns(struct ipamdb *db, struct net *net, addr128 addr)
{
	const struct vec *own = net_own(db, net);
	size_t at = vec_lower_bound(own, &addr, span_find_cmp);

	return at < own->count && span_has(vec_at(own, at), addr);
}

uint64_t net_free_count(struct ipamdb *db, struct net *net)
{
	const struct vec *own = net_own(db, net);
	uint64_t sum = 0;

	for (size_t i = 0; i < own->count; i++)
		sum = count_add(sum, space_free(&net->space, vec_at(own, i)));
	return sum;
}

static bool pool_take_fresh(struct ipamdb *db, struct net *net, struct pool *pool, addr128 *addr)
{
	const struct vec *own = net_own(db, net);

	for (size_t i = vec_lower_bound(own, &pool->cursor, span_find_cmp); i < own->count; i++) {
		struct span part;
		if (!span_meet(vec_at(own, i), &pool->range, &part))
			continue;
		if (pool->cursor > part.hi)
			continue;
		if (pool->cursor > part.lo)
			part.lo = pool->cursor;
		if (!space_fresh(&net->space, &part, addr))
			continue;
		pool->cursor = *addr;
		return true;
	}
	pool->cursor = pool->subnet.hi;
	return false;
}

static bool take_rested(struct ipamdb *db, struct net *net, bool v4, addr128 *addr)
{
	for (size_t left = net->rested.count; left > 0; left--) {
		addr128 head = *(addr128 *)fifo_at(&net->rested, 0);
		struct pool *pool = net_pool(net, head);

		fifo_pop(&net->rested);
		if (!pool || !net_owns(db, net, head) || space_is_busy(&net->space, head))
			continue; /* given away or leased by name meanwhile */
		if (pool->v4 != v4 || !span_has(&pool->range, head)) {
			fifo_push(&net->rested, &head);
			continue;
		}
		*addr = head;
		return true;
	}
	return false;
}

bool net_take_any(struct ipamdb *db, struct net *net, bool v4, addr128 *addr)
{
	bool found = false;

	for (size_t i = 0; i < net->pool_count && !found; i++)
		found = net->pools[i].v4 == v4 && pool_take_fresh(db, net, &net->pools[i], addr);
	if (!found && !take_rested(db, net, v4, addr))
		return false;
	WEFT_ASSERT(net_owns(db, net, *addr));
	space_take(&net->space, *addr);
	return true;
}

void net_give(struct net *net, addr128 addr, bool fresh)
{
	struct pool *pool = net_pool(net, addr);

	if (net_is_special(net, addr))
		return;
	space_give(&net->space, addr, fresh);
	if (!fresh)
		fifo_push(&net->rested, &addr);
	else if (pool && addr < pool->cursor)
		pool->cursor = addr;
	WEFT_ASSERT(!space_is_busy(&net->space, addr));
}

uint64_t net_next_generation(struct net *net, const struct span *span)
{
	uint64_t top = runs_top(net_runs(net), span);
	uint64_t spent = runs_top(&net->spent, span);
	uint64_t issued = runs_top(&net->issued, span);

	top = top > spent ? top : spent;
	return (top > issued ? top : issued) + 1;
}

void net_check(struct ipamdb *db, struct net *net)
{
	const struct vec *own = net_own(db, net);

	runs_check(net_runs(net));
	runs_check(&net->spent);
	runs_check(&net->issued);
	space_check(&net->space);
	for (size_t i = 0; i < own->count; i++) {
		const struct span *span = vec_at(own, i);
		WEFT_ASSERT(span->lo <= span->hi);
		if (i > 0)
			WEFT_ASSERT(((struct span *)vec_at(own, i - 1))->hi < span->lo);
		for (size_t j = 0; j < net->promises.count; j++) {
			const struct promise *promise = vec_at(&net->promises, j);
			WEFT_ASSERT(!span_overlaps(span, &promise->span));
		}
	}
}
