/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What node 2, which is gone but for what a test shows of it, tells node 1 about networks that
 * nobody had made by then.
 */
#pragma once

#include "cluster_impl.h"
#include "ipamdb/db.h"

/* The id of network i of these. */
struct id strange_id(uint32_t i);

/* Three nodes and a network of node 1's: node 1's db. */
struct ipamdb *strange_begin(struct cluster *c);

/* A row of node 2's, a range, or a grant to node `to`: of key, at version 1, or 2 if deleted. */
struct cluster_row strange_row(const struct cluster *c, uint16_t kind, const struct range_key *key,
			       size_t to, bool deleted);

/* A node sees that node 0 has made network i, with this pool, or ended it; it is on its disk. */
void strange_fact(struct cluster *c, size_t node, uint16_t kind, uint32_t i, const char *pool);

/* What node 1 knows of network i, or NULL. */
struct net *strange_net(const struct cluster *c, uint32_t i);
