/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Looking at the ways between this host and others, for `weft diag` and `weft path`. The desk
 * answers what other hosts ask; a round asks them. Both work by turns of one timer, since neither a
 * delivery nor an answer may step the node while its update is read.
 *
 *   each peer: HELLO -> expect its probes here, WATCH -> probes there -> COUNT (and probes back)
 *   -> what came here -> judged; who does not answer HELLO is asked about through another (RELAY)
 */
#pragma once

#include <jansson.h>

#include "daemon/daemon.h"
#include "daemon/diag/probe.h"

#define DIAG_TAG (DAEMON_TAG | UINT64_C(1) << 62) /* of its own requests and questions */

struct slot; /* daemon/diag/diag_impl.h */

/* How far a round is with a peer: what is under way, or due. */
enum peer_step {
	PEER_NEW = 0,  /* to be greeted */
	PEER_GREETED,  /* HELLO */
	PEER_SILENT,   /* did not answer: to be asked about */
	PEER_RELAYED,  /* RELAY */
	PEER_ANSWERED, /* to be probed, when there is room */
	PEER_EXPECTED, /* WATCH here and there */
	PEER_PROBED,   /* probes are on their way there */
	PEER_COUNTED,  /* COUNT, and then probes are on their way here */
	PEER_READ,     /* what came here is asked for */
	PEER_DONE
};

/* What is known by a third host, the helper, of a peer that did not answer. */
enum peer_relay {
	RELAY_NONE = 0, /* nobody could be asked */
	RELAY_UNHEARD,  /* the helper did not answer either */
	RELAY_SILENT,   /* it got no answer from the peer */
	RELAY_REACHED   /* it got one */
};

/* A member as a round found it. */
struct diag_peer {
	struct id id;
	struct hostport addr;
	struct inet vtep;
	enum peer_step step;
	uint64_t tag; /* of the question under way; 0: none */
	uint64_t nonce;
	struct slot *slot; /* what it sends is expected */
	struct mono asked, due;
	struct wall asked_wall;
	bool answered;
	int64_t rtt_ns;              /* of the answer */
	int64_t clock_ms, spread_ms; /* its clock minus ours, give or take */
	char version[DIAG_VERSION_BYTES];
	uint16_t mtu_bytes; /* of its interface */
	bool told;          /* it said whether it can see probes */
	enum diag_watches watches;
	bool counted;   /* it said which came */
	bool sent;      /* and sent as many back */
	bool back_seen; /* which of those came is known */
	int error;      /* errno of sending them */
	struct probe probe;
	uint32_t there[DIAG_PORTS_MAX][DIAG_SIZES_MAX]; /* that came */
	uint32_t back[DIAG_PORTS_MAX][DIAG_SIZES_MAX];
	enum peer_relay relay;
	struct id helper;          /* unless RELAY_NONE */
	struct diag_peer *through; /* the helper, when it is of this round and is being asked */
	size_t relays;             /* that this one is being asked for */
	unsigned relay_tries;      /* how often somebody was asked about it */
	bool there_heard; /* it heard this host during the round, by what it told the helper */
	bool heard;       /* this host heard it during the round */
};

struct diag_round;

/* Whom a round is for. */
struct diag_client {
	uint64_t tag; /* of the request */
	/* A peer is done with, in order of id; those for whom there was no time are left out. */
	void (*judge)(struct daemon *d, struct diag_round *round, const struct diag_peer *peer);
	/* Called once, at the end; the round is freed after it. */
	void (*done)(struct daemon *d, struct diag_round *round);
};

struct diag_round {
	struct diag_client client;
	json_t *checks; /* of the client, which may fill it */
	struct mono began, end;
	bool over;             /* no time is left */
	bool blind;            /* what comes to this host cannot be seen */
	size_t asking, judged; /* questions under way; next to be judged */
	size_t greeting;       /* how many may still answer HELLO */
	size_t helper;         /* where one that answered was found last */
	size_t count, unasked; /* unasked: there was no time for so many */
	uint16_t mtu_bytes;    /* of this host's interface */
	uint16_t need_bytes;   /* largest IP packet that its networks put on the wire; 0: none */
	size_t port_count, unprobed; /* unprobed: there was no room for so many ports */
	uint16_t ports[DIAG_PORTS_MAX];
	struct diag_peer *peers;
};

struct diag;

/* At start, before the loop runs, and at the end: close, let the loop run, free. */
struct diag *diag_new(struct daemon *d);
void diag_close(struct diag *diag);
void diag_free(struct diag *diag);

/* A question of another node came; an answer to one of ours (tag has DIAG_TAG); the kernel thread
 * answered: none steps the node. */
void diag_delivered(struct diag *diag, const struct gossip_delivery *delivery);
void diag_answered(struct diag *diag, const struct node_answer *answer);
void diag_told(struct diag *diag, const struct kernel_tell *tell);

/* Begins a round over all members that did not leave, or over one. 0, or WEFT_E_BUSY. */
int diag_begin(struct diag *diag, const struct diag_client *client, const struct id *only,
	       struct weft_err *err);

/* Why nothing that comes to this host can be seen. Borrowed. */
const char *diag_why(const struct diag *diag);

/* What VXLAN adds to an inner packet, and this host's interface as the MTU of whole IP packets. */
uint16_t diag_overhead(const struct daemon *d);
uint16_t diag_mtu(const struct daemon *d);
