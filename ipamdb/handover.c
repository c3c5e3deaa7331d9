/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Handing over at leave: every range goes, whole, to another member, by grants like any other. The
 * leave may go on when the recipients' own rows were seen, since then nothing depends on this node.
 * One member takes all of a network, which keeps the table small: of those that take part in it the
 * one with least free space, else any. What still cools goes too: the grants tell which blocks the
 * recipient has to let rest (rest.c), and blocks are halved so that the others need not.
 *
 * Two that leave at once may choose each other. Neither can take its grant back, so each takes up
 * what it is given and passes it on, to somebody who gave it nothing meanwhile. When there is
 * nobody else, the one with the lower id waits for the other to be gone, and is the last.
 *
 * Last of all it names everybody whom it knows, so that none of them is forgotten (parting.c).
 *
 * From the end of a hand-over on nothing is granted, taken up or taken back any more, unless the
 * leave comes to nothing: when others hear that this node has left, nobody will take up anything
 * from it (closure.c).
 */
#include "donor.h"
#include "parting.h"

#define BLOCKS_PER_GROUP 64

/* Of a block, to part what was just in use from what was not: a sixteenth of it rests for one
 * address, by five rows; each further halving is a row more for everybody. */
#define HALVINGS 4

/* Who gets what; whoever takes part in a network is ranked by the bucket of its free space. */
#define RANK_APART (UINT8_MAX + 1u) /* behind all who take part */
#define RANK_GIVER (2 * RANK_APART) /* behind all who gave this node nothing */

_Static_assert(BLOCKS_PER_GROUP <= IPAM_ROWS, "a group fits an update");

void handover_given(struct ipamdb *db, const struct id *giver)
{
	struct handover *handover = &db->handover;

	if (!handover->active || handover->giver_count == GIVERS_MAX)
		return;
	for (size_t i = 0; i < handover->giver_count; i++)
		if (id_eq(&handover->givers[i], giver))
			return;
	handover->givers[handover->giver_count++] = *giver;
}

static bool is_giver(const struct ipamdb *db, const struct id *node)
{
	for (size_t i = 0; i < db->handover.giver_count; i++)
		if (id_eq(&db->handover.givers[i], node))
			return true;
	return false;
}

static bool pick_recipient(const struct ipamdb *db, const struct net *net, struct id *out)
{
	const struct peer *peer;
	unsigned best = UINT32_MAX;
	size_t pos = 0;

	while ((peer = map_next(&db->peers, &pos)) != NULL) {
		unsigned rank = RANK_APART;
		if (!peer->present || peer->gone || id_eq(&peer->id, &db->self))
			continue;
		for (size_t i = 0; i < net->attached.count; i++) {
			const struct attached *attached = vec_at(&net->attached, i);
			if (id_eq(&attached->node, &peer->id))
				rank = attached->free_log2;
		}
		if (is_giver(db, &peer->id)) {
			if (id_cmp(&db->self, &peer->id) < 0)
				continue;
			rank += RANK_GIVER;
		}
		if (rank < best || (rank == best && id_cmp(&peer->id, out) < 0)) {
			best = rank;
			*out = peer->id;
		}
	}
	return best != UINT32_MAX;
}

static void handover_end(struct ipamdb *db, int code, const char *why)
{
	struct ipam_answer *answer = db_answer(db, db->handover.tag);

	WEFT_ASSERT(db->handover.active && answer != NULL);
	if (code != 0)
		weft_err_set(&answer->err, code, "%s", why);
	db->handover.active = false;
	db->handover.done = code == 0;
}

void handover_undo(struct ipamdb *db)
{
	WEFT_ASSERT(!db->handover.active);
	db->handover.done = false;
	db->serve = true;
	db_chores_by(db, db->now);
}

bool ipamdb_may_leave(struct ipamdb *db)
{
	return db->handover.done && parting_is_whole(db);
}

void handover_begin(struct ipamdb *db, const struct ipam_request *req)
{
	struct ipam_answer *answer;
	struct weft_err err = {0};
	size_t live = 0;

	for (size_t i = 0; i < db->tended.count; i++) {
		const struct net *net = net_tended(db, i);
		live +=
		    net->counts[LEASE_NEW] + net->counts[LEASE_HELD] + net->counts[LEASE_ENDING];
	}
	if (!db->handover.active && live == 0 && db_may_act(db, &err) == 0) {
		db->handover =
		    (struct handover){.active = true, .tag = req->tag, .deadline = req->deadline};
		parting_begin(db);
		handover_step(db);
		return;
	}
	if (!db->handover.active)
		handover_undo(db); /* whatever an earlier one came to, this node stays */
	answer = db_answer(db, req->tag);
	WEFT_ASSERT(answer != NULL);
	if (db->handover.active)
		weft_err_set(&answer->err, WEFT_E_BUSY,
			     "this node is leaving already; weft status says when it has");
	else if (live > 0)
		weft_err_set(&answer->err, WEFT_E_IN_USE,
			     "%zu address%s leased on this host; detach its endpoints first", live,
			     live == 1 ? " is" : "es are");
	else
		answer->err = err;
}

static bool has_others(const struct ipamdb *db)
{
	const struct peer *peer;
	size_t pos = 0;

	while ((peer = map_next(&db->peers, &pos)) != NULL)
		if (!peer->gone && !id_eq(&peer->id, &db->self))
			return true;
	return false;
}

/* What goes to one recipient. */
struct giving {
	struct net *net;
	struct flight *flight;
	struct id to;
};

/* How much of a block has to cool down at its recipient. */
enum resting_part { RESTS_NOT = 0, RESTS_PARTLY, RESTS_WHOLLY };

/* How many addresses of the block cool down one by one: while a node leaves, nothing else is busy
 * but what is never leased. */
static uint64_t count_cooling(const struct ipamdb *db, const struct net *net,
			      const struct span *block)
{
	uint64_t busy = space_busy(&net->space, block);

	for (size_t i = 0; busy > 0 && i < net->special.count; i++) {
		addr128 addr = *(const addr128 *)vec_at(&net->special, i);
		struct lease_key key = {net->id, addr_to_inet(addr)};
		busy -= span_has(block, addr) && !lease_find(db, &key);
	}
	return busy;
}

static enum resting_part resting_part(struct ipamdb *db, struct net *net, const struct span *block)
{
	uint64_t cooling = count_cooling(db, net, block);
	bool is_usable = false; /* some of it does not rest */
	bool is_whole = false;  /* none of it does */
	const struct vec *own = net_own(db, net);

	for (size_t i = 0; net->rests.count > 0 && i < own->count && !is_whole; i++) {
		const struct span *span = vec_at(own, i);
		is_usable = is_usable || span_overlaps(span, block);
		is_whole = span_has(span, block->lo) && span_has(span, block->hi);
	}
	if (net->rests.count > 0 && !is_usable)
		return RESTS_WHOLLY;
	if (net->rests.count > 0 && !is_whole)
		return RESTS_PARTLY;
	if (cooling == 0)
		return RESTS_NOT;
	return cooling == span_size(block) ? RESTS_WHOLLY : RESTS_PARTLY;
}

/* Grants a block whole, or in halves while only some of it has to rest. */
static void block_grant(struct ipamdb *db, struct giving *giving, struct span block,
			unsigned halvings)
{
	enum resting_part part = resting_part(db, giving->net, &block);
	struct promise promise = {block, giving->flight->token};
	struct claim claim = {
	    .span = block,
	    .holder = giving->to,
	    .author = db->self,
	    .is_grant = true,
	    .rests = part != RESTS_NOT,
	};

	if (giving->flight->changes.count == BLOCKS_PER_GROUP)
		return; /* the next group begins with it */
	if (part == RESTS_PARTLY && halvings > 0) {
		addr128 middle = block.lo + (block.hi - block.lo) / 2;
		block_grant(db, giving, (struct span){block.lo, middle}, halvings - 1);
		block_grant(db, giving, (struct span){middle + 1, block.hi}, halvings - 1);
		return;
	}
	claim.generation = net_next_generation(giving->net, &block);
	flight_claim(db, giving->flight, giving->net, &claim, false);
	vec_push(&giving->net->promises, &promise);
}

static void giving_grant(struct ipamdb *db, struct giving *giving, const struct vec *holds)
{
	for (size_t i = 0; i < holds->count; i++) {
		struct span left = *(struct span *)vec_at(holds, i);
		while (giving->flight->changes.count < BLOCKS_PER_GROUP) {
			struct span block = span_head_block(&left);
			block_grant(db, giving, block, HALVINGS);
			if (block.hi == left.hi)
				break;
			left.lo = block.hi + 1;
		}
	}
}

/* Grants all of a network to one recipient, or as much as one group holds; what is under way
 * already stays out. False when nobody can take it. */
static bool net_hand_over(struct ipamdb *db, struct net *net)
{
	struct giving giving = {.net = net};
	struct vec holds;
	bool found = true;

	vec_init(&holds, &db->heap, sizeof(struct span));
	net_holds(db, net, &holds);
	if (holds.count == 0 || net->ended) {
		/* nothing to give */
	} else if (!db_has_room(db, BLOCKS_PER_GROUP, 0)) {
		db_chores_again(db);
	} else if (!pick_recipient(db, net, &giving.to)) {
		found = db->handover.giver_count > 0;
	} else {
		giving.flight = flight_begin(db, FLIGHT_HANDOVER, 0);
		giving.flight->peer = giving.to;
		giving_grant(db, &giving, &holds);
		net_own_changed(net);
	}
	vec_close(&holds);
	return found;
}

/* Of one that is unread others may own more than is known here, and this node no more: what is its
 * own stands in rows of its own, which are never passed over. So one in which it has nothing is not
 * waited for, else whoever makes networks keeps it from leaving. What was granted to it there is
 * waited for, as where all is read: it is taken up and handed over. */
static bool net_has_all_gone(struct ipamdb *db, struct net *net)
{
	struct vec holds;
	bool none;

	vec_init(&holds, &db->heap, sizeof(struct span));
	net_holds(db, net, &holds);
	none = holds.count == 0;
	vec_close(&holds);
	return net->ended || (none && net->promises.count == 0 && !donor_is_owed(db, net) &&
			      !(net->unread && net->wants_accept));
}

void handover_step(struct ipamdb *db)
{
	bool pending = false;

	if (!db->handover.active || db->update.answer_count == IPAM_ANSWERS)
		return;
	if (!has_others(db)) {
		if (parting_step(db))
			handover_end(db, 0, NULL);
		else if (mono_is_due(db->handover.deadline, db->now))
			handover_end(
			    db, WEFT_E_TIMEOUT,
			    "the rows that say whom this node knows were not stored in "
			    "time; look at the disk of the state directory, then try again");
		return;
	}
	/* A disk that went back shows as own what was given away since. */
	if (db->guarded) {
		if (mono_is_due(db->handover.deadline, db->now))
			handover_end(db, WEFT_E_GUARDED,
				     "nothing is handed over before a sync with a member; weft "
				     "ipam confirm overrides");
		return;
	}
	pending = flight_is_up(db, FLIGHT_RECLAIM, NULL) || flight_is_up(db, FLIGHT_ACCEPT, NULL) ||
		  db->closing.is_flying;
	for (size_t i = 0; i < db->tended.count; i++) {
		struct net *net = net_tended(db, i);
		if (!net->unread && !net_hand_over(db, net)) {
			handover_end(db, WEFT_E_NO_PEER,
				     "no member is in reach to take this node's address ranges; "
				     "start one again, or remove those that are gone");
			return;
		}
		pending = pending || !net_has_all_gone(db, net);
	}
	if (!pending && parting_step(db))
		handover_end(db, 0, NULL);
	else if (mono_is_due(db->handover.deadline, db->now))
		handover_end(db, WEFT_E_TIMEOUT,
			     pending ? "the members that take this node's address ranges have not "
				       "confirmed them in time"
				     : "no member has confirmed in time that it knows whom this "
				       "node knows");
}
