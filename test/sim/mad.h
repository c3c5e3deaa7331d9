/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * A mad owner: a member with its own keys and certificate whose datagrams carry, beside what its
 * node says, rows and frames that no node would write. Needs the stand-in cryptography.
 */
#pragma once

#include "sim.h"

struct mad;

/* An operation of the workload: a member goes mad. */
void fault_go_mad(struct sim *sim);
void mad_free(struct mad *mad);

/* Around each step of a mad host: what its node seals is seen. */
void mad_watch(struct sim *sim, struct sim_host *host);
void mad_unwatch(struct sim *sim);

/* What goes out in place of a datagram of a mad host: in bytes, or the datagram itself. */
struct gossip_send mad_twist(struct sim *sim, struct sim_host *host, const struct gossip_send *send,
			     uint8_t bytes[DATAGRAM_BYTES_MAX]);

/* The body of a frame that could be true, to whoever is at this address: its length, or 0. */
#define MAD_LIE_BYTES_MAX 40
size_t mad_lie(struct sim *sim, struct sim_host *host, const struct hostport *to, uint8_t *type,
	       uint8_t body[MAD_LIE_BYTES_MAX]);

/* Once a second of calm: an admin removes who is mad; false until all are removed. */
bool mad_settled(struct sim *sim);
