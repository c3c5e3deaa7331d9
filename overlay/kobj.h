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
#include "overlay/klink.h"

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

/* One line about an object, for logs and golden files; returns out. */
const char *kobj_format(enum kobj_kind kind, const void *obj, char *out, size_t cap);
