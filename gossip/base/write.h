/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What a node asks its store to make durable, as values. Own state is the fold of these writes:
 * the store gives them back at start in the same form. A batch is atomic; the core and ipamdb say
 * nothing to anybody that depends on a batch before it is durable.
 */
#pragma once

#include "row.h"

#define META_BYTES_MAX 2048
#define NETNS_PATH_BYTES 256
#define IFNAME_BYTES 16
#define REQUEST_ID_BYTES 64
#define ANSWER_BYTES_MAX 4096

/* Small single values; numbers are part of the schema. */
enum meta_key {
	META_IDENTITY = 1,    /* Ed25519 seed, 32 bytes */
	META_CLUSTER = 2,     /* MessagePack: cluster id, name, cluster public key, own chain */
	META_CLUSTER_KEY = 3, /* Ed25519 seed of the cluster key; only where weft init ran */
	META_EPOCH = 4,       /* MessagePack uint: last claimed epoch */
	META_INCARNATION = 5, /* MessagePack uint: SWIM incarnation, persisted before use */
	META_NODE_NAME = 6,
	META_ADMIN = 7,  /* this node's admin certificate */
	META_MARKER = 8, /* what the runtime directory must hold for a start without guard */
	META_FENCE = 9,  /* why this node fenced itself; absent: it did not */
	META_SEEDS = 10, /* where it asked to be let in: address 16 and port 2 of each */
	META_LEASE_SEQUENCE = 12,
	META_INTRODUCED =
	    13, /* MessagePack uint 1: its admitter, or who came after, knows this node */
	META_REFUSED = 14, /* who refuses this node, and for whose removal; absent: nobody */
};

/* Why a node is fenced: it serves what it leased, and neither leases nor grants. META_FENCE
 * holds the number as a MessagePack uint. */
enum node_fence {
	FENCE_NONE = 0,
	FENCE_REMOVED = 1,  /* terminal; the phase is NODE_REMOVED */
	FENCE_CLONE = 2,    /* another process has this identity: until weft node recover */
	FENCE_LEFT = 3,     /* terminal; the phase is NODE_LEFT */
	FENCE_SET_BACK = 4, /* the disk went back: until weft node recover */
	FENCE_LEAVING = 5,  /* left, but no member has said that its disk has it; NODE_LEFT */
	FENCE_VOID = 6,     /* never stored so: its admission does not count (META_REFUSED) */
};

/* One leased address of this host. */
struct lease {
	struct id network;
	struct inet address;
	struct id endpoint;
	struct mac mac;
	char name[NAME_BYTES];
	struct id boot; /* boot id of the host when it was made */
	struct wall since;
	uint64_t sequence; /* of this lease; a release must name it */
	bool cooling;      /* released; not to be leased before cool_until */
	bool reserved;     /* by weft ipam reserve: no endpoint behind it */
	struct wall cool_until;
};

/* One endpoint of this host: where it is plugged in. */
struct local_endpoint {
	struct id id;
	struct id network;
	char name[NAME_BYTES];
	char ifname[IFNAME_BYTES];
	char host_ifname[IFNAME_BYTES];
	char netns[NETNS_PATH_BYTES]; /* path as given, for people; empty for the host's own */
	uint64_t netns_dev, netns_inode;
	struct mac mac;
	bool is_host;
	size_t addr_count;
	struct prefix addrs[ENDPOINT_ADDRS_MAX];
	struct id boot;
	struct wall since;
};

enum write_kind {
	WRITE_META = 1,           /* meta, bytes; no bytes: delete */
	WRITE_OWN_ROW = 2,        /* bytes: signed row of this node, replaces the older version */
	WRITE_FACT = 3,           /* bytes: signed fact, foreign or own */
	WRITE_ROW_DROP = 4,       /* row: owner, topic, kind, key of an own row to forget */
	WRITE_SNAPSHOT = 5,       /* bytes: signed row of another node, written in the background */
	WRITE_SNAPSHOT_DROP = 6,  /* row: owner, topic, kind, key */
	WRITE_LEASE = 7,          /* lease */
	WRITE_LEASE_DROP = 8,     /* lease: network and address */
	WRITE_ENDPOINT = 9,       /* endpoint */
	WRITE_ENDPOINT_DROP = 10, /* endpoint: id */
	WRITE_ANSWER = 11,        /* request id and the answer given, kept 24 h */
};

#define LOAD_PASSED_OVER 1 /* what loads a write goes on without it */

struct write {
	enum write_kind kind;
	enum meta_key meta;
	const uint8_t *bytes; /* borrowed from whoever made the write */
	size_t len;
	struct row_view row;
	union {
		struct lease lease;
		struct local_endpoint endpoint;
		struct {
			char request[REQUEST_ID_BYTES];
			struct wall at;
		} answer;
	};
};

/* Its bytes are wiped wherever they lay. */
static inline bool write_is_secret(const struct write *write)
{
	return write->kind == WRITE_META && write->len > 0 &&
	       (write->meta == META_IDENTITY || write->meta == META_CLUSTER_KEY);
}
