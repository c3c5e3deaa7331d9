/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * A few nodes that have only a sealing layer, for its tests: each knows all others as members, and
 * datagrams wait in one list until the test lets them arrive, be lost, or arrive again.
 */
#pragma once

#include "gossip/seal/seal.h"
#include "test/gossip/seeded.h"

#define NET_NODES 4
#define NET_PENDING 256

struct net_node {
	struct core core;
	struct gossip_update update;
	struct blob_store blobs;
	struct heap blob_heap;
	struct member_table members;
	struct seal *seal;
	struct seeded seeded;
	uint8_t identity; /* number of its key pair */
	struct hostport addr;
	struct id vouched; /* accepted by the hook though no member; zero: none */
	uint8_t vouched_pub[SIGN_PUB_BYTES];
	size_t row_len;    /* of its own row, of zeros; 0: it has none */
	bool claims;       /* its epoch, which nobody has agreed to */
	unsigned clones;   /* alarms */
	unsigned removals; /* facts shown */
	/* frames opened since the last look, of any layer */
	uint8_t got[DATAGRAM_BYTES_MAX];
	size_t got_len;
	unsigned opened;
	struct id got_from;
	bool claiming, provisional;
};

struct net_datagram {
	struct hostport from, to;
	size_t len;
	uint8_t bytes[DATAGRAM_BYTES_MAX];
};

struct seal_net {
	struct net_node nodes[NET_NODES];
	struct mono now;
	size_t count;
	struct net_datagram pending[NET_PENDING];
};

/* Nodes 0 and 1 of four exist, started, and know each other; others by net_start. */
struct seal_net *net_new(void);
void net_free(struct seal_net *net);

/* (Re)starts a node with this identity number, epoch and port; all nodes become its members. */
void net_start(struct seal_net *net, size_t node, uint8_t identity, uint64_t epoch, uint16_t port);

/* Makes node know the identity as a member living at this port. */
struct member *net_know(struct seal_net *net, size_t node, uint8_t identity, uint16_t port);
struct member *net_member(struct seal_net *net, size_t node, uint8_t identity);
void net_stop(struct seal_net *net, size_t node);

/* One step of a node: sends text to an identity (NULL: only ticks); its datagrams are collected. */
void net_say(struct seal_net *net, size_t node, uint8_t to, const char *text);

/* The same with a frame of this type. */
void net_frame(struct seal_net *net, size_t node, uint8_t to, uint8_t type, const void *body,
	       size_t len);

/* A datagram arrives at a node as if from this address. */
enum drop_reason net_arrive(struct seal_net *net, size_t node, const struct hostport *from,
			    const uint8_t *bytes, size_t len);

/* Lets all that is under way arrive, and what that causes, until nothing is. */
void net_run(struct seal_net *net);

/* net_run and time passing in steps of 50 ms. */
void net_pass(struct seal_net *net, int64_t ms);

/* Forgets what is under way. */
void net_lose(struct seal_net *net);

/* True when the node opened this text since the last look; looking forgets it. */
bool net_heard(struct seal_net *net, size_t node, const char *text);
struct hostport net_addr(uint16_t port);
