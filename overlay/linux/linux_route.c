/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What this host's own routing says: the MTU towards an address, and every prefix that a new pool
 * could clash with.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

#include "linux_parts.h"

#define DUMP_ATTEMPTS 8
#define WHAT_BYTES 96

struct path {
	uint32_t mtu;
	uint32_t oif;
	bool local; /* the address is this host's own */
};

static void each_path(void *arg, struct nlmsghdr *nlh)
{
	struct path *path = arg;
	struct nlattr *attrs[RTA_MAX + 1], *metrics[RTAX_MAX + 1];

	if (nlmsg_parse(nlh, sizeof(struct rtmsg), attrs, RTA_MAX, NULL) != 0)
		return;
	path->local = ((struct rtmsg *)nlmsg_data(nlh))->rtm_type == RTN_LOCAL;
	if (attrs[RTA_OIF] != NULL)
		path->oif = nla_get_u32(attrs[RTA_OIF]);
	if (attrs[RTA_METRICS] != NULL &&
	    nla_parse_nested(metrics, RTAX_MAX, attrs[RTA_METRICS], NULL) == 0 &&
	    metrics[RTAX_MTU] != NULL)
		path->mtu = nla_get_u32(metrics[RTAX_MTU]);
}

static void each_device(void *arg, struct nlmsghdr *nlh)
{
	struct path *path = arg;
	struct nlattr *attrs[IFLA_MAX + 1];

	if (nlmsg_parse(nlh, sizeof(struct ifinfomsg), attrs, IFLA_MAX, NULL) == 0 &&
	    attrs[IFLA_MTU] != NULL)
		path->mtu = nla_get_u32(attrs[IFLA_MTU]);
}

struct holder {
	struct inet ip;
	uint32_t index;
};

static void each_holder(void *arg, struct nlmsghdr *nlh)
{
	struct holder *holder = arg;
	struct nlattr *attrs[IFA_MAX + 1], *local;
	struct ifaddrmsg *head = nlmsg_data(nlh);
	struct inet ip;

	if (nlmsg_parse(nlh, sizeof(*head), attrs, IFA_MAX, NULL) != 0)
		return;
	local = attrs[IFA_LOCAL] != NULL ? attrs[IFA_LOCAL] : attrs[IFA_ADDRESS];
	if (local != NULL && attr_get_inet(local, &ip) && inet_eq(&ip, &holder->ip))
		holder->index = head->ifa_index;
}

/* The device that has the address itself: the route to it would lead through the loopback. */
static int own_device(struct linux_kernel *kernel, const struct inet *ip, uint32_t *index)
{
	struct ifaddrmsg head = {.ifa_family = AF_UNSPEC};
	struct holder holder = {.ip = *ip};
	int status = -EINTR;

	for (int i = 0; i < DUMP_ATTEMPTS && status == -EINTR; i++) {
		(void)chan_begin(&kernel->rtnl, RTM_GETADDR, 0, &head, sizeof(head));
		status = chan_dump(&kernel->rtnl, each_holder, &holder);
	}
	*index = holder.index;
	return status;
}

int linux_route_mtu(void *ctx, const struct inet *to, uint32_t *mtu)
{
	struct linux_kernel *kernel = ctx;
	bool v4 = inet_is_v4(to);
	struct rtmsg head = {.rtm_family = v4 ? AF_INET : AF_INET6, .rtm_dst_len = v4 ? 32 : 128};
	struct ifinfomsg link = {.ifi_family = AF_UNSPEC};
	struct path path = {0};
	struct nl_msg *msg = chan_begin(&kernel->rtnl, RTM_GETROUTE, 0, &head, sizeof(head));
	int status;

	attr_put_inet(msg, RTA_DST, to);
	status = chan_get(&kernel->rtnl, each_path, &path);
	if (status == 0 && path.local) {
		path.mtu = 0;
		status = own_device(kernel, to, &path.oif);
	}
	if (status == 0 && path.mtu == 0) {
		link.ifi_index = (int)path.oif;
		(void)chan_begin(&kernel->rtnl, RTM_GETLINK, 0, &link, sizeof(link));
		status = chan_get(&kernel->rtnl, each_device, &path);
	}
	*mtu = path.mtu;
	return status == 0 && path.mtu == 0 ? -ENETUNREACH : status;
}

struct looking {
	struct linux_kernel *kernel;
	void *arg;
	void (*each)(void *arg, const struct prefix *prefix, const char *what);
};

static void tell(struct looking *looking, const char *kind, const struct prefix *prefix, int index)
{
	const char *dev = devices_name(&looking->kernel->devices, index);
	char text[PREFIX_TEXT_BYTES], what[WHAT_BYTES];

	if (dev != NULL && name_is_device(dev))
		return;
	prefix_format(prefix, text);
	snprintf(what, sizeof(what), "%s %s on %s", kind, text, dev != NULL ? dev : "no device");
	looking->each(looking->arg, prefix, what);
}

static void each_route(void *arg, struct nlmsghdr *nlh)
{
	struct looking *looking = arg;
	struct nlattr *attrs[RTA_MAX + 1];
	struct rtmsg *head = nlmsg_data(nlh);
	struct prefix prefix;

	if (nlmsg_parse(nlh, sizeof(*head), attrs, RTA_MAX, NULL) != 0 ||
	    head->rtm_table == RT_TABLE_LOCAL || head->rtm_protocol == WEFT_RTPROT ||
	    attrs[RTA_DST] == NULL || head->rtm_dst_len == 0 || /* a default route clashes not */
	    !attr_get_inet(attrs[RTA_DST], &prefix.ip))
		return;
	prefix.bits =
	    (uint8_t)(head->rtm_family == AF_INET ? head->rtm_dst_len + 96 : head->rtm_dst_len);
	tell(looking, "route", &prefix,
	     attrs[RTA_OIF] != NULL ? (int)nla_get_u32(attrs[RTA_OIF]) : 0);
}

static void each_address(void *arg, struct nlmsghdr *nlh)
{
	struct looking *looking = arg;
	struct nlattr *attrs[IFA_MAX + 1];
	struct ifaddrmsg *head = nlmsg_data(nlh);
	struct prefix prefix;

	if (nlmsg_parse(nlh, sizeof(*head), attrs, IFA_MAX, NULL) != 0 ||
	    attrs[IFA_ADDRESS] == NULL ||
	    !attr_get_inet(attrs[IFA_LOCAL] != NULL ? attrs[IFA_LOCAL] : attrs[IFA_ADDRESS],
			   &prefix.ip))
		return;
	prefix.bits =
	    (uint8_t)(head->ifa_family == AF_INET ? head->ifa_prefixlen + 96 : head->ifa_prefixlen);
	tell(looking, "address", &prefix, (int)head->ifa_index);
}

static void each_name(void *arg, struct nlmsghdr *nlh)
{
	struct linux_kernel *kernel = arg;
	struct link_numbers numbers;
	struct klink link;

	if (attrs_read_link(nlh, &kernel->devices, &link, &numbers))
		devices_put(&kernel->devices, numbers.index, link.name);
}

/* An interrupted dump is good enough here: what changed meanwhile was not there when asked. */
int linux_each_prefix(void *ctx, void *arg,
		      void (*each)(void *arg, const struct prefix *prefix, const char *what))
{
	struct linux_kernel *kernel = ctx;
	struct looking looking = {.kernel = kernel, .arg = arg, .each = each};
	struct ifinfomsg link = {.ifi_family = AF_UNSPEC};
	struct ifaddrmsg addr = {.ifa_family = AF_UNSPEC};
	int status;

	(void)chan_begin(&kernel->rtnl, RTM_GETLINK, 0, &link, sizeof(link));
	status = chan_dump(&kernel->rtnl, each_name, kernel);
	if (status == 0 || status == -EINTR) {
		(void)chan_begin(&kernel->rtnl, RTM_GETADDR, 0, &addr, sizeof(addr));
		status = chan_dump(&kernel->rtnl, each_address, &looking);
	}
	for (int i = 0; i < 2 && (status == 0 || status == -EINTR); i++) {
		struct rtmsg route = {.rtm_family = i == 0 ? AF_INET : AF_INET6};

		if (i == 1 && !kernel->has_ipv6)
			continue;
		(void)chan_begin(&kernel->rtnl, RTM_GETROUTE, 0, &route, sizeof(route));
		status = chan_dump(&kernel->rtnl, each_route, &looking);
	}
	return status == -EINTR ? 0 : status;
}
