/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What a disk forgot.
 *
 * A node may be stopped between a commit and the first datagram that tells of it. When its disk
 * then goes back, a row is gone that no other node ever heard of: nobody can show it to its author,
 * who so does not know that it forgot anything, and nobody goes by it. It has never been. The same
 * holds for what the only ones who ever heard of it forgot too, or lost with their disks, and for
 * what only a node knows that learnt of its removal: it tells nobody anything any more.
 *
 * So where a node takes an address for its own that the disks once gave to another, the row that
 * did so is looked for: in the tables of all nodes that run and on the disks of those that do not.
 *
 * A copy that took the place of its original knows of what that one leased since the copy was made
 * only what others show it. The row of an endpoint that only the original has is of no use to
 * anybody: it is refused, or nobody hears it, and its address is free space of the copy's. That
 * ends when the original is the member again, and has recovered.
 */
#include <string.h>

#include "checks_ranges.h"
#include "faults.h"

/* A row that is looked for. */
struct wanted {
	struct id owner, topic;
	uint16_t kind;
	size_t key_len;
	uint8_t key[RANGE_KEY_BYTES];
	bool found;
};

static int wanted_visit(void *ctx, const struct write *write)
{
	struct wanted *wanted = ctx;

	wanted->found =
	    wanted->found ||
	    (write->row.kind == wanted->kind && id_eq(&write->row.owner, &wanted->owner) &&
	     id_eq(&write->row.topic, &wanted->topic) && write->row.key_len == wanted->key_len &&
	     memcmp(write->row.key, wanted->key, wanted->key_len) == 0);
	return 0;
}

/* Its removal has reached it. */
static bool is_silent(const struct sim_host *host)
{
	return host->running && gossip_phase(node_gossip(host->node)) == NODE_REMOVED;
}

/* Is it this one whose place a copy took, or another copy of it that was refused? */
static bool is_replaced(const struct sim *sim, const struct sim_host *original,
			const struct sim_host *host)
{
	return host == original || (host->state == HOST_COPY && !host->took_over &&
				    &sim->hosts[host->copy_of] == original);
}

/* Has anybody this row who may show it, in memory or, where nothing runs that could show it, on a
 * disk? replaced: it and its like show nothing; NULL: there is none. */
static bool is_anywhere(struct sim *sim, struct wanted *wanted, const struct sim_host *replaced)
{
	struct row_view row;

	for (size_t i = 0; i < sim->host_count && !wanted->found; i++) {
		const struct sim_host *host = &sim->hosts[i];

		if (is_silent(host) || (replaced && is_replaced(sim, replaced, host)))
			continue;
		if (host->running)
			wanted->found =
			    gossip_row(node_gossip(host->node), &wanted->owner, &wanted->topic,
				       wanted->kind, wanted->key, wanted->key_len, &row);
		else
			disk_walk(&host->disk, 1u << WRITE_OWN_ROW | 1u << WRITE_SNAPSHOT,
				  wanted_visit, wanted);
	}
	return wanted->found;
}

/* The claim by which an address has its owner. */
static size_t claim_of_top(const struct pool_seen *pool, uint32_t place)
{
	const struct top *top = &pool->tops[place];
	size_t at = pool->claims.count;

	while (at-- > 0) {
		const struct claim_made *made = vec_at(&pool->claims, at);

		if (made->first <= place && place <= made->last &&
		    made->generation == top->generation && made->is_grant != top->taken &&
		    id_eq(&made->author, &top->author))
			return at;
	}
	WEFT_ASSERT(top->generation == 0);
	return SIZE_MAX;
}

static void claim_unmake(struct pool_seen *pool, size_t at)
{
	struct claim_made gone = *(struct claim_made *)vec_at(&pool->claims, at);

	vec_remove(&pool->claims, at);
	memset(&pool->tops[gone.first], 0, (gone.last - gone.first + 1) * sizeof(*pool->tops));
	/* All others again, in their order. */
	for (size_t i = 0; i < pool->claims.count; i++) {
		const struct claim_made *made = vec_at(&pool->claims, i);

		for (uint32_t place = made->first; place <= made->last; place++)
			if (gone.first <= place && place <= gone.last)
				top_set(&pool->tops[place], made);
	}
}

bool top_forget(struct sim *sim, struct pool_seen *pool, uint32_t place)
{
	const struct top *top = &pool->tops[place];
	const struct sim_host *author = check_host(sim, &top->author);
	size_t at = claim_of_top(pool, place);
	const struct claim_made *made;
	struct wanted wanted = {.owner = top->author,
				.kind = top->taken ? ROW_RANGE : ROW_GRANT,
				.key_len = RANGE_KEY_BYTES};
	struct range_key key = {pool->network, {.bits = 0}, top->generation};
	struct inet base = prefix_base(&pool->subnet);
	unsigned bits = 128;

	if (at == SIZE_MAX || !author ||
	    (!author->was_astray && !author->lost && !is_silent(author)))
		return false;
	made = vec_at(&pool->claims, at);
	while (1u << (128 - bits) < made->last - made->first + 1)
		bits--;
	key.range = (struct prefix){inet_add(&base, made->first), (uint8_t)bits};
	range_key_encode(&key, wanted.key);
	if (is_anywhere(sim, &wanted, NULL))
		return false;
	claim_unmake(pool, at);
	return true;
}

bool lease_is_unheard(struct sim *sim, const struct sim_owner *owner)
{
	const struct sim_host *original = &sim->hosts[owner->host];
	struct wanted wanted = {.owner = original->id,
				.topic = owner->network,
				.kind = ROW_ENDPOINT,
				.key_len = ID_BYTES};

	if (!copies_took_over(sim, original))
		return false;
	memcpy(wanted.key, owner->endpoint.b, ID_BYTES);
	return !is_anywhere(sim, &wanted, original);
}
