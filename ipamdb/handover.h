/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Giving everything away at leave. */
#pragma once

#include "gossip/base/addr.h"
#include "gossip/base/instant.h"

/* Of nodes that leave at the same time. A further one may be given back what it gave, and passes it
 * on again: that takes longer, and is bounded by the deadline of the leave. */
#define GIVERS_MAX 16

struct ipamdb;
struct ipam_request;

/* The hand-over of a leave, of which there is at most one. */
struct handover {
	bool active;
	bool done; /* all is handed over, so nothing is granted any more */
	uint64_t tag;
	struct mono deadline;
	size_t giver_count;
	struct id givers[GIVERS_MAX]; /* who gave this node ranges meanwhile: perhaps leaving too */
};

/* IPAM_HAND_OVER. */
void handover_begin(struct ipamdb *db, const struct ipam_request *req);
void handover_step(struct ipamdb *db);

/* The leave came to nothing after all was handed over: this node grants and takes up again. */
void handover_undo(struct ipamdb *db);

/* A range was taken up that another node granted while this one hands over. */
void handover_given(struct ipamdb *db, const struct id *giver);
