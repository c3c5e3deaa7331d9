/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What goes into a step of the gossip core: datagrams, commands, ends of commits. All are values,
 * borrowed for the call. What comes out is in update.h.
 */
#pragma once

#include "update.h"

#define DATAGRAM_BYTES_MAX 1232
#define TOKEN_TEXT_MAX 1400
#define MESSAGE_BYTES_MAX 900

/* Commands. Each carries a tag of the host's, returned in its answer. */
enum gossip_command_kind {
	CMD_INIT = 1,      /* make a cluster: text = cluster name */
	CMD_JOIN,          /* text = token; addrs = extra seeds; flag = replace */
	CMD_LEAVE,         /* announce leaving; answered when told to enough peers */
	CMD_PUT,           /* rows = own rows and facts to write, one batch: see below */
	CMD_MESSAGE,       /* addressed request to node: peer, bytes; answered by its answer */
	CMD_REPLY,         /* answer to a delivered request: message = its handle, bytes */
	CMD_TOPICS,        /* topics this node takes part in (besides 0): ids in topics */
	CMD_TOKEN_CREATE,  /* wall, ttl_ms, text = name pattern, labels */
	CMD_TOKEN_RM,      /* id */
	CMD_ADMIN_ADD,     /* id of the node that becomes admin */
	CMD_ADMIN_RM,      /* id */
	CMD_REMOVE,        /* id of the node, text = reason; flag = even if nobody knows it here */
	CMD_ADMIN_RESTORE, /* bytes = seed of the cluster key: keep it here, and be an admin */
	CMD_ADVERTISE,     /* addrs[0] = new gossip address, vtep = new VTEP */
	CMD_RECOVER,       /* a fenced node takes the cluster's view; flag = without some */
	CMD_MEET,          /* flag: compare with each member once in this run, soon */
	CMD_RECOVERED,     /* what follows from that view was done: lifts the fence */
};

struct gossip_command {
	enum gossip_command_kind kind;
	uint64_t tag;
	const char *text;
	struct id id; /* peer of CMD_MESSAGE, subject of others */
	bool flag;
	uint64_t message;
	const uint8_t *bytes;
	size_t len;
	size_t addr_count;
	const struct hostport *addrs;
	struct inet vtep;
	int64_t ttl_ms;
	size_t topic_count;
	const struct id *topics;
	size_t label_count;
	const struct rec_label *labels;
	/* CMD_PUT: kind, topic, key, deleted, value are read; the core adds the rest, signs, hands
	 * the rows back as writes under one persist token and tells them once that is durable. */
	size_t row_count;
	const struct row_view *rows;
};

enum gossip_event_kind {
	EV_TICK = 1, /* time passed */
	EV_DATAGRAM,
	EV_COMMAND,
	EV_DURABLE, /* persist token: ok or not */
	EV_START,   /* all stored writes have been loaded (gossip_load) */
};

struct gossip_event {
	enum gossip_event_kind kind;
	struct mono now;
	struct wall wall;
	struct hostport from; /* EV_DATAGRAM */
	const uint8_t *bytes;
	size_t len;
	const struct gossip_command *command;
	uint64_t token; /* EV_DURABLE */
	bool ok;
};
