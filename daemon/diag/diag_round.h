/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* A round of questions to other hosts, see diag.h: whom it is for, and each member as it found it.
 */
#pragma once

#include <jansson.h>

#include "daemon/diag/probe.h"

struct daemon;
struct slot; /* daemon/diag/slot.h */

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
