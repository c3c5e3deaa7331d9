/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* A replica on a core of its own, for tests that take rows into it by hand. */
#pragma once

#include "test/gossip/core_kit.h"
#include "gossip/tables/replica.h"

struct replica_kit {
	struct core_kit core;
	struct replica replica;
};

extern struct replica_kit kit;

/* Before and after each test. */
int replica_kit_open(void **state);
int replica_kit_close(void **state);

/* Takes a row in, or in the place of an older one; its slot. Signatures are not looked at. */
uint32_t replica_kit_store(const struct row_view *row);
