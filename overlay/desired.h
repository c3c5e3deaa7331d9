/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What the rows want to stand in the kernel, as struct kstate. Pure: the same rows give the same
 * state on every run.
 */
#pragma once

#include "overlay/rows.h"

/* Adds the links, addresses, routes, nexthops, sysctls and box MTUs of all networks. */
void desired_host(const struct overlay *ov, struct kstate *out);

/* Adds all forwarding entries and neighbours of a network, or those with a key. */
void desired_entries(const struct overlay *ov, const struct net *net, struct kstate *out);
void desired_touched(const struct overlay *ov, const struct net *net, const struct touch *touch,
		     struct kstate *out);

/* Adds the keys under which entries of touch may stand, wanted or not. */
void desired_keys(const struct net *net, const struct touch *touch, struct kstate *out);

/* What is wanted under the key of obj: true and *out filled, or false. For events. */
bool desired_fdb(const struct overlay *ov, const struct net *net, const struct kfdb *obj,
		 struct kfdb *out);
bool desired_neigh(const struct overlay *ov, const struct net *net, const struct kneigh *obj,
		   struct kneigh *out);

/* The id of the nexthop group that leads to an owner; the nexthop itself has the id one less. */
uint32_t desired_group(const struct overlay *ov, uint32_t owner);

/* The text of one of weft's own nftables tables; empty when it is not needed. On ov's heap: text
 * with *bytes, given back by the caller. */
char *desired_rules(struct overlay *ov, enum krules table, size_t *bytes);

/* Commands that add to a table which stands what a known network needs and it may lack. */
char *desired_rules_more(struct overlay *ov, enum krules table, size_t *bytes);
