/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Ranges that cool down.
 *
 * A released address is not used again for a while, so that whoever still has it in a cache, a
 * connection or a neighbour table does not reach somebody else. Who released it sees to that by a
 * lease of its own that cools (lease.c), and never grants such an address. Four ways lead past
 * that memory, and on each of them all of the range rests at its new owner:
 *
 *   handed over   a leave does not wait for what has just been released. The grants say which
 *                 blocks have such addresses in them; the recipient lets these rest.
 *   taken back    nobody knows what a gone node used last: whatever is reclaimed rests.
 *   recovered     a disk that went back has forgotten what was released since, and the endpoints
 *                 that end then were others' neighbours until then: all that is free there rests.
 *   said again    such a disk may learn of a range only then, from a witness (witness.c).
 *
 * The owner's row of the range says until when, by the wall clock, so that a restart does not
 * shorten it, nor, however that clock was set, makes it longer than once. What rests is owned, and
 * can be handed over (it rests anew then), but is neither leased, nor granted, nor merged; leases
 * that are there already (after a recovery) go on.
 */
#include "rest.h"

#include "query.h"

struct wall rest_until(const struct ipamdb *db)
{
	return (struct wall){db->wall.ms + db->config.cooldown_ms};
}

/* A wall clock that was set back makes nobody wait longer than once. */
static struct mono due_of(const struct ipamdb *db, struct wall until)
{
	int64_t left = until.ms - db->wall.ms;

	if (left > db->config.cooldown_ms)
		left = db->config.cooldown_ms;
	return mono_add_ms(db->now, left > 0 ? left : 0);
}

static void rest_put(struct ipamdb *db, struct net *net, const struct resting *rest)
{
	WEFT_ASSERT(rest->span.lo <= rest->span.hi);
	WEFT_ASSERT(db->started == (rest->due.ns != MONO_NEVER.ns));
	if (db->started) {
		if (mono_is_due(rest->due, db->now))
			return;
		db->rests_due = mono_min(db->rests_due, rest->due);
	}
	net_own_changed(net);
	for (size_t i = 0; i < net->rests.count; i++) {
		struct resting *there = vec_at(&net->rests, i);
		if (there->span.lo != rest->span.lo || there->span.hi != rest->span.hi)
			continue;
		/* Of two the one that ends last counts, by this run's own clock if it is known. */
		if (there->until.ms != rest->until.ms &&
		    (db->started ? there->due.ns < rest->due.ns : there->until.ms < rest->until.ms))
			*there = *rest;
		return;
	}
	vec_push(&net->rests, rest);
}

void rest_add(struct ipamdb *db, struct net *net, const struct span *span, struct wall until)
{
	rest_put(db, net,
		 &(struct resting){*span, until, db->started ? due_of(db, until) : MONO_NEVER});
}

void rest_begins(struct ipamdb *db, struct net *net, const struct span *span, struct wall until)
{
	WEFT_ASSERT(db->started);
	rest_put(db, net,
		 &(struct resting){*span, until, mono_add_ms(db->now, db->config.cooldown_ms)});
}

void rests_start(struct ipamdb *db)
{
	for (size_t n = 0; n < db->tended.count; n++) {
		struct net *net = net_tended(db, n);
		for (size_t i = 0; i < net->rests.count; i++) {
			struct resting *rest = vec_at(&net->rests, i);
			rest->due = due_of(db, rest->until);
			db->rests_due = mono_min(db->rests_due, rest->due);
		}
	}
}

void rests_tick(struct ipamdb *db)
{
	if (!mono_is_due(db->rests_due, db->now))
		return;
	db->rests_due = MONO_NEVER;
	for (size_t n = 0; n < db->tended.count; n++) {
		struct net *net = net_tended(db, n);
		for (size_t i = net->rests.count; i-- > 0;) {
			struct resting rest = *(struct resting *)vec_at(&net->rests, i);
			if (!mono_is_due(rest.due, db->now)) {
				db->rests_due = mono_min(db->rests_due, rest.due);
				continue;
			}
			vec_remove(&net->rests, i);
			space_renew(&net->space, &rest.span);
			net_own_changed(net);
			db->serve = true;
			db_chores_by(db, db->now);
		}
	}
}

const struct resting *rest_find(const struct ipamdb *db, struct net *net, addr128 addr)
{
	const struct run *run = runs_find(net_runs(net), addr);

	if (!run || !run->held || run->clash || !id_eq(&run->holder, &db->self))
		return NULL;
	for (size_t i = 0; i < net->rests.count; i++) {
		const struct resting *rest = vec_at(&net->rests, i);
		if (span_has(&rest->span, addr))
			return rest;
	}
	return NULL;
}

long long rest_left_s(const struct ipamdb *db, const struct resting *rest)
{
	int64_t left_ms = mono_diff_ms(rest->due, db->now);

	return left_ms > 1000 ? (left_ms + 999) / 1000 : 1;
}

bool ipamdb_must_rest(struct ipamdb *db, const struct id *network, bool was_used)
{
	struct net *net = net_find(db, network);
	struct mono cooled = mono_add_ms(db->started_at, db->config.cooldown_ms);

	return net && !net->ended && net_free_count(db, net) > 0 &&
	       (was_used || !mono_is_due(cooled, db->now));
}

uint64_t rest_span(struct ipamdb *db, struct flight *flight, struct net *net, struct span span,
		   uint64_t floor)
{
	uint64_t sum = 0;

	while (flight->changes.count < RESTS_PER_GROUP) {
		struct claim claim = {
		    .span = span_head_block(&span),
		    .holder = db->self,
		    .author = db->self,
		    .rests_until = rest_until(db),
		};
		claim.generation = net_next_generation(net, &claim.span);
		if (claim.generation < floor)
			claim.generation = floor;
		flight_claim(db, flight, net, &claim, false);
		sum = count_add(sum, span_size(&claim.span));
		if (claim.span.hi == span.hi)
			break;
		span.lo = claim.span.hi + 1;
	}
	return sum;
}

/* Own rows at the next generation; the rest of it, if there is too much for one group, is asked for
 * again. */
static void rest_begin(struct ipamdb *db, struct net *net, uint64_t tag)
{
	const struct vec *own = net_own(db, net);
	struct flight *flight = flight_begin(db, FLIGHT_REST, tag);

	for (size_t i = 0; i < own->count; i++)
		rest_span(db, flight, net, *(struct span *)vec_at(own, i), 0);
	WEFT_ASSERT(flight->changes.count > 0);
}

void rest_submit(struct ipamdb *db, const struct ipam_request *req)
{
	struct net *net = net_find(db, &req->network);
	struct ipam_answer *answer;

	if (net && !net->ended && net_free_count(db, net) > 0 &&
	    db_has_room(db, RESTS_PER_GROUP, 0)) {
		rest_begin(db, net, req->tag);
		return;
	}
	answer = db_answer(db, req->tag);
	WEFT_ASSERT(answer != NULL);
}

void rest_durable(struct ipamdb *db, const struct flight *flight, int code)
{
	struct ipam_answer *answer = db_answer(db, flight->tag);

	WEFT_ASSERT(answer != NULL);
	if (code != 0)
		weft_err_set(&answer->err, code, "that addresses cool down was not kept: %s",
			     weft_code_info(code)->help);
}
