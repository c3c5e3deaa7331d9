/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * A world in one process: the real node (gossip, ipamdb and what ties them) on up to thousands of
 * hosts, with virtual time, a fake network, fake disks and a fake kernel. One seed decides
 * everything; the same seed gives the same trace to the byte.
 *
 *   workload (ops, faults) -> hosts -> node_step -> network, disk, kernel -> events -> hosts
 *   checks look at every commit, every answer, and at the whole world once it is calm
 */
#pragma once

#include <stdio.h>

#include "checks.h"
#include "model.h"

struct sim {
	struct sim_options opt;
	struct rng rng; /* the world's choices */
	struct mono now;
	struct sim_host *hosts; /* the machines' first identities, then spare ones */
	size_t host_count;
	struct sim_pages *arena;
	struct page_source pages;
	struct heap heap; /* of the blob store and the world's maps */
	struct blob_store blobs;
	struct sim_crypto *crypto;
	struct sim_queue *queue;
	struct vec requests; /* struct sim_request */
	uint64_t next_tag;
	struct checks *checks;
	struct map owners;    /* (network, address) -> holder */
	struct map disk_rows; /* signed rows on any disk */
	struct id networks[SIM_NETWORKS_MAX];
	size_t network_count;
	struct sim_reserved reserved[SIM_RESERVED_MAX]; /* the last ones */
	size_t reserved_next;
	char token[TOKEN_TEXT_MAX];
	bool has_admins; /* beside the first host, at any time */
	bool chaos;
	struct mono calm_since;
	uint64_t calm_took_ppm; /* of the bound */
	struct mono chaos_end;
	struct {
		int64_t second;
		uint64_t before; /* steps until then */
	} storm;
	struct network *net;
	uint64_t counters[COUNT_SIM_END];
	uint64_t trace_hash;
	FILE *trace; /* NULL: hash only */
	bool failed;
	char failure[256];
};

/* The first failure of a run is kept; the run then stops. */
void sim_fail(struct sim *sim, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void sim_trace(struct sim *sim, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The same for what happens all the time: worded only when somebody reads the trace. */
void sim_trace_words(struct sim *sim, const char *what, uint64_t a, uint64_t b, uint64_t c);

/* world.c */
void sim_open(struct sim *sim, const struct sim_options *opt, FILE *trace);
void sim_close(struct sim *sim);
/* Runs chaos, then calm, with all checks; true when nothing failed. */
bool sim_run(struct sim *sim);
/* Runs the agenda up to an instant, or until something failed. */
void sim_run_until(struct sim *sim, struct mono end);
uint64_t sim_draw(struct sim *sim, uint64_t bound);
bool sim_chance(struct sim *sim, uint32_t ppm);

/* host.c */

/* A host that fits, by lot; NULL when there is none. */
struct sim_host *host_pick(struct sim *sim, bool (*fits)(const struct sim_host *host));
void host_open(struct sim *sim, size_t index);
void host_close(struct sim *sim, struct sim_host *host);
void host_start(struct sim *sim, struct sim_host *host);
/* As by kill -9 or a power cut; landing: commits under way may still reach the disk, in order. */
void host_stop(struct sim *sim, struct sim_host *host, bool landing);
/* The oldest commit under way is done. */
void host_committed(struct sim *sim, struct sim_host *host);
void host_event(struct sim *sim, struct sim_host *host, struct node_event *event);
void host_request(struct sim *sim, struct sim_host *host, struct node_request *request,
		  int64_t bound_ms);
/* The same; must_fail: doing it would be a defect. */
void host_ask(struct sim *sim, struct sim_host *host, struct node_request *request,
	      int64_t bound_ms, bool must_fail);

/* kernel.c */
struct sim_event;
void kernel_work(struct sim *sim, struct sim_host *host, const struct node_work *work);
/* What the kernel makes of a row that changed. */
void kernel_follow(struct sim *sim, struct sim_host *host, const struct gossip_change *change);
/* A node begins; what its kernel has is looked at once it may be. */
void kernel_start(struct sim *sim, struct sim_host *host);
/* SIM_PLUGGED, _UNPLUGGED, _APPLIED, _LOOK. */
void kernel_done(struct sim *sim, struct sim_host *host, const struct sim_event *event);

/* disk.c */
struct sim_commit *disk_submit(struct sim_host *host, const struct node_batch *batch);
void disk_apply(struct sim *sim, struct sim_host *host, const struct sim_commit *commit);
void disk_commit_free(struct sim_commit *commit);
/* Visits what is stored in the store's order; a code other than 0 stops and is returned. */
int disk_load(const struct sim_disk *disk, int (*visit)(void *ctx, const struct write *write),
	      void *ctx);
/* The same for some kinds (1u << kind) in no order, to the end. */
void disk_walk(const struct sim_disk *disk, unsigned kinds,
	       int (*visit)(void *ctx, const struct write *write), void *ctx);
void disk_wipe(struct sim *sim, struct sim_disk *disk);
/* Makes to what from is now. */
void disk_copy(struct sim *sim, struct sim_disk *to, const struct sim_disk *from);
/* Stores the rows of another disk, as a host does that has heard them. */
void disk_learn(struct sim *sim, struct sim_host *host, const struct sim_disk *from);
void disk_rows_init(struct sim *sim);

/* settle.c */
/* All but a few hosts become members of a cluster that has stood for long, and are started. */
void settle_world(struct sim *sim);

/* workload.c */
/* The first host makes the cluster; token: and its token, again until it has one. */
void workload_found(struct sim *sim);
void workload_token(struct sim *sim);
void workload_join_as(struct sim *sim, struct sim_host *host);
void workload_start(struct sim *sim);
void workload_op(struct sim *sim);
/* A host that is in no cluster asks to join; false when there is none, or no token yet. */
bool workload_join(struct sim *sim);
void workload_calm(struct sim *sim);
void workload_answer(struct sim *sim, struct sim_host *host, const struct sim_request *request,
		     const struct node_answer *answer);
