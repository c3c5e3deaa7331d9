/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What the membership protocol says to other nodes.
 *
 * Bodies of the frames, numbers big-endian; longer bodies come from later versions and are read as
 * far as they are known:
 *   PING      seq 4 [flags 1, 16 hashes of 4]  NACK  seq 4
 *   ACK       seq 4 [incarnation 8, from who was pinged itself]
 *   PING_REQ  seq 4, target 16, timeout 4 (ms)
 *   SUSPECT   subject 16, incarnation 8, accuser 16
 *   FAILED    subject 16, incarnation 8        ALIVE      subject 16, incarnation 8
 *   INCARNATIONS  subject 16, incarnation 8, up to 40 times
 */
#pragma once

#include "gossip/core/member.h"

#define SWIM_PING_STATES 1      /* compares what is known of the members; ... */
#define SWIM_PING_STATES_BACK 2 /* ... for its sender was asked */

#define SWIM_SUBJECT_BYTES 24
#define SWIM_SUSPECT_BYTES 40
#define SWIM_PING_BYTES 4
#define SWIM_ACK_BYTES 12
#define SWIM_PING_STATES_BYTES (5 + 4 * MEMBER_BUCKETS)
#define SWIM_PING_REQ_BYTES 24
