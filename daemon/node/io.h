/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What goes into a step of a node: datagrams, requests of the API, ends of commits, what the kernel
 * did. Everything is a value, borrowed for the call. What comes out is in update.h.
 */
#pragma once

#include "gossip/io.h"
#include "update.h"

enum node_request_kind {
	/* passed to the core, see enum gossip_command_kind */
	NODE_INIT = 1,
	NODE_JOIN,
	NODE_LEAVE, /* flag: force, detaches what is there; ranges are handed over first */
	NODE_TOKEN_CREATE,
	NODE_TOKEN_RM,
	NODE_ADMIN_ADD,
	NODE_ADMIN_RM,
	NODE_ADMIN_RESTORE, /* bytes: the cluster key's seed */
	NODE_REMOVE,
	NODE_ADVERTISE,
	/* the node's own */
	NODE_NETWORK_CREATE, /* network: name, pools and options; flag: force */
	NODE_NETWORK_RM,     /* id; flag: force, although endpoints exist */
	NODE_ATTACH,         /* id network, endpoint: where and what; addrs; ttl_ms */
	NODE_DETACH,         /* id of an endpoint of this host, else WEFT_E_NOT_FOUND; zero: none */
	NODE_RESERVE,        /* id network, addrs or none, text: a name or NULL */
	NODE_RELEASE,        /* id network, addrs[0], flag: force */
	NODE_CONFIRM,        /* override the restart guard */
	NODE_CHECK,          /* ipam check; flag: fix */
	NODE_RECOVER,        /* out of a fence; flag: without members that do not answer */
	NODE_MTU,            /* mtu_bytes of the underlay changed; id network, zero: all */
	NODE_ASK,            /* a question to member id: bytes, ttl_ms; see talk.h */
	NODE_REPLY,          /* bytes answer the delivery with this message; has no answer */
	NODE_REPEAT,         /* what its request id was answered with; see node_remembers */
};

#define ASKED_METHOD_BYTES 24

/* What a call asks, as it is told apart from others that give the same request id. */
struct node_asked {
	char method[ASKED_METHOD_BYTES]; /* as people name it */
	struct id args;                  /* a hash of its arguments */
};

struct node_request {
	enum node_request_kind kind;
	uint64_t tag; /* given back with the answer; never 0 */
	struct id id;
	bool flag;
	bool force; /* NODE_CHECK: what flag repairs may take a box's address away */
	char request_id[REQUEST_ID_BYTES]; /* empty: none; repeated ones get the stored answer */
	struct node_asked asked;           /* what that is remembered of; another is refused */
	const char *text;
	const uint8_t *bytes;
	size_t len;
	int64_t ttl_ms;
	size_t addr_count;
	const struct hostport *addrs; /* seeds, or wanted addresses with port 0 */
	struct inet vtep;
	size_t label_count;
	const struct rec_label *labels;
	const struct rec_network *network;
	const struct local_endpoint *endpoint; /* name, ifname, netns*, mac (zero: derive) */
	uint16_t mtu_bytes;
	uint64_t message; /* NODE_REPLY */
};

enum node_event_kind {
	NODE_EV_TICK = 1,
	NODE_EV_DATAGRAM,
	NODE_EV_REQUEST,
	NODE_EV_COMMITTED, /* batch token, ok or err */
	NODE_EV_PLUGGED,   /* endpoint id, ok or err: the kernel's word of a plug */
	NODE_EV_UNPLUGGED, /* endpoint id */
	NODE_EV_APPLIED,   /* endpoints whose kernel entries now stand here: applied */
	NODE_EV_GONE,      /* endpoint id: its namespace is gone (found by the kernel thread) */
	NODE_EV_LOOKED,    /* the kernel was read since the start: what it lacks was told as gone */
};

/* One endpoint of another node that is programmed here, as the kernel thread reports it. */
struct node_applied {
	struct id owner, network, endpoint;
	uint64_t epoch, sequence;
};

struct node_event {
	enum node_event_kind kind;
	struct mono now;
	struct wall wall;
	struct hostport from;
	const uint8_t *bytes;
	size_t len;
	const struct node_request *request;
	uint64_t token;
	bool ok;
	struct weft_err err; /* NODE_EV_PLUGGED and _COMMITTED with ok = false */
	struct id id;
	size_t applied_count;
	const struct node_applied *applied;
};
