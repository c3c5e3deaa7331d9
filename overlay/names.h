/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Names and marks of weft's kernel objects, all derived from ids as their addresses and numbers
 * are (gossip/base/derive.h): every host computes the same without asking anyone.
 */
#pragma once

#include "gossip/base/addr.h"
#include "gossip/base/derive.h"
#include "gossip/base/write.h"

#define WEFT_RTPROT 87                      /* routes, neighbours and nexthops that are weft's */
#define WEFT_NHID_BASE UINT32_C(0x57000000) /* to 0x57ffffff: nexthop ids that are weft's */
#define WEFT_NHID_MASK UINT32_C(0xff000000)
#define WEFT_ALIAS_MARK "weft:"
#define WEFT_ALIAS_BYTES 40 /* the mark and 32 hex digits */

/* "wfbr001000" and "wfvx001000" for VNI 4096. */
void name_bridge(uint32_t vni, char out[IFNAME_BYTES]);
void name_vxlan(uint32_t vni, char out[IFNAME_BYTES]);

/* Is it the name of a bridge or VXLAN device of weft's? */
bool name_is_device(const char *name);

/* The host's end of an endpoint's veth: "wfe" and 12 digits of its id. */
void name_port(const struct id *endpoint, char out[IFNAME_BYTES]);

/* That of an endpoint of this host as it stands: what the store says, or else derived; empty for
 * the host's own, whose interface is the bridge. */
void name_local_port(const struct local_endpoint *local, char out[IFNAME_BYTES]);

/* "weft:<network id>", the alias that marks a device as weft's. */
void name_alias(const struct id *network, char out[WEFT_ALIAS_BYTES]);

/* Does an alias begin with weft's mark? One that says no network is of a device that is being made.
 */
bool name_alias_is_weft(const char *alias);

/* Reads an alias; false when it is not weft's, or says no network. */
bool name_alias_parse(const char *alias, struct id *network);
