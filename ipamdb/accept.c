/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Accepting. What was granted to this node becomes its own when its row at the grant's generation
 * is durable, and not before. A grant may come in an answer, by gossip, or both, now or after a
 * restart; it counts while it is the newest word on every address that it covers and this node has
 * not already given that generation up again.
 *
 * Nothing is taken up before this node has met somebody since its start: who has just joined may
 * not know yet that the donor was removed, see closure.c. And at first that somebody must have been
 * its admitter, or the admitter be gone. Until a newcomer has spoken to him there may be nobody who
 * counts it as a member but a removed node, cut off together with it: the others, having closed,
 * take back what that one goes on granting. Who has met its admitter is known to him if he closes
 * later, and knows what he knew if he has closed before. An admitter who left knew this node if he
 * named it (parting.c); if he did not, all members have to be met. What a meeting taught of
 * removals is on the disk before it is noted there that it took place.
 */
#include "accept.h"
#include "ask.h"
#include "closure.h"
#include "naming.h"
#include "query.h"
#include "rest.h"

#define ACCEPTS_PER_GROUP 32

/* Is the grant still the last word, and unanswered? */
static bool is_open(struct net *net, const struct claim *grant)
{
	const struct runs *runs = net_runs(net);
	struct claim row = *grant;

	row.author = grant->holder;
	row.is_grant = false;
	if (grant->accepting || grant->is_void || claim_find(net, &row))
		return false;
	if (runs_top(&net->spent, &grant->span) >= grant->generation)
		return false;
	for (size_t i = runs_from(runs, grant->span.lo); i < runs->items.count; i++) {
		const struct run *run = runs_at(runs, i);
		if (run->span.lo > grant->span.hi)
			break;
		if (run->generation != grant->generation || run->clash ||
		    !id_eq(&run->holder, &grant->holder))
			return false;
	}
	return true;
}

/* Who knows nobody yet has met nobody. One that left after it was met has been met. */
static bool has_met_all(const struct ipamdb *db)
{
	const struct peer *peer;
	size_t pos = 0;
	bool has_met = false;

	while ((peer = map_next(&db->peers, &pos)) != NULL) {
		if (!peer->known || id_eq(&peer->id, &db->self))
			continue;
		if (!peer->gone && !peer->synced)
			return false;
		has_met = has_met || (peer->synced && !closure_is_removed(db, &peer->id));
	}
	return db->met && has_met;
}

bool introduction_is_done(const struct ipamdb *db)
{
	const struct peer *admitter = peer_find(db, &db->admitter);

	if (db->introduced || id_is_zero(&db->admitter) || (admitter && admitter->synced) ||
	    closure_is_removed(db, &db->admitter))
		return true;
	return admitter && admitter->gone &&
	       (namings_have_self(db, &db->admitter) || has_met_all(db));
}

int ipamdb_introduction(const struct ipamdb *db, struct weft_err *err)
{
	const struct peer *admitter = peer_find(db, &db->admitter);
	bool is_there = admitter && admitter->present;
	char name[NAME_BYTES];

	if (introduction_is_done(db))
		return 0;
	peer_name(db, &db->admitter, name);
	if (admitter && admitter->gone)
		return weft_err_set(
		    err, WEFT_E_TIMEOUT,
		    "this node waits for a first sync with every member, since %s, "
		    "which admitted it, has left; start or remove those that failed",
		    name);
	return weft_err_set(err, is_there ? WEFT_E_TIMEOUT : WEFT_E_NO_PEER,
			    "this node waits for a first sync with %s, which admitted it%s", name,
			    is_there
				? "; try again in a moment"
				: " and is unreachable; start that host again, or remove it with "
				  "weft node rm if it is gone for good, or weft reset here and "
				  "join through another");
}

int accept_may(const struct ipamdb *db, struct weft_err *err)
{
	int rc = ipamdb_introduction(db, err);

	if (rc != 0 || db->met)
		return rc;
	return weft_err_set(err, WEFT_E_TIMEOUT,
			    "this node has not compared its tables with a member since its start");
}

void introduction_keep(struct ipamdb *db)
{
	static const uint8_t one = 1;
	struct write write = {.kind = WRITE_META, .meta = META_INTRODUCED, .bytes = &one, .len = 1};

	if (db->introduced || db->standing != STANDING_ACTIVE || id_is_zero(&db->admitter) ||
	    !introduction_is_done(db) || flight_is_up(db, FLIGHT_INTRODUCED, NULL) ||
	    !db_has_room(db, 0, 1) || closure_keeps(db))
		return;
	flight_write(db, flight_begin(db, FLIGHT_INTRODUCED, 0), &write);
}

bool accept_grants(struct ipamdb *db, struct net *net)
{
	struct flight *flight = NULL;
	struct weft_err err;

	if (!net->wants_accept)
		return false;
	if (db_may_lease(db, &err) != 0 || accept_may(db, &err) != 0 || db->handover.done)
		return true;
	if (!db_has_room(db, ACCEPTS_PER_GROUP, 0))
		return true;
	for (size_t i = 0; i < net->claims.count; i++) {
		struct claim *grant = vec_at(&net->claims, i);
		struct claim row = *grant;
		if (!grant->is_grant || !id_eq(&grant->holder, &db->self) || !is_open(net, grant))
			continue;
		if (!flight)
			flight = flight_begin(db, FLIGHT_ACCEPT, 0);
		if (flight->changes.count == ACCEPTS_PER_GROUP)
			return true;
		grant->accepting = true;
		handover_given(db, &grant->author);
		row.author = db->self;
		row.is_grant = false;
		row.epoch = row.sequence = 0;
		if (grant->rests)
			row.rests_until = rest_until(db);
		flight_claim(db, flight, net, &row, false);
		db_trace(db, TRACE_RANGE_RECEIVED, &grant->author, &net->id, NULL,
			 span_size(&grant->span));
	}
	net->wants_accept = false;
	return false;
}

void accept_durable(struct ipamdb *db, struct flight *flight, int code)
{
	struct net *net = net_find(db, &flight->network);

	WEFT_ASSERT(net != NULL);
	for (size_t i = 0; i < flight->changes.count; i++) {
		struct claim grant =
		    ((const struct claim_change *)vec_at(&flight->changes, i))->claim;
		for (size_t at = 0; at < net->claims.count; at++) {
			struct claim *claim = vec_at(&net->claims, at);
			if (claim->is_grant && claim->generation == grant.generation &&
			    claim->span.lo == grant.span.lo && claim->span.hi == grant.span.hi)
				claim->accepting = false;
		}
	}
	if (code == 0) {
		asks_granted(db, net);
		return;
	}
	net->wants_accept = true;
}
