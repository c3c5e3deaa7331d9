/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Notifications, translated. They say that something moved, not what stands: a link is read again
 * before it is told on, once however many of them were of it (an attach causes nine). Whoever
 * listens compares with what is wanted, so that weft's own changes come to nothing.
 */
#include <errno.h>
#include <linux/if.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "linux_parts.h"

/* Datagrams read in one go; the rest waits for the next time the socket is seen readable. */
#define EVENTS_MAX 4096

static int join(struct chan *chan, unsigned group)
{
	return setsockopt(chan->fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) == 0
		   ? 0
		   : -errno;
}

int linux_events_open(struct linux_kernel *kernel)
{
	static const unsigned groups[] = {RTNLGRP_LINK,        RTNLGRP_NEIGH,
					  RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV4_ROUTE,
					  RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV6_ROUTE};
	int status = chan_open(&kernel->events, NETLINK_ROUTE, -1);

	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]) && status == 0; i++)
		status = join(&kernel->events, groups[i]);
	if (status == 0)
		(void)join(&kernel->events, RTNLGRP_NEXTHOP); /* an older kernel has none */
	if (status == 0)
		status = chan_open(&kernel->nftables, NETLINK_NETFILTER, -1);
	return status != 0 ? status : join(&kernel->nftables, NFNLGRP_NFTABLES);
}

size_t linux_fds(void *ctx, int fds[2])
{
	const struct linux_kernel *kernel = ctx;

	fds[0] = kernel->events.fd;
	fds[1] = kernel->nftables.fd;
	return 2;
}

/* A link of which something was heard. */
struct heard {
	int index;
	bool was_down;
	char name[IFNAME_BYTES]; /* by which it was known before, or "" */
};

struct listening {
	struct linux_kernel *kernel;
	void *arg;
	void (*each)(void *arg, const struct kevent *event);
	struct vec links; /* struct heard, by index: to be read again and told */
	bool routes;      /* told already */
	bool rules;
};

static void tell(struct listening *listening, enum kobj_kind kind, bool gone, const void *obj)
{
	const struct kevent event = {KEVENT_OBJECT, kind, gone, obj};

	listening->each(listening->arg, &event);
}

static void tell_routes(struct listening *listening)
{
	const struct kevent event = {.what = KEVENT_ROUTES};

	if (!listening->routes)
		listening->each(listening->arg, &event);
	listening->routes = true;
}

struct reread {
	struct linux_kernel *kernel;
	struct klink *link;
	struct link_numbers numbers;
	bool found;
};

static void each_reread(void *arg, struct nlmsghdr *nlh)
{
	struct reread *reread = arg;

	reread->found =
	    attrs_read_link(nlh, &reread->kernel->devices, reread->link, &reread->numbers);
}

static int heard_cmp(const void *key, const void *item)
{
	int a = *(const int *)key, b = ((const struct heard *)item)->index;

	return (a > b) - (a < b);
}

/* The name is needed at once, for what is heard of it next. */
static void hear_link(struct listening *listening, struct nlmsghdr *nlh)
{
	struct devices *devices = &listening->kernel->devices;
	const struct ifinfomsg *head = nlmsg_data(nlh);
	struct heard first = {0}, *heard;
	struct nlattr *attr;
	const char *known;
	size_t at;

	if (nlmsg_datalen(nlh) < (int)sizeof(*head))
		return;
	first.index = head->ifi_index;
	at = vec_lower_bound(&listening->links, &first.index, heard_cmp);
	if (at == listening->links.count ||
	    ((struct heard *)vec_at(&listening->links, at))->index != first.index) {
		known = devices_name(devices, first.index);
		if (known != NULL)
			memcpy(first.name, known, IFNAME_BYTES);
		vec_insert(&listening->links, at, &first);
	}
	heard = vec_at(&listening->links, at);
	heard->was_down |= (head->ifi_flags & IFF_UP) == 0;
	attr = nlmsg_find_attr(nlh, sizeof(*head), IFLA_IFNAME);
	if (attr != NULL && nlh->nlmsg_type == RTM_NEWLINK)
		devices_put(devices, first.index, nla_get_string(attr));
}

static void tell_gone(struct listening *listening, const char name[IFNAME_BYTES])
{
	struct klink link = {0};

	memcpy(link.name, name, IFNAME_BYTES);
	if (strncmp(name, "wf", 2) == 0)
		tell(listening, KOBJ_LINK, true, &link);
}

static void tell_link(struct listening *listening, const struct heard *heard)
{
	struct linux_kernel *kernel = listening->kernel;
	struct ifinfomsg ask = {.ifi_family = AF_UNSPEC, .ifi_index = heard->index};
	struct klink link;
	struct reread reread = {.kernel = kernel, .link = &link};

	(void)chan_begin(&kernel->rtnl, RTM_GETLINK, 0, &ask, sizeof(ask));
	if (chan_get(&kernel->rtnl, each_reread, &reread) != 0 || !reread.found) {
		devices_end(&kernel->devices, heard->index);
		tell_gone(listening, heard->name);
		return;
	}
	devices_put(&kernel->devices, reread.numbers.index, link.name);
	if (memcmp(heard->name, link.name, IFNAME_BYTES) != 0)
		tell_gone(listening, heard->name);
	if (!kernel->has_ipv6)
		link.addrgen_none = 1;
	/* down for a moment: its routes are gone, and nobody tells of those; a port has none */
	if (heard->was_down && link.kind != KLINK_VETH)
		link.up = 0;
	if (strncmp(link.name, "wf", 2) != 0)
		tell_routes(listening);
	else
		tell(listening, KOBJ_LINK, false, &link);
}

static void hear_neighbour(struct listening *listening, struct nlmsghdr *nlh)
{
	struct linux_kernel *kernel = listening->kernel;
	bool gone = nlh->nlmsg_type == RTM_DELNEIGH;
	struct kneigh neigh;
	struct kfdb fdb;

	if (attrs_read_fdb(nlh, &kernel->devices, &fdb))
		tell(listening, KOBJ_FDB, gone, &fdb);
	else if (attrs_read_neigh(nlh, &kernel->devices, &neigh))
		tell(listening, KOBJ_NEIGH, gone || neigh.dynamic, &neigh);
}

/* No way to another host leads over a device of weft's. */
static bool is_inside(const struct devices *devices, struct nlmsghdr *nlh)
{
	struct nlattr *attrs[RTA_MAX + 1];
	const char *name;

	if (nlmsg_parse(nlh, sizeof(struct rtmsg), attrs, RTA_MAX, NULL) != 0 ||
	    attrs[RTA_OIF] == NULL)
		return false;
	name = devices_name(devices, (int)nla_get_u32(attrs[RTA_OIF]));
	return name != NULL && strncmp(name, "wf", 2) == 0;
}

static void each_event(void *arg, struct nlmsghdr *nlh)
{
	struct listening *listening = arg;
	struct linux_kernel *kernel = listening->kernel;
	struct kaddr addr;
	struct kroute route;
	struct knexthop hop;

	switch (nlh->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		hear_link(listening, nlh);
		break;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		if (attrs_read_addr(nlh, &kernel->devices, &addr) &&
		    strncmp(addr.dev, "wf", 2) == 0)
			tell(listening, KOBJ_ADDR, nlh->nlmsg_type == RTM_DELADDR, &addr);
		else
			tell_routes(listening);
		break;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		if (attrs_read_route(nlh, &kernel->devices, &route))
			tell(listening, KOBJ_ROUTE, nlh->nlmsg_type == RTM_DELROUTE, &route);
		else if (!is_inside(&kernel->devices, nlh))
			tell_routes(listening);
		break;
	case RTM_NEWNEXTHOP:
	case RTM_DELNEXTHOP:
		if (attrs_read_nexthop(nlh, &hop))
			tell(listening, KOBJ_NEXTHOP, nlh->nlmsg_type == RTM_DELNEXTHOP, &hop);
		break;
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		hear_neighbour(listening, nlh);
		break;
	default:
		break;
	}
}

static void each_rules_event(void *arg, struct nlmsghdr *nlh)
{
	struct listening *listening = arg;
	struct nlattr *attrs[NFTA_GEN_MAX + 1];
	uint32_t now;

	if (nlh->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWGEN) ||
	    nlmsg_parse(nlh, sizeof(struct nfgenmsg), attrs, NFTA_GEN_MAX, NULL) != 0 ||
	    attrs[NFTA_GEN_ID] == NULL)
		return;
	now = ntohl(nla_get_u32(attrs[NFTA_GEN_ID]));
	/* generations up to the last own one were looked at when it was made */
	if ((int32_t)(now - listening->kernel->rules_generation) > 0)
		listening->rules = true;
}

void linux_events(void *ctx, void *arg, void (*each)(void *arg, const struct kevent *event))
{
	struct linux_kernel *kernel = ctx;
	struct listening listening = {.kernel = kernel, .arg = arg, .each = each};
	const struct kevent overrun = {.what = KEVENT_OVERRUN}, rules = {.what = KEVENT_RULES};
	int got = 1;

	vec_init(&listening.links, &kernel->heap, sizeof(struct heard));
	for (int i = 0; i < EVENTS_MAX && got > 0; i++)
		got = chan_drain(&kernel->events, each_event, &listening);
	for (size_t i = 0; i < listening.links.count; i++)
		tell_link(&listening, vec_at(&listening.links, i));
	vec_close(&listening.links);
	if (got == -ENOBUFS)
		each(arg, &overrun);
	got = 1;
	for (int i = 0; i < EVENTS_MAX && got > 0; i++)
		got = chan_drain(&kernel->nftables, each_rules_event, &listening);
	if (listening.rules || kernel->rules_touched || got == -ENOBUFS) {
		kernel->rules_touched = false;
		each(arg, &rules);
	}
}
