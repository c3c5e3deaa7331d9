/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Space that a madman has claimed.
 *
 * Whoever signs that he has an address of others, or that he gave it to somebody, at a generation
 * above theirs, is believed: nobody can tell his word from a good one (OPERATING.md). Its owner
 * then leases it no more, and whom he gave it to may lease what is in use. So from the moment in
 * which he says so it is not judged who has that address, who leases it, and what it counts for in
 * the sums of its network; of every other address of the pool it is. That all see the same owners
 * once it is calm holds for all.
 */
#include "checks_ranges.h"

void check_lied(struct sim *sim, const struct id *network, const struct prefix *range)
{
	struct inet base = prefix_base(range), last = prefix_last(range);
	struct pool_seen *pool = pool_find(sim, network, &base);

	if (!pool || !prefix_has(&pool->subnet, &last))
		return;
	pool->has_lies = true;
	for (uint32_t at = pool_place(pool, &base); at <= pool_place(pool, &last); at++)
		pool->lied[at] = true;
}

bool pool_is_honest(const struct pool_seen *pool, uint32_t first, uint32_t last)
{
	for (uint32_t at = first; at <= last; at++)
		if (!pool->lied[at])
			return true;
	return false;
}

bool check_was_lied_of(struct sim *sim, const struct id *network, const struct inet *address)
{
	const struct range_checks *ranges = sim->checks->ranges;
	const struct pool_seen *pool;

	if (address) {
		pool = pool_find(sim, network, address);
		return pool && pool->lied[pool_place(pool, address)];
	}
	for (size_t i = 0; i < ranges->count; i++)
		if (ranges->pools[i].has_lies && id_eq(&ranges->pools[i].network, network))
			return true;
	return false;
}

bool check_is_madmans(struct sim *sim, const struct id *network, const struct inet *first,
		      const struct inet *last)
{
	const struct pool_seen *pool = pool_find(sim, network, first);

	if (!pool || !prefix_has(&pool->subnet, last))
		return false;
	for (uint32_t at = pool_place(pool, first); at <= pool_place(pool, last); at++) {
		const struct sim_host *holder = check_host(sim, &pool->tops[at].holder);

		if (!holder || !holder->mad)
			return false;
	}
	return true;
}
