/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* What a check of the addresses, or the recovery of a node, found and did. A part of update.h. */
#pragma once

#include "gossip/io.h"

enum node_finding_kind {
	FINDING_LEAK = 1, /* a lease without its endpoint */
	FINDING_DOUBLE,   /* an address of two endpoints; other: the second one's host */
	FINDING_STRAY,    /* a lease outside of what this node owns; other: who owns it */
	FINDING_CONFLICT, /* an address that two nodes claim */
	FINDING_LOST,     /* an endpoint of this node's rows that this host does not have */
};

/* What would mend it. */
enum node_remedy {
	REMEDY_NONE = 0,  /* nothing to do, or nothing that is known here */
	REMEDY_RELEASE,   /* the lease is of nothing: NODE_CHECK with flag releases it */
	REMEDY_UNRESERVE, /* a reservation of what another host owns: with force, too */
	REMEDY_DETACH,    /* another host owns the address of a box of this one: with force, too */
	REMEDY_QUIT,      /* or this host's own address: it gives it up with its last box there */
	REMEDY_THERE,     /* the other host has to give the address up */
	REMEDY_WAIT,      /* nobody is known to own the address */
	REMEDY_REMOVE,    /* two nodes claim it: one of them is wrong, and has to go */
};

struct node_finding {
	enum node_finding_kind kind;
	enum node_remedy remedy;
	bool fixed;
	struct id network, endpoint, other;
	struct inet address;
	uint64_t sequence; /* of this node's lease */
};
