/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Closing: what members promise about nodes that are gone, so that their space can be used again.
 *
 * "Removed" says that a node is off, but not what it did before, nor that it is off in truth: it
 * may have granted space of which only some members have heard, and it may go on granting to those
 * who have not heard of its removal. So nobody takes its space back before every member has closed.
 * The closure of a member is one fact, written anew when its view has changed:
 *
 *   view         digest of the members that it knows (who left is marked) and of the removed nodes
 *   version      of its own newest range or grant
 *   generation   none of all that it has of nodes that are gone is above
 *
 * and promises
 *
 *   1. From the nodes that are removed in this view I take up no grant any more, ever.
 *   2. What I took up from anybody who is gone in this view stands in my own rows up to version.
 *   3. Nothing that I have of nodes that are gone in this view is above generation, and from them
 *      themselves nothing more comes to me.
 *
 * Members and removals are on the disk before the closure is, so that a crash takes no promise
 * back: who forgot a member would go by the closures of those who counted it, in an older view. A
 * grant of a removed node without its recipient's own row is void: it counts nowhere. All other
 * rows count by their generation alone, whenever they come, so that who owns what is a function of
 * the tables and the same wherever these are equal.
 *
 * The member with the lowest id takes back what gone nodes hold (reclaim.c) when the closures of
 * all members show its own view, and it has the rows of each up to that one's version. Why nobody
 * else owns that space then: its way from hand to hand has a last gone holder. If anybody came
 * after him, the first of them took it up before closing with this view: from a removed node by
 * promise 1; one who left has waited for that row before, and grants nothing afterwards. So the row
 * is among those that the reclaimer has (promise 2), or else a later one of its owner that tells
 * more; in the reclaimer's view the space belongs to somebody who is not gone, and is not touched.
 *
 * Views agree only when everybody knows the same members: one that a member has admitted before it
 * heard of a removal is known to its closure, and counts. One that was admitted later has heard of
 * the removal: nobody takes up a grant before a whole sync with whoever admitted it, see accept.c.
 * And whoever was known to a node that left is known to who takes back (parting.c). The marks of
 * who left and was removed are never taken back, so that an old closure never fits a newer view.
 *
 * Nothing is ever lost for good either: a member that collects a row because others outrank it has
 * those on its own disk first (tidy.c), or says itself who came after it (witness.c), and a network
 * itself says who held it at the beginning.
 * Hence each address has a highest claim in every table: by a member, who has it in truth or knows
 * who has; or by one who is gone, and then it is taken back.
 *
 * A removal is closed once by everybody. After that closures are written anew only while somebody
 * sees space to be taken back: who does is the first to close with a new view, the others follow.
 */
#include "closure.h"
#include "author.h"
#include "reclaim.h"

#include <string.h>

#define CLOSE_MS 1000 /* between two closures */
#define UNSEEN_MS 10
#define VIEW_HALF 16 /* members, then removals */

void closures_init(struct ipamdb *db)
{
	vec_init(&db->closing.removed, &db->heap, sizeof(struct removed));
	vec_init(&db->closing.closers, &db->heap, sizeof(struct closer));
	db->closing.view_stale = true;
}

static int removed_cmp(const void *key, const void *item)
{
	return id_cmp(key, &((const struct removed *)item)->node);
}

static int closer_cmp(const void *key, const void *item)
{
	return id_cmp(key, &((const struct closer *)item)->id);
}

static struct removed *removed_find(const struct ipamdb *db, const struct id *node, size_t *at)
{
	const struct vec *list = &db->closing.removed;
	struct removed *removed;

	*at = vec_lower_bound(list, node, removed_cmp);
	removed = *at < list->count ? vec_at(list, *at) : NULL;
	return removed && id_eq(&removed->node, node) ? removed : NULL;
}

const struct closer *closure_of(const struct ipamdb *db, const struct id *member)
{
	const struct vec *list = &db->closing.closers;
	size_t at = vec_lower_bound(list, member, closer_cmp);
	const struct closer *closer = at < list->count ? vec_at(list, at) : NULL;

	return closer && id_eq(&closer->id, member) ? closer : NULL;
}

bool closure_is_removed(const struct ipamdb *db, const struct id *node)
{
	size_t at;

	return removed_find(db, node, &at) != NULL;
}

/* Nearly all who are asked about are there: that is seen without looking them up. */
static uint64_t sieve_bit(const struct id *node)
{
	return UINT64_C(1) << (node->b[ID_BYTES - 1] & 63);
}

static bool was_never_gone(const struct ipamdb *db, const struct id *node)
{
	return (db->closing.sieve & sieve_bit(node)) == 0;
}

bool closure_is_gone(const struct ipamdb *db, const struct id *node)
{
	const struct peer *peer;

	if (was_never_gone(db, node))
		return false;
	peer = peer_find(db, node);
	return (peer && peer->gone) || closure_is_removed(db, node);
}

bool closure_forfeits(const struct ipamdb *db, const struct id *node)
{
	const struct peer *peer;

	if (was_never_gone(db, node))
		return false;
	if (closure_is_removed(db, node))
		return true;
	peer = peer_find(db, node);
	return peer && peer->gone && !id_eq(node, &db->self) &&
	       mono_is_due(mono_add_ms(peer->gone_at, LEFT_GRACE_MS), db->now);
}

/* Adds a node to half a view, or takes it out again. The sum does not depend on the order. */
static void view_toggle(struct ipamdb *db, size_t half, char mark, const struct id *node)
{
	uint8_t hash[HASH_BYTES];

	crypto_hash_label(db->config.crypto, "weft closure", &mark, 1, node->b, ID_BYTES, hash);
	for (size_t i = 0; i < VIEW_HALF; i++)
		db->closing.view[half + i] ^= hash[i];
}

/* How the view counts a member: 'm', 'l' for one who left, 0 for nobody's or a removed one. */
static char mark_of(const struct ipamdb *db, const struct peer *peer)
{
	if (!peer->known || id_eq(&peer->id, &db->self) || closure_is_removed(db, &peer->id))
		return 0;
	return peer->gone ? 'l' : 'm';
}

static void mark_set(struct ipamdb *db, struct peer *peer, char mark)
{
	struct closing *closing = &db->closing;

	if (peer->mark == mark)
		return;
	if (peer->mark != 0)
		view_toggle(db, 0, peer->mark, &peer->id);
	if (mark != 0)
		view_toggle(db, 0, mark, &peer->id);
	WEFT_ASSERT(peer->mark != 'l' || closing->left > 0);
	closing->left += (size_t)(mark == 'l') - (size_t)(peer->mark == 'l');
	peer->mark = mark;
}

const uint8_t *closure_view(struct ipamdb *db)
{
	struct closing *closing = &db->closing;
	struct peer *peer;
	size_t pos = 0;

	if (!closing->view_stale)
		return closing->view;
	memset(closing->view, 0, sizeof(closing->view));
	closing->left = 0;
	view_toggle(db, 0, 'm', &db->self);
	while ((peer = map_next(&db->peers, &pos)) != NULL) {
		peer->mark = 0;
		mark_set(db, peer, mark_of(db, peer));
	}
	for (size_t i = 0; i < closing->removed.count; i++)
		view_toggle(db, VIEW_HALF, 'r',
			    &((const struct removed *)vec_at(&closing->removed, i))->node);
	closing->view_stale = false;
	return closing->view;
}

void closure_check(struct ipamdb *db)
{
	uint8_t before[DIGEST_BYTES];

	memcpy(before, closure_view(db), DIGEST_BYTES);
	db->closing.view_stale = true;
	WEFT_ASSERT(memcmp(before, closure_view(db), DIGEST_BYTES) == 0);
}

bool closure_has_gone(struct ipamdb *db)
{
	(void)closure_view(db);
	return db->closing.removed.count > 0 || db->closing.left > 0;
}

/* Who left from now on has its time. */
static void members_changed(struct ipamdb *db)
{
	db->closing.grace_at = mono_add_ms(db->now, LEFT_GRACE_MS);
	db->parting.is_stale = true;
	db_chores_by(db, db->now);
}

void closure_member_changed(struct ipamdb *db, struct peer *peer)
{
	if (peer && peer->gone)
		db->closing.sieve |= sieve_bit(&peer->id);
	if (!peer)
		db->closing.view_stale = true;
	else if (!db->closing.view_stale)
		mark_set(db, peer, mark_of(db, peer));
	members_changed(db);
}

void closure_removal(struct ipamdb *db, const struct id *node)
{
	struct removed removed = {*node, !db->started};
	struct peer *peer;
	size_t at;

	if (removed_find(db, node, &at))
		return;
	vec_insert(&db->closing.removed, at, &removed);
	db->closing.sieve |= sieve_bit(node);
	if (!db->closing.view_stale)
		view_toggle(db, VIEW_HALF, 'r', node);
	for (size_t i = 0; i < db->nets.count; i++)
		claims_void(net_at(db, i), node);
	nets_disown(db, node);
	peer = peer_find(db, node);
	if (peer && !db->closing.view_stale)
		mark_set(db, peer, mark_of(db, peer));
	members_changed(db);
}

void closure_removal_stored(struct ipamdb *db, const struct id *node)
{
	size_t at;
	struct removed *removed = removed_find(db, node, &at);

	WEFT_ASSERT(removed != NULL);
	removed->is_stored = true;
}

void closure_fact(struct ipamdb *db, const struct row_view *row)
{
	struct vec *list = &db->closing.closers;
	struct closer closer = {.id = row_key_id(row)};
	size_t at;

	if (row->key_len != ID_BYTES || !id_eq(&closer.id, &row->owner) ||
	    rec_closure_decode(row->value, row->value_len, &closer.rec) != 0)
		return; /* only the closer itself says so */
	at = vec_lower_bound(list, &closer.id, closer_cmp);
	if (closure_of(db, &closer.id))
		*(struct closer *)vec_at(list, at) = closer;
	else
		vec_insert(list, at, &closer);
	db_chores_by(db, db->now);
}

void closure_wrote(struct ipamdb *db, uint64_t epoch, uint64_t sequence)
{
	struct closing *closing = &db->closing;

	if (epoch < closing->epoch || (epoch == closing->epoch && sequence <= closing->sequence))
		return;
	closing->epoch = epoch;
	closing->sequence = sequence;
}

uint64_t closure_top(struct ipamdb *db)
{
	uint64_t top = authors_top(db);

	for (size_t n = 0; n < db->nets.count; n++) {
		const struct net *net = net_at(db, n);
		for (size_t i = 0; i < net->claims.count; i++) {
			const struct claim *claim = vec_at(&net->claims, i);
			if (claim->generation > top &&
			    claim->generation <= CLOSURE_GENERATION_MAX &&
			    (closure_is_gone(db, &claim->author) ||
			     closure_is_gone(db, &claim->holder)))
				top = claim->generation;
		}
	}
	return top;
}

/* Is there something new to say that somebody should hear? */
static bool wants_closure(struct ipamdb *db)
{
	static const uint8_t nothing[VIEW_HALF];
	const uint8_t *view = closure_view(db);
	const struct closer *own = closure_of(db, &db->self);

	if (db->closing.closers.count == 0 && !closure_has_gone(db))
		return false;
	if (memcmp(own ? own->rec.view + VIEW_HALF : nothing, view + VIEW_HALF, VIEW_HALF) != 0)
		return true;
	if (own && memcmp(own->rec.view, view, DIGEST_BYTES) == 0)
		return false;
	for (size_t i = 0; i < db->closing.closers.count; i++) {
		const struct closer *closer = vec_at(&db->closing.closers, i);
		if (memcmp(closer->rec.view, view, DIGEST_BYTES) == 0)
			return true;
	}
	return reclaim_is_due(db, NULL);
}

/* May the promise be made now? Else it is seen to that it can be, soon. Own rows on their way to
 * disk would be above the promised version. */
static bool is_settled(struct ipamdb *db)
{
	if (flight_is_up(db, FLIGHT_ACCEPT, NULL) || flight_is_up(db, FLIGHT_RECLAIM, NULL)) {
		db_chores_by(db, mono_add_ms(db->now, UNSEEN_MS));
		return false;
	}
	for (size_t n = 0; n < db->tended.count; n++) {
		const struct net *net = net_tended(db, n);
		for (size_t i = 0; i < net->claims.count; i++) {
			const struct claim *claim = vec_at(&net->claims, i);
			bool is_unseen = id_eq(&claim->author, &db->self) && !claim->is_ended &&
					 claim->sequence == 0;
			if (!is_unseen && !(claim->accepting && claim->is_void))
				continue;
			/* A grant is being taken up, or the version of an own row not known yet. */
			db_chores_by(db, mono_add_ms(db->now, UNSEEN_MS));
			return false;
		}
	}
	return true;
}

static bool is_to_be_kept(const struct ipamdb *db, const struct peer *peer)
{
	return mark_of(db, peer) != 0 && peer->told != 0 && peer->told != peer->stored;
}

/* What of the view is not on the disk yet goes there first; false when that is nothing. */
static bool view_keep(struct ipamdb *db)
{
	struct flight *flight = NULL;
	const struct peer *peer;
	size_t pos = 0;

	for (size_t i = 0; i < db->closing.removed.count; i++) {
		const struct removed *removed = vec_at(&db->closing.removed, i);
		if (removed->is_stored || db->update.keep_count == IPAM_KEEPS)
			continue;
		if (!flight)
			flight = flight_begin(db, FLIGHT_KEEP, 0);
		flight_keep_removal(db, flight, &removed->node);
	}
	while (db->update.keep_count < IPAM_KEEPS && (peer = map_next(&db->peers, &pos)) != NULL) {
		if (!is_to_be_kept(db, peer))
			continue;
		if (!flight)
			flight = flight_begin(db, FLIGHT_KEEP, 0);
		flight_keep_member(db, flight, peer);
	}
	db->closing.is_flying = flight != NULL;
	return flight != NULL;
}

bool closure_keeps(struct ipamdb *db)
{
	if (db->closing.is_flying || !db_has_room(db, 0, 0) || db->update.keep_count == IPAM_KEEPS)
		return true;
	return view_keep(db);
}

static void closure_write(struct ipamdb *db)
{
	struct closing *closing = &db->closing;
	struct row_view row = {.kind = FACT_CLOSURE, .key_len = ID_BYTES};
	struct rec_closure rec = {
	    .epoch = closing->epoch,
	    .sequence = closing->sequence,
	    .generation = closure_top(db),
	};
	uint8_t value[96];
	int len;

	memcpy(rec.view, closure_view(db), DIGEST_BYTES);
	len = rec_closure_encode(&rec, value, sizeof(value));
	WEFT_ASSERT(len > 0);
	memcpy(row.key, db->self.b, ID_BYTES);
	flight_row(db, flight_begin(db, FLIGHT_CLOSURE, 0), &row, value, (size_t)len);
	closing->is_flying = true;
	closing->closed_at = db->now;
}

static void closure_step(struct ipamdb *db)
{
	struct mono next = mono_add_ms(db->closing.closed_at, CLOSE_MS);

	if (db->closing.is_flying || !wants_closure(db))
		return;
	if (db->closing.closed_at.ns != 0 && !mono_is_due(next, db->now)) {
		db_chores_by(db, next);
		return;
	}
	if (!db_has_room(db, 1, 0) || db->update.keep_count == IPAM_KEEPS) {
		db_chores_again(db);
		return;
	}
	if (is_settled(db) && !view_keep(db))
		closure_write(db);
}

void closure_durable(struct ipamdb *db, int code)
{
	WEFT_ASSERT(db->closing.is_flying);
	db->closing.is_flying = false;
	if (code == 0)
		db_trace(db, TRACE_CLOSED, NULL, NULL, NULL, db->closing.removed.count);
}

void closure_kept(struct ipamdb *db, const struct flight *flight)
{
	if (id_is_zero(&flight->network))
		db->closing.is_flying = false;
}

void closures_step(struct ipamdb *db)
{
	struct weft_err err;

	/* Who has handed everything over is as good as gone: others take back without it. */
	if (db_may_lease(db, &err) != 0 || db->handover.done)
		return;
	closure_step(db);
	reclaim_step(db);
	if (!mono_is_due(db->closing.grace_at, db->now))
		db_chores_by(db, db->closing.grace_at);
}
