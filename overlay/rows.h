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
#include "overlay/net.h"
#include "overlay/overlay.h"
#include "overlay/remote.h"

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
	bool is_judged;        /* while held: what no row explains was looked at */
	bool has_unknown;      /* devices that no row explains, while held */
	bool fed;              /* the tables changed: what is due does not wait for wake_at */
	bool drift;            /* something that is due was caused by somebody else */
	struct attempt host;
	struct attempt look;  /* at what no row explains, while held */
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

/* The host's own lease in a network names this address. */
bool rows_own_has(const struct net *net, const struct inet *ip);

/* It does, but so does a row of a host that can be reached, and the overlay is held. */
bool rows_own_is_elsewhere(const struct overlay *ov, const struct net *net, const struct inet *ip);

/* The addresses by which the host itself takes part in a network; how many. None is elsewhere. */
size_t rows_own_addrs(const struct overlay *ov, const struct net *net,
		      struct inet out[ENDPOINT_ADDRS_MAX]);
