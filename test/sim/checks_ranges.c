/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Who owns which address in the eyes of all disks together.
 *
 * Every address of every pool has a top claim here: the row of range or grant with the highest
 * generation that is durable at its author. A commit moves it, and may do so only by the rules:
 *
 *   grant   by the holder of what it gives, whose own row is durable, of addresses that it does not
 *           lease, at a generation above all others
 *   range   over what the world's rows already give to its author (a grant to it, its own parts),
 *           over what nobody holds, or over what somebody left who is gone
 *   end     of a row that is outranked everywhere in its span
 *   word    of a range that gave way, or a part of it: holder and generation as a grant
 *
 * So the donor's grant is durable before the recipient's row, that row before the first lease from
 * it (checks_leases.c), and to drop a row moves nothing. What a removed node writes while it has
 * not heard of its removal counts only as long as nobody took over what it writes about.
 *
 * An observer may know less than the disks. But what a node takes for its own by its own rows is
 * its own by all of them, and nobody ever sees two holders of one generation.
 * What a disk alone knew that went back has never been (checks_forgotten.c).
 */
#include <stdlib.h>
#include <string.h>

#include "checks_ranges.h"
#include "faults.h"

#define POOL_ADDRESSES_MAX 4096u

/* A commit's row of range or grant. */
struct claim_row {
	struct row_view row;
	struct pool_seen *pool;
	struct range_key key;
	struct id holder;
	uint32_t first, last;
	bool is_grant;
};

void range_checks_open(struct sim *sim)
{
	sim->checks->ranges = calloc(1, sizeof(struct range_checks));
	WEFT_ASSERT(sim->checks->ranges != NULL);
}

void range_checks_close(struct sim *sim)
{
	struct range_checks *ranges = sim->checks->ranges;

	for (size_t i = 0; i < ranges->count; i++) {
		free(ranges->pools[i].tops);
		free(ranges->pools[i].lied);
		vec_close(&ranges->pools[i].claims);
	}
	free(ranges);
	sim->checks->ranges = NULL;
}

/* --- pools ------------------------------------------------------------------------------------ */

uint32_t pool_place(const struct pool_seen *pool, const struct inet *address)
{
	struct inet base = prefix_base(&pool->subnet);
	uint32_t place = 0;

	for (size_t i = 12; i < 16; i++)
		place = place << 8 | (uint32_t)(address->b[i] ^ base.b[i]);
	WEFT_ASSERT(place < pool->count);
	return place;
}

struct pool_seen *pool_find(struct sim *sim, const struct id *network, const struct inet *address)
{
	struct range_checks *ranges = sim->checks->ranges;

	for (size_t i = 0; i < ranges->count; i++)
		if (id_eq(&ranges->pools[i].network, network) &&
		    prefix_has(&ranges->pools[i].subnet, address))
			return &ranges->pools[i];
	return NULL;
}

static void pool_add(struct sim *sim, const struct id *network, const struct prefix *subnet)
{
	struct range_checks *ranges = sim->checks->ranges;
	struct pool_seen *pool;

	if (ranges->count == POOLS_SEEN || 128 - subnet->bits > 12 ||
	    pool_find(sim, network, &subnet->ip))
		return;
	pool = &ranges->pools[ranges->count++];
	pool->network = *network;
	pool->subnet = *subnet;
	pool->count = 1u << (128 - subnet->bits);
	WEFT_ASSERT(pool->count <= POOL_ADDRESSES_MAX);
	pool->tops = calloc(pool->count, sizeof(*pool->tops));
	pool->lied = calloc(pool->count, sizeof(*pool->lied));
	WEFT_ASSERT(pool->tops != NULL && pool->lied != NULL);
	vec_init(&pool->claims, &sim->heap, sizeof(struct claim_made));
}

static void fact_note(struct sim *sim, const struct row_view *row)
{
	struct id network = row_key_id(row);
	struct rec_network rec;

	for (size_t i = 0; row->kind == FACT_NETWORK_END && i < sim->checks->ranges->count; i++)
		if (id_eq(&sim->checks->ranges->pools[i].network, &network))
			sim->checks->ranges->pools[i].ended = true;
	if (row->kind != FACT_NETWORK || rec_network_decode(row->value, row->value_len, &rec) != 0)
		return;
	for (size_t i = 0; i < rec.pool_count; i++)
		pool_add(sim, &network, &rec.pools[i].subnet);
}

/* --- claims ----------------------------------------------------------------------------------- */

/* True for a row of range or grant in a pool of this world. What a madman signs may be garbage,
 * which says nothing of any address; his own node, shown it, stores it like any row of its own. */
static bool claim_read(struct sim *sim, const struct sim_host *host, const struct write *write,
		       struct claim_row *claim)
{
	struct rec_grant grant;
	struct inet base, last;

	if (write->kind != WRITE_OWN_ROW || row_parse(write->bytes, write->len, &claim->row) != 0 ||
	    (claim->row.kind != ROW_RANGE && claim->row.kind != ROW_GRANT) ||
	    range_key_decode(claim->row.key, claim->row.key_len, &claim->key) != 0)
		return false;
	claim->is_grant = claim->row.kind == ROW_GRANT;
	claim->holder = claim->row.owner;
	if (claim->is_grant && !claim->row.deleted) {
		if (rec_grant_decode(claim->row.value, claim->row.value_len, &grant) != 0) {
			if (!host->mad)
				check_fail(sim, CHECKER_TRANSFER,
					   "host %zu stores a grant that nobody can read",
					   host->index);
			return false;
		}
		claim->holder = grant.to;
	}
	base = prefix_base(&claim->key.range);
	last = prefix_last(&claim->key.range);
	claim->pool = pool_find(sim, &claim->key.network, &base);
	if (!claim->pool || !prefix_has(&claim->pool->subnet, &last))
		return false;
	claim->first = pool_place(claim->pool, &base);
	claim->last = pool_place(claim->pool, &last);
	return true;
}

static void claim_words(const struct claim_row *claim, char out[96])
{
	char range[PREFIX_TEXT_BYTES];

	prefix_format(&claim->key.range, range);
	snprintf(out, 96, "%s of %s at generation %llu", claim->is_grant ? "the grant" : "the row",
		 range, (unsigned long long)claim->key.generation);
}

static bool id_is_gone(struct sim *sim, const struct id *id)
{
	const struct sim_host *host = check_host(sim, id);

	return host && check_is_gone(host);
}

static bool may_take(struct sim *sim, const struct top *top, const struct claim_row *claim)
{
	if (top->generation == 0 || id_eq(&top->holder, &claim->row.owner))
		return !claim->is_grant || top->taken;
	if (claim->is_grant)
		return false;
	return id_is_gone(sim, &top->holder) || (!top->taken && id_is_gone(sim, &top->author));
}

/* Does it take something back from who is gone? */
static bool takes_back(struct sim *sim, const struct claim_row *claim)
{
	for (uint32_t at = claim->first; at <= claim->last && !claim->is_grant; at++) {
		const struct top *top = &claim->pool->tops[at];

		if (top->generation != 0 && id_is_gone(sim, &top->holder) &&
		    !id_eq(&top->holder, &claim->row.owner))
			return true;
	}
	return false;
}

/* Does the claim made bear on one of its generation? What gone nodes say does not, but to be taken
 * back it has to be outranked, whoever has heard it. */
static bool is_rival(struct sim *sim, const struct claim_made *made, bool is_taken_back)
{
	const struct sim_host *author = check_host(sim, &made->author);

	if (is_taken_back && author && !author->was_astray && !author->mad)
		return true;
	return !id_is_gone(sim, &made->author) && !id_is_gone(sim, &made->holder);
}

/* What the claim would break: CHECKER_COUNT for nothing. */
static enum checker claim_breaks(struct sim *sim, const struct claim_row *claim, uint32_t *at)
{
	const struct pool_seen *pool = claim->pool;
	bool is_taken_back = takes_back(sim, claim);

	for (*at = claim->first; *at <= claim->last; (*at)++) {
		const struct top *top = &pool->tops[*at];

		if (pool->lied[*at])
			continue;
		if (!may_take(sim, top, claim))
			return CHECKER_TRANSFER;
		if (claim->key.generation < top->generation && !id_is_gone(sim, &top->author))
			return CHECKER_GENERATION;
	}
	for (size_t i = 0; i < pool->claims.count; i++) {
		const struct claim_made *made = vec_at(&pool->claims, i);

		if (made->generation != claim->key.generation || made->last < claim->first ||
		    made->first > claim->last || id_eq(&made->holder, &claim->holder) ||
		    !is_rival(sim, made, is_taken_back))
			continue;
		*at = made->first > claim->first ? made->first : claim->first;
		if (!pool_is_honest(pool, *at, made->last < claim->last ? made->last : claim->last))
			continue;
		return CHECKER_GENERATION;
	}
	return CHECKER_COUNT;
}

static void breach_say(struct sim *sim, const struct sim_host *host, const struct claim_row *claim,
		       enum checker broken, uint32_t at)
{
	const struct top *top = &claim->pool->tops[at];
	const struct sim_host *holder = check_host(sim, &top->holder);
	struct inet base = prefix_base(&claim->pool->subnet), address = inet_add(&base, at);
	char words[96], text[INET_TEXT_BYTES];

	claim_words(claim, words);
	inet_format(&address, text);
	check_fail(sim, broken, "host %zu stores %s, but %s is host %zd's at generation %llu%s",
		   host->index, words, text, holder ? (ssize_t)holder->index : -1,
		   (unsigned long long)top->generation, top->taken ? "" : ", granted");
}

static bool was_made(const struct pool_seen *pool, const struct claim_made *like)
{
	for (size_t i = 0; i < pool->claims.count; i++) {
		const struct claim_made *made = vec_at(&pool->claims, i);

		if (made->first == like->first && made->last == like->last &&
		    made->generation == like->generation && made->is_grant == like->is_grant &&
		    id_eq(&made->holder, &like->holder) && id_eq(&made->author, &like->author))
			return true;
	}
	return false;
}

/* A grant that says of a range, or of what is left of it, only what its holder's own row said: it
 * moves nothing. */
static bool is_word_for(const struct claim_row *grant)
{
	const struct pool_seen *pool = grant->pool;

	for (size_t i = 0; grant->is_grant && i < pool->claims.count; i++) {
		const struct claim_made *made = vec_at(&pool->claims, i);

		if (!made->is_grant && made->generation == grant->key.generation &&
		    made->first <= grant->first && grant->last <= made->last &&
		    id_eq(&made->holder, &grant->holder) && id_eq(&made->author, &grant->holder))
			return true;
	}
	return false;
}

static void claim_take(struct sim *sim, struct sim_host *host, const struct claim_row *claim)
{
	struct claim_made made = {claim->first,  claim->last,      claim->key.generation,
				  claim->holder, claim->row.owner, claim->is_grant};
	enum checker broken;
	uint32_t at;

	/* A disk that went back gets what it forgot from those who were told of it. */
	if (host->was_astray && was_made(claim->pool, &made))
		return;
	if (is_word_for(claim))
		return;
	if (!check_is_gone(host)) {
		check_look(sim, CHECKER_TRANSFER);
		check_look(sim, CHECKER_GENERATION);
	}
	broken = claim_breaks(sim, claim, &at);
	if (broken != CHECKER_COUNT && !check_is_gone(host) && voids_look(sim))
		broken = claim_breaks(sim, claim, &at);
	/* What nobody can show to anybody any more has never been (checks_forgotten.c). */
	while (broken != CHECKER_COUNT && (!check_is_gone(host) || host->was_astray) &&
	       top_forget(sim, claim->pool, at))
		broken = claim_breaks(sim, claim, &at);
	if (broken != CHECKER_COUNT) {
		/* Gone, but not told yet: nobody believes it. */
		if (!check_is_gone(host))
			breach_say(sim, host, claim, broken, at);
		return;
	}
	vec_push(&claim->pool->claims, &made);
	for (at = claim->first; at <= claim->last; at++)
		top_set(&claim->pool->tops[at], &made);
}

/* The end of a row: whoever owns the addresses does so by another one. */
static void claim_end(struct sim *sim, struct sim_host *host, const struct claim_row *claim)
{
	if (claim->pool->ended || check_is_gone(host))
		return;
	check_look(sim, CHECKER_OWNERSHIP);
	for (uint32_t at = claim->first; at <= claim->last; at++) {
		const struct top *top = &claim->pool->tops[at];

		if (top->generation > claim->key.generation ||
		    (top->generation == claim->key.generation && claim->is_grant && top->taken) ||
		    !id_eq(&top->author, &claim->row.owner) || claim->pool->lied[at])
			continue;
		breach_say(sim, host, claim, CHECKER_OWNERSHIP, at);
		return;
	}
}

void ranges_commit(struct sim *sim, struct sim_host *host, const struct sim_commit *commit)
{
	struct claim_row claim;

	for (size_t i = 0; i < commit->count; i++) {
		struct row_view row;

		if (commit->writes[i].kind == WRITE_FACT &&
		    row_parse(commit->writes[i].bytes, commit->writes[i].len, &row) == 0)
			fact_note(sim, &row);
	}
	/* A commit is one moment: what it ends may be outranked by what it begins. */
	for (size_t pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < commit->count && !sim->failed; i++) {
			if (!claim_read(sim, host, &commit->writes[i], &claim) ||
			    claim.row.deleted != (pass == 1))
				continue;
			if (pass == 0)
				claim_take(sim, host, &claim);
			else
				claim_end(sim, host, &claim);
		}
}

enum range_standing ranges_standing(struct sim *sim, const struct id *self,
				    const struct id *network, const struct inet *address)
{
	const struct pool_seen *pool = pool_find(sim, network, address);
	const struct top *top;

	if (!pool)
		return RANGE_UNKNOWN;
	top = &pool->tops[pool_place(pool, address)];
	if (top->generation == 0 || !id_eq(&top->holder, self))
		return RANGE_FOREIGN;
	return top->taken ? RANGE_OWN : RANGE_GRANTED;
}

bool ranges_forgot(struct sim *sim, const struct id *old, const struct id *owner,
		   const struct id *network, const struct inet *address)
{
	struct pool_seen *pool = pool_find(sim, network, address);
	uint32_t place;

	if (!pool)
		return false;
	place = pool_place(pool, address);
	while (!id_eq(&pool->tops[place].holder, owner) && top_forget(sim, pool, place))
		continue;
	/* A word of its own stays here for ever, also when it is outranked, unless all forgot. */
	for (size_t i = 0; i < pool->claims.count; i++) {
		const struct claim_made *made = vec_at(&pool->claims, i);

		if (made->first <= place && place <= made->last && id_eq(&made->author, old))
			return false;
	}
	return ranges_standing(sim, owner, network, address) == RANGE_OWN;
}

/* --- once a second: what observers show ------------------------------------------------------- */

/* What a node takes for its own, the disks give to it; and nobody sees two holders. */
static void ring_look(struct sim *sim, struct sim_host *host, struct pool_seen *pool)
{
	struct id self = gossip_self(node_gossip(host->node));
	struct ipam_ring_info part;

	/* The rows of a network that was removed go in any order. An original whose place a copy
	 * took is shown what that one gave away when it is heard again, and then recovers. */
	if (pool->ended || copies_took_over(sim, host) || host->is_void ||
	    gossip_phase(node_gossip(host->node)) != NODE_ACTIVE ||
	    ipamdb_is_guarded(node_ipamdb(host->node)))
		return;
	for (size_t at = 0;
	     ipamdb_ring_next(node_ipamdb(host->node), &pool->network, &at, &part);) {
		char first[INET_TEXT_BYTES];
		bool own = part.held && id_eq(&part.holder, &self);
		uint32_t from, to;

		if (!prefix_has(&pool->subnet, &part.first) || (!own && !part.clash))
			continue;
		from = pool_place(pool, &part.first);
		to = pool_place(pool, &part.last);
		inet_format(&part.first, first);
		check_look(sim, CHECKER_OWNERSHIP);
		if (part.clash && pool_is_honest(pool, from, to)) {
			check_fail(sim, CHECKER_GENERATION, "host %zu sees two holders of %s",
				   host->index, first);
			return;
		}
		for (uint32_t i = from; own && i <= to; i++)
			while (!id_eq(&pool->tops[i].holder, &self) && !pool->lied[i]) {
				if (top_forget(sim, pool, i))
					continue;
				check_fail(sim, CHECKER_OWNERSHIP,
					   "host %zu takes %s and on for its own", host->index,
					   first);
				return;
			}
	}
}

static void sums_look(struct sim *sim, struct sim_host *host, const struct pool_seen *pool)
{
	struct ipam_net_info info;
	struct ipam_ring_info part;
	uint64_t held = 0, ring = 0, granted = 0;
	struct id self = gossip_self(node_gossip(host->node));

	/* Of a network that ended a host gives its ranges up; after a start it may know that much
	 * and not yet why, since the end is somebody else's word. An original whose copy was the
	 * member serves, once that is shown to it, what the copy gave away: until it recovers. */
	if (pool->ended || check_was_lied_of(sim, &pool->network, NULL) ||
	    (copies_took_over(sim, host) && gossip_is_cloned(node_gossip(host->node))) ||
	    !ipamdb_net(node_ipamdb(host->node), &pool->network, &info) || !info.known)
		return;
	for (size_t at = 0;
	     ipamdb_ring_next(node_ipamdb(host->node), &pool->network, &at, &part);) {
		ring += part.count;
		if (part.clash || !id_eq(&part.holder, &self))
			continue;
		held += part.held ? part.count : 0;
		granted += part.held ? 0 : part.count;
	}
	/* Recovered, it takes again what its disk forgot that it had taken, and leased of. */
	if (host->was_astray && granted > 0)
		return;
	check_look(sim, CHECKER_SUMS);
	if (info.held == info.leased + info.cooling + info.special + info.free + info.promised &&
	    info.reserved <= info.leased && ring <= info.total && info.frozen <= info.total &&
	    info.held <= held)
		return;
	check_fail(sim, CHECKER_SUMS,
		   "host %zu: %llu held, but %llu leased, %llu cooling, %llu special, %llu free, "
		   "%llu promised; %llu of %llu in the ring, %llu its own",
		   host->index, (unsigned long long)info.held, (unsigned long long)info.leased,
		   (unsigned long long)info.cooling, (unsigned long long)info.special,
		   (unsigned long long)info.free, (unsigned long long)info.promised,
		   (unsigned long long)ring, (unsigned long long)info.total,
		   (unsigned long long)held);
}

void ranges_second(struct sim *sim)
{
	struct range_checks *ranges = sim->checks->ranges;

	for (size_t i = 0; i < sim->host_count; i++) {
		struct sim_host *host = &sim->hosts[i];

		if (!check_takes_part(host) || !check_is_observer(sim, host))
			continue;
		for (size_t p = 0; p < ranges->count && !sim->failed; p++) {
			ring_look(sim, host, &ranges->pools[p]);
			sums_look(sim, host, &ranges->pools[p]);
		}
	}
}
