/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Kernel objects as values. What is wanted and what stands are of one type, struct kstate: sorted
 * arrays of links, addresses, routes, nexthops, forwarding entries and neighbours. Devices are
 * named by their names; the backend alone knows interface numbers. overlay/plan.h computes the
 * difference of two states.
 */
#pragma once

#include "gossip/base/addr.h"
#include "gossip/base/map.h"
#include "gossip/base/write.h"
#include "overlay/names.h"

enum kobj_kind {
	KOBJ_SYSCTL = 1,
	KOBJ_LINK,
	KOBJ_ADDR,
	KOBJ_ROUTE,
	KOBJ_NEXTHOP,
	KOBJ_FDB,
	KOBJ_NEIGH,
	KOBJ_BOX_MTU, /* the far end of a veth, inside its box */
	KOBJ_KINDS
};

enum klink_kind { KLINK_OTHER = 0, KLINK_BRIDGE, KLINK_VXLAN, KLINK_VETH };

/* Which parts of a link a change touches. */
enum klink_field {
	KLINK_MTU = 1u << 0,
	KLINK_MAC = 1u << 1,
	KLINK_ALIAS = 1u << 2,
	KLINK_MASTER = 1u << 3,
	KLINK_UP = 1u << 4,
	KLINK_ADDRGEN = 1u << 5,
	KLINK_SNOOPING = 1u << 6,
	KLINK_LOCAL = 1u << 7,  /* VXLAN source address; changeable within a family */
	KLINK_TUNNEL = 1u << 8, /* VXLAN parameters that only a new device can change */
	KLINK_PORT = 1u << 9,   /* flags as a bridge port */
	KLINK_ALL = (1u << 10) - 1,
};

struct kport {
	uint8_t learning, flood, mcast_flood, neigh_suppress, locked;
};

struct kvxlan {
	uint32_t vni;
	struct inet local;
	uint16_t port; /* host byte order */
	uint8_t learning, proxy, df;
};

struct klink {
	char name[IFNAME_BYTES];
	char master[IFNAME_BYTES];
	char alias[WEFT_ALIAS_BYTES];
	uint8_t kind; /* enum klink_kind */
	uint8_t up;
	uint8_t addrgen_none;
	uint8_t mcast_snooping;
	struct mac mac;
	uint32_t mtu;
	struct kvxlan vxlan;
	struct kport port; /* meaningful with a master */
};

struct kaddr {
	char dev[IFNAME_BYTES];
	struct prefix addr;
	uint8_t deprecated; /* IPv6: never a source address */
};

struct kroute {
	char dev[IFNAME_BYTES];
	struct prefix dst;
	struct inet source; /* zero: the kernel chooses */
};

/* A nexthop over the VXLAN port (via), or a group of one nexthop (member). */
struct knexthop {
	uint32_t id;
	uint32_t member;
	struct inet via;
};

enum kfdb_table { KFDB_SELF = 0, KFDB_MASTER = 1 };

/* A forwarding entry: of a VXLAN device itself, or of the bridge that dev is a port of. */
struct kfdb {
	char dev[IFNAME_BYTES];
	struct mac mac;  /* zero: where floods go, one entry a destination */
	uint8_t table;   /* enum kfdb_table */
	uint8_t dynamic; /* learned or ageing; never wanted */
	uint32_t nhid;
	struct inet dst;
};

struct kneigh {
	char dev[IFNAME_BYTES];
	struct inet ip;
	struct mac mac;
	uint8_t foreign; /* permanent, but not by weft's protocol number */
	uint8_t dynamic; /* not permanent; never wanted, and ignored */
};

struct ksysctl {
	char path[64]; /* below /proc/sys */
	char value[16];
};

struct kbox_mtu {
	char port[IFNAME_BYTES]; /* the host's end */
	uint32_t mtu;
	struct id endpoint;
};

/* Arrays of the values above; sorted once kstate_sort was called. */
struct kstate {
	struct vec of[KOBJ_KINDS];
};

void kstate_init(struct kstate *state, struct heap *heap);
void kstate_close(struct kstate *state);
void kstate_sort(struct kstate *state);

/* Bytes of one object of a kind. */
size_t kobj_bytes(enum kobj_kind kind);

/* Orders two objects of a kind by what identifies them. */
int kobj_key_cmp(enum kobj_kind kind, const void *a, const void *b);

/* True when b needs no operation to become a. For links see klink_diff. */
bool kobj_eq(enum kobj_kind kind, const void *a, const void *b);

/* The enum klink_field bits in which have differs from want. */
uint32_t klink_diff(const struct klink *want, const struct klink *have);

/* One line about an object, for logs and golden files; returns out. */
const char *kobj_format(enum kobj_kind kind, const void *obj, char *out, size_t cap);
