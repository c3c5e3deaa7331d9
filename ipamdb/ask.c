/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Asking for space.
 *
 * For any address the holders of ranges are asked one after another, the one with most free space
 * by its attachment row first; a named address is asked of its owner. A grant in an answer is taken
 * for the donor's row, which may come later by gossip; should the answer be lost, the row alone
 * does the same. When nobody is left, the waiters hear at once who holds what and who is out of
 * reach.
 *
 * A newcomer asks nobody before its admitter knows it: it could not take up what it is given
 * (accept.c). Its waiters wait for that sync, or hear at once that the admitter is out of reach.
 */
#include "ask.h"

#include <string.h>

#include "accept.h"
#include "closure.h"
#include "send.h"

#define HOLDERS_SHOWN 6 /* about as many as a message to people holds */

static struct ask *ask_find(const struct ipamdb *db, const struct id *network,
			    const struct slot *slot)
{
	for (size_t i = 0; i < db->asks.count; i++) {
		struct ask *ask = *(struct ask **)vec_at(&db->asks, i);
		if (id_eq(&ask->network, network) && ask->v4 == slot->v4 &&
		    ask->is_static == slot->is_static &&
		    (!ask->is_static || ask->addr == slot->addr))
			return ask;
	}
	return NULL;
}

static bool ask_has_tried(const struct ask *ask, const struct id *node, enum refusal *refusal)
{
	for (size_t i = 0; i < ask->tried_count; i++) {
		if (!id_eq(&ask->tried[i], node))
			continue;
		if (refusal)
			*refusal = ask->refusals[i];
		return true;
	}
	return false;
}

static unsigned peer_bucket(const struct net *net, const struct id *node)
{
	for (size_t i = 0; i < net->attached.count; i++) {
		const struct attached *attached = vec_at(&net->attached, i);
		if (id_eq(&attached->node, node))
			return attached->free_log2 + 1u;
	}
	return 1;
}

static bool may_ask(const struct ipamdb *db, const struct ask *ask, const struct id *node)
{
	const struct peer *peer = peer_find(db, node);

	return peer && peer->present && !peer->gone && !id_eq(node, &db->self) &&
	       !ask_has_tried(ask, node, NULL);
}

/* Whom to ask next: the holder with most free space; of equals a random one. */
static bool pick_any(struct ipamdb *db, struct net *net, const struct ask *ask, struct id *out)
{
	const struct runs *runs = net_runs(net);
	unsigned best = 0;
	uint64_t equals = 0;

	for (size_t i = 0; i < runs->items.count; i++) {
		const struct run *run = runs_at(runs, i);
		const struct pool *pool = net_pool(net, run->span.lo);
		unsigned bucket;
		if (!pool || pool->v4 != ask->v4 || !may_ask(db, ask, &run->holder))
			continue;
		bucket = peer_bucket(net, &run->holder);
		if (bucket > best)
			equals = 0;
		if (bucket < best || rng_below(&db->rng, ++equals) != 0)
			continue;
		best = bucket;
		*out = run->holder;
	}
	return best > 0;
}

static bool pick_owner(struct ipamdb *db, struct net *net, const struct ask *ask, struct id *out)
{
	const struct run *run = runs_find(net_runs(net), ask->addr);

	if (!run || run->clash || !may_ask(db, ask, &run->holder))
		return false;
	*out = run->holder;
	return true;
}

/* Sends the request to the next one; false when nobody is left. */
static bool ask_next(struct ipamdb *db, struct net *net, struct ask *ask)
{
	struct range_message request = {
	    .kind = RANGE_MESSAGE_REQUEST,
	    .network = net->id,
	    .v4 = ask->v4,
	    .has_address = ask->is_static,
	    .address = addr_to_inet(ask->addr),
	};
	struct id peer;

	WEFT_ASSERT(ask->tag == 0 && !ask->is_over);
	if (ask->tried_count == ASK_TRIES_MAX ||
	    !(ask->is_static ? pick_owner : pick_any)(db, net, ask, &peer))
		return false;
	ask->tag = range_message_send(db, &peer, &request);
	if (ask->tag != 0)
		ask->peer = peer;
	else
		db->serve = true; /* in the next step */
	return true;
}

struct holding {
	struct id node;
	uint64_t count;
};

/* Who holds how much of a family's pools, the largest first. */
static size_t holdings(struct net *net, bool v4, struct holding *out, size_t cap)
{
	const struct runs *runs = net_runs(net);
	size_t count = 0;

	for (size_t i = 0; i < runs->items.count; i++) {
		const struct run *run = runs_at(runs, i);
		const struct pool *pool = net_pool(net, run->span.lo);
		size_t at = 0;
		if (!pool || pool->v4 != v4)
			continue;
		while (at < count && !id_eq(&out[at].node, &run->holder))
			at++;
		if (at == cap)
			continue;
		if (at == count)
			out[count++] = (struct holding){.node = run->holder};
		out[at].count = count_add(out[at].count, span_size(&run->span));
		for (; at > 0 && out[at].count > out[at - 1].count; at--) {
			struct holding swap = out[at];
			out[at] = out[at - 1];
			out[at - 1] = swap;
		}
	}
	return count;
}

static size_t append(char *text, size_t cap, size_t at, const char *part)
{
	size_t len = strlen(part);

	if (at + len + 1 > cap)
		return at;
	memcpy(text + at, part, len + 1);
	return at + len;
}

static void holding_describe(struct ipamdb *db, struct net *net, const struct ask *ask,
			     const struct holding *holding, char *out, size_t cap)
{
	const struct peer *peer = peer_find(db, &holding->node);
	enum refusal refusal = REFUSAL_FULL;
	char name[NAME_BYTES];
	struct weft_err line;
	const char *state;

	peer_name(db, &holding->node, name);
	if (id_eq(&holding->node, &db->self))
		state = net_cools(db, net) ? "this host: nothing free, some cools down"
					   : "this host: nothing free";
	else if (!peer || !peer->present)
		state = "unreachable";
	else if (ask_has_tried(ask, &holding->node, &refusal))
		state = refusal == REFUSAL_COOLING ? "has nothing free, some cools down"
						   : refusal_text(refusal);
	else
		state = "not asked";
	weft_err_set(&line, WEFT_E_POOL_FULL, "%s holds %llu (%s)", name,
		     (unsigned long long)holding->count, state);
	append(out, cap, 0, line.message);
}

static void any_error(struct ipamdb *db, struct net *net, const struct ask *ask,
		      struct weft_err *err)
{
	struct holding who[HOLDERS_SHOWN];
	size_t count = holdings(net, ask->v4, who, HOLDERS_SHOWN);
	char list[400] = "";
	size_t at = 0;

	if (count == 0) {
		weft_err_set(err, WEFT_E_NO_PEER,
			     "nothing is known yet about who holds the addresses of network %s; "
			     "try again in some seconds",
			     net->name);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		char one[160];
		holding_describe(db, net, ask, &who[i], one, sizeof(one));
		if (i > 0)
			at = append(list, sizeof(list), at, ", ");
		at = append(list, sizeof(list), at, one);
	}
	weft_err_set(err, WEFT_E_POOL_FULL, "no free %s address in network %s: %s",
		     ask->v4 ? "IPv4" : "IPv6", net->name, list);
}

static void named_error(struct ipamdb *db, struct net *net, const struct ask *ask,
			struct weft_err *err)
{
	const struct run *run = runs_find(net_runs(net), ask->addr);
	struct inet ip = addr_to_inet(ask->addr);
	enum refusal refusal = REFUSAL_NONE;
	char text[INET_TEXT_BYTES], name[NAME_BYTES];

	inet_format(&ip, text);
	if (!run || run->clash) {
		weft_err_set(
		    err, run ? WEFT_E_CONFLICT : WEFT_E_NO_PEER,
		    run ? "two hosts claim %s in network %s; see weft ipam ring"
			: "nobody is known to hold %s in network %s; try again in some seconds",
		    text, net->name);
		return;
	}
	peer_name(db, &run->holder, name);
	if (!ask_has_tried(ask, &run->holder, &refusal)) {
		weft_err_set(err, WEFT_E_NO_PEER,
			     "%s belongs to host %s, which is unreachable; start it again, or "
			     "choose another address",
			     text, name);
		return;
	}
	weft_err_set(err,
		     refusal == REFUSAL_LEASED || refusal == REFUSAL_COOLING ? WEFT_E_ADDRESS_IN_USE
									     : WEFT_E_NO_PEER,
		     "%s belongs to host %s, which %s; choose another address, or none", text, name,
		     refusal_text(refusal));
}

enum ask_outcome ask_for(struct ipamdb *db, struct net *net, const struct slot *slot,
			 struct weft_err *err)
{
	struct ask *ask = ask_find(db, &net->id, slot);
	const struct run *run;

	if (slot->is_static) {
		run = runs_find(net_runs(net), slot->addr);
		/* Ours, but promised or on its way to disk: known within a moment. */
		if (run && !run->clash && id_eq(&run->holder, &db->self))
			return ASK_WAIT;
	}
	if (net->unread) /* who holds what is not known yet */
		return ASK_WAIT;
	/* What would be granted could not be taken up. */
	if (!introduction_is_done(db))
		return accept_may(db, err) == WEFT_E_NO_PEER ? ASK_FAILED : ASK_WAIT;
	if (!ask) {
		ask = heap_take(&db->heap, sizeof(*ask));
		ask->network = net->id;
		ask->v4 = slot->v4;
		ask->is_static = slot->is_static;
		ask->addr = slot->addr;
		vec_push(&db->asks, &ask);
	}
	if (!ask->is_over && !ask->granted && ask->tag == 0)
		ask->is_over = !ask_next(db, net, ask);
	if (!ask->is_over)
		return ASK_WAIT;
	if (ask->is_static)
		named_error(db, net, ask, err);
	else
		any_error(db, net, ask, err);
	return ASK_FAILED;
}

/* The peer's grant as a claim; false when it makes no sense. */
static bool grant_take(struct ipamdb *db, struct net *net, const struct ask *ask,
		       const struct range_key *key)
{
	struct claim claim;
	const struct pool *pool;

	claim_from_key(key, &claim);
	claim.holder = db->self;
	claim.author = ask->peer;
	claim.is_grant = true;
	pool = net_pool(net, claim.span.lo);
	if (closure_is_removed(db, &ask->peer))
		return false;
	if (!id_eq(&key->network, &net->id) || !pool || pool->v4 != ask->v4 ||
	    !span_has(&pool->subnet, claim.span.hi) ||
	    (ask->is_static && !span_has(&claim.span, ask->addr)))
		return false;
	if (claim.generation <= runs_top(&net->spent, &claim.span) ||
	    claim.generation < runs_top(net_runs(net), &claim.span))
		return false; /* an old answer: this was ours and is not any more */
	claim_put(db, net, &claim);
	net->wants_accept = true;
	db_chores_by(db, db->now);
	return true;
}

void ask_answered(struct ipamdb *db, const struct ipam_event *event)
{
	struct range_message message;
	struct ask *ask = NULL;
	struct net *net;
	enum refusal refusal = REFUSAL_NONE;

	for (size_t i = 0; i < db->asks.count && !ask; i++) {
		struct ask *one = *(struct ask **)vec_at(&db->asks, i);
		if (one->tag != 0 && one->tag == event->tag)
			ask = one;
	}
	net = ask ? net_find(db, &ask->network) : NULL;
	if (!ask || !net)
		return;
	ask->tag = 0;
	db->serve = true;
	if (event->code == 0 && range_message_decode(event->bytes, event->len, &message) == 0) {
		refusal = REFUSAL_INVALID;
		if (message.kind == RANGE_MESSAGE_REFUSE)
			refusal = message.refusal;
		else if (message.kind == RANGE_MESSAGE_GRANT &&
			 grant_take(db, net, ask, &message.key))
			ask->granted = true;
	}
	if (ask->granted)
		return;
	WEFT_ASSERT(ask->tried_count < ASK_TRIES_MAX);
	ask->refusals[ask->tried_count] = refusal;
	ask->tried[ask->tried_count++] = ask->peer;
}

void asks_granted(struct ipamdb *db, const struct net *net)
{
	for (size_t i = 0; i < db->asks.count; i++) {
		struct ask *ask = *(struct ask **)vec_at(&db->asks, i);
		if (!id_eq(&ask->network, &net->id))
			continue;
		/* Whoever still needs more starts again with everybody. */
		ask->granted = false;
		ask->tried_count = 0;
	}
}

void asks_sweep(struct ipamdb *db)
{
	for (size_t i = db->asks.count; i-- > 0;) {
		struct ask *ask = *(struct ask **)vec_at(&db->asks, i);
		bool wanted = requests_want(db, &ask->network, ask->v4, ask->is_static, ask->addr);
		if (ask->tag != 0 || (wanted && !ask->is_over))
			continue;
		vec_remove(&db->asks, i);
		heap_give(&db->heap, ask, sizeof(*ask));
	}
}
