/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * A few whole cores with real cryptography (its randomness comes from the seed), a network between
 * them, a store each and virtual time. Every step is followed by a walk over all invariants; what a
 * node wants written is durable two milliseconds later and is what it gets back when it starts
 * again.
 */
#pragma once

#include "gossip/base/rng.h"
#include "gossip/gossip.h"
#include "seeded.h"

#define CORE_NET_NODES 100
#define CORE_NET_ANSWERS 64

struct core_net_write {
	enum write_kind kind;
	enum meta_key meta;
	size_t len;
	uint8_t bytes[META_BYTES_MAX];
};

struct core_net_node {
	struct gossip *core; /* NULL: not running */
	char name[NAME_BYTES];
	struct hostport addr;
	struct vec stored; /* struct core_net_write * */
	struct blob_store blobs;
	struct seeded crypto; /* real, but for its randomness */
	struct vec answers;   /* struct core_net_answer */
	uint64_t life;        /* counts starts: commits of an earlier one are lost */
	bool deaf;            /* hears and is heard by nobody */
	size_t row_changes, phase_changes, synced_changes, deliveries;
	uint64_t sent_bytes; /* with all headers */
};

struct core_net_answer {
	uint64_t tag;
	struct weft_err err;
	struct id id;
	size_t len;
	uint8_t bytes[TOKEN_TEXT_MAX];
};

struct core_net_event {
	struct mono at;
	uint64_t order;
	size_t node;
	uint64_t life;
	uint64_t token; /* a commit; 0: a datagram or a reply */
	uint64_t reply; /* message to answer */
	struct hostport from;
	size_t len;
	uint8_t *bytes;
	size_t write_count;
	struct core_net_write *writes;
};

struct core_net {
	struct heap heap;
	struct rng rng;
	struct mono now;
	struct wall wall;
	uint64_t order;
	unsigned loss_percent;
	struct vec queue; /* struct core_net_event, by time */
	size_t count;
	struct core_net_node nodes[CORE_NET_NODES];
	/* All datagrams of a run are kept here when wanted, to be replayed. */
	bool record;
	struct vec recorded; /* struct core_net_event */
	/* Looked for in every datagram. */
	const char *secret;
	bool secret_seen;
};

void core_net_open(struct core_net *net, size_t count, uint64_t seed);
void core_net_close(struct core_net *net);

/* Starts a node with what its store holds. */
void core_net_start(struct core_net *net, size_t node);

/* Ends it as kill -9 does: what was not committed is lost. */
void core_net_kill(struct core_net *net, size_t node);
void core_net_run(struct core_net *net, int64_t ms);

/* Runs until the condition holds, at most ms; false when it never did. */
bool core_net_until(struct core_net *net, bool (*holds)(const struct core_net *net), int64_t ms);

/* Gives a command and waits for its answer at most ms; err.code is WEFT_E_TIMEOUT without one. */
struct core_net_answer core_net_command(struct core_net *net, size_t node,
					struct gossip_command *command, int64_t ms);

/* Makes node 0 a cluster and lets the others join by one token; true when all see all alive. */
bool core_net_form(struct core_net *net);

/* A token made by this node; the text is NUL-terminated. */
struct core_net_answer core_net_token(struct core_net *net, size_t node);
struct core_net_answer core_net_join(struct core_net *net, size_t node, const char *token);

/* State of one node in the eyes of another. */
enum member_state core_net_state(const struct core_net *net, size_t viewer, size_t subject);
bool core_net_all_alive(const struct core_net *net);
bool core_net_equal_tables(const struct core_net *net);

/* Hands a datagram to a node as if it came from there. */
void core_net_inject(struct core_net *net, size_t node, const struct hostport *from,
		     const uint8_t *bytes, size_t len);
uint64_t core_net_counter(const struct core_net *net, size_t node, const char *name);
