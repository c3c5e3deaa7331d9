/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Where weftd reads a clock; the core gets instants with its events. What only measures how long a
 * turn of the loop took asks libuv (daemon/lag.c).
 */
#pragma once

#include "gossip/base/instant.h"

/* Any thread may ask. */
struct mono daemon_now(void);
struct wall daemon_wall(void);
