/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The fake network: machines at addresses, links between them with weather of their own.
 *
 *   network.c   what becomes of a datagram: cut, lost, held, doubled, late; who lives where
 *   weather.c   what changes: partitions, clogs, stops, slow machines, NAT, addresses, clocks
 *   attacker.c  somebody without keys who hears all and says what he likes
 *
 * Choices here come out of a stream of their own.
 */
#pragma once

#include "sim.h"

struct sim_event;
struct attacker;

/* Who is cut off from whom. */
enum net_shape {
	NET_WHOLE = 0,
	NET_ISLANDS, /* hosts hear each other within an island */
	NET_ONE_WAY, /* island 1 hears island 0, but not the other way round */
	NET_RING,    /* each hears those near to it by number */
	NET_BRIDGE,  /* two islands and, between them, a host that hears both */
	NET_SHAPES
};

#define NET_NOBODY SIZE_MAX
#define NET_BRIDGE_ISLAND 2u

/* A link that holds everything back, then delivers it at once. */
struct net_clog {
	size_t from, to; /* slots; from NET_NOBODY: from anybody */
	struct mono until;
};

#define NET_CLOGS_MAX 16
#define NET_HELD_MAX 256 /* datagrams in the socket of a machine that is stopped */

/* A place in the network, with an address. Machines may change places. */
struct net_slot {
	size_t machine; /* NET_NOBODY: it is free */
	size_t in_flight;
	unsigned island;
};

/* What one host runs on, by the host's index. */
struct net_machine {
	size_t slot;
	struct hostport outside;   /* what others see as its source; port 0: its address */
	bool outside_only;         /* nothing comes in by its own address */
	struct mono stopped_until; /* SIGSTOP, a frozen virtual machine */
	struct mono busy_until;    /* the last step is being worked on */
	int64_t step_us;           /* a step takes so long; 0: no time at all */
	size_t held;               /* datagrams that wait in its socket */
};

struct network {
	struct rng rng;
	struct net_slot *slots;
	struct net_machine *machines;
	size_t slot_count, machine_count;
	enum net_shape shape;
	unsigned reach;  /* NET_RING: how far */
	int64_t flap_ms; /* the cut comes and goes; 0: it stays */
	struct mono shape_until;
	uint64_t epoch; /* which links are bad */
	struct net_clog clogs[NET_CLOGS_MAX];
	size_t clog_count;
	struct attacker *attacker;
};

void simnet_open(struct sim *sim);
void simnet_close(struct sim *sim);

uint64_t simnet_draw(struct sim *sim, uint64_t bound);
bool simnet_chance(struct sim *sim, uint32_t ppm);

/* Where a machine lives, and what others see as the source of what it sends. */
struct hostport simnet_addr(const struct sim *sim, size_t machine);
struct hostport simnet_outside(const struct sim *sim, size_t machine);

/* Who gets what is sent to an address now; NULL for nobody. */
struct sim_host *simnet_host(struct sim *sim, const struct hostport *addr);

/* What the machine sends has another source from now on; outside_only: and what is sent to its own
 * address is lost. */
void simnet_rebind(struct sim *sim, size_t machine, bool outside_only);

/* Whoever lives in two places changes them. Nodes are not told; they are gateways' clients no more.
 */
void simnet_swap(struct sim *sim, size_t slot, size_t other);

/* What a host sends. */
void simnet_send(struct sim *sim, struct sim_host *host, const struct gossip_send *send);

/* Puts a datagram on its way as if it came from there, whoever sent it. */
void simnet_inject(struct sim *sim, const struct hostport *from, const struct hostport *to,
		   const uint8_t *bytes, size_t len, struct mono at);

/* A datagram arrives: names its receiver in event->host; false when there is none. */
bool simnet_arrived(struct sim *sim, struct sim_event *event);

/* True when the event's host is stopped or busy: the event is on the agenda again. */
bool simnet_defers(struct sim *sim, struct sim_event *event);

/* weather.c */
void weather_start(struct sim *sim);
void weather_event(struct sim *sim, const struct sim_event *event);
/* Operations of the workload: a cut of any shape, and its end. */
void weather_cut(struct sim *sim);
void weather_heal(struct sim *sim);
/* Some cannot reach each other as they should. */
bool weather_is_bad(const struct sim *sim);
/* Chaos ends: everything works again, and everybody is where others find him. */
void weather_calm(struct sim *sim);

/* attacker.c */
void attacker_open(struct sim *sim);
void attacker_close(struct sim *sim);
void attacker_start(struct sim *sim);
/* Gives the number under which a datagram was recorded; 0: it was not. */
uint32_t attacker_hears(struct sim *sim, const struct hostport *from, const struct hostport *to,
			const uint8_t *bytes, size_t len);
/* Gives a host what was recorded under this number. */
void attacker_delivers(struct sim *sim, struct sim_host *host, uint32_t number,
		       struct node_event *event);
void attacker_event(struct sim *sim);
