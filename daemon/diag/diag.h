/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Looking at the ways between this host and others, for `weft diag` and `weft path`. The desk
 * answers what other hosts ask; a round asks them. Both work by turns of one timer, since neither a
 * delivery nor an answer may step the node while its update is read.
 *
 *   each peer: HELLO -> expect its probes here, WATCH -> probes there -> COUNT (and probes back)
 *   -> what came here -> judged; who does not answer HELLO is asked about through another (RELAY)
 */
#pragma once

#include "daemon/daemon.h"
#include "daemon/diag/diag_round.h"

#define DIAG_TAG (DAEMON_TAG | UINT64_C(1) << 62) /* of its own requests and questions */

struct diag;

/* At start, before the loop runs, and at the end: close, let the loop run, free. */
struct diag *diag_new(struct daemon *d);
void diag_close(struct diag *diag);
void diag_free(struct diag *diag);

/* A question of another node came; an answer to one of ours (tag has DIAG_TAG); the kernel thread
 * answered: none steps the node. */
void diag_delivered(struct diag *diag, const struct gossip_delivery *delivery);
void diag_answered(struct diag *diag, const struct node_answer *answer);
void diag_told(struct diag *diag, const struct kernel_tell *tell);

/* Begins a round over all members that did not leave, or over one. 0, or WEFT_E_BUSY. */
int diag_begin(struct diag *diag, const struct diag_client *client, const struct id *only,
	       struct weft_err *err);

/* Why nothing that comes to this host can be seen. Borrowed. */
const char *diag_why(const struct diag *diag);

/* What VXLAN adds to an inner packet, and this host's interface as the MTU of whole IP packets. */
uint16_t diag_overhead(const struct daemon *d);
uint16_t diag_mtu(const struct daemon *d);
