/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The list of networks. Rows name them, and may come before the fact that makes one, or without
 * one for ever: until then the network is strange, and whoever named it first answers for it
 * (author.h). This node tends those that were made, and those with rows of its own, until they have
 * ended and nothing of its own is left there.
 */
#pragma once

#include "net.h"

void nets_init(struct ipamdb *db);
void nets_check(struct ipamdb *db);

/* Network i (< db->nets.count, < db->tended.count) in order of id. */
struct net *net_at(const struct ipamdb *db, size_t i);
struct net *net_tended(const struct ipamdb *db, size_t i);

struct net *net_find(const struct ipamdb *db, const struct id *id);

/* Was its end seen, whether or not there is anything of it here? */
bool net_has_ended(const struct ipamdb *db, const struct id *id);

/* The network that a row of namer's names, made when missing; NULL when the row is of no use: it
 * has ended, or namer has named as many that nobody knows as it may. Tended when that is this
 * node. */
struct net *net_intern(struct ipamdb *db, const struct id *id, const struct id *namer);

/* The same for what says itself that there is a network: its fact, or something of this node's. */
struct net *net_own_intern(struct ipamdb *db, const struct id *id);

/* There may be something to do in it: it stays. */
void net_tend(struct ipamdb *db, struct net *net);

/* Perhaps nothing says any more that there is such a network: then it is given back. */
void net_leave(struct ipamdb *db, struct net *net);

/* The end of a network was seen. */
void net_end(struct ipamdb *db, const struct id *id);

/* Has it ended, with nothing of this node's own in it? Then it is tended no more, and what others
 * wrote there is given back. */
bool net_is_over(const struct ipamdb *db, const struct net *net);
void nets_retire(struct ipamdb *db);

/* The author was removed: what he claims in strange networks is read again where one is made. */
void nets_disown(struct ipamdb *db, const struct id *author);
