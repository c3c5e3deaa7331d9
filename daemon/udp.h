/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* The gossip socket: datagrams in batches, in and out. */
#pragma once

#include "gossip/io.h"

#define UDP_BATCH 32
#define UDP_BATCHES_PER_TURN 4 /* then the loop serves others */

struct udp_counts {
	uint64_t received, sent, received_bytes, sent_bytes;
	uint64_t send_failed; /* the kernel refused: full buffer, no route */
	uint64_t oversized;   /* larger than a datagram may be: not even given to the core */
};

struct udp {
	int fd;
	bool is_v6;
	struct udp_counts counts;
};

/* Binds a socket; port 0 takes a free one. 0, or a negative code with err. */
int udp_open(struct udp *udp, const struct hostport *bind, struct weft_err *err);
void udp_close(struct udp *udp);

/* Reads up to one batch and calls each for every datagram; how many there were. */
size_t udp_receive(struct udp *udp, void *ctx,
		   void (*each)(void *ctx, const struct hostport *from, const uint8_t *bytes,
				size_t len));

/* Sends what it can; what the kernel refuses is counted and lost, as on any network. */
void udp_send(struct udp *udp, const struct gossip_send *sends, size_t count);
