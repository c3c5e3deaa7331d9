/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The inside of the membership protocol: what its six files keep. What they ask of each other
 * stands in swim_parts.h.
 *
 *   swim.c          the door: ticks, whom to probe next, healing
 *   swim_frame.c    frames as they come in
 *   swim_probe.c    one probe from its first ping to its verdict; pings for others; round trips
 *   swim_state.c    alive, suspect, failed: who may say what, suspicion, refutation
 *   swim_tell.c     telling others, one slot a member
 *   swim_compare.c  comparing what two nodes know of the members
 */
#pragma once

#include "swim.h"
#include "swim_probe.h"
#include "swim_wire.h"

#define SWIM_CONFIRM_MAX 3 /* independent confirmations that make a suspicion shortest */
#define SWIM_HEALTH_MAX 7
#define SWIM_INCARNATION_MAX (UINT64_C(1) << 62)
#define SWIM_LEAP_MAX (UINT64_C(1) << 32)

struct swim_profile {
	int64_t period_ms;
	int64_t timeout_min_ms, timeout_unknown_ms, timeout_max_ms;
	int64_t suspicion_min_ms; /* confirmed; an unconfirmed one lasts five times as long */
	int64_t tell_ms;
	int64_t heal_ms;
	int64_t states_ms;
};

enum swim_stat {
	SWIM_PROBES = 0,
	SWIM_PROBES_FAILED,
	SWIM_RETRY_ROUNDS,
	SWIM_RELAYED,
	SWIM_SUSPICIONS,
	SWIM_FAILURES,
	SWIM_REFUTATIONS,
	SWIM_STALLS,
	SWIM_TOLD,
	SWIM_STAT_COUNT
};

struct suspicion {
	struct member *member;
	struct mono began;
	struct mono deadline;
	struct mono pushed;  /* not before: the member was heard */
	struct mono recheck; /* next ping of an accuser; never for others */
	size_t needed;       /* confirmations for the shortest duration */
	struct id accusers[SWIM_CONFIRM_MAX + 1];
	size_t accuser_count;
	struct id verdicts[SWIM_CONFIRM_MAX]; /* who says that it failed */
	size_t verdict_count;
};

/* What the protocol keeps of each member, at index member->swim - 1. */
struct swim_peer {
	struct member *member;
	uint32_t suspicion;  /* index + 1 in suspicions, 0: none */
	unsigned tell_left;  /* sends left; in telling while > 0 */
	struct id accuser;   /* named when a suspicion is told */
	struct mono accused; /* when its state was last said to its face */
};

struct swim {
	struct core *core;
	struct member_table *members;
	const struct swim_profile *profile;
	bool started;
	unsigned health; /* 0 good .. SWIM_HEALTH_MAX: how much slower to judge others */

	struct vec peers;      /* struct swim_peer */
	struct vec suspicions; /* struct suspicion */
	struct mono suspicions_due;
	struct probe probes[SWIM_PROBES_MAX];
	struct relay relays[SWIM_RELAYS_MAX];
	uint64_t probes_used, relays_used; /* bits: the others are not looked at */
	uint32_t next_seq;

	struct vec order; /* struct member *: a shuffled round */
	size_t order_at;
	bool ring_turn;
	size_t eager_left; /* quick first probes after a start */
	struct mono period_due;

	struct vec telling; /* uint32_t: index of peers, newest last */
	struct mono tell_due;

	size_t heal_at; /* place in members->ordered of the last attempt */
	struct mono heal_due;
	struct mono states_due;
	int64_t states_pause_ms; /* from that comparison to the next one */

	uint64_t reserved;  /* incarnations up to here are durable */
	uint64_t reserving; /* wanted by the write under way */
	uint64_t reserve_token;
	struct mono reserve_due; /* try again; never while nothing is wanted */
	uint64_t wanted;         /* incarnation to take once it is durable */

	struct mono heard; /* last datagram of any member */
	bool isolated;
	uint64_t stats[SWIM_STAT_COUNT];
};
