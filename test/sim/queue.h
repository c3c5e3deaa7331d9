/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* The world's agenda: events in order of virtual time, ties in order of adding. */
#pragma once

#include "sim.h"

enum sim_event_kind {
	SIM_TICK = 1,
	SIM_DATAGRAM,
	SIM_COMMITTED,
	SIM_PLUGGED,
	SIM_UNPLUGGED,
	SIM_APPLIED,
	SIM_LOOK,
	SIM_OP,
	SIM_JOIN,
	SIM_FAULT,
	SIM_WEATHER,
	SIM_ATTACK,
};

struct sim_event {
	struct mono at;
	enum sim_event_kind kind;
	size_t host;
	uint64_t boot;            /* of the host when it was made */
	struct hostport from, to; /* SIM_DATAGRAM */
	uint32_t record;          /* under which the attacker has it; 0: he has not */
	bool held;                /* it waits in the socket of a machine that is stopped or busy */
	uint8_t *bytes;           /* SIM_DATAGRAM, owned */
	size_t len;
	struct id id;
	struct node_applied applied;
	bool refused;   /* SIM_PLUGGED */
	unsigned fault; /* SIM_FAULT: enum sim_fault; SIM_WEATHER: what of it */
};

struct sim_queue *queue_new(void);
void queue_free(struct sim_queue *queue);

/* Takes over event->bytes. */
void queue_add(struct sim *sim, const struct sim_event *event);

/* The earliest event up to an instant; false when there is none. The caller owns bytes. */
bool queue_take(struct sim *sim, struct mono end, struct sim_event *event);
