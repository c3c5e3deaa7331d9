/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* The part of nftables' rules that daemon/hostcheck/firewall.h has to know. */
#pragma once

#include <jansson.h>

#include "overlay/linux/linux_look.h"

/* The chains on the hook "forward" that are not weft's, all that these lead to, and the sets: in
 * the form of a listing (libnftables-json(5)); or NULL with errno and why in words. A chain that
 * goes meanwhile is left out. */
json_t *ruleset_read(char why[LOOK_TEXT_BYTES]);
