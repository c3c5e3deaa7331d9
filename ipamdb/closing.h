/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* What is known of nodes that are gone and of the promises about them; closure.h keeps it. */
#pragma once

#include "gossip/base/instant.h"
#include "gossip/base/map.h"
#include "gossip/base/record.h"

/* A removed node. */
struct removed {
	struct id node;
	bool is_stored; /* its removal is on this node's disk */
};

/* What a member has promised about removed nodes, this one included. */
struct closer {
	struct id id;
	struct rec_closure rec;
};

/* The closing of removed nodes: closure.c. */
struct closing {
	struct vec removed;         /* struct removed, by id */
	struct vec closers;         /* struct closer, by id */
	bool view_stale, is_flying; /* the own closure or what it stands on flies */
	size_t left;                /* members whose mark in the view is that they left */
	uint64_t sieve;             /* a bit for each who was ever gone, by its id */
	uint8_t view[DIGEST_BYTES]; /* as this node would close now */
	struct mono closed_at;      /* when it wrote its closure last */
	struct mono grace_at;       /* when all who left have had their time */
	uint64_t epoch, sequence;   /* the highest version of an own range or grant */
};
