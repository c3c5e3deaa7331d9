/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Releases. What is free or cools already needs nothing and is answered at once, so that a release
 * may be repeated; a lease that another call made since is not touched; one of a live endpoint only
 * when forced. The address rests from the moment its release is durable.
 */
#include "release.h"

static bool release_is_allowed(const struct ipam_request *req, const struct lease_entry *entry,
			       struct weft_err *err)
{
	char text[INET_TEXT_BYTES];

	inet_format(&entry->lease.address, text);
	if (entry->state == LEASE_NEW || entry->state == LEASE_ENDING) {
		weft_err_set(err, WEFT_E_BUSY, "another call is changing the lease of %s", text);
		return false;
	}
	if (req->kind == IPAM_RELEASE_ENDPOINT)
		return true;
	if (req->sequence != 0 && req->sequence != entry->lease.sequence) {
		weft_err_set(err, WEFT_E_CONFLICT,
			     "%s was leased anew since; the older lease is gone already", text);
		return false;
	}
	if (!entry->lease.reserved && !req->force) {
		weft_err_set(err, WEFT_E_IN_USE,
			     "%s is the address of endpoint %s; detach that instead", text,
			     entry->lease.name[0] ? entry->lease.name : "without a name");
		return false;
	}
	return true;
}

/* The leases that a release means; how many. */
static size_t release_collect(struct ipamdb *db, const struct ipam_request *req,
			      struct lease_key keys[ENDPOINT_ADDRS_MAX], struct weft_err *err)
{
	const struct endpoint_leases *entry;
	struct net *net = net_find(db, &req->network);
	const struct run *run;
	char name[NAME_BYTES], text[INET_TEXT_BYTES];

	if (req->kind == IPAM_RELEASE_ENDPOINT) {
		entry = map_find(&db->endpoints, &req->endpoint);
		for (size_t i = 0; entry && i < entry->count; i++)
			keys[i] = entry->keys[i];
		return entry ? entry->count : 0;
	}
	keys[0] = (struct lease_key){req->network, req->addrs[0]};
	if (lease_find(db, &keys[0]))
		return 1;
	run = net ? runs_find(net_runs(net), addr_from_inet(&req->addrs[0])) : NULL;
	if (run && !id_eq(&run->holder, &db->self)) {
		peer_name(db, &run->holder, name);
		inet_format(&req->addrs[0], text);
		weft_err_set(err, WEFT_E_CONFLICT,
			     "%s belongs to a range of host %s; release it there", text, name);
	}
	return 0;
}

static void release_begin(struct ipamdb *db, const struct ipam_request *req,
			  const struct lease_key *keys, size_t count)
{
	struct flight *flight = flight_begin(db, FLIGHT_RELEASE, req->tag);

	for (size_t i = 0; i < count; i++) {
		struct lease_entry *entry = lease_find(db, &keys[i]);
		struct write write = {.kind = WRITE_LEASE};
		WEFT_ASSERT(entry != NULL && entry->state == LEASE_HELD);
		lease_state_set(db, entry, LEASE_ENDING);
		entry->lease.cool_until.ms = db->wall.ms + db->config.cooldown_ms;
		write.lease = entry->lease;
		write.lease.cooling = true;
		flight_write(db, flight, &write);
		flight->leases[flight->lease_count++] = keys[i];
	}
}

void release_submit(struct ipamdb *db, const struct ipam_request *req)
{
	struct lease_key keys[ENDPOINT_ADDRS_MAX];
	struct weft_err err = {0};
	size_t count, live = 0;

	WEFT_ASSERT(req->kind == IPAM_RELEASE_ENDPOINT || req->addr_count == 1);
	if (!db_has_room(db, 0, ENDPOINT_ADDRS_MAX)) {
		weft_err_set(&err, WEFT_E_BUSY, "too many releases at once");
	} else {
		count = release_collect(db, req, keys, &err);
		for (size_t i = 0; i < count && err.code == 0; i++) {
			const struct lease_entry *entry = lease_find(db, &keys[i]);
			if (entry->state == LEASE_COOLING)
				continue;
			if (release_is_allowed(req, entry, &err))
				keys[live++] = keys[i];
		}
	}
	if (err.code == 0 && live > 0) {
		release_begin(db, req, keys, live);
	} else {
		struct ipam_answer *answer = db_answer(db, req->tag);
		WEFT_ASSERT(answer != NULL);
		answer->err = err;
	}
}

void release_durable(struct ipamdb *db, struct flight *flight, int code)
{
	struct ipam_answer *answer = db_answer(db, flight->tag);

	WEFT_ASSERT(answer != NULL);
	if (code != 0)
		weft_err_set(&answer->err, code, "the release was not kept: %s",
			     weft_code_info(code)->help);
	for (size_t i = 0; i < flight->lease_count; i++) {
		struct lease_entry *entry = lease_find(db, &flight->leases[i]);
		WEFT_ASSERT(entry != NULL && entry->state == LEASE_ENDING);
		if (code != 0) {
			lease_state_set(db, entry, LEASE_HELD);
			continue;
		}
		db_trace(db, TRACE_RELEASED, NULL, &entry->lease.endpoint, &entry->lease.address,
			 0);
		answer->leases[answer->lease_count++] = entry->lease;
		lease_cool(db, entry);
	}
}
