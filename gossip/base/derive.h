/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Numbers that every host derives from ids without asking anyone: hardware addresses, network
 * numbers, the id of a host's own endpoint, the pool of a network that named none. They are part
 * of what hosts agree on: another formula is another network.
 */
#pragma once

#include "addr.h"

#define WEFT_VNI_MIN 4096u
#define WEFT_VNI_MAX 0xfffffeu
#define POOL_DEFAULT_BITS 120u /* a /24 of IPv4 */

/* The MAC of a host's bridge: the host's own address in the network has it. */
struct mac mac_of_bridge(const struct id *node, uint32_t vni);

/* The MAC of an endpoint for which the user chose none. */
struct mac mac_of_endpoint(const struct id *endpoint);

/* The MAC of the host's end of an endpoint's veth. */
struct mac mac_of_port(const struct id *endpoint);

/* The VNI that a network takes when its maker names none, attempt 0 first; a clash tries the next.
 */
uint32_t vni_of_network(const struct id *network, uint32_t attempt);

/* The pool of a network whose maker names none: a /24 of 10.64.0.0/10, attempt 0 first. */
struct prefix pool_of_network(const struct id *network, uint32_t attempt);

/* The endpoint by which a host itself takes part in a network. */
struct id host_endpoint_of(const struct id *node, const struct id *network);
