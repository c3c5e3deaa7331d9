/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "nets.h"

#include "author.h"
#include "claim.h"
#include "db.h"
#include "flight.h"
#include "rest.h"

static int net_cmp(const void *key, const void *item)
{
	return id_cmp(key, &(*(struct net *const *)item)->id);
}

void nets_init(struct ipamdb *db)
{
	vec_init(&db->nets, &db->heap, sizeof(struct net *));
	vec_init(&db->tended, &db->heap, sizeof(struct net *));
	map_init(&db->ended, &db->heap, ID_BYTES, ID_BYTES, db->map_seed);
	vec_init(&db->gathered, &db->heap, sizeof(struct gathered *));
	authors_init(db);
}

struct net *net_at(const struct ipamdb *db, size_t i)
{
	return *(struct net **)vec_at(&db->nets, i);
}

struct net *net_tended(const struct ipamdb *db, size_t i)
{
	return *(struct net **)vec_at(&db->tended, i);
}

static struct net *net_place(const struct ipamdb *db, const struct id *id, size_t *at)
{
	struct net *net;

	*at = vec_lower_bound(&db->nets, id, net_cmp);
	if (*at == db->nets.count)
		return NULL;
	net = net_at(db, *at);
	return id_eq(&net->id, id) ? net : NULL;
}

struct net *net_find(const struct ipamdb *db, const struct id *id)
{
	size_t at;

	return net_place(db, id, &at);
}

static struct net *net_make(struct ipamdb *db, const struct id *id)
{
	struct net *net = heap_take(&db->heap, sizeof(*net));

	net->id = *id;
	net->ended = net_has_ended(db, id);
	net->tidy_at = MONO_NEVER;
	vec_init(&net->claims, &db->heap, sizeof(struct claim));
	vec_init(&net->goners, &db->heap, sizeof(struct goner));
	vec_init(&net->promises, &db->heap, sizeof(struct promise));
	vec_init(&net->rests, &db->heap, sizeof(struct resting));
	vec_init(&net->own, &db->heap, sizeof(struct span));
	vec_init(&net->special, &db->heap, sizeof(addr128));
	vec_init(&net->attached, &db->heap, sizeof(struct attached));
	runs_init(&net->runs, &db->heap);
	runs_init(&net->spent, &db->heap);
	runs_init(&net->issued, &db->heap);
	space_init(&net->space, &db->heap);
	fifo_init(&net->rested, &db->heap, sizeof(addr128));
	return net;
}

bool net_has_ended(const struct ipamdb *db, const struct id *id)
{
	return map_find(&db->ended, id) != NULL;
}

/* The network, made when missing. */
static struct net *net_place_in(struct ipamdb *db, const struct id *id)
{
	size_t at;
	struct net *net = net_place(db, id, &at);

	if (net)
		return net;
	net = net_make(db, id);
	vec_insert(&db->nets, at, &net);
	return net;
}

struct net *net_own_intern(struct ipamdb *db, const struct id *id)
{
	struct net *net = net_place_in(db, id);

	net_tend(db, net);
	return net;
}

struct net *net_intern(struct ipamdb *db, const struct id *id, const struct id *namer)
{
	struct net *net = net_find(db, id);

	if (id_eq(namer, &db->self))
		return net_own_intern(db, id);
	if (net)
		return net->ended && !net->tended ? NULL : net;
	if (net_has_ended(db, id) || !author_may_name(db, namer))
		return NULL;
	net = net_place_in(db, id);
	net->strange = true;
	net->namer = *namer;
	author_count(db, namer, 1, 0, 0);
	return net;
}

/* Its namer answers for it no longer, nor does anybody for what he claims there. */
static void net_admit(struct ipamdb *db, struct net *net)
{
	if (!net->strange)
		return;
	author_count(db, &net->namer, -1, 0, 0);
	claims_charge(db, net, -1);
	net->strange = false;
	claims_charge(db, net, 1);
	net->namer = (struct id){{0}};
}

void net_tend(struct ipamdb *db, struct net *net)
{
	if (net->tended)
		return;
	net_admit(db, net);
	net->tended = true;
	net->unread = db->passed_over;
	db->unread = db->unread || net->unread;
	vec_insert(&db->tended, vec_lower_bound(&db->tended, &net->id, net_cmp), &net);
}

/* Nothing but rows made it, and these are gone. */
static void net_drop(struct ipamdb *db, struct net *net)
{
	size_t at;

	WEFT_ASSERT(net->strange && net_place(db, &net->id, &at) == net);
	claims_drop_all(db, net);
	net_admit(db, net);
	vec_close(&net->goners);
	vec_close(&net->own);
	vec_close(&net->attached);
	runs_close(&net->runs);
	vec_remove(&db->nets, at);
	heap_give(&db->heap, net, sizeof(*net));
}

void net_leave(struct ipamdb *db, struct net *net)
{
	if (net->strange && net->claims.count == 0 && net->attached.count == 0)
		net_drop(db, net);
}

void net_end(struct ipamdb *db, const struct id *id)
{
	struct net *net = net_find(db, id);

	(void)map_insert(&db->ended, id, NULL);
	if (!net)
		return;
	if (net->strange) {
		net_drop(db, net);
		return;
	}
	net->ended = true;
	net_own_changed(net);
}

bool net_is_over(const struct ipamdb *db, const struct net *net)
{
	size_t leases = 0;

	for (size_t i = 0; i < LEASE_STATES; i++)
		leases += net->counts[i];
	return net->ended && net->range_rows == 0 && net->promises.count == 0 && leases == 0 &&
	       !flights_name(db, &net->id);
}

void nets_retire(struct ipamdb *db)
{
	for (size_t i = db->tended.count; i-- > 0;) {
		struct net *net = net_tended(db, i);

		if (!net_is_over(db, net))
			continue;
		claims_drop_all(db, net);
		vec_close(&net->attached);
		vec_close(&net->own);
		vec_close(&net->rests);
		runs_close(&net->runs);
		runs_close(&net->spent);
		runs_close(&net->issued);
		net->wants_accept = net->tended = net->unread = net->reading = false;
		net->tidy_at = MONO_NEVER;
		vec_remove(&db->tended, i);
	}
}

static void net_disown(struct ipamdb *db, struct net *net, const struct id *author)
{
	size_t before = net->claims.count + net->attached.count;

	claims_disown(db, net, author);
	for (size_t i = net->attached.count; i-- > 0;)
		if (id_eq(&((const struct attached *)vec_at(&net->attached, i))->node, author))
			vec_remove(&net->attached, i);
	if (net->claims.count + net->attached.count < before)
		author_passed_over(db, author);
	net_leave(db, net);
}

void nets_disown(struct ipamdb *db, const struct id *author)
{
	for (size_t i = db->nets.count; i-- > 0;)
		if (net_at(db, i)->strange)
			net_disown(db, net_at(db, i), author);
}

void nets_check(struct ipamdb *db)
{
	size_t tended = 0, nets = 0, strange = 0, ended = 0;

	for (size_t i = 0; i < db->nets.count; i++) {
		struct net *net = net_at(db, i);
		WEFT_ASSERT(net->tended + net->strange <= 1);
		WEFT_ASSERT(!net->unread || (net->tended && db->unread));
		WEFT_ASSERT(!net->reading || (net->unread && db->reading.is_up));
		WEFT_ASSERT(net->tended || net->ended || !net->known);
		WEFT_ASSERT(!net->ended || (!net->strange && net_has_ended(db, &net->id)));
		tended += net->tended;
		nets += net->strange;
		strange += net->strange ? net->claims.count : 0;
		ended += claims_check(db, net);
	}
	WEFT_ASSERT(tended == db->tended.count);
	authors_check(db, nets, strange, ended);
}
