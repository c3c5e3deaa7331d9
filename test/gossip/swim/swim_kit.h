/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* SWIM on one core with members who never answer: what it says stays in the outbox. */
#pragma once

#include "test/gossip/core_kit.h"
#include "gossip/swim/swim_parts.h"

/* Node 1 with the members 2 to last; its start is durable, and nothing of it is in the outbox.
 * swim_kit_close follows. */
struct swim *swim_kit_open(struct core_kit *kit, uint8_t last);
void swim_kit_close(struct core_kit *kit, struct swim *swim);
