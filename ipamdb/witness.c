/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Being a witness to a range that gave way.
 *
 * Who owns what follows from rows that stay or are outranked. One kind goes otherwise: of two texts
 * that an owner signed under one version all keep the same (receive.c of the gossip), and a range
 * may be the other one. Whoever has seen it goes on with it as with an ended one (claim.c), whoever
 * has not never will: for the first its space is with that owner, for the others still with whom it
 * was before. Should the owner be removed, the first see space to be taken back, but the member
 * whose turn it is may be one of the others: then nobody ever has it again.
 *
 * So the member that has ended rows of its own since that range outranked them, and is taken by the
 * others for the holder or for who knows him, says again what it knows: by a grant to that owner,
 * at the generation of the range. It is what its own grant may have said before it was collected.
 *
 * It moves nothing: each node could have seen the range itself, and then goes by the same holder
 * and generation; whatever came after him is above. Another one could not say so as well: without
 * ended rows of its own beneath, the range may be a lie about somebody else's space.
 */
#include "witness.h"

#include "claim.h"
#include "flight.h"

#define WORDS_PER_GROUP 32

/* Is the range still the last word somewhere where this node has ended a row of its own? */
static bool is_relied_upon(struct net *net, const struct claim *range)
{
	const struct runs *runs = net_runs(net);

	for (size_t i = runs_from(runs, range->span.lo); i < runs->items.count; i++) {
		const struct run *run = runs_at(runs, i);
		struct span part;
		uint64_t spent;
		if (!span_meet(&run->span, &range->span, &part))
			break;
		spent = runs_top(&net->spent, &part);
		if (run->generation == range->generation && !run->held && !run->clash &&
		    id_eq(&run->holder, &range->holder) && spent > 0 && spent < range->generation)
			return true;
	}
	return false;
}

/* The grant that says what the range said; false when it is there, or not for this node to say. */
static bool word_for(const struct ipamdb *db, struct net *net, const struct claim *range,
		     struct claim *grant)
{
	if (!range->gave_way || !is_relied_upon(net, range))
		return false;
	WEFT_ASSERT(range->is_ended && !id_eq(&range->author, &db->self));
	*grant = (struct claim){
	    .span = range->span,
	    .generation = range->generation,
	    .holder = range->holder,
	    .author = db->self,
	    .is_grant = true,
	};
	return claim_find(net, grant) == NULL;
}

void witness_step(struct ipamdb *db, struct net *net)
{
	struct flight *flight = NULL;
	struct weft_err err;

	/* A grant that is being collected, or written, is there until that is done. */
	if (net->gone_claims == 0 || net->ended || db_may_lease(db, &err) != 0 ||
	    db->handover.done || flight_is_up(db, FLIGHT_TIDY, &net->id) ||
	    flight_is_up(db, FLIGHT_GRANT, &net->id))
		return;
	if (!db_has_room(db, WORDS_PER_GROUP, 0)) {
		db_chores_again(db);
		return;
	}
	for (size_t i = 0; i < net->claims.count; i++) {
		struct claim grant;
		if (!word_for(db, net, vec_at(&net->claims, i), &grant))
			continue;
		if (!flight)
			flight = flight_begin(db, FLIGHT_GRANT, 0);
		flight->peer = grant.holder;
		flight_claim(db, flight, net, &grant, false);
		if (flight->changes.count == WORDS_PER_GROUP)
			break;
	}
}
