/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * A heap with four children a node, of instants and numbers only; the events themselves lie still
 * in an array beside it, whose free places are a list. A large world has a hundred thousand events
 * under way, so what is moved and compared has to be small.
 */
#include "queue.h"

#include <stdlib.h>
#include <string.h>

#include "gossip/base/check.h"

#define CHILDREN 4
#define CAP_MIN 1024
#define NO_PLACE UINT32_MAX

struct turn {
	struct mono at;
	uint64_t seq;
	uint32_t place; /* in events */
};

union place {
	struct sim_event event;
	uint32_t next_free;
};

struct sim_queue {
	struct turn *turns;
	size_t count, cap;
	union place *places;
	uint32_t place_count, free;
	uint64_t seq;
};

struct sim_queue *queue_new(void)
{
	struct sim_queue *queue = calloc(1, sizeof(*queue));

	WEFT_ASSERT(queue != NULL);
	queue->free = NO_PLACE;
	return queue;
}

static bool is_before(const struct turn *a, const struct turn *b)
{
	return a->at.ns != b->at.ns ? a->at.ns < b->at.ns : a->seq < b->seq;
}

/* There is never more in the array of events than in the largest heap there was. */
static void grow(struct sim_queue *queue)
{
	queue->cap = queue->cap ? queue->cap * 2 : CAP_MIN;
	WEFT_ASSERT(queue->cap < NO_PLACE);
	queue->turns = realloc(queue->turns, queue->cap * sizeof(*queue->turns));
	queue->places = realloc(queue->places, queue->cap * sizeof(*queue->places));
	WEFT_ASSERT(queue->turns != NULL && queue->places != NULL);
}

static uint32_t place_take(struct sim_queue *queue)
{
	uint32_t place = queue->free;

	if (place == NO_PLACE)
		return queue->place_count++;
	queue->free = queue->places[place].next_free;
	return place;
}

void queue_add(struct sim *sim, const struct sim_event *event)
{
	struct sim_queue *queue = sim->queue;
	struct turn turn = {.at = event->at, .seq = ++queue->seq};
	size_t at = queue->count;

	WEFT_ASSERT(event->at.ns >= sim->now.ns);
	if (queue->count == queue->cap)
		grow(queue);
	queue->count++;
	turn.place = place_take(queue);
	queue->places[turn.place].event = *event;
	while (at > 0 && is_before(&turn, &queue->turns[(at - 1) / CHILDREN])) {
		queue->turns[at] = queue->turns[(at - 1) / CHILDREN];
		at = (at - 1) / CHILDREN;
	}
	queue->turns[at] = turn;
}

/* Puts a turn where the first was, or as far down as it belongs. */
static void sift_down(struct sim_queue *queue, const struct turn *turn)
{
	size_t at = 0;

	for (;;) {
		size_t first = CHILDREN * at + 1, least = first;

		if (first >= queue->count)
			break;
		for (size_t i = first + 1; i < first + CHILDREN && i < queue->count; i++)
			if (is_before(&queue->turns[i], &queue->turns[least]))
				least = i;
		if (!is_before(&queue->turns[least], turn))
			break;
		queue->turns[at] = queue->turns[least];
		at = least;
	}
	queue->turns[at] = *turn;
}

bool queue_take(struct sim *sim, struct mono end, struct sim_event *event)
{
	struct sim_queue *queue = sim->queue;
	uint32_t place;

	if (queue->count == 0 || queue->turns[0].at.ns > end.ns)
		return false;
	place = queue->turns[0].place;
	*event = queue->places[place].event;
	queue->places[place].next_free = queue->free;
	queue->free = place;
	queue->count--;
	if (queue->count > 0)
		sift_down(queue, &queue->turns[queue->count]);
	return true;
}

void queue_free(struct sim_queue *queue)
{
	if (!queue)
		return;
	for (size_t i = 0; i < queue->count; i++)
		free(queue->places[queue->turns[i].place].event.bytes);
	free(queue->turns);
	free(queue->places);
	free(queue);
}
