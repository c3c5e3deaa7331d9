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
 * ended rows of its own beneath, the range may be a lie about somebody else's space. So may it
 * where a live own one is beneath: a grant is not collected before those are (tidy.c).
 *
 * Who is mad could sign such pairs without end, and each word is a row for good. So a member says
 * no more than a few to one holder: by then there was an alarm for each of them.
 */
#include "witness.h"

#include "claim.h"
#include "flight.h"

#define WORDS_MAX 32 /* grants in a network to one who does not hold them; of one group as well */

/* What a step looks at for many ranges. */
struct witness {
	struct runs live; /* own ranges, not ended */
	struct id holder; /* whom the last word was for */
	size_t left;      /* so many more to him */
};

static void witness_begin(struct witness *witness, struct ipamdb *db, const struct net *net)
{
	*witness = (struct witness){.left = 0};
	runs_init(&witness->live, &db->heap);
	for (size_t i = 0; i < net->claims.count; i++) {
		const struct claim *claim = vec_at(&net->claims, i);
		if (!claim->is_grant && !claim->is_ended && id_eq(&claim->author, &db->self))
			runs_add(&witness->live, &claim->span, claim->generation, &db->self, true);
	}
}

/* How many more words may be said to the holder: what he takes up is collected. */
static size_t words_left(const struct ipamdb *db, struct net *net, const struct id *holder)
{
	size_t left = WORDS_MAX;

	for (size_t i = 0; i < net->claims.count && left > 0; i++) {
		const struct claim *claim = vec_at(&net->claims, i);
		if (claim->recalls && id_eq(&claim->author, &db->self) &&
		    id_eq(&claim->holder, holder) &&
		    !runs_outrank(net_runs(net), &claim->span, claim->generation))
			left--;
	}
	return left;
}

/* Is the range still the last word somewhere where this node has ended all rows of its own? */
static bool is_relied_upon(const struct witness *witness, struct net *net,
			   const struct claim *range)
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
		    id_eq(&run->holder, &range->holder) && spent > 0 && spent < range->generation &&
		    runs_top(&witness->live, &part) == 0)
			return true;
	}
	return false;
}

/* The grant that says what the range said; false when it is there, or not for this node to say. */
static bool word_for(const struct ipamdb *db, struct witness *witness, struct net *net,
		     const struct claim *range, struct claim *grant)
{
	if (!range->gave_way)
		return false;
	WEFT_ASSERT(range->is_ended && !id_eq(&range->author, &db->self));
	*grant = (struct claim){
	    .span = range->span,
	    .generation = range->generation,
	    .holder = range->holder,
	    .author = db->self,
	    .is_grant = true,
	    .rests = true, /* a holder set back takes it up, and has forgotten what it released */
	    .recalls = true,
	};
	if (claim_find(net, grant))
		return false;
	if (!id_eq(&witness->holder, &range->holder)) {
		witness->holder = range->holder;
		witness->left = words_left(db, net, &range->holder);
	}
	if (witness->left == 0 || !is_relied_upon(witness, net, range))
		return false;
	witness->left--;
	return true;
}

void witness_step(struct ipamdb *db, struct net *net)
{
	struct witness witness;
	struct flight *flight = NULL;
	struct weft_err err;

	/* A grant that is being collected, or written, is there until that is done. */
	if (net->gone_claims == 0 || net->ended || db_may_lease(db, &err) != 0 ||
	    db->handover.done || flight_is_up(db, FLIGHT_TIDY, &net->id) ||
	    flight_is_up(db, FLIGHT_GRANT, &net->id))
		return;
	if (!db_has_room(db, WORDS_MAX, 0)) {
		db_chores_again(db);
		return;
	}
	witness_begin(&witness, db, net);
	for (size_t i = 0; i < net->claims.count; i++) {
		const struct claim *range = vec_at(&net->claims, i);
		struct claim grant;
		/* One holder at a time: those handed in are no claims yet, to be counted. */
		if ((flight && !id_eq(&flight->peer, &range->holder)) ||
		    !word_for(db, &witness, net, range, &grant))
			continue;
		if (!flight)
			flight = flight_begin(db, FLIGHT_GRANT, 0);
		flight->peer = grant.holder;
		flight_claim(db, flight, net, &grant, false);
		if (flight->changes.count == WORDS_MAX)
			break;
	}
	runs_close(&witness.live);
}
