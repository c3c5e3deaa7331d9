/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * A few whole nodes in one process, for the tests of their state machines: datagrams arrive after a
 * moment, a disk keeps what was committed, a kernel plugs and applies, all by virtual time. What a
 * test wants to go wrong it says in the host's switches.
 */
#pragma once

#include "daemon/node/node.h"
#include "gossip/base/blob.h"
#include "test/base/cmocka_all.h"

#define HOSTS_MAX 6
#define ANSWERS_KEPT 256
#define EVENTS_MAX 8192
#define DISK_MAX 4096
#define FINDINGS_KEPT 8

struct kept_write {
	struct write write;
	uint8_t *bytes;
};

struct host {
	struct node *node;
	struct id id, boot;
	struct hostport addr;
	struct kept_write disk[DISK_MAX];
	size_t disk_count;
	unsigned run; /* events of an earlier one are void */
	struct mono tick_at;
	bool commits_fail, commits_wait; /* what is handed in now */
	int64_t commit_ms_more;          /* likewise */
	bool plugs_fail, plugs_wait;
	bool deaf;        /* applies nothing of others */
	bool unreachable; /* no datagram in or out */
	int island;       /* what is sent to another one is lost */
	bool marker_lost; /* at the next start the runtime directory is empty */
	bool echoes;      /* answers a question of the process with its own bytes */
	size_t plugs, unplugs;
	int made; /* ahead of a plug that is still to come */
	struct local_endpoint last_unplugged;
};

struct kept_answer {
	size_t host;
	struct node_answer answer;
	struct mono at;
	char text[TOKEN_TEXT_MAX + 1];
	uint8_t bytes[MESSAGE_BYTES_MAX];
	struct node_finding findings[FINDINGS_KEPT];
};

struct cluster_event;

struct cluster {
	struct page_source pages;
	struct heap heap;
	struct blob_store blobs;
	struct mono now;
	size_t count;
	struct host hosts[HOSTS_MAX];
	enum restart_guard guard; /* of those that start now */
	struct cluster_event *events;
	size_t event_count;
	uint64_t event_seq, next_tag;
	size_t answer_count;
	struct kept_answer answers[ANSWERS_KEPT];
	char token[TOKEN_TEXT_MAX + 1];
};

/* count hosts in one cluster, all of whom know each other. */
struct cluster *cluster_new(size_t count);
void cluster_free(struct cluster *cluster);

/* One more host, in no cluster: its place. */
size_t cluster_add(struct cluster *cluster);

/* Lets time pass. */
void cluster_run(struct cluster *cluster, int64_t ms);

/* Stops a node without a word, and starts it again from its disk (with the same boot id unless the
 * host's was changed). */
void cluster_stop(struct cluster *cluster, size_t host);
void cluster_start(struct cluster *cluster, size_t host);

/* Hands a request in; its tag. */
uint64_t cluster_ask(struct cluster *cluster, size_t host, struct node_request *request);

/* The answer to a tag, or NULL so far. */
const struct node_answer *cluster_answer(const struct cluster *cluster, uint64_t tag);
struct mono cluster_answered_at(const struct cluster *cluster, uint64_t tag);

/* Asks and waits up to 30 s of virtual time; fails the test when no answer comes. */
const struct node_answer *cluster_call(struct cluster *cluster, size_t host,
				       struct node_request *request);

/* Ready-made requests. */
struct id cluster_network(struct cluster *cluster, size_t host, const char *name,
			  const char *subnet);
uint64_t cluster_attach(struct cluster *cluster, size_t host, const struct id *network,
			uint64_t inode);
struct node_answer cluster_attached(struct cluster *cluster, size_t host, const struct id *network,
				    uint64_t inode);
int cluster_detach(struct cluster *cluster, size_t host, const struct id *endpoint);

/* What a host sees: live endpoint rows of a network, with and without those of hosts themselves. */
size_t cluster_endpoints(struct cluster *cluster, size_t host, const struct id *network,
			 bool with_hosts);

/* Local endpoints of a host, its own ones not counted. */
size_t cluster_boxes(struct cluster *cluster, size_t host);

/* Leases on a host: live ones, and cooling ones. */
size_t cluster_leases(struct cluster *cluster, size_t host, bool cooling);

/* An event for a node. */
void cluster_tell(struct cluster *cluster, size_t host, struct node_event *event);

/* ---- the disk ---- */

/* A write with bytes of its own. */
struct kept_write kept_copy(const struct write *write);
void kept_free(struct kept_write *kept);
void disk_put(struct host *host, const struct write *write);

/* All of a disk, put aside and put back; the host is down then. */
struct kept_disk {
	size_t count;
	struct kept_write writes[DISK_MAX];
};

void disk_keep(const struct host *host, struct kept_disk *kept);
void disk_restore(struct host *host, const struct kept_disk *kept);
void disk_forget(struct kept_disk *kept);
