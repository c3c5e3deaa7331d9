/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Inside of the overlay: one network, with what of its rows the kernel's state depends on, who
 * takes part in it, and how far the kernel has come. See rows.h.
 */
#pragma once

#include "gossip/base/map.h"
#include "gossip/base/record.h"
#include "gossip/base/write.h"
#include "overlay/index.h"

struct local {
	struct id id;
	struct local_endpoint endpoint;
	bool lost_told;
	bool plugging; /* its port is being made */
};

struct pool {
	struct prefix subnet;
	struct inet gateway;
};

/* What of a network fact the kernel's state depends on. */
struct net_fact {
	bool internal, multicast;
	uint32_t vni;
	uint16_t port, mtu_wanted;
	size_t pool_count;
	struct pool pools[POOLS_MAX];
};

/* What became of one part of the work: of the host's own, of a network's devices, of its entries.
 * It holds from the last attempt until the next one has ended, whatever is looked at meanwhile. */
struct attempt {
	uint32_t failed;      /* operations; 0: it went well */
	uint32_t count;       /* attempts in a row that failed */
	struct mono retry_at; /* MONO_NEVER when nothing failed */
	bool made;            /* in this reconcile */
	char error[160];      /* the first failure, the cause of the others; or empty */
};

struct net {
	struct id id;
	bool known; /* its fact was seen and it has not ended */
	bool ended;
	struct net_fact fact;
	uint32_t vni; /* in use: that of the fact, or where it moved to (numbers.c) */
	char bridge[IFNAME_BYTES], vxlan[IFNAME_BYTES];

	struct map attached;    /* node id -> struct attached */
	struct map locals;      /* endpoint id -> struct local */
	struct map local_addrs; /* struct inet */
	struct map local_macs;  /* struct mac */
	struct index remotes;   /* struct remote, by endpoint id: one of each */
	struct index by_mac;    /* by struct mac */
	struct index by_addr;   /* struct claim, by struct inet */
	struct map announced;   /* struct inet -> struct mac that boxes were told last */
	uint32_t forgotten;     /* how many addresses may have been told by an earlier run */

	bool is_standing;       /* its devices stand */
	bool is_displaced;      /* while held: devices of an unknown network have its names */
	bool is_made;           /* by this run, or taken over from an earlier one */
	struct vec failed_keys; /* struct touch: refused, and not tried again since */
	bool failed_more;       /* than have room there */
	bool entries_due;       /* all of them, not only those touched */
	struct vec touched;
	size_t fresh_count;
	uint16_t mtu, own_mtu, told_mtu;
	uint32_t conflicts;
	struct attempt devices, entries;
	int64_t last_ns;
};

struct attached {
	struct id node;
	uint16_t mtu;
};
