/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Taking back what gone nodes hold: who blocks it, and the rows by which the member with the lowest
 * id becomes the owner. Why that is safe stands in closure.c.
 *
 * Nothing is remembered between two steps: as long as all members agree, whatever a gone node still
 * holds is taken, a group of rows at a time. A crash between two groups, another lowest member or
 * another removal in the middle find what is left and go on by the same rule.
 *
 * What is taken back rests for a cool-down: nobody here knows what was in use (rest.c).
 */
#include <string.h>

#include "reclaim.h"
#include "closure.h"
#include "naming.h"
#include "parting.h"
#include "query.h"
#include "rest.h"

/* A row of a gone node may be known to somebody who was told of it after his closing, by one who
 * forgot it in a crash before his own. What is taken back is above all that it can have written
 * meanwhile. That may be space which it took back itself: hence one step for each that is gone, for
 * the views of whoever takes back later show more of them. */
#define RECLAIM_STEP (UINT64_C(1) << 20)

#define BLOCKED_MS 1000

/* A part of a pool whose holder is gone and whose owner nobody disputes. What was claimed at the
 * end of all generations stays as it is: nobody would believe a row above, so whoever took it would
 * be its owner in his own eyes alone, and the next one who is the lowest would take it, too. */
static bool is_forfeit(struct ipamdb *db, struct net *net, const struct run *run)
{
	return !run->clash && run->generation < GENERATION_MAX && net_pool(net, run->span.lo) &&
	       closure_forfeits(db, &run->holder);
}

bool reclaim_is_due(struct ipamdb *db, const struct id *gone)
{
	if (!closure_has_gone(db))
		return false;
	for (size_t n = 0; n < db->tended.count; n++) {
		struct net *net = net_tended(db, n);
		const struct runs *runs;

		if (net->ended || net->unread)
			continue;
		runs = net_runs(net);
		for (size_t i = 0; i < runs->items.count; i++) {
			const struct run *run = runs_at(runs, i);
			if ((!gone || id_eq(gone, &run->holder)) && is_forfeit(db, net, run))
				return true;
		}
	}
	return false;
}

static bool is_member(const struct ipamdb *db, const struct peer *peer)
{
	return peer->known && !id_eq(&peer->id, &db->self) && !closure_is_gone(db, &peer->id);
}

static bool has_left(const struct ipamdb *db, const struct peer *peer)
{
	return peer->known && peer->gone && !closure_is_removed(db, &peer->id);
}

/* What is missing before this member's word can be relied upon. */
static enum ipam_block_why block_of(struct ipamdb *db, const struct id *member)
{
	const struct closer *closer = closure_of(db, member);
	const struct ipamdb_config *config = &db->config;

	if (!closer)
		return IPAM_BLOCK_SILENT;
	if (memcmp(closer->rec.view, closure_view(db), DIGEST_BYTES) != 0)
		return IPAM_BLOCK_VIEW;
	if (!id_eq(member, &db->self) && config->has_rows &&
	    !config->has_rows(config->ctx, member, closer->rec.epoch, closer->rec.sequence))
		return IPAM_BLOCK_ROWS;
	return IPAM_BLOCK_NONE;
}

static void block_add(const struct id *member, enum ipam_block_why why, struct ipam_block *out,
		      size_t cap, size_t *count)
{
	if (why == IPAM_BLOCK_NONE)
		return;
	if (*count < cap)
		out[*count] = (struct ipam_block){*member, why};
	(*count)++;
}

static size_t blocks(struct ipamdb *db, struct ipam_block *out, size_t cap)
{
	const struct id *stranger;
	const struct peer *peer;
	size_t pos = 0, count = 0;

	block_add(&db->self, block_of(db, &db->self), out, cap, &count);
	while ((peer = map_next(&db->peers, &pos)) != NULL) {
		if (is_member(db, peer))
			block_add(&peer->id, block_of(db, &peer->id), out, cap, &count);
		else if (has_left(db, peer) && !parting_is_complete(db, peer))
			block_add(&peer->id, IPAM_BLOCK_PARTING, out, cap, &count);
	}
	pos = 0;
	while ((stranger = namings_stranger(db, &pos)) != NULL)
		block_add(stranger, IPAM_BLOCK_STRANGER, out, cap, &count);
	return count;
}

static const struct id *lowest(const struct ipamdb *db)
{
	const struct id *low = &db->self;
	const struct peer *peer;
	size_t pos = 0;

	while ((peer = map_next(&db->peers, &pos)) != NULL)
		if (id_cmp(&peer->id, low) < 0 && is_member(db, peer))
			low = &peer->id;
	return low;
}

bool ipamdb_is_stranger(const struct ipamdb *db, const struct id *node)
{
	const struct id *stranger;
	size_t pos = 0;

	while ((stranger = namings_stranger(db, &pos)) != NULL)
		if (id_eq(stranger, node))
			return true;
	return false;
}

size_t ipamdb_blocks(struct ipamdb *db, const struct id *gone, struct ipam_block *out, size_t cap)
{
	size_t count;

	if (!reclaim_is_due(db, gone))
		return 0;
	count = blocks(db, out, cap);
	if (count > 0)
		return count;
	if (cap > 0)
		out[0] = (struct ipam_block){*lowest(db), IPAM_BLOCK_TURN};
	return 1;
}

static size_t count_gone(struct ipamdb *db)
{
	WEFT_ASSERT(closure_has_gone(db));
	return db->closing.removed.count + db->closing.left;
}

/* The highest generation that any closer has of gone nodes. */
static uint64_t top_of_all(struct ipamdb *db)
{
	uint64_t top = closure_top(db);

	for (size_t i = 0; i < db->closing.closers.count; i++) {
		const struct closer *closer = vec_at(&db->closing.closers, i);
		if (closer->rec.generation > top)
			top = closer->rec.generation;
	}
	return top;
}

static void net_reclaim(struct ipamdb *db, struct net *net, uint64_t above)
{
	const struct runs *runs;
	struct flight *flight = NULL;
	struct id from = {{0}};
	uint64_t sum = 0;

	if (flight_is_up(db, FLIGHT_RECLAIM, &net->id) || net->ended || net->unread)
		return;
	if (!db_has_room(db, RESTS_PER_GROUP, 0)) {
		db_chores_again(db);
		return;
	}
	runs = net_runs(net);
	for (size_t i = 0; i < runs->items.count; i++) {
		const struct run *run = runs_at(runs, i);
		if (!is_forfeit(db, net, run))
			continue;
		if (!flight)
			flight = flight_begin(db, FLIGHT_RECLAIM, 0);
		from = run->holder;
		sum = count_add(sum, rest_span(db, flight, net, run->span, above));
	}
	if (flight)
		db_trace(db, TRACE_RANGE_RECLAIMED, &from, &net->id, NULL, sum);
}

void reclaim_step(struct ipamdb *db)
{
	uint64_t above;

	if (!reclaim_is_due(db, NULL) || !id_eq(lowest(db), &db->self))
		return;
	if (blocks(db, NULL, 0) > 0) {
		/* That rows have all come is told by nobody. */
		db_chores_by(db, mono_add_ms(db->now, BLOCKED_MS));
		return;
	}
	above = top_of_all(db) + RECLAIM_STEP * count_gone(db);
	for (size_t n = 0; n < db->tended.count; n++)
		net_reclaim(db, net_tended(db, n), above);
}
