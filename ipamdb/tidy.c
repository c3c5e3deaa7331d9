/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Keeping the table small.
 *
 * Own space is described by as few rows as its shape allows: a row over a larger aligned block of
 * own space, at a generation above all under it, makes those under it superfluous. A row is
 * collected when rows written by the owners of today outrank it everywhere:
 *
 *   range   each of its addresses has an owner's own row of a higher generation
 *   grant   each of its addresses has an owner's own row of at least its generation, and no range
 *           of this node below it stays behind, which would bring the space back to this node
 *
 * so that the own rows alone, read after a crash, never say more than this node owns. All is one
 * commit, and done only when it leaves fewer rows than before. What others wrote and this relies
 * upon is on this node's disk first: should its authors be gone for good, this node still knows who
 * came after it.
 *
 * A single address that came by name and lies idle between others' space goes back to its
 * neighbour, by a grant like any other.
 */
#include "tidy.h"

#include "donor.h"

#define TIDY_MS 2000  /* what changes within is merged by one commit */
#define IDLE_MS 30000 /* nothing was taken or asked for: who attaches a group by name is done */
#define KEEP_MS 20    /* about a commit: then what was to be kept is on the disk */

/* Of an update; the rest of it is for what else a step commits (accept.c, other networks). */
#define ROWS_MAX 96
#define KEEPS_MAX 32

_Static_assert(ROWS_MAX <= IPAM_ROWS && KEEPS_MAX <= IPAM_KEEPS, "a group fits an update");

struct plan {
	struct vec rows; /* struct claim_change */
	size_t added, dropped;
};

static void plan_add(struct plan *plan, const struct claim *claim, bool drop)
{
	struct claim_change change = {*claim, drop};

	vec_push(&plan->rows, &change);
	if (drop)
		plan->dropped++;
	else
		plan->added++;
}

/* One row for each aligned block of own space that no single row of ours describes. */
static void plan_blocks(struct ipamdb *db, struct net *net, struct plan *plan, struct runs *after)
{
	const struct vec *own = net_own(db, net);

	for (size_t i = 0; i < own->count; i++) {
		struct span left = *(struct span *)vec_at(own, i);
		for (;;) {
			struct span block = span_head_block(&left);
			uint64_t top = runs_top(net_runs(net), &block);
			struct claim row = {
			    .span = block,
			    .generation = top,
			    .holder = db->self,
			    .author = db->self,
			};
			if (plan->rows.count < ROWS_MAX && !claim_find(net, &row)) {
				row.generation = net_next_generation(net, &block);
				plan_add(plan, &row, false);
				runs_add(after, &block, row.generation, &db->self, true);
			}
			if (block.hi == left.hi)
				break;
			left.lo = block.hi + 1;
		}
	}
}

/* Own ranges that stay: what a grant above them must not be collected before. */
static bool range_stays_below(struct ipamdb *db, struct net *net, const struct plan *plan,
			      const struct claim *grant)
{
	for (size_t i = 0; i < net->claims.count; i++) {
		const struct claim *claim = vec_at(&net->claims, i);
		bool drops = false;
		if (claim->is_grant || claim->is_ended || !id_eq(&claim->author, &db->self) ||
		    claim->generation >= grant->generation ||
		    !span_overlaps(&claim->span, &grant->span))
			continue;
		for (size_t r = 0; r < plan->rows.count && !drops; r++) {
			const struct claim_change *change = vec_at(&plan->rows, r);
			drops = change->drop && !change->claim.is_grant &&
				change->claim.generation == claim->generation &&
				change->claim.span.lo == claim->span.lo &&
				change->claim.span.hi == claim->span.hi;
		}
		if (!drops)
			return true;
	}
	return false;
}

static void plan_drops(struct ipamdb *db, struct net *net, struct plan *plan,
		       const struct runs *after, bool grants)
{
	for (size_t i = 0; i < net->claims.count && plan->rows.count < ROWS_MAX; i++) {
		const struct claim *claim = vec_at(&net->claims, i);
		uint64_t above = claim->generation + (claim->is_grant ? 0 : 1);
		if (!id_eq(&claim->author, &db->self) || claim->is_grant != grants ||
		    claim->is_ended)
			continue;
		if (!net->ended && !runs_outrank(after, &claim->span, above))
			continue;
		if (grants && range_stays_below(db, net, plan, claim))
			continue;
		plan_add(plan, claim, true);
	}
}

static void plan_make(struct ipamdb *db, struct net *net, struct plan *plan)
{
	struct runs after;

	runs_init(&after, &db->heap);
	runs_copy(&after, net_runs(net)); /* what clashes stays undecided */
	if (!net->ended)
		plan_blocks(db, net, plan, &after);
	plan_drops(db, net, plan, &after, false);
	plan_drops(db, net, plan, &after, true);
	runs_close(&after);
}

/* Does a row that is to be collected rely on what this claim says? */
static bool is_relied_upon(const struct plan *plan, const struct claim *claim)
{
	for (size_t i = 0; i < plan->rows.count; i++) {
		const struct claim_change *change = vec_at(&plan->rows, i);
		if (change->drop && span_overlaps(&change->claim.span, &claim->span) &&
		    claim->generation >= change->claim.generation)
			return true;
	}
	return false;
}

/* Has others' rows that the plan relies upon committed here; false when they are already. */
static bool plan_keep(struct ipamdb *db, struct net *net, const struct plan *plan)
{
	struct flight *flight = NULL;
	size_t count = 0;

	for (size_t i = 0; i < net->claims.count && count < KEEPS_MAX; i++) {
		const struct claim *claim = vec_at(&net->claims, i);
		if (claim->is_grant || claim->is_ended || claim->is_stored || net->ended ||
		    id_eq(&claim->author, &db->self) || !is_relied_upon(plan, claim))
			continue;
		if (!flight)
			flight = flight_begin(db, FLIGHT_KEEP, 0);
		flight_keep_claim(db, flight, net, claim);
		count++;
	}
	return flight != NULL;
}

/* A group of this network that is under way would be judged by rows that are about to change. And
 * a leave's grants stay: no removal will ever ask for what this node held. */
static bool is_unsettled(const struct ipamdb *db, const struct net *net)
{
	return net->promises.count > 0 || net->wants_accept || db->handover.active ||
	       flight_is_up(db, FLIGHT_ACCEPT, &net->id) ||
	       flight_is_up(db, FLIGHT_GRANT, &net->id) ||
	       flight_is_up(db, FLIGHT_TIDY, &net->id) || flight_is_up(db, FLIGHT_KEEP, &net->id) ||
	       flight_is_up(db, FLIGHT_RECLAIM, &net->id) ||
	       flight_is_up(db, FLIGHT_REST, &net->id);
}

/* Is it one address between others' space? Beside own space that rests it is part of a range. */
static bool is_single(const struct ipamdb *db, struct net *net, const struct span *span)
{
	const struct run *below = runs_find(net_runs(net), span->lo - 1);
	const struct run *above = runs_find(net_runs(net), span->hi + 1);

	return span->lo == span->hi && !(below && id_eq(&below->holder, &db->self)) &&
	       !(above && id_eq(&above->holder, &db->self));
}

/* The neighbour that gets an idle single address: the owner beside it. */
static bool neighbour(struct ipamdb *db, struct net *net, addr128 addr, struct id *out)
{
	static const int sides[] = {-1, 1};

	for (size_t i = 0; i < 2; i++) {
		const struct run *run =
		    runs_find(net_runs(net), sides[i] < 0 ? addr - 1 : addr + 1);
		const struct peer *peer = run ? peer_find(db, &run->holder) : NULL;
		if (run && !run->clash && peer && peer->present && !peer->gone) {
			WEFT_ASSERT(!id_eq(&run->holder, &db->self));
			*out = run->holder;
			return true;
		}
	}
	return false;
}

/* Gives one idle single address back; false when there is none. */
static bool give_back(struct ipamdb *db, struct net *net)
{
	const struct vec *own = net_own(db, net);
	size_t live = net->counts[LEASE_NEW] + net->counts[LEASE_HELD];

	for (size_t i = 0; i < own->count; i++) {
		const struct span *span = vec_at(own, i);
		struct id to;
		if (!is_single(db, net, span) || space_is_busy(&net->space, span->lo) ||
		    (own->count == 1 && live > 0) || !neighbour(db, net, span->lo, &to))
			continue;
		donor_grant(db, net, &to, span, 0);
		return true;
	}
	return false;
}

/* Nothing to merge: looks at idle single addresses; when to look again. */
static struct mono idle_tidy(struct ipamdb *db, struct net *net)
{
	const struct vec *own = net_own(db, net);
	struct mono idle_at = mono_add_ms(net->busy_at, IDLE_MS);
	bool has_single = false;

	for (size_t i = 0; i < own->count; i++) {
		const struct span *span = vec_at(own, i);
		has_single = has_single || is_single(db, net, span);
	}
	if (!has_single || db->handover.active || db->handover.done || net->ended)
		return MONO_NEVER; /* until something changes */
	if (!mono_is_due(idle_at, db->now))
		return idle_at;
	return mono_add_ms(db->now, give_back(db, net) ? TIDY_MS : IDLE_MS);
}

struct mono tidy_net(struct ipamdb *db, struct net *net)
{
	struct plan plan = {.added = 0};
	struct weft_err err;
	struct flight *flight;

	if (net->tidy_at.ns == 0)
		net->tidy_at = mono_add_ms(db->now, TIDY_MS);
	if (!mono_is_due(net->tidy_at, db->now))
		return net->tidy_at;
	net->tidy_at = mono_add_ms(db->now, TIDY_MS);
	claims_forget(db, net);
	if (db_may_lease(db, &err) != 0 || is_unsettled(db, net) || !db_has_room(db, ROWS_MAX, 0) ||
	    db->update.keep_count + KEEPS_MAX > IPAM_KEEPS)
		return net->tidy_at;
	vec_init(&plan.rows, &db->heap, sizeof(struct claim_change));
	plan_make(db, net, &plan);
	if (plan.dropped > plan.added && plan_keep(db, net, &plan)) {
		net->tidy_at = mono_add_ms(db->now, KEEP_MS);
	} else if (plan.dropped > plan.added) {
		flight = flight_begin(db, FLIGHT_TIDY, 0);
		for (size_t i = 0; i < plan.rows.count; i++) {
			const struct claim_change *change = vec_at(&plan.rows, i);
			flight_claim(db, flight, net, &change->claim, change->drop);
		}
	} else {
		net->tidy_at = idle_tidy(db, net);
	}
	vec_close(&plan.rows);
	return net->tidy_at;
}
