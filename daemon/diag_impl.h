/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* What desk and round share. */
#pragma once

#include "daemon/diag.h"

#define DIAG_VISITS_MAX 128
#define DIAG_ROUNDS_MAX 4
#define DIAG_WATCH_MS 10000 /* after the last who wanted it */

/* How far the question of another host is. */
enum visit_state { VISIT_NEW = 1, VISIT_WATCHES, VISIT_COUNTS, VISIT_RELAYS, VISIT_RELAYED };

struct visit {
	struct id from;
	uint64_t message; /* to be answered */
	uint64_t tag;     /* of what it waits for */
	struct mono came;
	enum visit_state state;
	struct diag_message ask;
	bool reached; /* VISIT_RELAYED: what the third host said */
	int64_t heard_ms;
};

enum watch_state { WATCH_OFF = 0, WATCH_ASKED, WATCH_ON };

struct diag {
	struct daemon *d;
	uv_timer_t timer;
	uint64_t next_tag;
	enum watch_state watch;
	uint64_t watch_tag;
	struct mono watch_until;
	char why[WATCH_WHY_BYTES]; /* why there is no watch */
	size_t visit_count;
	struct visit visits[DIAG_VISITS_MAX];
	struct mono counts_at; /* share of COUNT questions */
	int64_t counts_left;
	struct diag_round *rounds[DIAG_ROUNDS_MAX];
};

/* Looks again within this turn of the loop. */
void diag_wake(struct diag *diag);

/* Asks a member and steps the node; *tag is that of the answer, which may come within. */
void diag_ask(struct diag *diag, const struct id *to, const struct diag_message *message,
	      int64_t ttl_ms, uint64_t *tag);

/* Keeps the watch for a while: true when it stands, false while it does not. */
bool diag_watch_want(struct diag *diag);

/* What the watch saw, to be told under the tag that is returned. */
uint64_t diag_watch_read(struct diag *diag);

/* Copies of each probe that came from there. */
uint32_t diag_seen_count(const struct kernel_tell *tell, const struct inet *from,
			 uint16_t from_port, uint16_t to_port, uint16_t size);

/* ---- desk ---- */

void desk_turn(struct diag *diag);
void desk_answered(struct diag *diag, const struct node_answer *answer);
void desk_told(struct diag *diag, const struct kernel_tell *tell);

/* The watch was tried: it stands, or it does not. */
void desk_watched(struct diag *diag);

/* ---- round ---- */

/* Does what is due; false when the round is over and freed. */
bool round_turn(struct diag *diag, struct diag_round *round);
void round_answered(struct diag *diag, struct diag_round *round, const struct node_answer *answer);
void round_told(struct diag_round *round, const struct kernel_tell *tell);
