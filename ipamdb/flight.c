/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Groups on their way to disk: see flight.h. */
#include "flight.h"

#include <string.h>

#include "accept.h"
#include "closure.h"
#include "donor.h"
#include "parting.h"
#include "release.h"
#include "request.h"
#include "rest.h"

struct flight_entry {
	uint64_t token;
	struct flight *flight;
};

void flights_init(struct ipamdb *db)
{
	map_init(&db->flights, &db->heap, sizeof(uint64_t), sizeof(struct flight_entry),
		 db->map_seed);
}

struct flight *flight_begin(struct ipamdb *db, enum flight_kind kind, uint64_t tag)
{
	struct ipam_update *update = &db->update;
	struct flight *flight = heap_take(&db->heap, sizeof(*flight));
	struct flight_entry *entry;

	WEFT_ASSERT(update->group_count < IPAM_GROUPS);
	flight->token = db->next_token++;
	flight->tag = tag;
	flight->kind = kind;
	vec_init(&flight->changes, &db->heap, sizeof(struct claim_change));
	vec_init(&flight->kept, &db->heap, sizeof(struct kept));
	entry = map_insert(&db->flights, &flight->token, NULL);
	entry->flight = flight;
	update->groups[update->group_count++] = (struct ipam_group){
	    .token = flight->token,
	    .tag = tag,
	    .first_row = update->row_count,
	    .first_write = update->write_count,
	    .first_keep = update->keep_count,
	};
	return flight;
}

static struct ipam_group *group_of(struct ipamdb *db, const struct flight *flight)
{
	struct ipam_group *group;

	WEFT_ASSERT(db->update.group_count > 0);
	group = &db->update.groups[db->update.group_count - 1];
	WEFT_ASSERT(group->token == flight->token);
	return group;
}

void flight_write(struct ipamdb *db, struct flight *flight, const struct write *write)
{
	struct ipam_group *group = group_of(db, flight);

	WEFT_ASSERT(db->update.write_count < IPAM_WRITES);
	db->update.writes[db->update.write_count++] = *write;
	group->write_count++;
}

void flight_row(struct ipamdb *db, struct flight *flight, const struct row_view *row,
		const uint8_t *value, size_t len)
{
	struct ipam_group *group = group_of(db, flight);
	struct row_view *out;

	WEFT_ASSERT(db->update.row_count < IPAM_ROWS);
	out = &db->update.rows[db->update.row_count++];
	group->row_count++;
	*out = *row;
	out->value = scratch_copy(&db->scratch, value, len);
	out->value_len = len;
}

void flight_claim(struct ipamdb *db, struct flight *flight, struct net *net,
		  const struct claim *claim, bool drop)
{
	struct claim_change change = {*claim, drop};
	struct row_view row = {
	    .kind = claim->is_grant ? ROW_GRANT : ROW_RANGE,
	    .deleted = drop,
	    .key_len = RANGE_KEY_BYTES,
	};
	uint8_t value[VALUE_BYTES_MAX];
	int len = 1;

	value[0] = 0xc0; /* nil */

	WEFT_ASSERT(id_eq(&claim->author, &db->self));
	claim_key(net, claim, row.key);
	if (claim->is_grant && !drop) {
		struct rec_grant grant = {claim->holder, claim->rests, claim->recalls};
		len = rec_grant_encode(&grant, value, sizeof(value));
	} else if (claim->rests_until.ms != 0 && !drop) {
		struct rec_range range = {claim->rests_until};
		len = rec_range_encode(&range, value, sizeof(value));
	}
	WEFT_ASSERT(len > 0);
	flight->network = net->id;
	if (!drop)
		runs_add(&net->issued, &claim->span, claim->generation, &claim->holder, false);
	vec_push(&flight->changes, &change);
	flight_row(db, flight, &row, value, (size_t)len);
}

static struct ipam_keep *keep_add(struct ipamdb *db, const struct flight *flight)
{
	WEFT_ASSERT(flight->kind == FLIGHT_KEEP);
	WEFT_ASSERT(db->update.keep_count < IPAM_KEEPS);
	group_of(db, flight)->keep_count++;
	return memset(&db->update.keeps[db->update.keep_count++], 0, sizeof(struct ipam_keep));
}

void flight_keep_claim(struct ipamdb *db, struct flight *flight, const struct net *net,
		       const struct claim *claim)
{
	struct kept kept = {.kind = KEPT_CLAIM, .claim = *claim};
	struct ipam_keep *keep = keep_add(db, flight);

	WEFT_ASSERT(!id_eq(&claim->author, &db->self));
	keep->kind = claim->is_grant ? ROW_GRANT : ROW_RANGE;
	keep->owner = claim->author;
	keep->key_len = RANGE_KEY_BYTES;
	claim_key(net, claim, keep->key);
	flight->network = net->id;
	vec_push(&flight->kept, &kept);
}

void flight_keep_removal(struct ipamdb *db, struct flight *flight, const struct id *removed)
{
	struct kept kept = {.kind = KEPT_REMOVAL, .node = *removed};
	struct ipam_keep *keep = keep_add(db, flight);

	keep->kind = FACT_REMOVAL;
	keep->key_len = ID_BYTES;
	memcpy(keep->key, removed->b, ID_BYTES);
	vec_push(&flight->kept, &kept);
}

void flight_keep_member(struct ipamdb *db, struct flight *flight, const struct peer *peer)
{
	struct kept kept = {.kind = KEPT_MEMBER, .node = peer->id, .mark = peer->told};
	struct ipam_keep *keep = keep_add(db, flight);

	WEFT_ASSERT(peer->told != 0);
	keep->kind = ROW_MEMBER;
	keep->owner = peer->id;
	vec_push(&flight->kept, &kept);
}

static void claim_kept(struct net *net, const struct claim *kept)
{
	struct claim *claim = net ? claim_find(net, kept) : NULL;

	/* Only as far as it is still what it was. */
	if (claim && claim->epoch == kept->epoch && claim->sequence == kept->sequence)
		claim->is_stored = true;
}

/* What was kept is on the disk. */
static void kept_durable(struct ipamdb *db, const struct flight *flight)
{
	struct net *net = net_find(db, &flight->network);

	for (size_t i = 0; i < flight->kept.count; i++) {
		const struct kept *kept = vec_at(&flight->kept, i);
		switch (kept->kind) {
		case KEPT_CLAIM:
			claim_kept(net, &kept->claim);
			break;
		case KEPT_MEMBER:
			peer_intern(db, &kept->node)->stored = kept->mark;
			break;
		case KEPT_REMOVAL:
			closure_removal_stored(db, &kept->node);
			break;
		}
	}
}

static void claim_written(struct ipamdb *db, struct net *net, const struct claim *claim)
{
	if (claim->rests_until.ms != 0)
		rest_begins(db, net, &claim->span, claim->rests_until);
	claim_put(db, net, claim);
	if (!claim->is_grant)
		space_renew(&net->space, &claim->span);
}

/* A range stays seen as ended: what it outranked does not come back. */
static void claim_collected(struct ipamdb *db, struct net *net, const struct claim *claim)
{
	struct claim ended = *claim;

	if (claim->is_grant) {
		claim_drop(db, net, claim);
		return;
	}
	ended.is_ended = true;
	claim_put(db, net, &ended);
	runs_add(&net->spent, &ended.span, ended.generation, &db->self, true);
}

/* Own rows are durable: they count from now on. */
static void changes_apply(struct ipamdb *db, struct flight *flight)
{
	struct net *net = net_find(db, &flight->network);

	WEFT_ASSERT(flight->changes.count == 0 || net != NULL);
	for (size_t i = 0; i < flight->changes.count; i++) {
		const struct claim_change *change = vec_at(&flight->changes, i);
		if (change->drop)
			claim_collected(db, net, &change->claim);
		else
			claim_written(db, net, &change->claim);
	}
}

static void promises_end(struct ipamdb *db, const struct flight *flight)
{
	struct net *net = net_find(db, &flight->network);

	for (size_t i = net ? net->promises.count : 0; i-- > 0;) {
		struct promise promise = *(struct promise *)vec_at(&net->promises, i);
		if (promise.token != flight->token)
			continue;
		vec_remove(&net->promises, i);
		/* Where it came to nothing, what was passed over meanwhile is free as before. */
		space_renew(&net->space, &promise.span);
	}
	if (net)
		net_own_changed(net);
}

static void finish(struct ipamdb *db, struct flight *flight, int code)
{
	if (code == 0 && flight->kind == FLIGHT_KEEP)
		kept_durable(db, flight);
	else if (code == 0)
		changes_apply(db, flight);
	else if (flight->has_sequence)
		db->lease_sequence_durable = 0; /* the next lease asks for a block again */
	switch (flight->kind) {
	case FLIGHT_LEASE:
		request_leased(db, flight, code);
		break;
	case FLIGHT_RELEASE:
		release_durable(db, flight, code);
		break;
	case FLIGHT_GRANT:
	case FLIGHT_HANDOVER:
		promises_end(db, flight);
		donor_durable(db, flight, code);
		break;
	case FLIGHT_ACCEPT:
		accept_durable(db, flight, code);
		break;
	case FLIGHT_PARTING:
		parting_durable(db, code);
		break;
	case FLIGHT_CLOSURE:
		closure_durable(db, code);
		break;
	case FLIGHT_KEEP:
		closure_kept(db, flight);
		break;
	case FLIGHT_REST:
		rest_durable(db, flight, code);
		break;
	case FLIGHT_INTRODUCED:
		db->introduced = db->introduced || code == 0;
		break;
	case FLIGHT_RECLAIM:
	case FLIGHT_TIDY:
	case FLIGHT_FORGET:
		break;
	}
	if (code == 0 && (flight->kind == FLIGHT_LEASE || flight->kind == FLIGHT_FORGET))
		return; /* no space came free and no range changed hands */
	db_chores_by(db, code == 0 ? db->now : mono_add_ms(db->now, RETRY_MS));
	db->serve = true;
}

void flight_durable(struct ipamdb *db, uint64_t token, int code)
{
	struct flight_entry *entry = map_find(&db->flights, &token);
	struct flight *flight;

	if (!entry)
		return;
	flight = entry->flight;
	map_remove(&db->flights, &token);
	finish(db, flight, code);
	vec_close(&flight->changes);
	vec_close(&flight->kept);
	heap_give(&db->heap, flight, sizeof(*flight));
}

bool flight_is_up(const struct ipamdb *db, enum flight_kind kind, const struct id *network)
{
	const struct flight_entry *entry;
	size_t pos = 0;

	while ((entry = map_next(&db->flights, &pos)) != NULL)
		if (entry->flight->kind == kind &&
		    (!network || id_eq(network, &entry->flight->network)))
			return true;
	return false;
}

bool flights_name(const struct ipamdb *db, const struct id *network)
{
	const struct flight_entry *entry;
	size_t pos = 0;

	while ((entry = map_next(&db->flights, &pos)) != NULL)
		if (id_eq(network, &entry->flight->network))
			return true;
	return false;
}

bool flight_lets_rest(const struct ipamdb *db, const struct net *net, const struct claim *claim,
		      struct wall until)
{
	const struct flight_entry *entry;
	size_t pos = 0;

	while ((entry = map_next(&db->flights, &pos)) != NULL) {
		const struct vec *changes = &entry->flight->changes;
		for (size_t i = 0; id_eq(&net->id, &entry->flight->network) && i < changes->count;
		     i++) {
			const struct claim_change *change = vec_at(changes, i);
			if (change->claim.rests_until.ms == until.ms && !change->drop &&
			    change->claim.generation == claim->generation &&
			    change->claim.span.lo == claim->span.lo &&
			    change->claim.span.hi == claim->span.hi)
				return true;
		}
	}
	return false;
}
