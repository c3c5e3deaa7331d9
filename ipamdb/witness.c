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
 * no more than a few to one holder: by then there was an alarm for each of them. And it looks for
 * something to say only when something changed, and not each time at once.
 */
#include "witness.h"

#include "claim.h"
#include "flight.h"

#define LOOK_MS 100 /* between two looks: each walks all claims */

/* What a step looks at for many ranges. */
struct witness {
	struct runs live;      /* own ranges, not ended */
	struct id holder;      /* whom the last word was for */
	size_t left;           /* so many more to him */
	struct flight *flight; /* what is said, NULL: nothing yet */
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
	size_t left = GONE_MAX;

	for (size_t i = 0; i < net->claims.count && left > 0; i++) {
		const struct claim *claim = vec_at(&net->claims, i);
		if (claim->recalls && id_eq(&claim->author, &db->self) &&
		    id_eq(&claim->holder, holder) &&
		    !runs_outrank(net_runs(net), &claim->span, claim->generation))
			left--;
	}
	return left;
}

/* The part of a run in which the range is the last word and this node has ended all rows of its
 * own; false when there is none. */
static bool is_relied_upon(const struct witness *witness, const struct net *net,
			   const struct claim *range, const struct run *run, struct span *part)
{
	uint64_t spent;

	if (!span_meet(&run->span, &range->span, part))
		return false;
	spent = runs_top(&net->spent, part);
	return run->generation == range->generation && !run->held && !run->clash &&
	       id_eq(&run->holder, &range->holder) && spent > 0 && spent < range->generation &&
	       runs_top(&witness->live, part) == 0;
}

/* May one more word be said to the holder of the range? */
static bool has_word(const struct ipamdb *db, struct witness *witness, struct net *net,
		     const struct claim *range)
{
	if (!id_eq(&witness->holder, &range->holder)) {
		witness->holder = range->holder;
		witness->left = words_left(db, net, &range->holder);
	}
	return witness->left > 0;
}

/* Two ranges that gave way together may have a block in common. */
static bool is_said(const struct witness *witness, const struct claim *grant)
{
	for (size_t i = 0; witness->flight && i < witness->flight->changes.count; i++) {
		const struct claim_change *said = vec_at(&witness->flight->changes, i);
		if (said->claim.span.lo == grant->span.lo &&
		    said->claim.span.hi == grant->span.hi &&
		    said->claim.generation == grant->generation)
			return true;
	}
	return false;
}

/* Says of a part of a range what the range said, a block after the other: who is set back and has
 * granted another part on takes up those that are his. */
static void part_repeat(struct ipamdb *db, struct witness *witness, struct net *net,
			const struct claim *range, struct span part)
{
	for (;;) {
		struct claim grant = {
		    .span = span_head_block(&part),
		    .generation = range->generation,
		    .holder = range->holder,
		    .author = db->self,
		    .is_grant = true,
		    .rests = true, /* who is set back has forgotten what he released */
		    .recalls = true,
		};

		if (!claim_find(net, &grant) && !is_said(witness, &grant)) {
			if (!has_word(db, witness, net, range))
				return;
			if (!witness->flight)
				witness->flight = flight_begin(db, FLIGHT_GRANT, 0);
			witness->flight->peer = grant.holder;
			flight_claim(db, witness->flight, net, &grant, false);
			witness->left--;
		}
		if (grant.span.hi == part.hi)
			return;
		part.lo = grant.span.hi + 1;
	}
}

static void range_repeat(struct ipamdb *db, struct witness *witness, struct net *net,
			 const struct claim *range)
{
	const struct runs *runs = net_runs(net);

	WEFT_ASSERT(range->is_ended && !id_eq(&range->author, &db->self));
	for (size_t i = runs_from(runs, range->span.lo); i < runs->items.count; i++) {
		const struct run *run = runs_at(runs, i);
		struct span part;

		if (run->span.lo > range->span.hi)
			return;
		if (is_relied_upon(witness, net, range, run, &part))
			part_repeat(db, witness, net, range, part);
	}
}

void witness_step(struct ipamdb *db, struct net *net)
{
	struct witness witness;
	struct weft_err err;

	/* A grant that is being collected, or written, is there until that is done. */
	if (net->gone_claims == 0 || !net->words_due || net->ended || db_may_lease(db, &err) != 0 ||
	    db->handover.done || flight_is_up(db, FLIGHT_TIDY, &net->id) ||
	    flight_is_up(db, FLIGHT_GRANT, &net->id))
		return;
	if (!mono_is_due(net->words_at, db->now)) {
		db_chores_by(db, net->words_at);
		return;
	}
	if (!db_has_room(db, GONE_MAX, 0)) {
		db_chores_again(db);
		return;
	}
	net->words_due = false;
	net->words_at = mono_add_ms(db->now, LOOK_MS);
	witness_begin(&witness, db, net);
	for (size_t i = 0; i < net->claims.count; i++) {
		const struct claim *range = vec_at(&net->claims, i);
		/* One holder at a time: those handed in are no claims yet, to be counted. */
		if (range->gave_way &&
		    (!witness.flight || id_eq(&witness.flight->peer, &range->holder)))
			range_repeat(db, &witness, net, range);
	}
	runs_close(&witness.live);
}
