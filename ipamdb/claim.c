/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Claims and the owners that follow from them.
 *
 * A new claim is added to the owners at once, which any order of arrival does to the same result.
 * Taking one away cannot be undone in place, since it may have hidden others: the owners are then
 * built anew when somebody asks.
 *
 * Who collects a row sees that others outrank it, but who hears of it may not have seen those, and
 * never will if their author is gone for good. The tombstone of a range names all that the row did,
 * so it goes on as a claim, one that nobody leases by, until the rows that outrank it are here.
 * Hence what is seen of a pool never shrinks, whichever rows of somebody got through. The same goes
 * for a range that gave way to another text of its version: see witness.c.
 */
#include "claim.h"

#include "closure.h"
#include "db.h"

/* More no author of any sense has in a network, and what it has beyond is not remembered: ranges
 * that gave way, each of which was an alarm, and others that ended (so many rows are a node's). */
#define GONE_MAX 32
#define ENDED_MAX 65536

static int claim_cmp(const void *key, const void *item)
{
	const struct claim *a = key;
	const struct claim *b = item;

	if (a->span.lo != b->span.lo)
		return a->span.lo < b->span.lo ? -1 : 1;
	if (a->span.hi != b->span.hi)
		return a->span.hi < b->span.hi ? -1 : 1;
	if (a->generation != b->generation)
		return a->generation < b->generation ? -1 : 1;
	if (a->is_grant != b->is_grant)
		return a->is_grant ? 1 : -1;
	return id_cmp(&a->author, &b->author);
}

static size_t claim_place(const struct net *net, const struct claim *claim, bool *found)
{
	size_t at = vec_lower_bound(&net->claims, claim, claim_cmp);

	*found = at < net->claims.count && claim_cmp(claim, vec_at(&net->claims, at)) == 0;
	return at;
}

struct claim *claim_find(const struct net *net, const struct claim *like)
{
	bool found;
	size_t at = claim_place(net, like, &found);

	return found ? vec_at(&net->claims, at) : NULL;
}

/* Does the holder say by a row of its own that this is his? */
static bool is_held(const struct claim *claim)
{
	return !claim->is_grant && !claim->is_ended;
}

/* Counts a claim in (by 1) or out (by -1). */
static void count_claim(const struct ipamdb *db, struct net *net, const struct claim *claim, int by)
{
	size_t *of = claim->is_ended ? &net->ended_claims : &net->range_rows;

	WEFT_ASSERT(by > 0 || !claim->gave_way || net->gone_claims > 0);
	net->gone_claims += claim->gave_way ? (size_t)by : 0;
	if (!claim->is_ended && !id_eq(&claim->author, &db->self))
		return;
	WEFT_ASSERT(by > 0 || *of > 0);
	*of += (size_t)by;
}

static void claim_end_set(struct ipamdb *db, struct net *net, struct claim *claim, bool is_ended)
{
	WEFT_ASSERT(claim->is_ended != is_ended && !claim->is_grant);
	count_claim(db, net, claim, -1);
	claim->is_ended = is_ended;
	count_claim(db, net, claim, 1);
	net->runs_stale = true;
	net_own_changed(net);
}

/* Is there no row any more for a range that its author has not ended? A tombstone has a version of
 * its own. What this node wrote itself is for who recovers (adopt.c of the gossip). */
static bool gives_way(const struct ipamdb *db, const struct claim *there, const struct claim *told)
{
	bool is_same = there->epoch == told->epoch && there->sequence == told->sequence;

	if (told->sequence == 0)
		return there->gave_way;
	return told->is_ended && is_same && (there->gave_way || !there->is_ended) &&
	       !id_eq(&there->author, &db->self);
}

/* Are so many ended claims of the author's here, of this sort, that one more is forgotten? */
static bool is_enough(const struct ipamdb *db, const struct net *net, const struct id *author,
		      bool gave_way)
{
	size_t max = gave_way ? GONE_MAX : ENDED_MAX;
	size_t count = 0;

	if ((gave_way ? net->gone_claims : net->ended_claims) < max || id_eq(author, &db->self))
		return false;
	for (size_t i = 0; i < net->claims.count && count < max; i++) {
		const struct claim *claim = vec_at(&net->claims, i);
		count +=
		    claim->is_ended && claim->gave_way == gave_way && id_eq(&claim->author, author);
	}
	return count == max;
}

/* The author signed two texts of one grant, and of those all keep the same (receive.c of the
 * gossip): what a row says counts, not what an earlier one said. */
static void claim_hand(struct ipamdb *db, struct net *net, struct claim *claim,
		       const struct id *holder)
{
	WEFT_ASSERT(claim->is_grant && !id_eq(&claim->holder, holder));
	claim->holder = *holder;
	net->wants_accept = net->wants_accept || id_eq(holder, &db->self);
	net->runs_stale = true;
	net_own_changed(net);
}

bool claim_drop(struct ipamdb *db, struct net *net, const struct claim *claim)
{
	bool found;
	size_t at = claim_place(net, claim, &found);

	if (!found)
		return false;
	count_claim(db, net, vec_at(&net->claims, at), -1);
	vec_remove(&net->claims, at);
	net->runs_stale = true;
	net_own_changed(net);
	return true;
}

/* What is told of a claim that is there. */
static void claim_renew(struct ipamdb *db, struct net *net, struct claim *there,
			const struct claim *told)
{
	bool gave_way = gives_way(db, there, told);
	/* What this node hands in itself has no version yet and never undoes an end. */
	bool is_ended = told->sequence != 0 ? told->is_ended : there->is_ended || told->is_ended;

	if (is_ended && (!there->is_ended || there->gave_way != gave_way) &&
	    is_enough(db, net, &there->author, gave_way)) {
		claim_drop(db, net, there);
		return;
	}
	net->gone_claims += (size_t)gave_way - (size_t)there->gave_way;
	there->gave_way = gave_way;
	if (there->is_ended != is_ended)
		claim_end_set(db, net, there, is_ended);
	if (told->sequence != 0) {
		if (there->epoch != told->epoch || there->sequence != told->sequence)
			there->is_stored = told->is_stored;
		there->epoch = told->epoch;
		there->sequence = told->sequence;
	}
	if (!id_eq(&there->holder, &told->holder))
		claim_hand(db, net, there, &told->holder);
	there->rests = there->rests || told->rests;
}

bool claim_put(struct ipamdb *db, struct net *net, const struct claim *claim)
{
	bool found;
	size_t at = claim_place(net, claim, &found);
	struct claim *there;

	WEFT_ASSERT(claim->generation > 0);
	WEFT_ASSERT(claim->is_grant || id_eq(&claim->holder, &claim->author));
	WEFT_ASSERT(!claim->is_grant || !claim->is_ended);
	if (found) {
		claim_renew(db, net, vec_at(&net->claims, at), claim);
		return false;
	}
	if (claim->is_ended && is_enough(db, net, &claim->author, false))
		return false;
	there = vec_insert(&net->claims, at, claim);
	there->is_void = claim->is_grant && closure_is_removed(db, &claim->author);
	count_claim(db, net, claim, 1);
	if (claim->is_grant && id_eq(&claim->holder, &db->self))
		net->wants_accept = true;
	if (!net->runs_stale && !there->is_void &&
	    runs_add(&net->runs, &claim->span, claim->generation, &claim->holder, is_held(claim)))
		db_trace(db, TRACE_RANGE_CONFLICT, &claim->holder, &net->id, NULL,
			 claim->generation);
	net_own_changed(net);
	return true;
}

void claims_rebuild(struct net *net)
{
	runs_clear(&net->runs);
	for (size_t i = 0; i < net->claims.count; i++) {
		const struct claim *claim = vec_at(&net->claims, i);
		if (!claim->is_void)
			runs_add(&net->runs, &claim->span, claim->generation, &claim->holder,
				 is_held(claim));
	}
	net->runs_stale = false;
}

void claims_void(struct net *net, const struct id *author)
{
	for (size_t i = 0; i < net->claims.count; i++) {
		struct claim *claim = vec_at(&net->claims, i);
		if (!claim->is_grant || !id_eq(&claim->author, author))
			continue;
		claim->is_void = true;
		net->runs_stale = true;
	}
	net_own_changed(net);
}

void claims_forget(struct ipamdb *db, struct net *net)
{
	for (size_t i = net->claims.count; net->ended_claims > 0 && i-- > 0;) {
		const struct claim *claim = vec_at(&net->claims, i);

		if (!claim->is_ended)
			continue;
		if (!net->ended &&
		    !runs_outrank(net_runs(net), &claim->span, claim->generation + 1))
			continue;
		/* It did not count, so the owners stay what they are. */
		count_claim(db, net, claim, -1);
		vec_remove(&net->claims, i);
		net->runs_stale = net->runs_stale || net->ended;
	}
}

void claim_key(const struct net *net, const struct claim *claim, uint8_t out[RANGE_KEY_BYTES])
{
	struct range_key key = {net->id, span_to_prefix(&claim->span), claim->generation};

	range_key_encode(&key, out);
}

void claim_from_key(const struct range_key *key, struct claim *claim)
{
	*claim = (struct claim){
	    .span = span_from_prefix(&key->range),
	    .generation = key->generation,
	};
}
