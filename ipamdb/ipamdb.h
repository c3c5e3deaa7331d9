/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Who owns which range, who leases which address. Pure decisions: rows, requests and messages go
 * in; groups of rows and lease writes that must be committed together, messages to other nodes and
 * answers come out. Nothing that depends on a group is said before IPAM_EV_DURABLE.
 */
#pragma once

#include "gossip/base/heap.h"
#include "gossip/base/trace.h"
#include "gossip/trust/crypto.h"
#include "io.h"

#define IPAM_COOLDOWN_MS 60000

struct ipamdb;

enum restart_guard { GUARD_ONE = 0, GUARD_ALL, GUARD_OFF };

struct ipamdb_config {
	struct page_source pages;
	const struct gossip_crypto *crypto; /* hash of closures */
	/* Has everything of owner's ranges and grants come that owner wrote up to this version?
	 * NULL: nothing is ever missing. */
	bool (*has_rows)(void *ctx, const struct id *owner, uint64_t epoch, uint64_t sequence);
	/* Visits the ranges, grants and attachments of owner that are in the tables, tombstones
	 * too, in portions as gossip_rows_of() does; others may come along. NULL: there are
	 * none. */
	size_t (*rows_of)(void *ctx, const struct id *owner, size_t left, size_t limit,
			  void (*visit)(void *arg, const struct row_view *row), void *arg);
	void *ctx;
	struct id self;
	uint64_t seed;
	int64_t cooldown_ms; /* 60,000 by default */
	enum restart_guard guard;
	struct id boot; /* boot id of this host */
	struct trace_sink trace;
};

/* Memory is of config->pages. ipamdb_load and ipamdb_start follow; freed by ipamdb_free. */
struct ipamdb *ipamdb_new(const struct ipamdb_config *config);
void ipamdb_free(struct ipamdb *db);

/* This node's id, when it was not known yet at ipamdb_new (before the first start). */
void ipamdb_self_set(struct ipamdb *db, const struct id *self);

/* A stored WRITE_LEASE, META_LEASE_SEQUENCE, META_INTRODUCED or row (own ones with their
 * tombstones, facts) at start, before ipamdb_start; other writes are passed over. 0, or
 * WEFT_E_INVALID; WEFT_E_LIMIT for a lease in more networks than there may be. */
int ipamdb_load(struct ipamdb *db, const struct write *write);

/* marker_ok: the runtime directory's marker is the one the store expects (no guard needed). */
void ipamdb_start(struct ipamdb *db, struct mono now, struct wall wall, bool marker_ok);

/* What one event leads to; borrowed until the next step. */
const struct ipam_update *ipamdb_step(struct ipamdb *db, const struct ipam_event *event);

/* When IPAM_EV_TICK is due next; in the past while work is queued. */
struct mono ipamdb_deadline(const struct ipamdb *db);

/* The rows by which the maker of a network holds its pools, to be committed with FACT_NETWORK:
 * writes up to POOLS_MAX rows (without value) and returns how many. */
size_t ipamdb_network_rows(const struct id *network, const struct rec_network *rec,
			   struct row_view rows[POOLS_MAX]);

/* Is all handed over, and everybody named whom this node knows now? What became known since the end
 * of the hand-over is handled by another one. */
bool ipamdb_may_leave(struct ipamdb *db);

/* Walks everything and asserts its invariants; derived parts are brought up to date by that, what
 * they say does not change. Queries for the API are in query.h. */
void ipamdb_check(struct ipamdb *db);
