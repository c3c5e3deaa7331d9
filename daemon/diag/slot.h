/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Probes that desk and rounds expect here, see diag_impl.h. */
#pragma once

#include "daemon/kernel/kernel_thread.h"

struct diag;

enum slot_state {
	SLOT_FREE = 0,
	SLOT_WANTED,  /* to be asked for in this turn */
	SLOT_ASKED,   /* the kernel thread was asked */
	SLOT_ON,      /* what comes is counted */
	SLOT_DUE,     /* to be read in this turn */
	SLOT_READING, /* the kernel thread was asked */
	SLOT_SEEN,    /* what came is known */
	SLOT_FAILED   /* nothing can be seen: diag->why */
};

/* One sender of probes, for a visit or for a peer of a round. */
struct slot {
	enum slot_state state;
	bool dropped; /* nobody waits: free once the kernel thread has answered */
	struct watch_want want;
	uint64_t tag; /* of the question to the kernel thread */
	size_t seen_count;
	struct watch_seen seen[WATCH_SEEN_MAX];
	/* Of the desk: for whom, since when; did it answer at the address of its probes? */
	struct id asker;
	struct mono since;
	uint64_t hello_tag, hello_nonce;
	struct inet hello_ip;
	bool is_proven;
};

/* Expects probes with this nonce from there: SLOT_WANTED or, without a watch, SLOT_FAILED. NULL
 * when the share of the desk or of the rounds is used up, or just that is expected already. */
struct slot *slot_take(struct diag *diag, bool desk, const struct inet *from, uint64_t nonce);

/* Wants to know what came to a slot that is ON. */
void slot_read(struct slot *slot);

/* Is of no use any more. */
void slot_drop(struct slot *slot);

/* Copies of each probe that came. */
uint32_t slot_count(const struct slot *slot, uint16_t port, uint16_t size);

/* Asks the kernel thread for what is wanted; true while there is something to wait for. */
bool slots_turn(struct diag *diag);
void slots_told(struct diag *diag, const struct kernel_tell *tell);
