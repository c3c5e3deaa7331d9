/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The rules of iptables-legacy, which stand beside nftables in tables of their own: read by a
 * socket option of the kernel (linux/netfilter_ipv4/ip_tables.h) and put into the form of nftables'
 * listing for daemon/hostcheck/firewall.h.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define LEGACY_TABLE "filter (iptables-legacy)"

/* Is there such a table "filter"? Asking for one that is not there would make it. */
bool legacy_stands(void);

/* Its rules, as of family "ip" and table LEGACY_TABLE, or NULL with errno. */
json_t *legacy_read(void);

/* The same from what the kernel told: entries of bytes length, the chain FORWARD from hook to its
 * policy's entry, the underflow. NULL where it makes no sense. */
json_t *legacy_listing(const void *entries, size_t bytes, size_t hook, size_t underflow);
