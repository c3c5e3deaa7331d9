/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * One table says for each kind of object how large it is and how it is ordered; sorting and
 * merging need nothing else.
 */
#include "overlay/kobj.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gossip/base/check.h"

_Static_assert(IFNAME_BYTES == 16, "names are compared as two words");

static int name_cmp(const char *a, const char *b)
{
	return bytes16_cmp(a, b);
}

static int u32_cmp(uint32_t a, uint32_t b)
{
	return a < b ? -1 : a > b;
}

static int sysctl_cmp(const void *a, const void *b)
{
	return strcmp(((const struct ksysctl *)a)->path, ((const struct ksysctl *)b)->path);
}

static int link_cmp(const void *a, const void *b)
{
	return name_cmp(((const struct klink *)a)->name, ((const struct klink *)b)->name);
}

static int prefix_cmp(const struct prefix *a, const struct prefix *b)
{
	int order = inet_cmp(&a->ip, &b->ip);

	return order != 0 ? order : u32_cmp(a->bits, b->bits);
}

static int addr_cmp(const void *a, const void *b)
{
	const struct kaddr *x = a, *y = b;
	int order = name_cmp(x->dev, y->dev);

	return order != 0 ? order : prefix_cmp(&x->addr, &y->addr);
}

static int route_cmp(const void *a, const void *b)
{
	const struct kroute *x = a, *y = b;
	int order = name_cmp(x->dev, y->dev);

	return order != 0 ? order : prefix_cmp(&x->dst, &y->dst);
}

static int nexthop_cmp(const void *a, const void *b)
{
	return u32_cmp(((const struct knexthop *)a)->id, ((const struct knexthop *)b)->id);
}

/* A MAC and the table after it as one number: networks of many endpoints are sorted by it. */
static uint64_t mac_rank(const struct kfdb *fdb)
{
	uint64_t rank = fdb->table;

	for (size_t i = 0; i < sizeof(fdb->mac); i++)
		rank |= (uint64_t)fdb->mac.b[i] << (48 - 8 * i);
	return rank;
}

static int fdb_cmp(const void *a, const void *b)
{
	const struct kfdb *x = a, *y = b;
	int order = name_cmp(x->dev, y->dev);
	uint64_t p, q;

	if (order != 0)
		return order;
	p = mac_rank(x);
	q = mac_rank(y);
	if (p != q)
		return p < q ? -1 : 1;
	return p <= KFDB_MASTER ? inet_cmp(&x->dst, &y->dst) : 0; /* where floods go */
}

static int neigh_cmp(const void *a, const void *b)
{
	const struct kneigh *x = a, *y = b;
	int order = name_cmp(x->dev, y->dev);

	return order != 0 ? order : inet_cmp(&x->ip, &y->ip);
}

static int box_mtu_cmp(const void *a, const void *b)
{
	return name_cmp(((const struct kbox_mtu *)a)->port, ((const struct kbox_mtu *)b)->port);
}

static const struct {
	size_t bytes;
	int (*cmp)(const void *a, const void *b);
} kinds[KOBJ_KINDS] = {
    [KOBJ_SYSCTL] = {sizeof(struct ksysctl), sysctl_cmp},
    [KOBJ_LINK] = {sizeof(struct klink), link_cmp},
    [KOBJ_ADDR] = {sizeof(struct kaddr), addr_cmp},
    [KOBJ_ROUTE] = {sizeof(struct kroute), route_cmp},
    [KOBJ_NEXTHOP] = {sizeof(struct knexthop), nexthop_cmp},
    [KOBJ_FDB] = {sizeof(struct kfdb), fdb_cmp},
    [KOBJ_NEIGH] = {sizeof(struct kneigh), neigh_cmp},
    [KOBJ_BOX_MTU] = {sizeof(struct kbox_mtu), box_mtu_cmp},
};

size_t kobj_bytes(enum kobj_kind kind)
{
	WEFT_ASSERT(kind > 0 && kind < KOBJ_KINDS);
	return kinds[kind].bytes;
}

int kobj_key_cmp(enum kobj_kind kind, const void *a, const void *b)
{
	WEFT_ASSERT(kind > 0 && kind < KOBJ_KINDS);
	return kinds[kind].cmp(a, b);
}

void kstate_init(struct kstate *state, struct heap *heap)
{
	memset(state, 0, sizeof(*state));
	for (int kind = 1; kind < KOBJ_KINDS; kind++)
		vec_init(&state->of[kind], heap, kinds[kind].bytes);
}

void kstate_close(struct kstate *state)
{
	for (int kind = 1; kind < KOBJ_KINDS; kind++)
		vec_close(&state->of[kind]);
}

void kstate_sort(struct kstate *state)
{
	for (int kind = 1; kind < KOBJ_KINDS; kind++) {
		struct vec *vec = &state->of[kind];

		if (vec->count > 1)
			qsort(vec->items, vec->count, vec->item_bytes, kinds[kind].cmp);
	}
}

static bool port_eq(const struct kport *a, const struct kport *b)
{
	return a->learning == b->learning && a->flood == b->flood &&
	       a->mcast_flood == b->mcast_flood && a->neigh_suppress == b->neigh_suppress &&
	       a->locked == b->locked;
}

static uint32_t vxlan_diff(const struct kvxlan *want, const struct kvxlan *have)
{
	uint32_t fields = 0;

	if (want->vni != have->vni || want->port != have->port ||
	    want->learning != have->learning || want->proxy != have->proxy || want->df != have->df)
		fields |= KLINK_TUNNEL;
	if (!inet_eq(&want->local, &have->local))
		fields |= inet_is_v4(&want->local) == inet_is_v4(&have->local) ? KLINK_LOCAL
									       : KLINK_TUNNEL;
	return fields;
}

uint32_t klink_diff(const struct klink *want, const struct klink *have)
{
	uint32_t fields = 0;

	fields |= want->mtu != have->mtu ? KLINK_MTU : 0;
	fields |= !mac_eq(&want->mac, &have->mac) ? KLINK_MAC : 0;
	fields |= strcmp(want->alias, have->alias) != 0 ? KLINK_ALIAS : 0;
	fields |= strcmp(want->master, have->master) != 0 ? KLINK_MASTER : 0;
	fields |= want->up != have->up ? KLINK_UP : 0;
	fields |= want->addrgen_none != have->addrgen_none ? KLINK_ADDRGEN : 0;
	if (want->kind == KLINK_BRIDGE && want->mcast_snooping != have->mcast_snooping)
		fields |= KLINK_SNOOPING;
	if (want->kind == KLINK_VXLAN)
		fields |= vxlan_diff(&want->vxlan, &have->vxlan);
	if (want->master[0] != '\0' &&
	    ((fields & KLINK_MASTER) != 0 || !port_eq(&want->port, &have->port)))
		fields |= KLINK_PORT;
	if (want->kind != have->kind)
		fields |= KLINK_TUNNEL;
	return fields;
}

bool kobj_eq(enum kobj_kind kind, const void *a, const void *b)
{
	switch (kind) {
	case KOBJ_SYSCTL:
		return strcmp(((const struct ksysctl *)a)->value,
			      ((const struct ksysctl *)b)->value) == 0;
	case KOBJ_LINK:
		return klink_diff(a, b) == 0;
	case KOBJ_ADDR:
		return ((const struct kaddr *)a)->deprecated ==
		       ((const struct kaddr *)b)->deprecated;
	case KOBJ_ROUTE:
		return inet_eq(&((const struct kroute *)a)->source,
			       &((const struct kroute *)b)->source);
	case KOBJ_NEXTHOP: {
		const struct knexthop *x = a, *y = b;

		return x->member == y->member && inet_eq(&x->via, &y->via);
	}
	case KOBJ_FDB: {
		const struct kfdb *x = a, *y = b;

		return x->nhid == y->nhid && x->dynamic == y->dynamic && inet_eq(&x->dst, &y->dst);
	}
	case KOBJ_NEIGH: {
		const struct kneigh *x = a, *y = b;

		return mac_eq(&x->mac, &y->mac) && x->foreign == y->foreign &&
		       x->dynamic == y->dynamic;
	}
	case KOBJ_BOX_MTU:
		return ((const struct kbox_mtu *)a)->mtu == ((const struct kbox_mtu *)b)->mtu;
	default:
		weft_assert_failed("a known kind of object", __FILE__, __LINE__);
	}
}
