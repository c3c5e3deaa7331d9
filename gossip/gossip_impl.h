/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* The core as a whole, for gossip.c (the step) and gossip_query.c (the questions). */
#pragma once

#include "gossip/admission/admission.h"
#include "flush.h"
#include "gossip/message/message.h"

/* A CMD_PUT that waits for its commit. */
struct put {
	uint64_t token;
	uint64_t tag;
};

struct gossip {
	struct core core;
	struct page_source pages; /* where this structure itself comes from */
	struct member_table members;
	struct seal *seal;
	struct tables *tables;
	struct admission *admission;
	struct swim *swim;
	struct messages *messages;
	struct map puts; /* token -> struct put */
	bool started;
	enum node_phase seen_phase;
	bool phase_pending; /* CHANGE_PHASE found no room yet */
	struct mono flush_due;
	struct mono due;          /* gossip_deadline, as the last step left it */
	struct mono stranger_due; /* ask about somebody unknown who spoke; never: nobody did */
	struct gossip_update update;
};
