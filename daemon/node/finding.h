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

struct node_finding {
	enum node_finding_kind kind;
	bool fixed;
	struct id network, endpoint, other;
	struct inet address;
};
