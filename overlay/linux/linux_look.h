/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What a host offers weft and what stands in its way, for `weft diag`: looks at the namespace of
 * the calling thread and changes nothing, but for look_features.
 */
#pragma once

#include "linux.h"

#define LOOK_TEXT_BYTES 128
#define LOOK_MULTICAST "nftables at a device" /* which networks with multicast alone need */

/* The table of IPv4 neighbours, which all namespaces share. */
struct look_neighbours {
	uint32_t soft, hard; /* gc_thresh2 and gc_thresh3 */
	uint32_t entries;    /* of all namespaces, also those that the limits do not count */
	uint64_t refused;    /* since the machine's start, as the table was full */
	uint32_t here;       /* of this namespace: those that the limits count */
	uint32_t exempt;     /* and those that they do not: permanent or set from outside */
};

struct look_vxlan {
	char name[IFNAME_BYTES];
	uint32_t vni;
	uint16_t port;
	bool external; /* one device for all VNIs: keeps its port for itself */
	bool is_weft;
};

/* Makes one of everything that weft needs, in a namespace that goes away with the caller: each is
 * told what was made, with the kernel's reason when it was refused, else NULL. */
void look_features(void *arg, void (*each)(void *arg, const char *feature, const char *why));

/* 0 or -errno. */
int look_neighbours(struct look_neighbours *out);

/* What a listing command of nftables tells, as libnftables-json(5) has it: 0 with a text to be
 * freed; -EPERM where this user may not ask, or another -errno, with the reason in words. */
int look_rules(const char *command, char **listing, char why[LOOK_TEXT_BYTES]);

/* May this user ask the kernel for a firewall's rules? 0 or -errno. */
int look_allowed(void);

/* Does a chain of nftables stand? 0, -ENOENT, or another -errno where that is not known. */
int look_chain(const char *family, const char *table, const char *chain);

/* A match of iptables in a rule, of which the listing has the name alone: info are the bytes that
 * this revision of it has (linux/netfilter/xt_*.h), borrowed and of any alignment. */
struct look_xt {
	uint64_t handle; /* of the rule */
	const char *name;
	uint32_t revision;
	const void *info;
	size_t bytes;
};

typedef void look_xt_fn(void *arg, const struct look_xt *xt);

/* Calls each for those in a chain's rules, a rule's in its order: 0 or -errno; -EINTR when the
 * rules changed and some may be missing. */
int look_xts(const char *family, const char *table, const char *chain, void *arg, look_xt_fn *each);

/* The part of it that reads a message of the kernel's (struct nlmsghdr, whole by its length). */
void look_xt_take(const char *family, const char *table, const char *chain, void *message,
		  void *arg, look_xt_fn *each);

/* Calls each for every VXLAN device: 0 or -errno. */
int look_vxlans(void *arg, void (*each)(void *arg, const struct look_vxlan *vxlan));

/* Calls each for every address and route that is not weft's: 0 or -errno. */
int look_prefixes(void *arg,
		  void (*each)(void *arg, const struct prefix *prefix, const char *what));
