/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The only place where weftd reads a clock; the core gets instants with its events.
 */
#pragma once

#include "gossip/base/instant.h"

/* Any thread may ask. */
struct mono daemon_now(void);
struct wall daemon_wall(void);
