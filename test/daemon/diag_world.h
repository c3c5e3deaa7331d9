/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * A large cluster around one round of diag, that is the test: it answers all questions, and time is
 * its own. Linked with --wrap for what a round asks of others (diag_world.c), and with diag_kit.c.
 */
#pragma once

#include "test/daemon/diag_kit.h"

#define MEMBERS 1500
#define TURN_MS 20

struct diag_world {
	size_t members;
	size_t silent_each;   /* every so manieth answers nobody; 0: all answer */
	size_t answers_only;  /* unless 0: only so many of the first answer */
	int slow_turns;       /* until silence and what helpers say is known */
	size_t busy;          /* so many more questions are refused */
	size_t busy_relays;   /* after so many questions about others each more is refused */
	size_t helpers_fail;  /* so many more times who is asked about others does not answer */
	struct id helpers[4]; /* who was asked about others first */
	bool heard;           /* this host hears everybody */
	int64_t reached_ms;   /* unless 0: who is silent has heard this host so long ago */
	size_t relays;        /* questions about others */
	size_t asked_count, asked_now, asked_most, probed, probed_most;
	struct {
		struct diag_round *round;
		size_t nth;
		struct diag_message message;
		struct id whom;
		int turns;
	} asked[MEMBERS + 1];
	size_t waiting_most, relays_most; /* at once, of one helper */
	size_t slots_most;
	size_t judged, ok, gossip_fails, there_heard, unheard, unasked, helped;
	bool done;
};

extern struct diag_world world;

/* A cluster of which every so manieth answers nobody (0: all answer); all else is to be set then.
 */
void world_begin(size_t members, size_t silent_each);

/* Lets a round run to its end, over all members or the only one; how many ms it took. */
int64_t world_run(const struct id *only);

/* The id of the nth member. */
struct id id_at(size_t nth);
