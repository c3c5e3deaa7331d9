/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What goes into a step of ipamdb and what comes out: events and requests; groups of rows and
 * writes that must be committed together, messages to other nodes, answers. Everything is a value;
 * inputs are borrowed for the call, outputs live until the next step of the same ipamdb.
 */
#pragma once

#include "gossip/base/err.h"
#include "gossip/base/instant.h"
#include "gossip/base/write.h"

#define IPAM_MESSAGE_BYTES_MAX 512

enum ipam_request_kind {
	IPAM_LEASE = 1, /* one address per pool family, or those named, for an endpoint */
	IPAM_RESERVE,   /* the same without an endpoint behind it */
	IPAM_RELEASE,   /* one address by network and address; sequence must fit when given */
	IPAM_RELEASE_ENDPOINT, /* all addresses of an endpoint of this host */
	IPAM_HAND_OVER, /* leave: give every free range away; answered when recipients hold it */
	IPAM_REST,      /* all own space of the network that is free, or much of it, cools down */
};

struct ipam_request {
	enum ipam_request_kind kind;
	uint64_t tag;
	struct id network;
	struct id endpoint;
	struct mac mac;
	char name[NAME_BYTES];
	size_t addr_count; /* 0: choose */
	struct inet addrs[ENDPOINT_ADDRS_MAX];
	uint64_t sequence; /* IPAM_RELEASE: 0 any */
	bool force;        /* release although an endpoint holds it */
	struct mono deadline;
};

/* Rows (kind, topic, key, deleted, value are set) and writes of one atomic commit. The host adds
 * the rows and writes of its own that belong to the same request (the endpoint behind a lease),
 * lets gossip sign the rows, commits all, then sends IPAM_EV_DURABLE. */
struct ipam_group {
	uint64_t token;
	uint64_t tag; /* the request it serves, 0: ipamdb itself */
	size_t first_row, row_count;
	size_t first_write, write_count; /* WRITE_LEASE and WRITE_LEASE_DROP */
	size_t first_keep, keep_count;   /* in a group of their own */
};

/* A row or fact of somebody else that must be on this disk before this node goes on: the host
 * commits its exact bytes. Where it is gone or deleted meanwhile the group has failed. */
struct ipam_keep {
	uint16_t kind;
	struct id owner; /* of a row */
	size_t key_len;
	uint8_t key[KEY_BYTES_MAX];
};

struct ipam_message {
	struct id to;
	uint64_t tag; /* given back with its answer */
	size_t len;
	uint8_t bytes[IPAM_MESSAGE_BYTES_MAX];
};

struct ipam_reply {
	uint64_t message; /* handle of the delivered request */
	size_t len;
	uint8_t bytes[IPAM_MESSAGE_BYTES_MAX];
};

struct ipam_answer {
	uint64_t tag;
	struct weft_err err;
	size_t lease_count;
	struct lease leases[ENDPOINT_ADDRS_MAX];
	struct prefix prefixes[ENDPOINT_ADDRS_MAX]; /* the address with its pool's length */
};

#define IPAM_GROUPS 32
#define IPAM_ROWS 128
#define IPAM_WRITES 128
#define IPAM_KEEPS 64
#define IPAM_MESSAGES 16
#define IPAM_REPLIES 16
#define IPAM_ANSWERS 64

/* Output of one call; lives until the next. */
struct ipam_update {
	size_t group_count, row_count, write_count, keep_count;
	size_t message_count, reply_count, answer_count;
	struct ipam_group groups[IPAM_GROUPS];
	struct row_view rows[IPAM_ROWS];
	struct write writes[IPAM_WRITES];
	struct ipam_keep keeps[IPAM_KEEPS];
	struct ipam_message messages[IPAM_MESSAGES];
	struct ipam_reply replies[IPAM_REPLIES];
	struct ipam_answer answers[IPAM_ANSWERS];
};

enum ipam_event_kind {
	IPAM_EV_TICK = 1,
	IPAM_EV_ROW,    /* a row or fact is visible (own ones too) */
	IPAM_EV_MEMBER, /* state of a member */
	IPAM_EV_SYNCED, /* a whole sync with a member was completed */
	IPAM_EV_REQUEST,
	IPAM_EV_MESSAGE,  /* request from another node */
	IPAM_EV_ANSWERED, /* answer to a message of ours */
	IPAM_EV_DURABLE,
	/* ok: this node may lease; not ok: fenced, left, removed or a copy. The members that the
	 * store knows are told before, or the restart guard takes this for a cluster of one.
	 * member: who admitted this node, zero for the first one. */
	IPAM_EV_ACTIVE,
	IPAM_EV_STAYS,   /* a leave came to nothing after its hand-over */
	IPAM_EV_CONFIRM, /* the operator overrides the restart guard */
};

struct ipam_event {
	enum ipam_event_kind kind;
	struct mono now;
	struct wall wall;
	const struct row_view *row;
	struct id member;
	bool present;     /* IPAM_EV_MEMBER: alive or suspect */
	bool removed;     /* IPAM_EV_MEMBER: removed or left */
	const char *name; /* IPAM_EV_MEMBER: for people, borrowed; may be NULL */
	const struct ipam_request *request;
	uint64_t message; /* IPAM_EV_MESSAGE: handle */
	uint64_t tag;     /* IPAM_EV_ANSWERED */
	int code; /* IPAM_EV_ANSWERED: 0 or why there is no answer; IPAM_EV_DURABLE: why not ok */
	const uint8_t *bytes;
	size_t len;
	uint64_t token; /* IPAM_EV_DURABLE */
	bool ok;
};
