/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* What a simulated world is made of: hosts with their disks, requests. */
#pragma once

#include "clock.h"
#include "counters.h"
#include "daemon/node/node.h"
#include "gossip/base/blob.h"
#include "gossip/base/rng.h"
#include "options.h"

#define SIM_NETWORKS_MAX 4
#define SIM_SEEDS_BACK 3 /* members named as seeds in a token */

struct sim_entry;

/* A host's durable state: survives crashes. */
struct sim_disk {
	struct sim_entry **slots; /* a table by key, slot_count is a power of two or 0 */
	size_t slot_count, count;
};

/* A commit on its way to the disk. */
struct sim_commit {
	struct sim_commit *next;
	uint64_t token;
	size_t count;
	struct write *writes;
	uint8_t *bytes;
};

enum sim_host_state {
	HOST_FRESH = 0, /* never in the cluster */
	HOST_UP,
	HOST_DOWN, /* crashed, may come back */
	HOST_LEFT,
	HOST_REMOVED, /* by node rm; may still run */
	HOST_SPARE,   /* no machine has it yet */
	HOST_ASTRAY,  /* its disk went back; nobody counts on it before it is settled */
	HOST_MAD,     /* a member that says anything */
	HOST_COPY,    /* runs from a copy of another host's disk */
};

/* Where a host will be stopped: before or after so many more commits are durable or datagrams
 * sent. */
enum sim_stop_at {
	STOP_NEVER = 0,
	STOP_BEFORE_COMMIT,
	STOP_AFTER_COMMIT,
	STOP_BEFORE_SEND,
	STOP_AFTER_SEND,
	STOP_END
};

struct sim_stop {
	enum sim_stop_at at;
	uint64_t left;
};

/* What the next start finds in the runtime directory. */
enum sim_marker { MARKER_DRAWN = 0, MARKER_KEPT, MARKER_LOST };

#define SIM_BACKUPS 4
#define SIM_BOXES_MAX 64

/* An identity on a machine. A machine that begins anew takes the next spare one. */
struct sim_host {
	size_t index;
	size_t machine; /* whose name and address it has */
	enum sim_host_state state;
	bool joined; /* its init or join was answered with success */
	bool running;
	bool join_pending, leaving;
	bool was_leaving;  /* it was asked to leave, and nothing says that this came to nothing */
	bool switched_off; /* when its leave was over */
	bool lost;         /* its disk is gone, or its identity given up: it never starts again */
	bool was_astray;   /* its disk went back or was copied: what it wrote may exist twice */
	bool only_copied;  /* was_astray, but for copies alone that nobody believed */
	bool was_fenced;   /* since its disk went back */
	bool is_void;      /* its admission counts nowhere */
	bool recovering, was_admin; /* was_admin: beside the first host, and may be one still */
	bool overridden; /* its restart guard, in this boot, and it has synced with nobody since */
	struct mono refused_since; /* the others refuse it; ns 0: they do not */
	struct mono alone_since;   /* a copy that has found nobody; ns 0: it has, or is none */
	struct mad *mad;           /* NULL: sane */
	bool replaces;             /* joins in place of who had its name */
	size_t copy_of;
	struct mono copied_at; /* an original: the last time */
	bool is_member;        /* a copy that was believed */
	bool took_over; /* when its original was not heard: what that one has is the copy's since */
	struct node *node;
	struct id id, admitter;
	struct hostport knocked; /* where it knocked last; port 0: nowhere */
	uint64_t knock;          /* with this counter */
	struct hostport addr;
	struct sim_disk disk;
	struct sim_commit *commits, **commits_end;
	uint64_t boot; /* counts starts; stale events carry an older one */
	struct mono tick_at;
	struct mono disturbed_at; /* the last moment at which a fault held it up */
	struct mono lied_of_at;   /* a madman said last that it lives, or that it does not */
	struct mono disk_free_at; /* when the last commit handed in will be done */
	struct mono disk_full_until;
	struct mono kernel_free_at;           /* until then it hangs, in this boot */
	struct sim_disk backups[SIM_BACKUPS]; /* what the disk was at some time */
	size_t backup_count;
	struct sim_stop stop;
	unsigned loops; /* how often it will be stopped soon after its next starts */
	enum sim_marker marker;
	unsigned reboots;
	struct sim_clock clock;
	bool stopped;                       /* its machine stands still */
	bool moved;                         /* its node may not know its address yet */
	struct id endpoints[SIM_BOXES_MAX]; /* attached, as answered */
	size_t endpoint_count;
};

/* A request that waits for its answer. */
struct sim_request {
	uint64_t tag;
	size_t host;
	uint64_t boot;
	enum node_request_kind kind;
	struct id subject;
	struct mono bound;
	bool must_fail;
	bool is_named; /* it asks for this address and no other */
	struct inet address;
};

#define SIM_RESERVED_MAX 16

/* An address that was reserved at some time. */
struct sim_reserved {
	struct id network;
	struct inet address;
	size_t host;
};

/* Who holds an address, as the disks say. Key first: network, address. */
#define SIM_OWNER_KEY_BYTES 32
struct sim_owner {
	struct id network;
	struct inet address;
	size_t host;
	struct id endpoint;
	bool held;
	bool was_held; /* before somebody's disk went back */
};
