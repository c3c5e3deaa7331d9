/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Granting. Only the present owner grants, at a generation above all that it knows. The order is
 * what makes a crash harmless: the range is promised (neither leased nor granted again), the grant
 * row is committed, then it is told. Until the recipient has written its own row nobody leases
 * there. Of any free space the aligned half of the largest free run is given; a named address
 * alone, as a range of one. What is leased, cooling, reserved, never leased or promised stays.
 */
#include "donor.h"

#include "claim.h"
#include "closure.h"
#include "parting.h"
#include "rest.h"
#include "send.h"

static void reply_refuse(struct ipamdb *db, uint64_t message, enum refusal refusal)
{
	struct range_message answer = {.kind = RANGE_MESSAGE_REFUSE, .refusal = refusal};

	/* Where there is no room the asker's own time-out says the same, later. */
	if (message != 0)
		(void)range_message_reply(db, message, &answer);
}

static void reply_grant(struct ipamdb *db, uint64_t message, const struct net *net,
			const struct claim *claim)
{
	struct range_message answer = {
	    .kind = RANGE_MESSAGE_GRANT,
	    .key = {net->id, span_to_prefix(&claim->span), claim->generation},
	};

	/* Where there is no room the grant's row says the same by gossip. */
	if (message != 0)
		(void)range_message_reply(db, message, &answer);
}

/* The largest run of free addresses of this family that may be given; false when there is none. */
static bool largest_gap(struct ipamdb *db, struct net *net, bool v4, struct span *largest)
{
	const struct vec *own = net_own(db, net);
	bool found = false;

	for (size_t i = 0; i < own->count; i++) {
		const struct span *mine = vec_at(own, i);
		const struct pool *pool = net_pool(net, mine->lo);
		struct span left, gap;
		if (!pool || pool->v4 != v4 || !span_meet(mine, &pool->range, &left))
			continue;
		while (space_gap(&net->space, &left, &gap)) {
			if (!found || gap.hi - gap.lo > largest->hi - largest->lo)
				*largest = gap;
			found = true;
			if (gap.hi == left.hi)
				break;
			left.lo = gap.hi + 1;
		}
	}
	return found;
}

/* A grant to this node's peer that the peer has not yet taken up; it may have missed the answer. */
static const struct claim *open_grant(struct ipamdb *db, struct net *net, const struct id *to,
				      const struct range_message *request)
{
	addr128 addr = addr_from_inet(&request->address);

	for (size_t i = 0; i < net->claims.count; i++) {
		const struct claim *claim = vec_at(&net->claims, i);
		const struct run *run;
		const struct pool *pool;
		if (!claim->is_grant || !id_eq(&claim->author, &db->self) ||
		    !id_eq(&claim->holder, to) || claim->rests)
			continue;
		run = runs_find(net_runs(net), claim->span.lo);
		pool = net_pool(net, claim->span.lo);
		if (!run || run->held || run->generation != claim->generation || !pool ||
		    pool->v4 != request->v4)
			continue;
		if (!request->has_address || span_has(&claim->span, addr))
			return claim;
	}
	return NULL;
}

static enum refusal named_block(struct ipamdb *db, struct net *net,
				const struct range_message *request, struct span *block)
{
	addr128 addr = addr_from_inet(&request->address);
	struct lease_key key = {net->id, request->address};
	const struct lease_entry *entry = lease_find(db, &key);
	bool rests = rest_find(db, net, addr) != NULL;

	if (!net_pool(net, addr) || (!rests && !net_owns(db, net, addr)))
		return REFUSAL_NOT_OWNER;
	if (entry)
		return entry->state == LEASE_COOLING ? REFUSAL_COOLING : REFUSAL_LEASED;
	if (space_is_busy(&net->space, addr))
		return REFUSAL_LEASED;
	if (rests)
		return REFUSAL_COOLING;
	*block = (struct span){addr, addr};
	return REFUSAL_NONE;
}

static enum refusal choose_block(struct ipamdb *db, struct net *net,
				 const struct range_message *request, struct span *block)
{
	struct span gap;

	if (request->has_address)
		return named_block(db, net, request, block);
	if (!largest_gap(db, net, request->v4, &gap))
		return net_cools(db, net) ? REFUSAL_COOLING : REFUSAL_FULL;
	*block = span_half_block(&gap);
	return REFUSAL_NONE;
}

void donor_grant(struct ipamdb *db, struct net *net, const struct id *to, const struct span *block,
		 uint64_t message)
{
	struct flight *flight = flight_begin(db, FLIGHT_GRANT, 0);
	struct promise promise = {*block, flight->token};
	struct claim claim = {
	    .span = *block,
	    .generation = net_next_generation(net, block),
	    .holder = *to,
	    .author = db->self,
	    .is_grant = true,
	};

	WEFT_ASSERT(space_busy(&net->space, block) == 0);
	flight->peer = *to;
	flight->message = message;
	flight_claim(db, flight, net, &claim, false);
	vec_push(&net->promises, &promise);
	net_own_changed(net);
}

void donor_message(struct ipamdb *db, const struct ipam_event *event)
{
	struct range_message request;
	const struct peer *peer = peer_find(db, &event->member);
	struct weft_err err;
	struct net *net = NULL;
	const struct claim *open;
	struct span block;
	enum refusal refusal;
	int rc = range_message_decode(event->bytes, event->len, &request);

	if (rc == 0 && request.kind == RANGE_MESSAGE_PARTING) {
		parting_asked(db, event->message, &event->member, &request);
		return;
	}
	if (rc != 0 || request.kind != RANGE_MESSAGE_REQUEST) {
		reply_refuse(db, event->message, REFUSAL_INVALID);
		return;
	}
	net = net_find(db, &request.network);
	if (!peer || peer->gone || closure_is_removed(db, &event->member) || !net || !net->known ||
	    net->ended) {
		reply_refuse(db, event->message, REFUSAL_INVALID);
		return;
	}
	if (db_may_lease(db, &err) != 0 || db->handover.active || db->handover.done ||
	    !db_has_room(db, 1, 0)) {
		reply_refuse(db, event->message, REFUSAL_BUSY);
		return;
	}
	open = open_grant(db, net, &event->member, &request);
	if (open) {
		reply_grant(db, event->message, net, open);
		return;
	}
	refusal = choose_block(db, net, &request, &block);
	if (refusal != REFUSAL_NONE)
		reply_refuse(db, event->message, refusal);
	else
		donor_grant(db, net, &event->member, &block, event->message);
}

void donor_durable(struct ipamdb *db, struct flight *flight, int code)
{
	struct net *net = net_find(db, &flight->network);

	WEFT_ASSERT(net != NULL);
	if (code != 0) {
		reply_refuse(db, flight->message, REFUSAL_BUSY);
		return;
	}
	for (size_t i = 0; i < flight->changes.count; i++) {
		const struct claim_change *change = vec_at(&flight->changes, i);
		if (!change->claim.is_grant)
			continue;
		reply_grant(db, flight->message, net, &change->claim);
		db_trace(db, TRACE_RANGE_GRANTED, &change->claim.holder, &net->id, NULL,
			 span_size(&change->claim.span));
	}
}

bool donor_is_owed(struct ipamdb *db, struct net *net)
{
	const struct runs *runs = net_runs(net);

	for (size_t i = 0; i < net->claims.count; i++) {
		const struct claim *claim = vec_at(&net->claims, i);
		if (!claim->is_grant || !id_eq(&claim->author, &db->self) || claim->recalls)
			continue;
		for (size_t r = runs_from(runs, claim->span.lo); r < runs->items.count; r++) {
			const struct run *run = runs_at(runs, r);
			if (run->span.lo > claim->span.hi)
				break;
			if (run->generation == claim->generation && !run->held)
				return true;
		}
	}
	return false;
}
