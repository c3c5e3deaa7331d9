/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The leases of this host and their lives:
 *
 *   (free) -> LEASE_NEW -durable-> LEASE_HELD -> LEASE_ENDING -durable-> LEASE_COOLING -> (free)
 *
 * A commit that fails takes the step back. The address is busy from the first state to the last.
 */
#pragma once

#include "db.h"

enum lease_state { LEASE_NEW = 0, LEASE_HELD, LEASE_ENDING, LEASE_COOLING };

_Static_assert(LEASE_COOLING + 1 == LEASE_STATES, "a network counts each");

struct lease_key {
	struct id network;
	struct inet address;
};

/* An entry of db->leases; struct lease begins with its key. */
struct lease_entry {
	struct lease lease;
	enum lease_state state;
	struct mono due; /* LEASE_COOLING: free again */
};

_Static_assert(offsetof(struct lease_entry, lease) == 0 && offsetof(struct lease, network) == 0 &&
		   offsetof(struct lease, address) == sizeof(struct id),
	       "a lease begins with its key");

struct endpoint_leases {
	struct id endpoint;
	size_t count;
	struct lease_key keys[ENDPOINT_ADDRS_MAX];
};

void leases_init(struct ipamdb *db);
struct lease_entry *lease_find(const struct ipamdb *db, const struct lease_key *key);

/* Enters a lease for an address that is busy already (taken, or cooling): state LEASE_NEW. What
 * cooled there goes to *before, else that is zeroed. */
void lease_begin(struct ipamdb *db, struct net *net, const struct lease *lease,
		 struct lease_entry *before);

/* A lease that never became durable; its address is as it was before: cooling on, or as if it had
 * never been used. */
void lease_abort(struct ipamdb *db, const struct lease_key *key, const struct lease_entry *before);
void lease_state_set(struct ipamdb *db, struct lease_entry *entry, enum lease_state state);

/* A durable release: the address rests until it has cooled down. */
void lease_cool(struct ipamdb *db, struct lease_entry *entry);

/* A stored lease at start. */
int lease_load(struct ipamdb *db, const struct lease *lease);

/* All stored leases are there: those that cool get their time. */
void leases_start(struct ipamdb *db);

/* Frees what has cooled down, with a group that forgets it in the store. */
void leases_tick(struct ipamdb *db);
struct mono leases_deadline(const struct ipamdb *db);

/* The next number of a lease; *wants_meta becomes true when the store must remember a further block
 * of numbers in the same commit. */
uint64_t lease_sequence_next(struct ipamdb *db, bool *wants_meta);
void leases_check(const struct ipamdb *db);
