/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * iptables' matches of connections, "conntrack" and the older "state", as the expressions of
 * nftables (libnftables-json(5)) that daemon/hostcheck/firewall.h judges.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

bool conntrack_is(const char *match);

/* What the bytes of a match ask for (linux/netfilter/xt_conntrack.h, xt_state.h; of any alignment):
 * an array of expressions, or NULL where they are not of a revision that is known. */
json_t *conntrack_read(const char *match, unsigned revision, const void *info, size_t bytes);
