/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Inside of the real kernel backend: what its files share. See overlay/kernel.h for what each
 * operation does.
 */
#pragma once

#include "attrs.h"
#include "overlay/kernel.h"
#include "linux.h"
#include "netlink.h"

struct linux_kernel {
	struct heap heap;
	struct devices devices;
	struct chan rtnl;
	struct chan events;   /* rtnetlink notifications */
	struct chan nftables; /* nftables notifications */
	uint32_t box_seq;     /* of the last request on a box's socket, whichever box's */
	struct nft_ctx *nft;  /* libnftables', or NULL */
	int nft_spare;        /* makes room for a socket of its own, or -1 */
	bool has_ipv6;
	uint32_t rules_generation; /* of the ruleset after this backend's last change */
	bool rules_touched;        /* somebody else changed the ruleset at the same time */
};

int linux_dump_host(void *ctx, struct kstate *out);
int linux_dump_network(void *ctx, const char *bridge, const char *vxlan, struct kstate *out);
int linux_get_entries(void *ctx, const struct kstate *keys, struct kstate *out);
int linux_box_mtu(void *ctx, const char *port, uint32_t *mtu);

int linux_route_mtu(void *ctx, const struct inet *to, uint32_t *mtu);
int linux_each_prefix(void *ctx, void *arg,
		      void (*each)(void *arg, const struct prefix *prefix, const char *what));

int linux_apply(void *ctx, const struct kop *ops, size_t count, kernel_failed_fn *failed,
		void *arg);

/* The number of a device, asked of the kernel; 0 when there is none of this name. */
int linux_device_find(struct linux_kernel *kernel, const char *name);

/* Changes fields of a link: 0 or -errno with the kernel's words. */
int linux_link_change(struct linux_kernel *kernel, const struct klink *link, uint32_t fields,
		      char text[CHAN_TEXT_BYTES]);

int linux_sysctl_set(const char *path, const char *value);

int linux_make(void *ctx, const struct kplug *plug, const struct overlay_box *box, int *made);
int linux_plug(void *ctx, const struct kplug *plug, const struct overlay_box *box,
	       struct weft_err *err);
int linux_box_mtu_set(void *ctx, const struct overlay_box *box, const char *ifname, uint32_t mtu);

int linux_rules_match(void *ctx, enum krules table, const char *text);
int linux_rules_set(void *ctx, enum krules table, const char *text, char *why, size_t cap);
void linux_rules_open(struct linux_kernel *kernel);
void linux_rules_close(struct linux_kernel *kernel);
int linux_rules_add(void *ctx, enum krules table, const char *text, char *why, size_t cap);

int linux_announce(void *ctx, const char *bridge, const struct inet *ip, const struct mac *mac);
int linux_flush_flows(void *ctx, const struct inet *ip);

int linux_events_open(struct linux_kernel *kernel);
size_t linux_fds(void *ctx, int fds[2]);
void linux_events(void *ctx, void *arg, void (*each)(void *arg, const struct kevent *event));
