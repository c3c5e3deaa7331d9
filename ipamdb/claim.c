/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Claims and the owners that follow from them.
 *
 * A new claim is added to the owners at once, which any order of arrival does to the same result.
 * Taking one away cannot be undone in place, since it may have hidden others: the owners are then
 * built anew when somebody asks. Rows are taken away only after others outrank them, so ownership
 * itself does not change by it.
 */
#include "claim.h"

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

bool claim_put(struct ipamdb *db, struct net *net, const struct claim *claim)
{
	bool found;
	size_t at = claim_place(net, claim, &found);
	struct claim *there;

	WEFT_ASSERT(claim->generation > 0);
	WEFT_ASSERT(claim->is_grant || id_eq(&claim->holder, &claim->author));
	if (found) {
		there = vec_at(&net->claims, at);
		if (claim->sequence != 0) {
			there->epoch = claim->epoch;
			there->sequence = claim->sequence;
		}
		return false;
	}
	vec_insert(&net->claims, at, claim);
	if (id_eq(&claim->author, &db->self))
		net->range_rows++;
	if (claim->is_grant && id_eq(&claim->holder, &db->self))
		net->wants_accept = true;
	if (!net->runs_stale &&
	    runs_add(&net->runs, &claim->span, claim->generation, &claim->holder, !claim->is_grant))
		db_trace(db, TRACE_RANGE_CONFLICT, &claim->holder, &net->id, NULL,
			 claim->generation);
	net_own_changed(net);
	return true;
}

bool claim_drop(struct ipamdb *db, struct net *net, const struct claim *claim)
{
	bool found;
	size_t at = claim_place(net, claim, &found);

	if (!found)
		return false;
	if (id_eq(&claim->author, &db->self)) {
		WEFT_ASSERT(net->range_rows > 0);
		net->range_rows--;
	}
	vec_remove(&net->claims, at);
	net->runs_stale = true;
	net_own_changed(net);
	return true;
}

void claims_rebuild(struct net *net)
{
	runs_clear(&net->runs);
	for (size_t i = 0; i < net->claims.count; i++) {
		const struct claim *claim = vec_at(&net->claims, i);
		runs_add(&net->runs, &claim->span, claim->generation, &claim->holder,
			 !claim->is_grant);
	}
	net->runs_stale = false;
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
