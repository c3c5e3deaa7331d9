/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* A cluster of whole cores that is formed once and put back for every input. */
#pragma once

#include "arena.h"
#include "test/gossip/cluster.h"

struct world {
	struct arena arena;
	struct cluster *now;
	struct cluster kept;
	struct stored *stored[CLUSTER_NODES]; /* of kept */
	struct flight *flight;
};

/* Forms a cluster of so many nodes. */
void world_open(struct world *world, size_t nodes);

/* What is now is what world_restore brings back. */
void world_keep(struct world *world);
void world_restore(struct world *world);
