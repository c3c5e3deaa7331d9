/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* What this host's own network looks like: the address others reach it by, and its MTU. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gossip/base/addr.h"

#define UNDERLAY_MTU_PRESET 1500
#define VXLAN_OVERHEAD_V4 50
#define VXLAN_OVERHEAD_V6 70

/* The source address that packets to this address would have: 0 or WEFT_E_NOT_FOUND. */
int underlay_source(const struct inet *to, struct inet *source);

/* The address others most likely reach this host by: that of the default route, else the first
 * global one of an interface that is up and not weft's. 0 or WEFT_E_NOT_FOUND. */
int underlay_address(bool v6, struct inet *ip);

/* True when an interface of this host has the address. */
bool underlay_has(const struct inet *ip);

/* What fits into a VXLAN packet from this address, by the MTU of its interface. */
uint16_t underlay_inner_mtu(const struct inet *ip);
