/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* What desk, rounds and the watch share. */
#pragma once

#include "daemon/diag/diag.h"
#include "daemon/diag/slot.h"

#define DIAG_VISITS_MAX 128
#define DIAG_VISITS_EACH 8 /* of one member */
#define DIAG_ROUNDS_MAX 4
#define DIAG_SLOTS_DESK 64
#define DIAG_SLOTS_ROUND 64 /* of all rounds */
#define DIAG_SLOTS (DIAG_SLOTS_DESK + DIAG_SLOTS_ROUND)

/* ---- desk ---- */

/* How far the question of another host is. */
enum visit_state { VISIT_NEW = 1, VISIT_WATCHES, VISIT_COUNTS, VISIT_RELAYS, VISIT_RELAYED };

struct visit {
	struct id from;
	uint64_t message; /* to be answered */
	uint64_t tag;     /* of what it waits for */
	struct slot *slot;
	struct mono came;
	enum visit_state state;
	struct diag_message ask;
	bool reached; /* VISIT_RELAYED: what the third host said */
	int64_t heard_ms;
};

struct diag {
	struct daemon *d;
	uv_timer_t timer;
	uint32_t next_tag, next_slot;
	bool watching;             /* the kernel thread has a watch */
	struct mono watch_until;   /* nobody expects anything */
	struct mono watch_again;   /* after a failure */
	char why[WATCH_WHY_BYTES]; /* it failed */
	struct slot *slots;        /* DIAG_SLOTS; NULL while no watch is wanted */
	size_t visit_count;
	struct visit visits[DIAG_VISITS_MAX];
	struct mono watches_at; /* share of WATCH questions */
	int64_t watches_left;
	struct diag_round *rounds[DIAG_ROUNDS_MAX];
};

/* Looks again within this turn of the loop. */
void diag_wake(struct diag *diag);

/* Asks a member and steps the node; *tag is that of the answer, which may come within. With a round
 * and the place of a peer in it the tag leads back to them. */
void diag_ask(struct diag *diag, const struct id *to, const struct diag_message *message,
	      int64_t ttl_ms, uint64_t *tag);
void diag_ask_peer(struct diag *diag, struct diag_round *round, size_t nth, const struct id *to,
		   const struct diag_message *message, int64_t ttl_ms);

/* A number that nobody guesses. */
uint64_t diag_nonce(void);

/* ---- desk ---- */

/* Goes on with every visit; what a member answered to a question of the desk. */
void desk_turn(struct diag *diag);
void desk_answered(struct diag *diag, const struct node_answer *answer);

/* ---- round ---- */

/* At its beginning: ports and sizes that matter; whom it is for (only NULL: all). */
void note_networks(struct diag *diag, struct diag_round *round);
void note_peers(struct diag *diag, struct diag_round *round, const struct id *only);

/* Does what is due; false when the round is over and freed. */
bool round_turn(struct diag *diag, struct diag_round *round);
void round_answered(struct diag *diag, struct diag_round *round, size_t nth,
		    const struct node_answer *answer);
void round_free(struct diag_round *round);

/* Whom to ask about a silent peer: it is in peer->helper then and, if it is of this round, in
 * peer->through. Busy: all who could be asked have enough to do. */
enum helper_search { HELPER_NONE = 0, HELPERS_BUSY, HELPER_FOUND };
enum helper_search round_helper(const struct diag *diag, struct diag_round *round,
				struct diag_peer *peer);
