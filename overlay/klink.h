/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Links of the kernel as values, see kobj.h. */
#pragma once

#include "gossip/base/addr.h"
#include "gossip/base/write.h"
#include "overlay/names.h"

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

/* The enum klink_field bits in which have differs from want. */
uint32_t klink_diff(const struct klink *want, const struct klink *have);
