/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * A few ipamdbs in one process that exchange rows and messages directly, with virtual time, disks
 * that forget nothing, and a network that loses, delays and reorders by a seed. After every step
 * it looks for an address that two nodes lease.
 */
#pragma once

#include "gossip/base/map.h"
#include "gossip/base/rng.h"
#include "ipamdb/ipamdb.h"

#define CLUSTER_NODES_MAX 6
#define CLUSTER_ANSWERS_MAX 512

struct cluster_answer {
	uint64_t tag;
	int node;
	struct ipam_answer answer;
};

/* A row as it lies on a disk or travels. */
struct cluster_row {
	struct row_view view; /* value points into bytes once taken out */
	bool is_kept;         /* of somebody else, and on this disk because ipamdb asked for it */
	uint8_t bytes[VALUE_BYTES_MAX];
};

struct cluster_lease {
	struct lease lease;
};

struct cluster_disk {
	struct vec rows;   /* struct cluster_row: own rows with tombstones, and all facts */
	struct vec leases; /* struct cluster_lease */
	uint64_t row_sequence;
	uint8_t lease_sequence[16];
	size_t lease_sequence_len;
	bool introduced;
};

struct cluster;

struct cluster_node {
	struct cluster *cluster;
	struct id id;
	struct ipamdb *db;
	bool up, left;
	struct id admitter; /* zero: none */
	struct cluster_disk disk;
	size_t rows_visited; /* by ipamdb in the tables */
	uint64_t boot;       /* counts starts: what belongs to an older one is dropped */
	bool fail_commits;
	bool hold_commits; /* commits wait until released */
};

enum parcel_kind { PARCEL_COMMIT = 1, PARCEL_ROW, PARCEL_MESSAGE, PARCEL_REPLY };

struct cluster {
	struct heap heap;
	struct rng rng;
	struct mono now;
	int64_t wall_back_ms; /* the wall clocks are behind by so much */
	size_t count;
	struct cluster_node nodes[CLUSTER_NODES_MAX];
	bool cut[CLUSTER_NODES_MAX][CLUSTER_NODES_MAX];
	struct vec parcels; /* struct parcel *, unordered */
	struct vec *asked;  /* messages that wait for an answer */
	uint64_t next_handle;
	uint32_t loss_percent;
	bool keep_snapshots; /* a restart finds others' rows too */
	bool drop_answers;   /* grants are made, their answers never come */
	int64_t delay_ms_max;
	size_t answer_count;
	struct cluster_answer answers[CLUSTER_ANSWERS_MAX];
	uint64_t next_tag;
	size_t leases_answered;
	enum restart_guard guard;
};

void cluster_init(struct cluster *c, size_t nodes, uint64_t seed);
void cluster_close(struct cluster *c);

/* cluster_init, with the network "blue" made by maker and known to all; pools as text. */
struct id cluster_with_network(struct cluster *c, size_t nodes, uint64_t seed, size_t maker,
			       const char *pools);

/* Makes a network from node's point of view, as its host does; pools as text, with commas. */
struct id cluster_network(struct cluster *c, size_t node, const char *name, const char *pools);
void cluster_network_end(struct cluster *c, size_t node, const struct id *network);

/* Runs until nothing is under way or ms have passed. */
void cluster_run(struct cluster *c, int64_t ms);

/* Asks node; the tag to look the answer up with. addr may be NULL. */
uint64_t cluster_lease(struct cluster *c, size_t node, const struct id *network, const char *addr);
uint64_t cluster_reserve(struct cluster *c, size_t node, const struct id *network,
			 const char *addr);
uint64_t cluster_release(struct cluster *c, size_t node, const struct id *network,
			 const struct lease *lease);
uint64_t cluster_request(struct cluster *c, size_t node, struct ipam_request *req);

/* The answer, or NULL when there is none yet. */
const struct ipam_answer *cluster_answer(const struct cluster *c, uint64_t tag);

/* Leases one address and runs until it is answered; asserts success. */
struct lease cluster_leased(struct cluster *c, size_t node, const struct id *network);

/* Somebody of whom only this node has heard, and who is not there now. */
struct id cluster_stranger_id(uint8_t number);
struct id cluster_stranger(struct cluster *c, size_t node, uint8_t number);

/* A leave: its hand-over is asked for; or all of it, until everybody knows that the node is out. */
uint64_t cluster_hand_over(struct cluster *c, size_t node);
void cluster_leave(struct cluster *c, size_t node);

void cluster_crash(struct cluster *c, size_t node);
void cluster_start(struct cluster *c, size_t node, bool marker_ok);

/* A start whose snapshot of others' rows is complete, in no good order. */
void cluster_start_keeping(struct cluster *c, size_t node);

/* A row becomes visible on a node, from wherever. */
void cluster_show(struct cluster *c, size_t node, struct cluster_row *row);

/* All rows of a node's disk become visible to it (again). */
void cluster_tell_all(struct cluster *c, size_t node);
void cluster_member(struct cluster *c, size_t about, bool present, bool removed);
void cluster_attachment(struct cluster *c, size_t node, const struct id *network, uint8_t bucket);
void cluster_fact(struct cluster *c, size_t node, uint16_t kind, const uint8_t *key, size_t key_len,
		  const uint8_t *value, size_t len);

/* node rm of removed, signed by by: the fact travels, the member is out. */
void cluster_remove(struct cluster *c, size_t by, size_t removed);

/* Sends every row that anybody has to everybody that can hear: what gossip's repair does. */
void cluster_sync(struct cluster *c);
void cluster_step(struct cluster *c, size_t node, struct ipam_event *event);

/* Asserts that no address is leased by two nodes and that every ipamdb is sound. */
void cluster_check(struct cluster *c);

/* Addresses of the network that node owns by its own account. */
uint64_t cluster_held(const struct cluster *c, size_t node, const struct id *network);
size_t cluster_own_rows(const struct cluster *c, size_t node);
