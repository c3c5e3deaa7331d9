/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* What an overlay is made with, and the box that an attach works in. */
#pragma once

#include "gossip/base/addr.h"
#include "gossip/base/heap.h"
#include "gossip/base/write.h"

struct kernel_ops; /* overlay/kernel.h */

/* How ARP and ND are answered locally. */
enum overlay_layout {
	OVERLAY_LAYOUT_AUTO = 0, /* the one that measured better: see overlay/desired.c */
	OVERLAY_PROXY,           /* by the VXLAN device */
	OVERLAY_SUPPRESS,        /* by the bridge */
};

/* What a forwarding entry of a remote MAC points at. */
enum overlay_fdb_form {
	OVERLAY_FDB_AUTO = 0,
	OVERLAY_FDB_DST,     /* the VTEP's address */
	OVERLAY_FDB_NEXTHOP, /* a nexthop group per host */
};

/* Two descriptors that act inside one box; both stay the caller's, who closes them at once: an
 * open socket keeps a namespace alive. */
struct overlay_box {
	int netns_fd; /* the namespace itself (/proc/PID/ns/net, /run/netns/NAME) */
	int rtnl_fd;  /* a NETLINK_ROUTE socket that was opened inside it */
	int made; /* number of the veth's far end that overlay_make made in it; 0: there is none */
};

#define OVERLAY_BOX_NONE ((struct overlay_box){.netns_fd = -1, .rtnl_fd = -1})

struct overlay_config {
	struct id node;   /* this host */
	struct inet vtep; /* outer address of its VXLAN traffic */
	enum overlay_layout layout;
	enum overlay_fdb_form fdb_form;
	struct page_source pages;
	uint64_t seed; /* of the hash maps */
	const struct kernel_ops *kernel;
	void *kernel_ctx;
	/* Opens a box for a moment (to follow a change of MTU); 0 or an error. box_close follows.
	 * NULL: boxes keep the MTU they were attached with. */
	int (*box_open)(void *ctx, const struct local_endpoint *endpoint, struct overlay_box *box);
	void (*box_close)(void *ctx, struct overlay_box *box);
	void *box_ctx;
};
