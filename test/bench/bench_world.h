/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Many whole gossip cores in one process, in virtual time, on an ideal network: datagrams take 0.2
 * to 0.6 ms unless they are lost, commits a millisecond, cryptography is the simulator's stand-in,
 * equal rows are stored once for all. Nothing here judges: it is made to be fast and to be
 * measured.
 */
#pragma once

#include "gossip/base/rng.h"
#include "gossip/gossip.h"

struct bench_node {
	struct gossip *core;
	struct id id;
	struct hostport addr;
	struct mono tick_at;
	struct mono stalled_until; /* what comes for it waits until then */
	bool joined;
	bool dead;          /* nothing comes to it any more */
	bool stalls;        /* now and then */
	unsigned side;      /* of a partition: what differs does not hear each other */
	struct mono saw;    /* the awaited row, 0: not yet */
	uint64_t datagrams; /* to and from it */
};

struct bench_world {
	size_t count;
	struct bench_node *nodes;
	struct mono now;
	uint32_t loss_ppm;
	struct rng rng;
	struct heap heap;
	struct blob_store blobs;
	struct sim_pages *arena;
	struct sim_crypto *crypto;
	struct bench_event *queue; /* a binary heap by time */
	size_t queued, queue_room;
	uint64_t order;
	struct id awaited; /* owner of the row that is looked for */
	uint64_t awaited_version, version;
	char token[TOKEN_TEXT_MAX + 1];
	size_t seen;
	uint64_t verdicts; /* of anybody: a member that never stalls has failed */
};

/* All join one cluster; false when somebody could not. */
bool bench_world_form(struct bench_world *world, size_t count, uint64_t seed);
void bench_world_close(struct bench_world *world);

/* Time passes. */
void bench_world_run(struct bench_world *world, int64_t ms);

/* A node writes so many rows of its own, named first, first + 1, ... */
void bench_world_put(struct bench_world *world, size_t node, uint32_t first, uint32_t count);

/* Like the put of one row; from now on saw and seen tell who has it. */
void bench_world_change(struct bench_world *world, size_t node, uint32_t name);
bool bench_world_is_equal(const struct bench_world *world);
