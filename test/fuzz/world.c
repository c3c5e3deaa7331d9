/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "world.h"

#include <stdlib.h>
#include <string.h>

#include "gossip/base/check.h"

#define ARENA_BYTES ((size_t)256 << 20)

void world_open(struct world *world, size_t nodes)
{
	arena_open(&world->arena, ARENA_BYTES);
	world->now = cluster_new();
	world->now->pages = arena_pages(&world->arena);
	cluster_form(world->now, nodes);
}

void world_keep(struct world *world)
{
	struct cluster *c = world->now;

	arena_keep(&world->arena);
	world->kept = *c;
	for (size_t n = 0; n < CLUSTER_NODES; n++) {
		size_t bytes = c->nodes[n].stored_count * sizeof(struct stored);

		world->stored[n] = malloc(bytes + 1);
		WEFT_ASSERT(world->stored[n] != NULL);
		memcpy(world->stored[n], c->nodes[n].stored, bytes);
	}
	world->flight = malloc(c->flights * sizeof(struct flight) + 1);
	WEFT_ASSERT(world->flight != NULL);
	memcpy(world->flight, c->flight, c->flights * sizeof(struct flight));
}

void world_restore(struct world *world)
{
	struct cluster *c = world->now;

	arena_restore(&world->arena);
	*c = world->kept;
	for (size_t n = 0; n < CLUSTER_NODES; n++)
		memcpy(c->nodes[n].stored, world->stored[n],
		       c->nodes[n].stored_count * sizeof(struct stored));
	memcpy(c->flight, world->flight, c->flights * sizeof(struct flight));
}
