/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Inside of the overlay: the compact copy of the rows, with the indexes that the desired state is
 * computed from. Remote endpoints are the only thing that grows large; each is one block, found by
 * id, by address and by MAC. Two endpoints may claim one address or MAC for a moment (a row that
 * has not ended yet); the claims are chained, and the smallest endpoint id wins on every host.
 */
#pragma once

#include "overlay/kernel.h"
#include "overlay/overlay.h"
#include "overlay/remote.h"

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
	struct map remotes;     /* endpoint id -> struct remote * */
	struct map by_addr;     /* struct inet -> struct remote * (first claim) */
	struct map by_mac;      /* struct mac -> struct remote * (first claim) */
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

struct overlay {
	struct heap heap;
	struct overlay_config config;
	struct map nets;     /* network id -> struct net * */
	struct map owner_of; /* node id -> place in owners */
	struct vec owners;   /* struct owner */
	bool host_due;       /* links, addresses, routes, nexthops */
	bool mtu_due;        /* routing changed */
	bool rules_due;
	bool numbers_due;      /* networks came or went: their VNIs are assigned anew */
	bool nexthops_checked; /* leftovers of another form are gone */
	bool held;             /* what is not known is left alone: held.c */
	bool looked;           /* a first pass was made */
	bool is_bare;          /* which found nothing that could be kept */
	bool has_unknown;      /* devices that no row explains, while held */
	bool fed;              /* the tables changed: what is due does not wait for wake_at */
	bool drift;            /* something that is due was caused by somebody else */
	struct attempt host;
	struct mono wake_at;  /* coalesced notifications */
	struct mono sweep_at; /* the slow timer */
	struct overlay_totals totals;
	char *rules_text[KRULES_COUNT]; /* as they were set last, rules_bytes long */
	size_t rules_bytes[KRULES_COUNT];
};

#define TOUCHED_MAX 1024 /* of a small network; of a large one ... */
#define TOUCHED_SHARE 8  /* ... one key for so many endpoints */

/* The network with this id, or NULL; or made empty if it was missing. */
struct net *rows_net(const struct overlay *ov, const struct id *network);
struct net *rows_net_take(struct overlay *ov, const struct id *network);

/* Frees a network of which nothing is known any more, and whose devices are not waited for. */
void rows_net_tidy(struct overlay *ov, struct net *net);

/* Iterates over the networks; start with *pos = 0. */
struct net *rows_net_next(const struct overlay *ov, size_t *pos);

/* This host takes part: the network is known, and something of this host is in it. */
bool rows_net_is_wanted(const struct overlay *ov, const struct net *net);

/* Gives each known network its VNI, and those that move new names of devices; when that is due. */
void rows_number(struct overlay *ov);

/* This host has endpoints in it, but its fact has not come yet. */
bool rows_net_is_undecided(const struct net *net);

uint32_t rows_owner(struct overlay *ov, const struct id *node);
const struct owner *rows_owner_find(const struct overlay *ov, const struct id *node);
const struct owner *rows_owner_at(const struct overlay *ov, uint32_t place);

/* The host's own endpoint in a network, or NULL. */
const struct local_endpoint *rows_own_lease(const struct net *net);
