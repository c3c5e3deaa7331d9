/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * A veth between a bridge and a box. The far end is created inside the box's namespace under its
 * final name, set up through a socket that lives there, and brought up first; the host's end joins
 * the bridge locked and comes up last. Whatever fails, removing the host's end removes all.
 *
 * The pair may have been made ahead. Its number inside the box is known then, and whoever took it
 * away meanwhile took the number too.
 */
#include <errno.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <string.h>
#include <time.h>

#include "linux_parts.h"

/* A device sends and a port forwards once the kernel's link watch has seen its carrier, a fraction
 * of a millisecond later; what is sent before is lost. */
#define READY_WAIT_NS 100000
#define READY_WAITS 500

struct seen {
	int index;
	uint32_t group;
	uint8_t oper_state;
	uint8_t port_state;
	char alias[WEFT_ALIAS_BYTES];
};

static void each_seen(void *arg, struct nlmsghdr *nlh)
{
	struct seen *seen = arg;
	struct nlattr *attrs[IFLA_MAX + 1], *info[IFLA_INFO_MAX + 1], *port[IFLA_BRPORT_MAX + 1];
	struct ifinfomsg *head = nlmsg_data(nlh);

	if (nlmsg_parse(nlh, sizeof(*head), attrs, IFLA_MAX, NULL) != 0)
		return;
	seen->index = head->ifi_index;
	if (attrs[IFLA_GROUP] != NULL)
		seen->group = nla_get_u32(attrs[IFLA_GROUP]);
	if (attrs[IFLA_OPERSTATE] != NULL)
		seen->oper_state = nla_get_u8(attrs[IFLA_OPERSTATE]);
	if (attrs[IFLA_IFALIAS] != NULL)
		(void)nla_strlcpy(seen->alias, attrs[IFLA_IFALIAS], sizeof(seen->alias));
	if (attrs[IFLA_LINKINFO] != NULL &&
	    nla_parse_nested(info, IFLA_INFO_MAX, attrs[IFLA_LINKINFO], NULL) == 0 &&
	    info[IFLA_INFO_SLAVE_DATA] != NULL &&
	    nla_parse_nested(port, IFLA_BRPORT_MAX, info[IFLA_INFO_SLAVE_DATA], NULL) == 0 &&
	    port[IFLA_BRPORT_STATE] != NULL)
		seen->port_state = nla_get_u8(port[IFLA_BRPORT_STATE]);
}

static int look(struct chan *chan, const char *name, struct seen *seen)
{
	struct ifinfomsg head = {.ifi_family = AF_UNSPEC};
	struct nl_msg *msg = chan_begin(chan, RTM_GETLINK, 0, &head, sizeof(head));

	memset(seen, 0, sizeof(*seen));
	(void)nla_put_string(msg, IFLA_IFNAME, name);
	return chan_get(chan, each_seen, seen);
}

static int make_veth(struct linux_kernel *kernel, const struct kplug *plug, int netns_fd,
		     char text[CHAN_TEXT_BYTES])
{
	struct ifinfomsg head = {.ifi_family = AF_UNSPEC}, far_head = {.ifi_family = AF_UNSPEC};
	struct nl_msg *msg =
	    chan_begin(&kernel->rtnl, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &head, sizeof(head));
	struct nlattr *info, *data, *far;

	(void)nla_put_string(msg, IFLA_IFNAME, plug->port.name);
	(void)nla_put_u32(msg, IFLA_GROUP, WEFT_LINK_GROUP);
	attrs_write(msg, &kernel->devices, KOBJ_LINK, NEST_TOP, KLINK_MTU | KLINK_MAC, &plug->port);
	info = nla_nest_start(msg, IFLA_LINKINFO);
	(void)nla_put_string(msg, IFLA_INFO_KIND, "veth");
	data = nla_nest_start(msg, IFLA_INFO_DATA);
	far = nla_nest_start(msg, VETH_INFO_PEER);
	(void)nlmsg_append(msg, &far_head, sizeof(far_head), NLMSG_ALIGNTO);
	(void)nla_put_string(msg, IFLA_IFNAME, plug->ifname);
	(void)nla_put_u32(msg, IFLA_MTU, plug->mtu);
	(void)nla_put(msg, IFLA_ADDRESS, sizeof(plug->mac), &plug->mac);
	(void)nla_put_u32(msg, IFLA_NET_NS_FD, (uint32_t)netns_fd);
	(void)nla_nest_end(msg, far);
	(void)nla_nest_end(msg, data);
	(void)nla_nest_end(msg, info);
	return chan_call(&kernel->rtnl, text);
}

static int box_address(struct chan *box, int index, const struct prefix *addr,
		       char text[CHAN_TEXT_BYTES])
{
	bool v4 = inet_is_v4(&addr->ip);
	struct ifaddrmsg head = {.ifa_family = v4 ? AF_INET : AF_INET6,
				 .ifa_prefixlen = (uint8_t)prefix_len(addr),
				 .ifa_index = (uint32_t)index};
	struct nl_msg *msg =
	    chan_begin(box, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &head, sizeof(head));

	attr_put_inet(msg, IFA_LOCAL, &addr->ip);
	attr_put_inet(msg, IFA_ADDRESS, &addr->ip);
	if (v4) {
		struct inet last = prefix_last(addr);

		if (addr->bits < 127)
			attr_put_inet(msg, IFA_BROADCAST, &last);
	} else {
		(void)nla_put_u32(msg, IFA_FLAGS, IFA_F_NODAD);
	}
	return chan_call(box, text);
}

static int box_up(struct chan *box, int index, char text[CHAN_TEXT_BYTES])
{
	struct ifinfomsg head = {
	    .ifi_family = AF_UNSPEC, .ifi_index = index, .ifi_change = IFF_UP, .ifi_flags = IFF_UP};

	(void)chan_begin(box, RTM_NEWLINK, 0, &head, sizeof(head));
	return chan_call(box, text);
}

/* A route over the box's link: to dst, or the default one via a gateway. */
static int box_route(struct chan *box, int index, const struct prefix *dst,
		     const struct inet *gateway, char text[CHAN_TEXT_BYTES])
{
	bool v4 = inet_is_v4(dst != NULL ? &dst->ip : gateway);
	struct rtmsg head = {.rtm_family = v4 ? AF_INET : AF_INET6,
			     .rtm_table = RT_TABLE_MAIN,
			     .rtm_protocol = RTPROT_STATIC,
			     .rtm_scope =
				 gateway != NULL || !v4 ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK,
			     .rtm_type = RTN_UNICAST};
	struct nl_msg *msg;

	if (dst != NULL)
		head.rtm_dst_len = (uint8_t)prefix_len(dst);
	msg = chan_begin(box, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &head, sizeof(head));
	if (dst != NULL) {
		struct inet base = prefix_base(dst);

		attr_put_inet(msg, RTA_DST, &base);
	}
	if (gateway != NULL)
		attr_put_inet(msg, RTA_GATEWAY, gateway);
	(void)nla_put_u32(msg, RTA_OIF, (uint32_t)index);
	return chan_call(box, text);
}

static int set_up_box(struct chan *box, const struct kplug *plug, int index, const char **what,
		      char text[CHAN_TEXT_BYTES])
{
	int status = 0;

	for (size_t i = 0; i < plug->addr_count && status == 0; i++) {
		*what = "its address";
		status = box_address(box, index, &plug->addrs[i], text);
	}
	if (status == 0) {
		*what = "bringing it up";
		status = box_up(box, index, text);
	}
	for (size_t i = 0; i < plug->subnet_count && status == 0; i++) {
		*what = "its routes";
		status = box_route(box, index, &plug->subnets[i], NULL, text);
	}
	for (size_t i = 0; i < plug->gateway_count && status == 0; i++) {
		*what = "its default route";
		status = box_route(box, index, NULL, &plug->gateways[i], text);
		if (status == -EEXIST) /* another network of this box has it */
			status = 0;
	}
	return status;
}

static int set_up_port(struct linux_kernel *kernel, const struct kplug *plug,
		       char text[CHAN_TEXT_BYTES])
{
	struct kfdb entry = {.mac = plug->mac, .table = KFDB_MASTER};
	int status = linux_link_change(
	    kernel, &plug->port, KLINK_ALIAS | KLINK_ADDRGEN | KLINK_MASTER | KLINK_PORT | KLINK_UP,
	    text);

	if (status != 0)
		return status;
	memcpy(entry.dev, plug->port.name, IFNAME_BYTES);
	status = attrs_put(&kernel->rtnl, &kernel->devices, KOBJ_FDB, &entry, true);
	return status != 0 ? status : chan_call(&kernel->rtnl, text);
}

static int await_ready(struct chan *chan, const char *name, bool is_port)
{
	const struct timespec pause = {.tv_nsec = READY_WAIT_NS};
	struct seen seen;

	for (int i = 0; i < READY_WAITS; i++) {
		int status = look(chan, name, &seen);

		if (status != 0 || (seen.oper_state == IF_OPER_UP &&
				    (!is_port || seen.port_state == BR_STATE_FORWARDING)))
			return status;
		nanosleep(&pause, NULL);
	}
	return -ETIMEDOUT;
}

static int await_all(struct linux_kernel *kernel, struct chan *box, const struct kplug *plug)
{
	int status = await_ready(box, plug->ifname, false);

	if (status == 0)
		status = await_ready(&kernel->rtnl, plug->port.name, true);
	return status != 0 ? status : await_ready(&kernel->rtnl, plug->port.master, false);
}

static void unplug(struct linux_kernel *kernel, const char *port)
{
	int index = linux_device_find(kernel, port);

	if (index == 0)
		return;
	attrs_link_delete(&kernel->rtnl, index);
	(void)chan_call(&kernel->rtnl, NULL);
	devices_end(&kernel->devices, index);
}

static int say(struct weft_err *err, const char *what, int status, const char *text)
{
	return weft_err_set(err,
			    status == -ENOSPC || status == -EXFULL ? WEFT_E_LIMIT : WEFT_E_KERNEL,
			    "the box cannot be plugged in: %s: %s%s%s", what, strerror(-status),
			    text[0] != '\0' ? ": " : "", text);
}

static bool is_weft(const struct seen *seen)
{
	struct id network;

	return seen->group == WEFT_LINK_GROUP || name_alias_parse(seen->alias, &network);
}

/* After a failure: not even a veth stays whose making was done and not answered. */
static void take_back(struct linux_kernel *kernel, const char *port, bool made)
{
	struct seen seen;

	if (made || (look(&kernel->rtnl, port, &seen) == 0 && is_weft(&seen)))
		unplug(kernel, port);
}

/* A name is taken: says which, or makes way, since a host's end that an interrupted attach left
 * behind is weft's to remove. */
static int check_free(struct linux_kernel *kernel, struct chan *box, const struct kplug *plug,
		      struct weft_err *err)
{
	struct seen seen;

	if (look(box, plug->ifname, &seen) == 0)
		return weft_err_set(err, WEFT_E_EXISTS,
				    "the box already has an interface named %s; choose another "
				    "with --ifname",
				    plug->ifname);
	if (look(&kernel->rtnl, plug->port.name, &seen) != 0)
		return 0;
	if (!is_weft(&seen))
		return weft_err_set(err, WEFT_E_EXISTS,
				    "this host has an interface named %s that is not weft's",
				    plug->port.name);
	unplug(kernel, plug->port.name);
	return 0;
}

/* The veth, and the number of its far end; after a failure nothing of it is left. */
static int make_both(struct linux_kernel *kernel, struct chan *box, const struct kplug *plug,
		     int netns_fd, int *made, char text[CHAN_TEXT_BYTES])
{
	struct seen seen;
	int status = make_veth(kernel, plug, netns_fd, text);
	bool stands = status == 0;

	if (status == 0)
		status = look(box, plug->ifname, &seen);
	if (status == 0)
		*made = seen.index;
	else if (stands || status != -EEXIST)
		take_back(kernel, plug->port.name, stands);
	return status;
}

/* All that comes after the veth; after a failure not even that is left. */
static int finish(struct linux_kernel *kernel, struct chan *box, const struct kplug *plug, int made,
		  const char **what, char text[CHAN_TEXT_BYTES])
{
	int status = set_up_box(box, plug, made, what, text);

	if (status == 0) {
		*what = "the bridge's port";
		status = set_up_port(kernel, plug, text);
	}
	if (status == 0)
		status = await_all(kernel, box, plug);
	if (status != 0) /* what was made ahead may have gone, and others taken its name */
		take_back(kernel, plug->port.name, false);
	return status;
}

/* A box's socket is spoken on by one channel after the other, so that their requests are numbered
 * on: an answer that the one before did not wait for is no answer to this one. */
static int open_box(struct linux_kernel *kernel, struct chan *box,
		    const struct overlay_box *box_fds)
{
	int status = chan_open(box, NETLINK_ROUTE, box_fds->rtnl_fd);

	box->seq = kernel->box_seq;
	return status;
}

static void close_box(struct linux_kernel *kernel, struct chan *box)
{
	kernel->box_seq = box->seq;
	chan_close(box);
}

int linux_make(void *ctx, const struct kplug *plug, const struct overlay_box *box_fds, int *made)
{
	struct linux_kernel *kernel = ctx;
	char text[CHAN_TEXT_BYTES];
	struct chan box;
	int status = open_box(kernel, &box, box_fds);

	if (status == 0)
		status = make_both(kernel, &box, plug, box_fds->netns_fd, made, text);
	close_box(kernel, &box);
	return status;
}

int linux_plug(void *ctx, const struct kplug *plug, const struct overlay_box *box_fds,
	       struct weft_err *err)
{
	struct linux_kernel *kernel = ctx;
	char text[CHAN_TEXT_BYTES] = "";
	const char *what = "its namespace";
	struct chan box;
	int status = open_box(kernel, &box, box_fds), code = 0;
	int made = box_fds->made;

	if (status != 0)
		return say(err, what, status, text);
	status = made != 0 ? finish(kernel, &box, plug, made, &what, text) : -ENODEV;
	if (status == -ENODEV) { /* also what was made ahead and is gone since */
		what = "its veth";
		status = make_both(kernel, &box, plug, box_fds->netns_fd, &made, text);
		if (status == -EEXIST) {
			code = check_free(kernel, &box, plug, err);
			if (code == 0)
				status =
				    make_both(kernel, &box, plug, box_fds->netns_fd, &made, text);
		}
		if (status == 0)
			status = finish(kernel, &box, plug, made, &what, text);
	}
	close_box(kernel, &box);
	if (code != 0)
		return code;
	return status != 0 ? say(err, what, status, text) : 0;
}

int linux_box_mtu_set(void *ctx, const struct overlay_box *box_fds, const char *ifname,
		      uint32_t mtu)
{
	struct ifinfomsg head = {.ifi_family = AF_UNSPEC};
	struct nl_msg *msg;
	struct seen seen;
	struct linux_kernel *kernel = ctx;
	struct chan box;
	int status = open_box(kernel, &box, box_fds);

	if (status != 0)
		return status;
	status = look(&box, ifname, &seen);
	if (status == 0) {
		head.ifi_index = seen.index;
		msg = chan_begin(&box, RTM_NEWLINK, 0, &head, sizeof(head));
		(void)nla_put_u32(msg, IFLA_MTU, mtu);
		status = chan_call(&box, NULL);
	}
	close_box(kernel, &box);
	return status;
}
