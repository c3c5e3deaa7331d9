/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "nets.h"

#include "db.h"
#include "rest.h"

static int net_cmp(const void *key, const void *item)
{
	return id_cmp(key, &(*(struct net *const *)item)->id);
}

void nets_init(struct ipamdb *db)
{
	vec_init(&db->nets, &db->heap, sizeof(struct net *));
	vec_init(&db->tended, &db->heap, sizeof(struct net *));
	map_init(&db->namers, &db->heap, ID_BYTES, sizeof(struct namer), db->map_seed);
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

/* Its namer answers for it until a fact does, this node to nobody. */
static bool namer_charge(struct ipamdb *db, struct net *net, const struct id *namer)
{
	struct namer *who;

	if (id_eq(namer, &db->self))
		return true;
	who = map_insert(&db->namers, namer, NULL);
	if (who->nets >= STRANGE_MAX)
		return false;
	who->nets++;
	net->namer = *namer;
	return true;
}

static void namer_release(struct ipamdb *db, struct net *net)
{
	struct namer *who = map_find(&db->namers, &net->namer);

	if (id_is_zero(&net->namer))
		return;
	WEFT_ASSERT(who && who->nets > 0);
	if (--who->nets == 0)
		map_remove(&db->namers, &net->namer);
	net->namer = (struct id){{0}};
}

struct net *net_intern(struct ipamdb *db, const struct id *id, const struct id *namer)
{
	size_t at;
	struct net *net = net_place(db, id, &at);

	if (!net) {
		net = heap_take(&db->heap, sizeof(*net));
		if (!namer_charge(db, net, namer)) {
			heap_give(&db->heap, net, sizeof(*net));
			return NULL;
		}
		net->id = *id;
		net->tidy_at = MONO_NEVER;
		vec_init(&net->claims, &db->heap, sizeof(struct claim));
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
		vec_insert(&db->nets, at, &net);
	}
	if (id_eq(namer, &db->self))
		net_tend(db, net);
	return net;
}

void net_tend(struct ipamdb *db, struct net *net)
{
	if (net->tended)
		return;
	net->tended = true;
	vec_insert(&db->tended, vec_lower_bound(&db->tended, &net->id, net_cmp), &net);
}

void net_leave(struct ipamdb *db, struct net *net)
{
	size_t at;

	if (net->tended || net->claims.count > 0 || net->attached.count > 0)
		return;
	WEFT_ASSERT(net_place(db, &net->id, &at) == net);
	namer_release(db, net);
	vec_close(&net->claims);
	vec_close(&net->own);
	vec_close(&net->attached);
	runs_close(&net->runs);
	vec_remove(&db->nets, at);
	heap_give(&db->heap, net, sizeof(*net));
}

void net_found(struct ipamdb *db, struct net *net)
{
	WEFT_ASSERT(net->known || net->ended);
	namer_release(db, net);
	net_tend(db, net);
}

void nets_check(const struct ipamdb *db)
{
	size_t tended = 0, strange = 0, charged = 0, pos = 0;
	const struct namer *namer;

	for (size_t i = 0; i < db->nets.count; i++) {
		const struct net *net = net_at(db, i);
		WEFT_ASSERT(net->tended || !(net->known || net->ended));
		WEFT_ASSERT(id_is_zero(&net->namer) || !(net->known || net->ended));
		tended += net->tended;
		strange += !id_is_zero(&net->namer);
	}
	while ((namer = map_next(&db->namers, &pos)) != NULL)
		charged += namer->nets;
	WEFT_ASSERT(tended == db->tended.count && strange == charged);
}
