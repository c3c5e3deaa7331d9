/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * One node, whole and pure: gossip, ipamdb and the state machines that tie them (networks,
 * attach, detach, leave) behind one step function. The daemon gives it real datagrams, a real
 * store and a real kernel; the simulator gives it fake ones and drives the same code.
 *
 *   datagram, request, committed, kernel report, tick -> node_step ->
 *       sends, batches to commit, work for the kernel thread, answers, changes, deliveries
 */
#pragma once

#include "gossip/gossip.h"
#include "io.h"
#include "ipamdb/ipamdb.h"

struct node;

/* How long the kernel may take to plug a box in; then it is taken back, and its attach answered. */
#define NODE_PLUG_MS 10000

struct node_config {
	struct gossip_config gossip;
	int64_t cooldown_ms;
	enum restart_guard guard;
	struct id boot;
	int64_t ack_wait_ms;  /* how long attach waits for other hosts: 50 */
	int64_t sync_wait_ms; /* a fresh start touches no kernel before this or a sync: 5,000 */
	uint16_t mtu_bytes;   /* what the underlay leaves for inner packets, as known at start */
	uint16_t vxlan_port;
};

/* Memory is of config->gossip.pages. node_load and node_start follow; freed by node_free. */
struct node *node_new(const struct node_config *config);
void node_free(struct node *node);

/* One stored write at start, in the order in which the store gives them. */
int node_load(struct node *node, const struct write *write);

/* All is loaded. marker_ok: the runtime directory's marker is the expected one. */
const struct node_update *node_start(struct node *node, struct mono now, struct wall wall,
				     bool marker_ok);

/* What one event leads to; borrowed until the next step. */
const struct node_update *node_step(struct node *node, const struct node_event *event);

/* Is this request id under way, or answered and not forgotten? Then NODE_REPEAT gets its answer, or
 * WEFT_E_CONFLICT when something else was asked under it. */
bool node_remembers(const struct node *node, const char *request_id);

/* When NODE_EV_TICK is due next. */
struct mono node_deadline(const struct node *node);

/* The kernel may be touched: own rows are there, and a peer was synced with or sync_wait passed. */
bool node_is_ready(const struct node *node);

/* May it change things for its cluster? 0, WEFT_E_BUSY while its phase will change by itself, or
 * the code for good; err (may be NULL) says why and what to do. */
int node_may_serve(const struct node *node, struct weft_err *err);

/* Borrowed queries of the parts, for the API. */
struct gossip *node_gossip(struct node *node);
struct ipamdb *node_ipamdb(struct node *node);

/* The VNI that a live network uses; 0 when it is not known. */
uint32_t node_network_vni(struct node *node, const struct id *network);

/* Boxes of this node in a network; its row tells others later. */
size_t node_network_boxes(const struct node *node, const struct id *network);

/* Visits local endpoints in order of id. */
bool node_endpoint_next(const struct node *node, size_t *at, struct local_endpoint *endpoint);

/* Asserts what has to hold between the parts. */
void node_check(const struct node *node);
