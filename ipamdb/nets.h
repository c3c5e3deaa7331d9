/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The list of networks. Rows name them, and may come before the fact that makes one, or without
 * one for ever: until then whoever named a network first answers for it, and can name no more than
 * it may have rows.
 */
#pragma once

#include "net.h"

#define STRANGE_MAX 65536 /* networks without a fact that one author named */

struct namer {
	struct id id;
	size_t nets;
};

void nets_init(struct ipamdb *db);
void nets_check(const struct ipamdb *db);

/* Network i (< db->nets.count, < db->tended.count) in order of id. */
struct net *net_at(const struct ipamdb *db, size_t i);
struct net *net_tended(const struct ipamdb *db, size_t i);

struct net *net_find(const struct ipamdb *db, const struct id *id);

/* The network that a row of namer's names, made when missing; NULL when namer has named as many
 * that nobody knows as it may. Tended when that is this node. */
struct net *net_intern(struct ipamdb *db, const struct id *id, const struct id *namer);

/* There may be something to do in it: it stays. */
void net_tend(struct ipamdb *db, struct net *net);

/* A row of the network is gone: gives it back where nothing says any more that there is one. */
void net_leave(struct ipamdb *db, struct net *net);

/* Its fact or its end was seen: nobody answers for it any more, and it is tended. */
void net_found(struct ipamdb *db, struct net *net);
