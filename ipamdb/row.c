/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What others (and this node, before a restart) wrote: networks, ranges and grants, free space,
 * removals, closures and partings. Rows may come in any order; a range of a network that is not
 * known yet waits in the network's place, and where its author has too many such in the tables,
 * from which it is read again when the network is known. What does not decode is passed over: it
 * was signed by a member, but by a version that says more than this one understands.
 *
 * What is read again may be very much, of one author who means ill, and one turn of the loop is
 * short: it comes in portions (READING_PORTION), the newest rows first, with a pause after each. A
 * network is unread until a reading that began after it was known has come to its end; a row that
 * changes meanwhile counts at once, as always in a network that is known. Nothing of this is
 * stored: after a start it is passed over and read again.
 */
#include "row.h"

#include "author.h"
#include "closure.h"
#include "parting.h"
#include "query.h"
#include "rest.h"

#define MOVES_PER_MS 10000 /* claims; the loop has most of the time for others */

/* A ROW_RANGE or ROW_GRANT as a claim: 0, or WEFT_E_INVALID. */
static int claim_read(const struct row_view *row, struct id *network, struct claim *claim)
{
	struct range_key key;
	struct rec_grant grant;

	if (range_key_decode(row->key, row->key_len, &key) != 0)
		return WEFT_E_INVALID;
	claim_from_key(&key, claim);
	*network = key.network;
	claim->author = claim->holder = row->owner;
	claim->epoch = row->epoch;
	claim->sequence = row->sequence;
	claim->is_grant = row->kind == ROW_GRANT;
	claim->is_ended = row->deleted && !claim->is_grant;
	if (!claim->is_grant || row->deleted)
		return 0;
	if (rec_grant_decode(row->value, row->value_len, &grant) != 0)
		return WEFT_E_INVALID;
	claim->holder = grant.to;
	claim->rests = grant.rests;
	claim->recalls = grant.recalls;
	return 0;
}

/* What this node wrote when the range came in: nothing (nil), or until when it rests. The row comes
 * before the word that its group is durable, and whoever waits for an address is served between:
 * a clock that was set forward since would make the rest one that is over. */
static void own_range_apply(struct ipamdb *db, struct net *net, const struct row_view *row,
			    const struct claim *claim)
{
	struct rec_range range;

	if (rec_range_decode(row->value, row->value_len, &range) != 0)
		return;
	if (flight_lets_rest(db, net, claim, range.rests_until))
		rest_begins(db, net, &claim->span, range.rests_until);
	else
		rest_add(db, net, &claim->span, range.rests_until);
}

/* The network that a row speaks of; NULL where that is of no use. */
static struct net *net_of(struct ipamdb *db, const struct row_view *row, const struct id *network)
{
	const struct net *net = net_find(db, network);

	if (row->deleted && !(net && net->tended) && net_has_ended(db, network))
		return NULL;
	if (row->deleted && !net && row->kind != ROW_RANGE)
		return NULL;
	return net_intern(db, network, &row->owner);
}

static void range_apply(struct ipamdb *db, const struct row_view *row)
{
	struct claim claim;
	struct id network;
	struct net *net;

	if (claim_read(row, &network, &claim) != 0)
		return;
	if (id_eq(&row->owner, &db->self))
		closure_wrote(db, row->epoch, row->sequence);
	net = net_of(db, row, &network);
	if (!net) {
		author_note(db, &claim);
		return;
	}
	db_chores_by(db, db->now);
	claim.is_stored = !db->started;
	if (!row->deleted) {
		if (id_eq(&claim.author, &db->self) && !claim.is_grant)
			own_range_apply(db, net, row, &claim);
		if (claim_put(db, net, &claim)) {
			db->serve = true;
			if (id_eq(&claim.author, &db->self) && !claim.is_grant)
				space_renew(&net->space, &claim.span);
		}
		net_leave(db, net);
		return;
	}
	if (claim.is_grant)
		claim_drop(db, net, &claim);
	else
		claim_put(db, net, &claim);
	if (id_eq(&row->owner, &db->self) && row->kind == ROW_RANGE)
		runs_add(&net->spent, &claim.span, claim.generation, &db->self, true);
	net_leave(db, net);
}

static int attached_cmp(const void *key, const void *item)
{
	return id_cmp(key, &((const struct attached *)item)->node);
}

static void attachment_apply(struct ipamdb *db, const struct row_view *row)
{
	struct id network = row_key_id(row);
	struct rec_attachment rec = {.free_log2 = 0};
	struct attached *there;
	struct net *net;
	size_t at;

	if (!row->deleted && rec_attachment_decode(row->value, row->value_len, &rec) != 0)
		return;
	net = net_of(db, row, &network);
	if (!net)
		return;
	at = vec_lower_bound(&net->attached, &row->owner, attached_cmp);
	there = at < net->attached.count ? vec_at(&net->attached, at) : NULL;
	if (there && !id_eq(&there->node, &row->owner))
		there = NULL;
	if (row->deleted && there)
		vec_remove(&net->attached, at);
	if (row->deleted) {
		net_leave(db, net);
	} else if (there) {
		there->free_log2 = rec.free_log2;
	} else {
		struct attached attached = {row->owner, rec.free_log2};
		vec_insert(&net->attached, at, &attached);
	}
}

/* Who makes a network holds its pools. Should his rows never come (he may be gone for good), the
 * network alone says that they were his, as a tombstone would: every pool has an owner. */
static void network_apply(struct ipamdb *db, const struct row_view *row)
{
	struct id id = row_key_id(row);
	struct rec_network rec;
	struct net *net;

	if (rec_network_decode(row->value, row->value_len, &rec) != 0)
		return;
	net = net_find(db, &id);
	if (net_has_ended(db, &id) && !(net && net->tended))
		return;
	net = net_own_intern(db, &id);
	net_define(db, net, &rec);
	for (size_t i = 0; i < rec.pool_count; i++) {
		struct claim whole = {
		    .span = span_from_prefix(&rec.pools[i].subnet),
		    .generation = 1,
		    .holder = row->owner,
		    .author = row->owner,
		    .is_ended = true,
		};
		if (!claim_find(net, &whole))
			claim_put(db, net, &whole);
	}
	db_chores_by(db, db->now);
}

static void network_end_apply(struct ipamdb *db, const struct row_view *row)
{
	struct id id = row_key_id(row);

	net_end(db, &id);
	db->serve = true;
	db_chores_by(db, db->now);
}

void row_apply(struct ipamdb *db, const struct row_view *row)
{
	struct id id;

	switch (row->kind) {
	case ROW_RANGE:
	case ROW_GRANT:
		range_apply(db, row);
		break;
	case ROW_MEMBER:
		parting_member_row(db, row);
		break;
	case ROW_PARTING:
		parting_row(db, row);
		break;
	case ROW_ATTACHMENT:
		attachment_apply(db, row);
		break;
	case FACT_NETWORK:
		network_apply(db, row);
		break;
	case FACT_NETWORK_END:
		network_end_apply(db, row);
		break;
	case FACT_REMOVAL:
		id = row_key_id(row);
		closure_removal(db, &id);
		break;
	case FACT_CLOSURE:
		closure_fact(db, row);
		break;
	default:
		break;
	}
}

static void row_reapply(void *ctx, const struct row_view *row)
{
	struct ipamdb *db = ctx;
	struct gathered item = {.net = NULL}, *kept;
	struct id network;

	if (row->kind == ROW_ATTACHMENT)
		network = row_key_id(row);
	else if ((row->kind != ROW_RANGE && row->kind != ROW_GRANT) ||
		 claim_read(row, &network, &item.claim) != 0)
		return;
	item.net = net_find(db, &network);
	if (!item.net || !item.net->reading)
		return;
	if (row->kind == ROW_ATTACHMENT || (row->kind == ROW_GRANT && row->deleted) ||
	    id_eq(&row->owner, &db->self)) {
		row_apply(db, row);
		return;
	}
	kept = scratch_take(&db->scratch, sizeof(*kept));
	*kept = item;
	claims_gather(&db->gathered, kept);
}

static void reading_end(struct ipamdb *db)
{
	vec_close(&db->gathered);
	db->unread = false;
	for (size_t i = 0; i < db->tended.count; i++) {
		struct net *net = net_tended(db, i);
		if (net->reading) {
			net->unread = net->reading = false;
			claims_tell(db, net);
		}
		db->unread = db->unread || net->unread;
	}
	db->serve = true;
	db_chores_by(db, db->now);
}

void rows_read_again(struct ipamdb *db)
{
	int64_t wait_ms = READING_PAUSE_MS;
	bool is_over;
	size_t moved;

	if (!db->unread)
		return;
	if (!mono_is_due(db->read_at, db->now)) {
		db_chores_by(db, db->read_at);
		return;
	}
	for (size_t i = 0; i < db->tended.count && !db->reading.is_up; i++)
		net_tended(db, i)->reading = net_tended(db, i)->unread;
	is_over = ipamdb_read_passed(db, &db->reading, row_reapply, db, &wait_ms);
	moved = claims_settle(db, &db->gathered);
	if (is_over)
		reading_end(db);
	db->read_at = mono_add_ms(db->now, wait_ms + (int64_t)(moved / MOVES_PER_MS));
	if (db->unread)
		db_chores_by(db, db->read_at);
}
