/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What the overlay asks of a kernel. Two things answer: the real one over netlink
 * (overlay/linux/linux.h) and a fake one with fault injection (overlay/fake/fake_kernel.h). Errors
 * are negative errno values, as the kernel gives them.
 */
#pragma once

#include "gossip/base/err.h"
#include "gossip/base/instant.h"
#include "overlay/kobj.h"
#include "overlay/overlay.h"

enum kverb {
	KVERB_CREATE = 1, /* add, or replace what has the same key */
	KVERB_CHANGE,     /* links: the fields named */
	KVERB_DELETE,     /* gone already counts as done */
};

/* One idempotent operation; the object is borrowed from the plan's states. */
struct kop {
	uint8_t verb;    /* enum kverb */
	uint8_t kind;    /* enum kobj_kind */
	uint32_t fields; /* enum klink_field, for links */
	const void *obj;
};

/* Told of each operation that failed: its place, a positive errno, and the kernel's words or "". */
typedef void kernel_failed_fn(void *arg, size_t place, int error, const char *text);

enum krules { KRULES_HOST = 0, KRULES_PORTS = 1, KRULES_COUNT }; /* inet weft, netdev weft */

/* Something changed in the kernel that may concern weft. */
struct kevent {
	enum { KEVENT_OBJECT, KEVENT_RULES, KEVENT_ROUTES, KEVENT_OVERRUN } what;
	enum kobj_kind kind; /* of an object */
	bool gone;
	const void *obj; /* struct of that kind, borrowed; a link that is gone has only its name */
};

/* A veth to make: all of it or nothing. */
struct kplug {
	struct klink port; /* the host's end, complete */
	char ifname[IFNAME_BYTES];
	struct mac mac;
	uint32_t mtu;
	size_t addr_count;
	struct prefix addrs[ENDPOINT_ADDRS_MAX];
	size_t gateway_count; /* default routes; none in an internal network */
	struct inet gateways[POOLS_MAX];
	size_t subnet_count; /* other subnets of the network, on the same link */
	struct prefix subnets[POOLS_MAX];
};

struct kernel_ops {
	/* Adds weft's links (by alias), every link with a weft device name, and the addresses,
	 * routes and nexthops that are weft's to out. Links that only look like weft's have another
	 * alias. */
	int (*dump_host)(void *ctx, struct kstate *out);
	/* Adds the forwarding entries and permanent neighbours of one bridge and its VXLAN port. */
	int (*dump_network)(void *ctx, const char *bridge, const char *vxlan, struct kstate *out);
	/* Adds those of keys' forwarding entries and neighbours that stand. */
	int (*get_entries)(void *ctx, const struct kstate *keys, struct kstate *out);
	/* Tries every operation in order and tells failed of each that did not succeed. 0, or
	 * -errno when the outcome of some is not known (then dump again). */
	int (*apply)(void *ctx, const struct kop *ops, size_t count, kernel_failed_fn *failed,
		     void *arg);
	int (*sysctl_get)(void *ctx, const char *path, char *value, size_t cap);
	/* 1 when the table stands exactly as text said when it was set, 0 when not, or -errno. */
	int (*rules_match)(void *ctx, enum krules table, const char *text);
	/* Replaces the table in one transaction; an empty text removes it. */
	int (*rules_set)(void *ctx, enum krules table, const char *text, char *why, size_t cap);
	/* Runs commands that only add to a table; -ENOENT when it does not stand. */
	int (*rules_add)(void *ctx, enum krules table, const char *text, char *why, size_t cap);
	/* MTU of the route to an address (or of the device that has it). */
	int (*route_mtu)(void *ctx, const struct inet *to, uint32_t *mtu);
	/* The MTU of a veth's far end. */
	int (*box_mtu)(void *ctx, const char *port, uint32_t *mtu);
	int (*box_mtu_set)(void *ctx, const struct overlay_box *box, const char *ifname,
			   uint32_t mtu);
	/* Calls each for every address and route of this host that is not weft's own. */
	int (*each_prefix)(void *ctx, void *arg,
			   void (*each)(void *arg, const struct prefix *prefix, const char *what));
	/* Makes the veth of a plug and no more: 0 with the number of its far end, or -errno and
	 * nothing is left. */
	int (*make)(void *ctx, const struct kplug *plug, const struct overlay_box *box, int *made);
	/* Plugs in, from box->made on where that stands. */
	int (*plug)(void *ctx, const struct kplug *plug, const struct overlay_box *box,
		    struct weft_err *err);
	/* Tells the boxes on a bridge that ip is now at mac. */
	int (*announce)(void *ctx, const char *bridge, const struct inet *ip,
			const struct mac *mac);
	/* Forgets connections from or to ip. */
	int (*flush_flows)(void *ctx, const struct inet *ip);
	size_t (*fds)(void *ctx, int fds[2]);
	/* Reads what is pending and calls each for it. */
	void (*events)(void *ctx, void *arg, void (*each)(void *arg, const struct kevent *event));
	struct mono (*clock)(void *ctx);
};
