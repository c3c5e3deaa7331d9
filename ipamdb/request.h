/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Requests of the host for addresses: waiting, served, answered. */
#pragma once

#include "flight.h"

/* One address of a request. */
struct slot {
	bool is_static;
	bool v4;
	bool done; /* taken: busy, and a lease in state LEASE_NEW */
	addr128 addr;
	struct lease_entry before; /* done: what cooled there, if anything did */
};

struct waiter {
	struct ipam_request req;
	size_t slot_count;
	struct slot slots[ENDPOINT_ADDRS_MAX];
	bool committing;
};

/* IPAM_EV_REQUEST. */
void request_submit(struct ipamdb *db, const struct ipam_request *req);

/* Tries all waiting requests again, in order, as far as the update has room. */
void requests_serve(struct ipamdb *db);

/* Gives up those whose time is over. */
void requests_tick(struct ipamdb *db);
struct mono requests_deadline(const struct ipamdb *db);

/* Does somebody wait for this kind of address? */
bool requests_want(const struct ipamdb *db, const struct id *network, bool v4, bool is_static,
		   addr128 addr);

/* Continuation of FLIGHT_LEASE. */
void request_leased(struct ipamdb *db, struct flight *flight, int code);
