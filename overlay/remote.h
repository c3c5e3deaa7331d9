/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Remote endpoints, the one thing of the rows that grows large: one block each, and the claims by
 * which it is found. Part of overlay/rows.h.
 */
#pragma once

#include "overlay/index.h"
#include "overlay/overlay.h"

struct net;
struct remote;

struct claim {
	struct inet ip;
	struct index_link by_addr;
	struct remote *remote; /* of which it is */
};

struct remote {
	struct id id;
	struct index_link by_id;
	struct mac mac;
	uint8_t addr_count;
	bool fresh; /* applied, but nobody was told yet */
	struct index_link by_mac;
	struct overlay_version version;
	uint32_t owner; /* place in overlay.owners */
	struct claim addrs[];
};

/* A member, or a node that only rows have named so far. Never freed, so that places stay. */
struct owner {
	struct id id;
	struct inet vtep;
	uint32_t remotes;  /* endpoints that it owns */
	uint32_t path_mtu; /* of the way there, in this pass; 0: nobody asked yet */
	bool known;
};

/* A key of entries that a row change touched. */
struct touch {
	bool is_mac;
	struct mac mac;
	struct inet ip;
};

/* Makes the indexes of a network's remotes; frees them and all remotes. */
void rows_remotes_init(struct overlay *ov, struct net *net);
void rows_remotes_free(struct overlay *ov, struct net *net);

/* The remote endpoint with this id, or NULL. */
struct remote *rows_remote(const struct net *net, const struct id *endpoint);

/* All remotes of a network, one after the other; NULL at the end. */
struct remote *rows_remote_next(const struct net *net, struct index_walk *walk);

/* The claim that holds an address or MAC, of an endpoint whose owner can be reached; or NULL. */
const struct remote *rows_addr_winner(const struct overlay *ov, const struct net *net,
				      const struct inet *ip);
const struct remote *rows_mac_winner(const struct overlay *ov, const struct net *net,
				     const struct mac *mac);

/* A change of rows touches a key: the next pass looks at it. */
void rows_touch_mac(struct net *net, const struct mac *mac);
void rows_touch_ip(struct net *net, const struct inet *ip);
