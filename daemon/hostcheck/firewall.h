/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What a firewall does with a packet that is forwarded, told from its rules: those of nftables as
 * the library lists them in JSON (libnftables-json(5)), and of iptables' old tables put into the
 * same form by legacy.h. Pure; daemon/hostcheck/forward.c asks it about what boxes send.
 */
#pragma once

#include <jansson.h>

#include "gossip/base/addr.h"

struct firewall {
	json_t *chains; /* "family table chain": array of rules, each an array of expressions */
	json_t *sets;   /* "family table set": array of elements */
	json_t *bases;  /* chains that hang on the hook "forward", in the order of the list */
};

/* A packet on its way: what of it rules can ask for. Addresses that are not told are of the world
 * outside, which is in no prefix that is shorter than everything. */
struct packet {
	bool bridged;         /* a frame between ports of a bridge: asked of family bridge alone */
	bool answer;          /* of a connection that stands; else the first of one */
	const char *in, *out; /* names of devices */
	const struct prefix *from, *to; /* NULL: outside */
};

/* Where a packet ends. */
struct fate {
	bool dropped;
	bool unsure;     /* a rule that cannot be judged may have taken it before */
	bool docker;     /* DOCKER-USER was passed on the way */
	char chain[128]; /* whose rule it was; empty: the policy */
};

/* Takes a listing apart; keeps what it needs of it. */
void firewall_init(struct firewall *firewall, const json_t *listing);
void firewall_close(struct firewall *firewall);

/* What this chain of bases does with a packet; chains of other families pass it. */
void firewall_judge(const struct firewall *firewall, const json_t *base,
		    const struct packet *packet, struct fate *fate);
