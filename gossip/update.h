/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What comes out of a step of the gossip core: datagrams, writes to commit, what became visible,
 * requests of others, answers. All are values and live until the next step. What goes in is in
 * io.h.
 */
#pragma once

#include "base/err.h"
#include "base/instant.h"
#include "base/row.h"
#include "base/write.h"

/* Where a member stands for us. */
enum member_state {
	MEMBER_UNKNOWN = 0,
	MEMBER_ALIVE,
	MEMBER_SUSPECT,
	MEMBER_FAILED,
	MEMBER_LEFT,
	MEMBER_REMOVED,
};

struct gossip_send {
	struct hostport to;
	const uint8_t *bytes;
	size_t len;
};

/* Writes that must be committed together; EV_DURABLE(token) follows. */
struct gossip_persist {
	uint64_t token;
	uint64_t tag;        /* of the command that caused it, 0: the core itself */
	size_t first, count; /* in update.writes */
};

enum gossip_change_kind {
	CHANGE_ROW = 1, /* a row or fact is now visible (also own ones, once durable) */
	CHANGE_MEMBER,  /* state, address or name of a member */
	CHANGE_PHASE,   /* node_phase of this node */
	CHANGE_SYNCED,  /* a whole sync with a peer was completed */
	CHANGE_TOPIC,   /* all that attached members know of row.topic has come */
};

struct gossip_change {
	enum gossip_change_kind kind;
	struct row_view row; /* CHANGE_ROW; row.deleted for tombstones and dropped owners */
	struct id member;    /* CHANGE_MEMBER, CHANGE_SYNCED: with whom */
	enum member_state before, after;
};

struct gossip_delivery { /* a request from another node, to be answered by CMD_REPLY */
	struct id from;
	uint64_t message;
	const uint8_t *bytes;
	size_t len;
};

struct gossip_answer {
	uint64_t tag;
	struct weft_err err;  /* code 0: done */
	struct id id;         /* token id, node id */
	const uint8_t *bytes; /* the peer's answer (CMD_MESSAGE), the token's text */
	size_t len;
};

#define UPDATE_SENDS 64
#define UPDATE_PERSISTS 16
#define UPDATE_WRITES 256
#define UPDATE_CHANGES 256
#define UPDATE_DELIVERIES 16
#define UPDATE_ANSWERS 32

struct gossip_update {
	size_t send_count, persist_count, write_count, change_count, delivery_count, answer_count;
	struct gossip_send sends[UPDATE_SENDS];
	struct gossip_persist persists[UPDATE_PERSISTS];
	struct write writes[UPDATE_WRITES];
	struct gossip_change changes[UPDATE_CHANGES];
	struct gossip_delivery deliveries[UPDATE_DELIVERIES];
	struct gossip_answer answers[UPDATE_ANSWERS];
};
