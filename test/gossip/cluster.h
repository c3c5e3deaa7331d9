/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * A handful of whole cores with a store in memory and a network that delivers after a millisecond,
 * in virtual time: for tests of what happens between nodes.
 */
#pragma once

#include "gossip/gossip.h"
#include "seeded.h"

#define CLUSTER_NODES 6
#define CLUSTER_WRITES 512
#define CLUSTER_FLIGHT 8192
#define CLUSTER_COMMITS 64

struct stored {
	enum write_kind kind;
	enum meta_key meta;
	size_t len;
	uint8_t bytes[META_BYTES_MAX];
};

struct cnode {
	struct gossip *g; /* NULL: down */
	struct heap heap;
	struct blob_store blobs;
	struct seeded seeded;
	char name[NAME_BYTES];
	struct hostport addr;
	int64_t wall_skew_ms;
	bool store_fails;
	bool store_waits; /* what is written is on the disk, or not, and the node is not told yet */
	size_t commits_count;
	uint64_t commits[CLUSTER_COMMITS]; /* tokens of these */
	bool advertise_nothing;
	bool cut; /* neither sends nor hears */
	size_t stored_count;
	struct stored *stored;
	/* the last answer to a command */
	bool answered;
	struct weft_err err;
	struct id answer_id;
	char text[TOKEN_TEXT_MAX];
	uint64_t starts; /* for seeds */
};

struct flight {
	struct hostport from, to;
	struct mono due;
	size_t len;
	uint8_t bytes[DATAGRAM_BYTES_MAX];
};

struct cluster {
	char token[TOKEN_TEXT_MAX]; /* of cluster_make */
	struct page_source pages;   /* of all nodes; anonymous memory unless set before a start */
	struct cnode nodes[CLUSTER_NODES];
	struct mono now;
	struct wall wall;
	size_t flights;
	struct flight *flight;
	uint64_t traces[TRACE_END_];
	/* Sees every datagram sent; false loses it. */
	bool (*watch)(void *ctx, const struct flight *flight);
	void *watch_ctx;
};

struct cluster *cluster_new(void);
void cluster_free(struct cluster *c);

/* Starts node n (again) with what its store holds; named h<n>, 10.0.0.<n + 1>:7947 unless set. */
void cluster_start(struct cluster *c, size_t n);

/* As kill -9 does. */
void cluster_kill(struct cluster *c, size_t n);

/* Gives a node's store to another one. */
void cluster_copy_store(struct cluster *c, size_t from, size_t to);
void cluster_wipe_store(struct cluster *c, size_t n);

/* Runs a command and time until it is answered (or 60 s have passed: then it fails the test). The
 * code of the answer. */
int cluster_do(struct cluster *c, size_t n, struct gossip_command command);

/* Hands a command in and returns at once. */
void cluster_begin(struct cluster *c, size_t n, struct gossip_command command);
void cluster_run(struct cluster *c, int64_t ms);

/* Time passes until what is asked holds, at most ms; whether it did. */
bool cluster_until(struct cluster *c, int64_t ms, bool (*holds)(struct cluster *c));

void cluster_deliver(struct cluster *c, size_t n, const struct hostport *from, const uint8_t *bytes,
		     size_t len);
size_t cluster_alive(struct cluster *c, size_t n); /* members that n sees alive */
enum member_state cluster_state(struct cluster *c, size_t at, size_t of);
uint64_t cluster_counter(struct cluster *c, size_t n, const char *name);

/* init on node 0 and joins of nodes 1..count-1 by one token; asserts success. */
void cluster_form(struct cluster *c, size_t count);
const char *cluster_token(struct cluster *c, size_t n);
int cluster_join(struct cluster *c, size_t n, const char *token, bool replace);

/* A token made on node 0 by this command; the text stays valid until the next one. */
const char *cluster_make(struct cluster *c, struct gossip_command command);

/* Three nodes; node 1, an admin, admits node 3 while nobody else, or none but node 0, can hear of
 * it. The others are still cut off. */
void cluster_admit_unheard(struct cluster *c, bool by_0);

/* True when a node has no cluster and its store holds nothing. */
bool cluster_is_untouched(struct cluster *c, size_t n);
