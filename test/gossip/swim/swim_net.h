/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * A network of membership protocols for tests: the real swim, member and outbox of many nodes, and
 * between them frames without seals, with delay and loss, under virtual time. One seed repeats a
 * run.
 */
#pragma once

#include "gossip/swim/swim.h"

#define SWIM_NET_NODES 128

struct swim_net_node {
	struct core core;
	struct member_table members;
	struct swim *swim;
	struct id id;
	bool dead;           /* killed: hears and says nothing */
	struct mono stalled; /* stopped until then: datagrams wait in its socket */
	uint64_t stored_incarnation;
	size_t failed_seen; /* how often it saw a member fail */
};

struct swim_net_event {
	struct mono at;
	uint64_t order;
	size_t to, from;
	uint64_t token; /* a commit when not 0 */
	size_t len;
	uint8_t *frames;
};

struct swim_net {
	struct page_source pages;
	struct blob_store *blobs;
	struct heap heap;
	struct gossip_update *update;
	struct gossip_crypto crypto;
	struct rng rng;
	struct swim_net_node nodes[SWIM_NET_NODES];
	size_t count;
	struct vec queue; /* struct swim_net_event, a binary heap */
	uint64_t order;
	struct mono now;
	unsigned loss_percent;
	int64_t delay_min_ns, delay_max_ns;
	bool parted; /* nodes of even and odd number do not hear each other */
	uint64_t datagrams, bytes;
	bool healthy_failed; /* somebody saw a node fail that was neither dead nor stalled */
};

/* Makes count nodes that know each other; they start within the first period. */
void swim_net_open(struct swim_net *net, size_t count, uint64_t seed, enum gossip_profile profile);
void swim_net_close(struct swim_net *net);

/* Lets ms of virtual time pass. */
void swim_net_run(struct swim_net *net, int64_t ms);

void swim_net_kill(struct swim_net *net, size_t node);

/* Stops a node for ms; what reaches it meanwhile waits, up to a socket's worth. */
void swim_net_stall(struct swim_net *net, size_t node, int64_t ms);

/* Starts a killed node again with what it stored and with fresh memory of the others. */
void swim_net_restart(struct swim_net *net, size_t node);

/* The state of a member as one node sees it. */
enum member_state swim_net_state(const struct swim_net *net, size_t viewer, size_t subject);

/* How many living nodes see the subject so. */
size_t swim_net_count(const struct swim_net *net, size_t subject, enum member_state state);

/* Runs until all living nodes see the subject so, at most ms; the time it took, or -1. */
int64_t swim_net_until(struct swim_net *net, size_t subject, enum member_state state, int64_t ms);

/* Runs one frame into a node as if from another one, and what follows from it. */
enum drop_reason swim_net_frame(struct swim_net *net, size_t to, size_t from, uint8_t type,
				const uint8_t *body, size_t len);
