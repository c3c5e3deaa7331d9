/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Sees which probes reach this host, whatever its firewall lets through: a table of nftables that
 * counts, as the last that looks at what comes in, datagrams that begin like a probe. No socket
 * could listen beside the kernel's own on the VXLAN port. The table belongs to the watch and goes
 * with it, or with the process.
 *
 * A probe begins with the 8 bytes of a VXLAN header without its I bit, which every VXLAN device
 * drops in silence (RFC 7348, section 5), and a nonce. Only what bears an expected nonce and comes
 * from the address that it was expected from is counted, each in a set of its own: who does not
 * know the nonce fills nothing, and who knows one fills only what is counted of himself.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "gossip/base/addr.h"

#define WATCH_PROBE_HEADER UINT64_C(0x0077666400000000) /* "wfd" where bits are reserved */
#define WATCH_PROBE_BYTES 16                            /* the header and the nonce */
#define WATCH_WHY_BYTES 200
#define WATCH_UDP_BYTES 8
#define WATCH_SEEN_MAX 64 /* kinds of datagrams (port, size) of one that is expected */

struct linux_watch;

/* What is expected; numbers are the caller's, one each. */
struct watch_want {
	uint32_t number;
	struct inet from;
	uint64_t nonce;
};

/* Datagrams alike that came in: bytes is the length of UDP with its header. */
struct watch_seen {
	uint32_t number;
	uint16_t to_port, bytes;
	uint64_t packets;
};

/* Opens a watch that expects nothing yet; NULL with the reason in why (WATCH_WHY_BYTES). */
struct linux_watch *linux_watch_open(char *why);

/* Expects these from now on: all of them, or none with -errno and the reason in why. */
int linux_watch_add(struct linux_watch *watch, const struct watch_want *wants, size_t count,
		    char *why);

/* What came of these (at most WATCH_SEEN_MAX of each go to out), which are expected no longer: 0
 * with *seen_count, or -errno with the reason in why. */
int linux_watch_take(struct linux_watch *watch, const struct watch_want *wants, size_t count,
		     struct watch_seen *out, size_t *seen_count, char *why);

/* Ends it; NULL is allowed. */
void linux_watch_close(struct linux_watch *watch);

/* Reads one element of a listed set: "PORT . BYTES counter packets N ...". */
int watch_seen_parse(const char *text, struct watch_seen *seen);
