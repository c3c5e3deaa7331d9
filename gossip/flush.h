/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The end of a step: frames from the outbox become sealed datagrams in the update. See outbox.h for
 * how frames get there and seal.h for what happens to a datagram.
 */
#pragma once

#include "gossip/admission/admission.h"
#include "gossip/seal/seal.h"
#include "gossip/swim/swim.h"
#include "gossip/tables/tables.h"

struct flush {
	struct core *core;
	struct member_table *members;
	struct seal *seal;
	struct swim *swim;
	struct tables *tables;
	struct admission *admission;
};

/* Sends what fits the update. Returns when to go on: now when the update was too small, never when
 * nothing is left. */
struct mono flush_outbox(const struct flush *flush);
