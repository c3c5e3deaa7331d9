/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "queue.h"

#include <stdlib.h>

#include "gossip/base/check.h"

static bool event_before(const struct sim_event *a, const struct sim_event *b)
{
	return a->at.ns != b->at.ns ? a->at.ns < b->at.ns : a->seq < b->seq;
}

static void event_swap(struct sim_event *a, struct sim_event *b)
{
	struct sim_event keep = *a;

	*a = *b;
	*b = keep;
}

void queue_add(struct sim *sim, const struct sim_event *event)
{
	size_t i = sim->queue_count;

	if (i == sim->queue_cap) {
		sim->queue_cap = sim->queue_cap ? sim->queue_cap * 2 : 1024;
		sim->queue = realloc(sim->queue, sim->queue_cap * sizeof(*sim->queue));
		WEFT_ASSERT(sim->queue != NULL);
	}
	WEFT_ASSERT(event->at.ns >= sim->now.ns);
	sim->queue[i] = *event;
	sim->queue[i].seq = ++sim->queue_seq;
	sim->queue_count++;
	while (i > 0 && event_before(&sim->queue[i], &sim->queue[(i - 1) / 2])) {
		event_swap(&sim->queue[i], &sim->queue[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
}

bool queue_take(struct sim *sim, struct sim_event *event)
{
	size_t i = 0;

	if (sim->queue_count == 0)
		return false;
	*event = sim->queue[0];
	sim->queue[0] = sim->queue[--sim->queue_count];
	for (;;) {
		size_t least = i, left = 2 * i + 1, right = left + 1;

		if (left < sim->queue_count && event_before(&sim->queue[left], &sim->queue[least]))
			least = left;
		if (right < sim->queue_count &&
		    event_before(&sim->queue[right], &sim->queue[least]))
			least = right;
		if (least == i)
			return true;
		event_swap(&sim->queue[i], &sim->queue[least]);
		i = least;
	}
}

void queue_close(struct sim *sim)
{
	for (size_t i = 0; i < sim->queue_count; i++)
		free(sim->queue[i].bytes);
	free(sim->queue);
	sim->queue = NULL;
	sim->queue_count = sim->queue_cap = 0;
}
