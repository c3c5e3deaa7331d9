/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Requests for addresses.
 *
 * A request is a few slots, one an address: the ones that were named, and one for each family of
 * the network's pools of which none was. A slot takes an address of this node's own at once, or
 * waits for an ask; when all slots have one, all leases are committed in one group, and the answer
 * comes when that is durable. A request that cannot be served gives back what its slots took and
 * is answered with the reason. It never waits beyond its deadline, unless its commit is under way.
 */
#include "request.h"

#include <string.h>

#include "accept.h"
#include "ask.h"
#include "gossip/base/pack.h"
#include "release.h"
#include "rest.h"

#define WAITERS_MAX 4096 /* as many as calls may be under way on a host */

enum verdict { VERDICT_READY, VERDICT_WAIT, VERDICT_FAIL };

static void answer_error(struct ipamdb *db, uint64_t tag, const struct weft_err *err)
{
	struct ipam_answer *answer = db_answer(db, tag);

	WEFT_ASSERT(answer != NULL);
	answer->err = *err;
}

static int slot_add(struct waiter *waiter, struct slot slot)
{
	if (waiter->slot_count == ENDPOINT_ADDRS_MAX)
		return WEFT_E_LIMIT;
	waiter->slots[waiter->slot_count++] = slot;
	return 0;
}

static int slot_add_named(struct net *net, struct waiter *waiter, const struct inet *ip,
			  struct weft_err *err)
{
	char text[INET_TEXT_BYTES];
	addr128 addr = addr_from_inet(ip);
	const struct pool *pool = net_pool(net, addr);

	inet_format(ip, text);
	if (!pool)
		return weft_err_set(err, WEFT_E_ADDRESS_OUTSIDE,
				    "%s belongs to no pool of network %s", text, net->name);
	if (net_is_special(net, addr))
		return weft_err_set(err, WEFT_E_ADDRESS_IN_USE,
				    "%s is kept by network %s itself (gateway, network, broadcast "
				    "or auxiliary address); choose another",
				    text, net->name);
	slot_add(waiter, (struct slot){.is_static = true, .v4 = pool->v4, .addr = addr});
	return 0;
}

/* The slots of a request. */
static int slots_plan(struct net *net, struct waiter *waiter, struct weft_err *err)
{
	bool done[2] = {false, false};

	for (size_t i = 0; i < waiter->req.addr_count; i++) {
		if (slot_add_named(net, waiter, &waiter->req.addrs[i], err) != 0)
			return err->code;
		done[waiter->slots[i].v4] = true;
	}
	for (size_t i = 0; i < net->pool_count; i++) {
		bool v4 = net->pools[i].v4;
		if (!done[v4] && slot_add(waiter, (struct slot){.v4 = v4}) != 0)
			return weft_err_set(
			    err, WEFT_E_LIMIT,
			    "an endpoint has at most %d addresses; make a second endpoint",
			    ENDPOINT_ADDRS_MAX);
		done[v4] = true;
	}
	WEFT_ASSERT(waiter->slot_count > 0);
	return 0;
}

static struct lease_key slot_key(const struct waiter *waiter, const struct slot *slot)
{
	return (struct lease_key){waiter->req.network, addr_to_inet(slot->addr)};
}

/* The address is busy for us: enters the lease. */
static void slot_take(struct ipamdb *db, struct net *net, struct waiter *waiter, struct slot *slot)
{
	struct lease lease = {
	    .network = net->id,
	    .address = addr_to_inet(slot->addr),
	    .endpoint = waiter->req.endpoint,
	    .mac = waiter->req.mac,
	    .boot = db->config.boot,
	    .since = db->wall,
	    .reserved = waiter->req.kind == IPAM_RESERVE,
	};

	memcpy(lease.name, waiter->req.name, sizeof(lease.name));
	lease_begin(db, net, &lease, &slot->before);
	slot->done = true;
}

/* A named address of this node's own. */
static enum verdict own_named(struct ipamdb *db, struct net *net, struct waiter *waiter,
			      struct slot *slot, struct weft_err *err)
{
	struct lease_key key = slot_key(waiter, slot);
	const struct lease_entry *entry = lease_find(db, &key);
	char text[INET_TEXT_BYTES];

	if (!entry) {
		space_take(&net->space, slot->addr);
	} else if (entry->state == LEASE_ENDING) {
		return VERDICT_WAIT;
	} else if (entry->state != LEASE_COOLING) {
		inet_format(&key.address, text);
		weft_err_set(err, WEFT_E_ADDRESS_IN_USE, "%s is leased on this host to %s", text,
			     entry->lease.name[0] ? entry->lease.name
						  : "an endpoint without a name");
		return VERDICT_FAIL;
	}
	slot_take(db, net, waiter, slot);
	return VERDICT_READY;
}

/* A named address of this node's own that rests with the range it came in. */
static enum verdict resting_named(struct ipamdb *db, struct net *net, struct waiter *waiter,
				  struct slot *slot, const struct resting *rest,
				  struct weft_err *err)
{
	struct lease_key key = slot_key(waiter, slot);
	char text[INET_TEXT_BYTES];

	if (lease_find(db, &key))
		return own_named(db, net, waiter, slot, err);
	inet_format(&key.address, text);
	weft_err_set(err, WEFT_E_ADDRESS_IN_USE,
		     "%s cools down, as another host may just have used it; it is free in %lld s",
		     text, rest_left_s(db, rest));
	return VERDICT_FAIL;
}

static enum verdict slot_try(struct ipamdb *db, struct net *net, struct waiter *waiter,
			     struct slot *slot, struct weft_err *err)
{
	const struct resting *rest;

	if (slot->is_static && net_owns(db, net, slot->addr))
		return own_named(db, net, waiter, slot, err);
	if (slot->is_static && (rest = rest_find(db, net, slot->addr)) != NULL)
		return resting_named(db, net, waiter, slot, rest, err);
	if (!slot->is_static && net_take_any(db, net, slot->v4, &slot->addr)) {
		slot_take(db, net, waiter, slot);
		return VERDICT_READY;
	}
	return ask_for(db, net, slot, err) == ASK_WAIT ? VERDICT_WAIT : VERDICT_FAIL;
}

static enum verdict waiter_try(struct ipamdb *db, struct waiter *waiter, struct weft_err *err)
{
	struct net *net = net_find(db, &waiter->req.network);
	enum verdict verdict = VERDICT_READY;

	WEFT_ASSERT(net != NULL);
	if (net->ended) {
		weft_err_set(err, WEFT_E_NOT_FOUND,
			     "network %s was removed; weft network ls shows what there is",
			     net->name);
		return VERDICT_FAIL;
	}
	if (db_may_lease(db, err) != 0)
		return VERDICT_FAIL;
	/* What comes in now comes from somebody who leaves as well, and is passed on. */
	if (db->handover.active) {
		weft_err_set(err, WEFT_E_CONFLICT,
			     "this node is leaving the cluster; use another host");
		return VERDICT_FAIL;
	}
	net->busy_at = db->now;
	for (size_t i = 0; i < waiter->slot_count; i++) {
		enum verdict one = VERDICT_READY;
		if (!waiter->slots[i].done)
			one = slot_try(db, net, waiter, &waiter->slots[i], err);
		if (one == VERDICT_FAIL)
			return one;
		if (one == VERDICT_WAIT)
			verdict = one;
	}
	return verdict;
}

/* Gives back what the slots took; the waiter is freed. */
static void waiter_abort(struct ipamdb *db, struct waiter *waiter)
{
	for (size_t i = 0; i < waiter->slot_count; i++) {
		struct lease_key key = slot_key(waiter, &waiter->slots[i]);
		if (waiter->slots[i].done)
			lease_abort(db, &key, &waiter->slots[i].before);
	}
	heap_give(&db->heap, waiter, sizeof(*waiter));
}

static void sequence_write(struct ipamdb *db, struct flight *flight)
{
	struct write write = {.kind = WRITE_META, .meta = META_LEASE_SEQUENCE};
	struct pack pack;

	pack_init(&pack, scratch_take(&db->scratch, PACK_UINT_BYTES_MAX), PACK_UINT_BYTES_MAX);
	pack_uint(&pack, db->lease_sequence_durable);
	write.bytes = pack.bytes;
	write.len = pack.len;
	flight_write(db, flight, &write);
	flight->has_sequence = true;
}

static void waiter_commit(struct ipamdb *db, struct waiter *waiter)
{
	struct flight *flight = flight_begin(db, FLIGHT_LEASE, waiter->req.tag);
	bool wants_block = false;

	flight->waiter = waiter;
	waiter->committing = true;
	for (size_t i = 0; i < waiter->slot_count; i++) {
		struct write write = {.kind = WRITE_LEASE};
		struct lease_entry *entry;
		flight->leases[i] = slot_key(waiter, &waiter->slots[i]);
		entry = lease_find(db, &flight->leases[i]);
		WEFT_ASSERT(entry != NULL && entry->state == LEASE_NEW);
		entry->lease.sequence = lease_sequence_next(db, &wants_block);
		write.lease = entry->lease;
		flight_write(db, flight, &write);
	}
	flight->lease_count = waiter->slot_count;
	if (wants_block)
		sequence_write(db, flight);
}

void request_leased(struct ipamdb *db, struct flight *flight, int code)
{
	struct waiter *waiter = flight->waiter;
	struct ipam_answer *answer = db_answer(db, waiter->req.tag);
	struct net *net = net_find(db, &waiter->req.network);

	WEFT_ASSERT(answer != NULL && net != NULL);
	if (code != 0) {
		weft_err_set(&answer->err, code, "the lease in network %s was not kept: %s",
			     net->name, weft_code_info(code)->help);
		waiter_abort(db, waiter);
		return;
	}
	for (size_t i = 0; i < flight->lease_count; i++) {
		struct lease_entry *entry = lease_find(db, &flight->leases[i]);
		WEFT_ASSERT(entry != NULL && entry->state == LEASE_NEW);
		lease_state_set(db, entry, LEASE_HELD);
		answer->leases[i] = entry->lease;
		db_trace(db, TRACE_LEASED, NULL, &entry->lease.endpoint, &entry->lease.address, 0);
	}
	answer->lease_count = flight->lease_count;
	heap_give(&db->heap, waiter, sizeof(*waiter));
}

/* A try in the order of arrival: false when the update has no room for the outcome. */
static bool waiter_serve(struct ipamdb *db, struct waiter *waiter, bool *gone)
{
	struct weft_err err = {0};

	*gone = false;
	if (!db_has_room(db, 0, ENDPOINT_ADDRS_MAX + 1))
		return false;
	switch (waiter_try(db, waiter, &err)) {
	case VERDICT_WAIT:
		return true;
	case VERDICT_READY:
		waiter_commit(db, waiter);
		break;
	case VERDICT_FAIL:
		answer_error(db, waiter->req.tag, &err);
		waiter_abort(db, waiter);
		break;
	}
	*gone = true;
	return true;
}

void requests_serve(struct ipamdb *db)
{
	if (!db->serve)
		return;
	db->serve = false;
	for (size_t i = 0; i < db->waiters.count;) {
		struct waiter *waiter = *(struct waiter **)vec_at(&db->waiters, i);
		bool gone;
		if (!waiter_serve(db, waiter, &gone)) {
			db->serve = true; /* goes on in the next step */
			break;
		}
		if (gone)
			vec_remove(&db->waiters, i);
		else
			i++;
	}
	asks_sweep(db);
}

static void lease_submit(struct ipamdb *db, const struct ipam_request *req)
{
	struct net *net = net_find(db, &req->network);
	struct weft_err err = {0};
	struct waiter *waiter;
	bool gone;

	if (!net || !net->known || net->ended) {
		weft_err_set(&err, WEFT_E_NOT_FOUND,
			     "no network has this id; weft network ls shows what there is");
		answer_error(db, req->tag, &err);
		return;
	}
	if (db->waiters.count >= WAITERS_MAX) {
		weft_err_set(
		    &err, WEFT_E_BUSY,
		    "%d requests wait for addresses already; try again when some are answered",
		    WAITERS_MAX);
		answer_error(db, req->tag, &err);
		return;
	}
	waiter = heap_take(&db->heap, sizeof(*waiter));
	waiter->req = *req;
	if (slots_plan(net, waiter, &err) != 0) {
		answer_error(db, req->tag, &err);
		heap_give(&db->heap, waiter, sizeof(*waiter));
		return;
	}
	if (!waiter_serve(db, waiter, &gone))
		db->serve = true;
	if (!gone)
		vec_push(&db->waiters, &waiter);
}

void requests_tick(struct ipamdb *db)
{
	for (size_t i = 0; i < db->waiters.count;) {
		struct waiter *waiter = *(struct waiter **)vec_at(&db->waiters, i);
		struct net *net = net_find(db, &waiter->req.network);
		struct weft_err err, why;
		if (!mono_is_due(waiter->req.deadline, db->now)) {
			i++;
			continue;
		}
		if (db->update.answer_count == IPAM_ANSWERS)
			return;
		if (accept_may(db, &why) != 0)
			weft_err_set(&err, WEFT_E_TIMEOUT, "no address in network %s yet: %s",
				     net->name, why.message);
		else
			weft_err_set(
			    &err, WEFT_E_TIMEOUT,
			    "no member granted space in network %s in time; see weft ipam ring %s",
			    net->name, net->name);
		answer_error(db, waiter->req.tag, &err);
		vec_remove(&db->waiters, i);
		waiter_abort(db, waiter);
	}
}

struct mono requests_deadline(const struct ipamdb *db)
{
	struct mono next = MONO_NEVER;

	for (size_t i = 0; i < db->waiters.count; i++)
		next = mono_min(next, (*(struct waiter **)vec_at(&db->waiters, i))->req.deadline);
	return next;
}

bool requests_want(const struct ipamdb *db, const struct id *network, bool v4, bool is_static,
		   addr128 addr)
{
	for (size_t i = 0; i < db->waiters.count; i++) {
		const struct waiter *waiter = *(struct waiter **)vec_at(&db->waiters, i);
		if (!id_eq(&waiter->req.network, network))
			continue;
		for (size_t s = 0; s < waiter->slot_count; s++) {
			const struct slot *slot = &waiter->slots[s];
			if (!slot->done && slot->v4 == v4 && slot->is_static == is_static &&
			    (!is_static || slot->addr == addr))
				return true;
		}
	}
	return false;
}

void request_submit(struct ipamdb *db, const struct ipam_request *req)
{
	WEFT_ASSERT(req->addr_count <= ENDPOINT_ADDRS_MAX);
	switch (req->kind) {
	case IPAM_LEASE:
	case IPAM_RESERVE:
		lease_submit(db, req);
		break;
	case IPAM_RELEASE:
	case IPAM_RELEASE_ENDPOINT:
		release_submit(db, req);
		break;
	case IPAM_HAND_OVER:
		handover_begin(db, req);
		break;
	case IPAM_REST:
		rest_submit(db, req);
		break;
	}
}
