/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Sees which probes reach this host, whatever its firewall lets through: a table of nftables that
 * counts, as the last that looks at what comes in, datagrams that begin like a probe. No socket
 * could listen beside the kernel's own on the VXLAN port. The table belongs to the watch and goes
 * with it, or with the process.
 *
 * A probe begins with the 8 bytes of a VXLAN header without its I bit, which every VXLAN device
 * drops in silence (RFC 7348, section 5).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "gossip/base/addr.h"

#define WATCH_PROBE_HEADER UINT64_C(0x0077666400000000) /* "wfd" where bits are reserved */
#define WATCH_PROBE_BYTES 8
#define WATCH_WHY_BYTES 200
#define WATCH_UDP_BYTES 8

struct linux_watch;

/* Datagrams alike that came in: bytes is the length of UDP with its header. */
struct watch_seen {
	struct inet from;
	uint16_t from_port, to_port, bytes;
	uint64_t packets;
};

/* Begins to watch; NULL with the reason in why (WATCH_WHY_BYTES). */
struct linux_watch *linux_watch_open(char *why);

/* What came since the beginning: at most cap kinds of datagrams, and how many those are. */
size_t linux_watch_read(struct linux_watch *watch, struct watch_seen *out, size_t cap);

/* Ends it; NULL is allowed. */
void linux_watch_close(struct linux_watch *watch);

/* Reads one element of a listed set: "ADDR . PORT . PORT . BYTES counter packets N ...". */
int watch_seen_parse(const char *text, struct watch_seen *seen);
