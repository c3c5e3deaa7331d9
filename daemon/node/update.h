/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What comes out of a step of a node: datagrams, batches to commit, work for the kernel, answers.
 * Everything is a value and lives until the next step of the same node. What goes in is in io.h.
 */
#pragma once

#include "finding.h"
#include "gossip/io.h"

/* Writes that must be committed together; NODE_EV_COMMITTED(token) follows. */
struct node_batch {
	uint64_t token;
	size_t count;
	const struct write *writes;
};

enum node_work_kind {
	WORK_PLUG = 1, /* endpoint: make its veth; NODE_EV_PLUGGED follows */
	WORK_UNPLUG,   /* endpoint: remove it; NODE_EV_UNPLUGGED follows */
	WORK_MAKE,     /* endpoint: its lease is being committed: make what shows no address */
	WORK_UNMAKE,   /* endpoint: no WORK_PLUG comes after WORK_MAKE */
};

struct node_work {
	enum node_work_kind kind;
	uint64_t tag; /* of the request behind it, so that its descriptors can be found; 0: none */
	struct local_endpoint endpoint;
};

#define PENDING_NAMED 8 /* hosts that an answer names; more are counted */

struct node_answer {
	uint64_t tag;
	struct weft_err err;
	struct id id;         /* endpoint, network, token or node */
	const char *text;     /* token; NULL otherwise */
	const uint8_t *bytes; /* NODE_ASK: what the member said; NODE_NETWORK_CREATE: the record */
	size_t len;
	size_t endpoint_addr_count;
	struct prefix addrs[ENDPOINT_ADDRS_MAX];
	struct local_endpoint endpoint; /* NODE_ATTACH */
	struct inet gateway;
	uint16_t mtu_bytes;
	size_t pending_count; /* hosts that had not applied the endpoint in time */
	struct id pending[PENDING_NAMED];
	size_t finding_count; /* NODE_CHECK, NODE_RECOVER */
	const struct node_finding *findings;
};

#define NODE_SENDS 256
#define NODE_BATCHES 64
#define NODE_WORKS 64
#define NODE_ANSWERS 128
#define NODE_CHANGES 1024
#define NODE_DELIVERIES 64

/* Output of one step; lives until the next. changes go to the kernel thread's copy of the tables
 * (once ready) and to monitors. */
struct node_update {
	size_t send_count, batch_count, work_count, answer_count, change_count, delivery_count;
	struct gossip_send sends[NODE_SENDS];
	struct node_batch batches[NODE_BATCHES];
	struct node_work works[NODE_WORKS];
	struct node_answer answers[NODE_ANSWERS];
	struct gossip_change changes[NODE_CHANGES];
	struct gossip_delivery deliveries[NODE_DELIVERIES]; /* for NODE_REPLY */
};
