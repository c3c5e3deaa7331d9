/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* One probe, and a ping on behalf of another node's; swim_probe.c moves them. */
#pragma once

#include "gossip/core/member.h"

#define SWIM_PROBES_MAX 16
#define SWIM_RELAYS_MAX 64
#define SWIM_RETRIES 4   /* rounds after the first ping */
#define SWIM_WITNESSES 3 /* asked in each of them */
#define SWIM_HELPERS_MAX (SWIM_RETRIES * SWIM_WITNESSES)
#define SWIM_SEQ_STRIDE 16 /* sequence numbers of one probe: base + round */

struct probe {
	struct member *target; /* NULL: free */
	uint32_t base;
	unsigned round;
	struct mono next;
	struct mono sent[SWIM_RETRIES + 1];
	struct id helpers[SWIM_HELPERS_MAX];
	size_t helper_count;
	size_t nacks;
};

/* A ping on behalf of another node. */
struct relay {
	struct member *target; /* NULL: free */
	struct id origin;
	uint32_t origin_seq;
	uint32_t seq;
	struct mono sent;
	struct mono expires;
};
