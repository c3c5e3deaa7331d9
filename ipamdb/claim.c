/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Claims and the owners that follow from them.
 *
 * A new claim is added to the owners at once, which any order of arrival does to the same result.
 * Many at a time are sorted first and merged with those that are there.
 * Taking one away cannot be undone in place, since it may have hidden others: the owners are then
 * built anew when somebody asks.
 *
 * Who collects a row sees that others outrank it, but who hears of it may not have seen those, and
 * never will if their author is gone for good. The tombstone of a range names all that the row did,
 * so it goes on as a claim, one that nobody leases by, until the rows that outrank it are here.
 * Hence what is seen of a pool never shrinks, whichever rows of somebody got through. The same goes
 * for a range that gave way to another text of its version: see witness.c. Only who ends ranges
 * beyond all measure is not remembered with all of them (GONE_MAX, ENDED_MAX): nobody leases more
 * by that than before, and what is too much goes as others' rows are collected, once in a while.
 */
#include "claim.h"

#include <string.h>

#include "author.h"
#include "closure.h"
#include "db.h"

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

static int goner_cmp(const void *key, const void *item)
{
	return id_cmp(key, &((const struct goner *)item)->author);
}

static struct goner *goner_find(const struct net *net, const struct id *author, size_t *at)
{
	struct goner *goner;

	*at = vec_lower_bound(&net->goners, author, goner_cmp);
	goner = *at < net->goners.count ? vec_at(&net->goners, *at) : NULL;
	return goner && id_eq(&goner->author, author) ? goner : NULL;
}

static void count_goner(struct net *net, const struct id *author, int by)
{
	struct goner fresh = {.author = *author};
	size_t at;
	struct goner *goner = goner_find(net, author, &at);

	if (!goner)
		goner = vec_insert(&net->goners, at, &fresh);
	WEFT_ASSERT(by > 0 || (goner->count > 0 && net->gone_claims > 0));
	net->gone_claims += (size_t)by;
	goner->count += (size_t)by;
	if (goner->count == 0)
		vec_remove(&net->goners, at);
}

static void charge(struct ipamdb *db, const struct net *net, const struct claim *claim, int by)
{
	if (claim->is_ended || net->strange)
		author_count(db, &claim->author, 0, net->strange ? by : 0,
			     claim->is_ended ? by : 0);
}

/* Counts a claim in (by 1) or out (by -1). */
static void count_claim(struct ipamdb *db, struct net *net, const struct claim *claim, int by)
{
	size_t *of = claim->is_ended ? &net->ended_claims : &net->range_rows;

	charge(db, net, claim, by);
	if (claim->gave_way)
		count_goner(net, &claim->author, by);
	if (!claim->is_ended && !id_eq(&claim->author, &db->self))
		return;
	WEFT_ASSERT(by > 0 || *of > 0);
	*of += (size_t)by;
}

void claims_charge(struct ipamdb *db, const struct net *net, int by)
{
	for (size_t i = 0; i < net->claims.count; i++)
		charge(db, net, vec_at(&net->claims, i), by);
}

/* Is there an address whose owner is told by this claim, and not by a row of his own as well? Then
 * the owners are others without it. */
static bool is_telling(const struct net *net, const struct claim *claim)
{
	const struct runs *runs = &net->runs;

	WEFT_ASSERT(!net->runs_stale);
	for (size_t i = runs_from(runs, claim->span.lo); i < runs->items.count; i++) {
		const struct run *run = runs_at(runs, i);
		if (run->span.lo > claim->span.hi)
			return false;
		if (run->generation != claim->generation)
			continue;
		if (run->clash ||
		    (id_eq(&run->holder, &claim->holder) && (!run->held || is_held(claim))))
			return true;
	}
	return false;
}

/* The claim is about to change, or to go. */
static void runs_lose(struct net *net, const struct claim *claim)
{
	net->runs_stale = net->runs_stale || is_telling(net, claim);
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
	const struct goner *goner;
	size_t at;

	if (!gave_way || author_has_enough(db, author))
		return author_has_enough(db, author);
	goner = goner_find(net, author, &at);
	return goner && goner->count >= GONE_MAX && !id_eq(author, &db->self);
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
	runs_lose(net, vec_at(&net->claims, at));
	count_claim(db, net, vec_at(&net->claims, at), -1);
	vec_remove(&net->claims, at);
	net_own_changed(net);
	return true;
}

/* A claim that is there ended, or came back. What is too much is dropped with the next tidying: to
 * do so for each is to look for what it hid each time. */
static void claim_end_set(struct ipamdb *db, struct net *net, struct claim *claim, bool is_ended,
			  bool gave_way)
{
	bool is_surplus =
	    claim->is_ended ? claim->is_surplus : is_enough(db, net, &claim->author, gave_way);

	if (claim->is_ended == is_ended && claim->gave_way == gave_way)
		return;
	WEFT_ASSERT(!claim->is_grant);
	if (claim->is_ended != is_ended)
		runs_lose(net, claim);
	count_claim(db, net, claim, -1);
	claim->is_ended = is_ended;
	claim->is_surplus = is_ended && is_surplus;
	claim->gave_way = gave_way && !is_surplus;
	count_claim(db, net, claim, 1);
	net_own_changed(net);
}

/* What is told of a claim that is there. */
static void claim_renew(struct ipamdb *db, struct net *net, struct claim *there,
			const struct claim *told)
{
	bool gave_way = gives_way(db, there, told);
	/* What this node hands in itself has no version yet and never undoes an end. */
	bool is_ended = told->sequence != 0 ? told->is_ended : there->is_ended || told->is_ended;

	claim_end_set(db, net, there, is_ended, gave_way);
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

/* A new one: what it is counted in, and what follows from it but the owners. */
static void claim_enters(struct ipamdb *db, struct net *net, struct claim *claim)
{
	claim->is_void = claim->is_grant && closure_is_removed(db, &claim->author);
	count_claim(db, net, claim, 1);
	if (claim->is_grant && id_eq(&claim->holder, &db->self))
		net->wants_accept = true;
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
	if (net->strange && !author_may_claim(db, &claim->author)) {
		author_note(db, claim);
		return false;
	}
	there = vec_insert(&net->claims, at, claim);
	claim_enters(db, net, there);
	if (!net->runs_stale && !there->is_void &&
	    runs_add(&net->runs, &claim->span, claim->generation, &claim->holder, is_held(claim)))
		db_trace(db, TRACE_RANGE_CONFLICT, &claim->holder, &net->id, NULL,
			 claim->generation);
	net_own_changed(net);
	return true;
}

static int gathered_cmp(const void *key, const void *item)
{
	const struct gathered *a = key;
	const struct gathered *b = *(struct gathered *const *)item;

	if (a->net != b->net)
		return id_cmp(&a->net->id, &b->net->id);
	return claim_cmp(&a->claim, &b->claim);
}

void claims_gather(struct vec *list, struct gathered *item)
{
	vec_insert(list, vec_lower_bound(list, item, gathered_cmp), &item);
}

/* Makes room for as many claims in order, from the last one on: each that is there moves once. */
static size_t claims_merge(struct net *net, struct gathered *const *list, size_t count)
{
	struct vec there = net->claims;
	size_t moved = 0;

	for (size_t i = 0; i < count; i++)
		vec_push(&net->claims, NULL);
	there.items = net->claims.items;
	for (size_t i = count; i-- > 0;) {
		size_t at = vec_lower_bound(&there, &list[i]->claim, claim_cmp);
		size_t above = there.count - at;

		if (above > 0)
			memmove(vec_at(&net->claims, at + i + 1), vec_at(&net->claims, at),
				above * sizeof(struct claim));
		*(struct claim *)vec_at(&net->claims, at + i) = list[i]->claim;
		there.count = at;
		moved += above;
	}
	return moved;
}

/* Those of one network; of what is there already something may be news. */
static size_t net_settle(struct ipamdb *db, struct net *net, struct gathered **list, size_t count)
{
	size_t fresh = 0;

	net->runs_stale = true;
	for (size_t i = 0; i < count; i++) {
		struct claim *claim = &list[i]->claim;
		struct claim *there = claim_find(net, claim);

		if (!there && fresh > 0 && claim_cmp(claim, &list[fresh - 1]->claim) == 0)
			there = &list[fresh - 1]->claim;
		if (there) {
			claim_renew(db, net, there, claim);
		} else if (!claim->is_ended || !is_enough(db, net, &claim->author, false)) {
			claim_enters(db, net, claim);
			list[fresh++] = list[i];
		}
	}
	net_own_changed(net);
	return claims_merge(net, list, fresh);
}

size_t claims_settle(struct ipamdb *db, struct vec *list)
{
	struct gathered **items = list->items;
	size_t moved = 0;

	for (size_t i = 0, end; i < list->count; i = end) {
		struct net *net = items[i]->net;

		for (end = i; end < list->count && items[end]->net == net;)
			end++;
		WEFT_ASSERT(!net->strange);
		moved += net_settle(db, net, items + i, end - i);
	}
	list->count = 0;
	return moved;
}

void claims_tell(struct ipamdb *db, struct net *net)
{
	const struct runs *runs = net_runs(net);

	for (size_t i = 0; i < runs->items.count; i++) {
		const struct run *run = runs_at(runs, i);
		if (!run->clash)
			continue;
		db_trace(db, TRACE_RANGE_CONFLICT, &run->holder, &net->id, NULL, run->generation);
		return;
	}
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

/* Does nothing depend on an ended claim any more, or was it too much? */
static bool is_past(const struct net *net, const struct claim *claim)
{
	return claim->is_ended && (claim->is_surplus || net->ended ||
				   runs_outrank(&net->runs, &claim->span, claim->generation + 1));
}

/* Takes away what is past, or (not NULL) of that author, in one pass: it may be much. */
static void claims_sift(struct ipamdb *db, struct net *net, const struct id *author)
{
	bool is_stale = false;
	size_t kept = 0;

	(void)net_runs(net);
	for (size_t i = 0; i < net->claims.count; i++) {
		struct claim *claim = vec_at(&net->claims, i);

		if (author ? id_eq(&claim->author, author) : is_past(net, claim)) {
			is_stale = is_stale || is_telling(net, claim);
			count_claim(db, net, claim, -1);
			if (author) {
				author_passed_over(db, author);
				author_note(db, claim);
			}
			continue;
		}
		if (kept != i)
			*(struct claim *)vec_at(&net->claims, kept) = *claim;
		kept++;
	}
	net->claims.count = kept;
	net->runs_stale = is_stale;
}

void claims_forget(struct ipamdb *db, struct net *net)
{
	if (net->ended_claims > 0)
		claims_sift(db, net, NULL);
}

void claims_disown(struct ipamdb *db, struct net *net, const struct id *author)
{
	WEFT_ASSERT(net->strange);
	claims_sift(db, net, author);
	net_own_changed(net);
}

void claims_drop_all(struct ipamdb *db, struct net *net)
{
	for (size_t i = 0; i < net->claims.count; i++)
		count_claim(db, net, vec_at(&net->claims, i), -1);
	vec_close(&net->claims);
	runs_clear(&net->runs);
	net->runs_stale = false;
	net_own_changed(net);
}

static bool runs_equal(const struct runs *a, const struct runs *b)
{
	for (size_t i = 0; i < a->items.count && a->items.count == b->items.count; i++) {
		const struct run *x = runs_at(a, i), *y = runs_at(b, i);
		if (x->span.lo != y->span.lo || x->span.hi != y->span.hi ||
		    x->generation != y->generation || !id_eq(&x->holder, &y->holder) ||
		    x->held != y->held || x->clash != y->clash)
			return false;
	}
	return a->items.count == b->items.count;
}

size_t claims_check(struct ipamdb *db, struct net *net)
{
	size_t gone = 0, ended = 0, goners = 0;
	struct runs before;

	for (size_t i = 0; i < net->claims.count; i++) {
		const struct claim *claim = vec_at(&net->claims, i);
		WEFT_ASSERT(claim->is_ended || !(claim->gave_way || claim->is_surplus));
		gone += claim->gave_way;
		ended += claim->is_ended;
	}
	for (size_t i = 0; i < net->goners.count; i++)
		goners += ((const struct goner *)vec_at(&net->goners, i))->count;
	WEFT_ASSERT(gone == net->gone_claims && gone == goners && ended == net->ended_claims);
	runs_init(&before, &db->heap);
	runs_copy(&before, net_runs(net));
	claims_rebuild(net);
	WEFT_ASSERT(runs_equal(&before, &net->runs));
	runs_close(&before);
	return ended;
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
