/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What comes out of a step of ipamdb: groups of rows and writes that must be committed together,
 * messages to other nodes, answers. Everything is a value and lives until the next step of the same
 * ipamdb. What goes in is in io.h.
 */
#pragma once

#include "gossip/base/err.h"
#include "gossip/base/instant.h"
#include "gossip/base/write.h"

#define IPAM_MESSAGE_BYTES_MAX 512

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
