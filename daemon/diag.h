/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Looking at the ways between this host and others, for `weft diag` and `weft path`. The desk
 * answers what other hosts ask; a round asks them. Both work by turns of one timer, since neither a
 * delivery nor an answer may step the node while its update is read.
 *
 *   round: watch here -> HELLO to each -> probes there, RELAY where nobody answered -> COUNT (and
 *   probes back) -> what came here -> done
 */
#pragma once

#include "daemon/daemon.h"
#include "daemon/probe.h"

#define DIAG_TAG (DAEMON_TAG | UINT64_C(1) << 62) /* of its own requests and questions */

/* A member as a round found it. */
struct diag_peer {
	struct id id;
	struct hostport addr;
	struct inet vtep;
	uint64_t tag; /* of the question under way; 0: none */
	struct mono asked;
	struct wall asked_wall;
	bool answered;
	int64_t rtt_ns;              /* of the answer */
	int64_t clock_ms, spread_ms; /* its clock minus ours, give or take */
	char version[DIAG_VERSION_BYTES];
	uint16_t mtu_bytes;   /* of its interface */
	bool watches;         /* it can say which probes came */
	bool probed, counted; /* probes were sent; it said what came, and sent some back */
	int error;            /* errno of sending them */
	struct probe probe;
	uint16_t from_port, back_port;
	uint32_t there[DIAG_PORTS_MAX][DIAG_SIZES_MAX]; /* that came */
	uint32_t back[DIAG_PORTS_MAX][DIAG_SIZES_MAX];
	bool relayed; /* helper was asked about it, and it answered the helper */
	struct id helper;
	bool has_helper;
	bool there_heard; /* it heard this host during the round, by what it told the helper */
	bool heard;       /* this host heard it during the round */
};

enum diag_phase {
	ROUND_WATCH = 1,
	ROUND_HELLO,
	ROUND_PROBE,
	ROUND_COUNT,
	ROUND_SETTLE,
	ROUND_SEEN,
	ROUND_DONE
};

struct diag_round {
	uint64_t tag; /* of the request that it is for */
	enum diag_phase phase;
	struct mono began, due, end;
	uint64_t kernel_tag; /* of the question to the kernel thread */
	bool watches;        /* this host sees what comes */
	char why[WATCH_WHY_BYTES];
	size_t pending, at, count;
	uint16_t mtu_bytes;  /* of this host's interface */
	uint16_t need_bytes; /* largest IP packet that the networks put on the wire; 0: none yet */
	size_t port_count;
	uint16_t ports[DIAG_PORTS_MAX];
	struct diag_peer *peers;
	/* Called once, at the end; the round is freed after it. */
	void (*done)(struct daemon *d, struct diag_round *round);
};

struct diag;

/* At start, before the loop runs, and at the end: close, let the loop run, free. */
struct diag *diag_new(struct daemon *d);
void diag_close(struct diag *diag);
void diag_free(struct diag *diag);

/* A question of another node came; an answer to one of ours (tag has DIAG_TAG): neither steps the
 * node. The kernel thread answered: steps it. */
void diag_delivered(struct diag *diag, const struct gossip_delivery *delivery);
void diag_answered(struct diag *diag, const struct node_answer *answer);
void diag_told(struct diag *diag, const struct kernel_tell *tell);

/* Begins a round over all members that did not leave, or over one. 0, or WEFT_E_BUSY. */
int diag_begin(struct diag *diag, uint64_t tag, const struct id *only,
	       void (*done)(struct daemon *d, struct diag_round *round), struct weft_err *err);

/* What VXLAN adds to an inner packet, and this host's interface as the MTU of whole IP packets. */
uint16_t diag_overhead(const struct daemon *d);
uint16_t diag_mtu(const struct daemon *d);
