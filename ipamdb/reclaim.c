/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Taking a removed node's space back: who disagrees, who blocks, and the rows by which the member
 * with the lowest id becomes the owner. The essay is in closure.c.
 */
#include <string.h>

#include "closing.h"
#include "closure.h"

#define RECLAIMS_PER_GROUP 64

static bool has_agreed(const struct closing *closing, const struct id *member)
{
	for (size_t i = 0; i < closing->closers.count; i++) {
		const struct closer *closer = vec_at(&closing->closers, i);
		if (id_eq(&closer->id, member))
			return memcmp(closer->digest, closing->digest, DIGEST_BYTES) == 0;
	}
	return false;
}

/* Members whose closure is missing or says something else than ours. */
static size_t disagreeing(const struct ipamdb *db, const struct closing *closing, struct id *out,
			  size_t cap)
{
	const struct peer *peer;
	size_t pos = 0, count = 0;

	if (!closing->is_durable) {
		if (cap > 0)
			out[0] = db->self;
		count++;
	}
	while ((peer = map_next(&db->peers, &pos)) != NULL) {
		if (peer->gone || id_eq(&peer->id, &db->self) ||
		    closure_is_removed(db, &peer->id) || has_agreed(closing, &peer->id))
			continue;
		if (count < cap)
			out[count] = peer->id;
		count++;
	}
	/* Members first learnt from their closure count too. */
	for (size_t i = 0; i < closing->closers.count; i++) {
		const struct closer *closer = vec_at(&closing->closers, i);
		if (peer_find(db, &closer->id) || closure_is_removed(db, &closer->id) ||
		    has_agreed(closing, &closer->id))
			continue;
		if (count < cap)
			out[count] = closer->id;
		count++;
	}
	return count;
}

size_t closure_blockers(struct ipamdb *db, const struct id *removed, struct id *out, size_t cap)
{
	const struct closing *closing = closing_find(db, removed);
	uint8_t digest[DIGEST_BYTES];

	if (!closing || closing->is_agreed || closing_digest(db, removed, digest) == 0)
		return 0; /* nothing is left to take back */
	return disagreeing(db, closing, out, cap);
}

static bool is_lowest(const struct ipamdb *db)
{
	const struct peer *peer;
	size_t pos = 0;

	while ((peer = map_next(&db->peers, &pos)) != NULL)
		if (!peer->gone && !closure_is_removed(db, &peer->id) &&
		    id_cmp(&peer->id, &db->self) < 0)
			return false;
	return true;
}

/* Above every generation known over span, those of rows that wait (and will never count) too. */
static uint64_t reclaim_generation(struct net *net, const struct closing *closing,
				   const struct span *span)
{
	uint64_t generation = net_next_generation(net, span);

	for (size_t i = 0; i < closing->late.count; i++) {
		const struct late *late = vec_at(&closing->late, i);
		if (id_eq(&late->network, &net->id) && span_overlaps(&late->claim.span, span) &&
		    late->claim.generation >= generation)
			generation = late->claim.generation + 1;
	}
	return generation;
}

static void net_reclaim(struct ipamdb *db, struct net *net, const struct closing *closing)
{
	const struct id *removed = &closing->removed;
	const struct runs *runs = net_runs(net);
	struct flight *flight = NULL;
	uint64_t sum = 0;

	if (flight_is_up(db, FLIGHT_RECLAIM, &net->id) || net->ended)
		return;
	if (!db_has_room(db, RECLAIMS_PER_GROUP, 0)) {
		db_chores_by(db, mono_add_ms(db->now, 1));
		return;
	}
	for (size_t i = 0; i < runs->items.count; i++) {
		const struct run *run = runs_at(runs, i);
		struct span rest = run->span;
		if (!id_eq(&run->holder, removed) || run->clash)
			continue;
		if (!flight)
			flight = flight_begin(db, FLIGHT_RECLAIM, 0);
		while (flight->changes.count < RECLAIMS_PER_GROUP) {
			struct claim claim = {
			    .span = span_head_block(&rest),
			    .holder = db->self,
			    .author = db->self,
			};
			claim.generation = reclaim_generation(net, closing, &claim.span);
			flight_claim(db, flight, net, &claim, false);
			sum = count_add(sum, span_size(&claim.span));
			if (claim.span.hi == rest.hi)
				break;
			rest.lo = claim.span.hi + 1;
		}
	}
	if (flight)
		db_trace(db, TRACE_RANGE_RECLAIMED, removed, &net->id, NULL, sum);
}

/* Do all members agree with this node's closure, and does that still say what it sees? */
static bool all_agree(struct ipamdb *db, const struct closing *closing)
{
	uint8_t digest[DIGEST_BYTES];

	(void)closing_digest(db, &closing->removed, digest);
	return closing->is_durable && memcmp(digest, closing->digest, DIGEST_BYTES) == 0 &&
	       disagreeing(db, closing, NULL, 0) == 0;
}

static void closing_step(struct ipamdb *db, struct closing *closing)
{
	uint8_t digest[DIGEST_BYTES];

	if (!closing->is_agreed) {
		if (closing->is_closed)
			closing_admit(db, closing);
		closing_write(db, closing);
		closing->is_agreed = is_lowest(db) && all_agree(db, closing);
	}
	if (!closing->is_agreed)
		return;
	if (closing_digest(db, &closing->removed, digest) == 0) {
		closing->is_agreed = false; /* done; should more turn up, all must agree on it */
		return;
	}
	for (size_t n = 0; n < db->nets.count; n++)
		net_reclaim(db, *(struct net **)vec_at(&db->nets, n), closing);
}

void closures_step(struct ipamdb *db)
{
	struct weft_err err;

	if (db_may_lease(db, &err) != 0)
		return;
	for (size_t i = 0; i < db->closings.count; i++) {
		struct closing *closing = *(struct closing **)vec_at(&db->closings, i);
		if (closing->is_removed && !closing->is_flying &&
		    !id_eq(&closing->removed, &db->self))
			closing_step(db, closing);
	}
}
