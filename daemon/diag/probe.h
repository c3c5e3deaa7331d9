/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Probes of the way to another host: datagrams that no VXLAN device takes up
 * (overlay/linux/linux_watch.h) of chosen sizes, with DF, to chosen ports.
 */
#pragma once

#include "daemon/diag/diag_wire.h"

#define PROBE_BYTES_MIN 100
#define PROBE_COPIES 3 /* of each: one lost by chance says nothing */

struct probe {
	struct inet from, to;
	uint64_t nonce;
	size_t port_count, size_count;
	uint16_t ports[DIAG_PORTS_MAX];
	uint16_t sizes[DIAG_SIZES_MAX]; /* of whole IP packets, rising */
};

/* Sends all: 0, or the errno of the first that the kernel refused, after the others were tried all
 * the same. */
int probe_send(const struct probe *probe);

/* Length of the UDP part of a probe of this size. */
uint16_t probe_udp_bytes(const struct inet *to, uint16_t size);

/* Fills the sizes up to full, with the common steps where tunnels end and with need (0: none). */
void probe_sizes(struct probe *probe, uint16_t need, uint16_t full);
