/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * How a node stands in its cluster: its phase, and the fence that keeps it from leasing. A part of
 * the door of the core, gossip.h, which includes it.
 */
#pragma once

#include "io.h"

struct gossip;

/* How this node stands. */
enum node_phase {
	NODE_NO_CLUSTER = 0, /* neither init nor join yet */
	NODE_JOINING,
	NODE_CLAIMING, /* restarted: claiming its epoch with a peer before anything else */
	NODE_ACTIVE,
	NODE_LEFT,
	NODE_REMOVED, /* an admin removed it; it fenced itself */
	NODE_COPY,    /* another live node has its id */
};

/* What an admin said when he removed this node. */
struct node_removal {
	struct id by;
	struct rec_removal rec;
};

enum node_phase gossip_phase(const struct gossip *g);
enum node_fence gossip_fence(const struct gossip *g);

/* Who removed this node, when and why; false when nobody did, or it was not told. */
bool gossip_removal(const struct gossip *g, struct node_removal *removal);

/* Where the process lives for whose copy this node was taken: false unless NODE_COPY. */
bool gossip_original(const struct gossip *g, struct hostport *lives);

/* Not one live peer heard for longer than the suspicion bound although there are others. */
bool gossip_is_isolated(const struct gossip *g);

/* Active without a member's consent to this start (none answered): lease nothing new. */
bool gossip_is_alone(const struct gossip *g);

/* The tables hold what the cluster knows: they were compared with whole ones, or nobody had more
 * to tell for five seconds. Until then absence proves nothing. */
bool gossip_is_whole(const struct gossip *g);

/* The last comparison with a member that ended with equal tables: with whom and when, some seconds
 * ago while all is well; false when none has in this run. */
bool gossip_last_sync(const struct gossip *g, struct id *with, struct mono *at);

/* Another process has this node's identity, or had it before this node's disk went back: lease
 * nothing new until an operator decided. */
bool gossip_is_cloned(const struct gossip *g);

/* Members do not believe this node's admission, since whoever admitted it was removed before they
 * knew of it, or it has heard of that removal and of nobody else (FENCE_VOID): lease and admit
 * nothing new. by: who was removed, the admitter or one before him; may be NULL. It ends when a
 * member turns out to know this node; else the node joins anew under another identity. */
bool gossip_is_refused(const struct gossip *g, struct id *by);

/* Which member says so, in this run or the one before; false: nobody does. */
bool gossip_refused_by(const struct gossip *g, struct id *by);
