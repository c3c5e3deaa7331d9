/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Links. What can be given when a device is created is given then; the rest is set afterwards,
 * before the device comes up: a bridge must not make itself a link-local address, a port must not
 * forward before it is locked.
 */
#include <linux/if.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "gossip/base/check.h"
#include "attrs.h"

#define KIND_BYTES 16 /* of a link kind, as text */

static const char *const kind_names[] = {
    [KLINK_BRIDGE] = "bridge", [KLINK_VXLAN] = "vxlan", [KLINK_VETH] = "veth"};

static void write_kind(struct nl_msg *msg, const struct devices *devices, const struct klink *link,
		       uint32_t fields)
{
	struct nlattr *info = nla_nest_start(msg, IFLA_LINKINFO);
	struct nlattr *data;

	(void)nla_put_string(msg, IFLA_INFO_KIND, kind_names[link->kind]);
	if (link->kind != KLINK_VETH) {
		data = nla_nest_start(msg, IFLA_INFO_DATA);
		attrs_write(msg, devices, KOBJ_LINK,
			    link->kind == KLINK_BRIDGE ? NEST_BRIDGE : NEST_VXLAN, fields, link);
		(void)nla_nest_end(msg, data);
	}
	(void)nla_nest_end(msg, info);
}

static void write_port(struct nl_msg *msg, const struct devices *devices, const struct klink *link)
{
	struct nlattr *info = nla_nest_start(msg, IFLA_LINKINFO);
	struct nlattr *data;

	(void)nla_put_string(msg, IFLA_INFO_SLAVE_KIND, "bridge");
	data = nla_nest_start(msg, IFLA_INFO_SLAVE_DATA);
	attrs_write(msg, devices, KOBJ_LINK, NEST_PORT, KLINK_PORT, link);
	(void)nla_nest_end(msg, data);
	(void)nla_nest_end(msg, info);
}

static void write_addrgen(struct nl_msg *msg, const struct devices *devices,
			  const struct klink *link)
{
	struct nlattr *spec = nla_nest_start(msg, IFLA_AF_SPEC);
	struct nlattr *inet6 = nla_nest_start(msg, AF_INET6);

	attrs_write(msg, devices, KOBJ_LINK, NEST_INET6, KLINK_ADDRGEN, link);
	(void)nla_nest_end(msg, inet6);
	(void)nla_nest_end(msg, spec);
}

void attrs_link_create(struct chan *chan, const struct devices *devices, const struct klink *link)
{
	struct ifinfomsg head = {.ifi_family = AF_UNSPEC};
	uint32_t fields = KLINK_MTU | KLINK_MAC;
	struct nl_msg *msg;

	WEFT_ASSERT(link->kind == KLINK_BRIDGE || link->kind == KLINK_VXLAN);
	msg = chan_begin(chan, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &head, sizeof(head));
	if (link->master[0] != '\0')
		fields |= KLINK_MASTER;
	(void)nla_put_string(msg, IFLA_IFNAME, link->name);
	(void)nla_put_u32(msg, IFLA_GROUP, WEFT_LINK_GROUP);
	attrs_write(msg, devices, KOBJ_LINK, NEST_TOP, fields, link);
	write_kind(msg, devices, link, KLINK_TUNNEL | KLINK_SNOOPING);
}

void attrs_link_change(struct chan *chan, const struct devices *devices, int index,
		       const struct klink *link, uint32_t fields)
{
	struct ifinfomsg head = {.ifi_family = AF_UNSPEC, .ifi_index = index};
	struct nl_msg *msg;

	WEFT_ASSERT((fields & KLINK_TUNNEL) == 0);
	WEFT_ASSERT((fields & KLINK_PORT) == 0 || (fields & (KLINK_SNOOPING | KLINK_LOCAL)) == 0);
	if ((fields & KLINK_UP) != 0) {
		head.ifi_change = IFF_UP;
		head.ifi_flags = link->up ? IFF_UP : 0;
	}
	msg = chan_begin(chan, RTM_NEWLINK, 0, &head, sizeof(head));
	attrs_write(msg, devices, KOBJ_LINK, NEST_TOP, fields, link);
	if ((fields & KLINK_ADDRGEN) != 0)
		write_addrgen(msg, devices, link);
	if ((fields & (KLINK_SNOOPING | KLINK_LOCAL)) != 0)
		write_kind(msg, devices, link, fields);
	if ((fields & KLINK_PORT) != 0)
		write_port(msg, devices, link);
}

void attrs_link_delete(struct chan *chan, int index)
{
	struct ifinfomsg head = {.ifi_family = AF_UNSPEC, .ifi_index = index};

	(void)chan_begin(chan, RTM_DELLINK, 0, &head, sizeof(head));
}

static void read_info(struct nlattr *attr, const struct devices *devices, struct klink *link)
{
	struct nlattr *info[IFLA_INFO_MAX + 1], *data[IFLA_VXLAN_MAX + 1];
	struct nlattr *bridge[IFLA_BR_MAX + 1], *port[IFLA_BRPORT_MAX + 1];
	char kind[KIND_BYTES] = "";

	if (nla_parse_nested(info, IFLA_INFO_MAX, attr, NULL) != 0)
		return;
	if (info[IFLA_INFO_KIND] != NULL)
		(void)nla_strlcpy(kind, info[IFLA_INFO_KIND], sizeof(kind));
	for (uint8_t i = KLINK_BRIDGE; i <= KLINK_VETH; i++) {
		if (strcmp(kind, kind_names[i]) == 0)
			link->kind = i;
	}
	if (link->kind == KLINK_BRIDGE && info[IFLA_INFO_DATA] != NULL &&
	    nla_parse_nested(bridge, IFLA_BR_MAX, info[IFLA_INFO_DATA], NULL) == 0)
		attrs_read(bridge, IFLA_BR_MAX, devices, KOBJ_LINK, NEST_BRIDGE, link);
	if (link->kind == KLINK_VXLAN && info[IFLA_INFO_DATA] != NULL &&
	    nla_parse_nested(data, IFLA_VXLAN_MAX, info[IFLA_INFO_DATA], NULL) == 0)
		attrs_read(data, IFLA_VXLAN_MAX, devices, KOBJ_LINK, NEST_VXLAN, link);
	if (info[IFLA_INFO_SLAVE_DATA] != NULL &&
	    nla_parse_nested(port, IFLA_BRPORT_MAX, info[IFLA_INFO_SLAVE_DATA], NULL) == 0)
		attrs_read(port, IFLA_BRPORT_MAX, devices, KOBJ_LINK, NEST_PORT, link);
}

static void read_addrgen(struct nlattr *attr, const struct devices *devices, struct klink *link)
{
	struct nlattr *inet6[IFLA_INET6_MAX + 1], *family;

	family = nla_find(nla_data(attr), nla_len(attr), AF_INET6);
	if (family == NULL) /* no IPv6 here: nothing to switch off */
		link->addrgen_none = 1;
	else if (nla_parse_nested(inet6, IFLA_INET6_MAX, family, NULL) == 0)
		attrs_read(inet6, IFLA_INET6_MAX, devices, KOBJ_LINK, NEST_INET6, link);
}

static int read_number(struct nlattr *attr, int otherwise)
{
	return attr != NULL && nla_len(attr) >= 4 ? (int)nla_get_u32(attr) : otherwise;
}

bool attrs_read_link(struct nlmsghdr *nlh, const struct devices *devices, struct klink *link,
		     struct link_numbers *numbers)
{
	struct nlattr *attrs[IFLA_MAX + 1];
	struct ifinfomsg *head = nlmsg_data(nlh);

	memset(link, 0, sizeof(*link));
	if ((nlh->nlmsg_type != RTM_NEWLINK && nlh->nlmsg_type != RTM_DELLINK) ||
	    nlmsg_parse(nlh, sizeof(*head), attrs, IFLA_MAX, NULL) != 0 ||
	    head->ifi_family != AF_UNSPEC)
		return false;
	numbers->index = head->ifi_index;
	numbers->master = read_number(attrs[IFLA_MASTER], 0);
	numbers->peer = read_number(attrs[IFLA_LINK], 0);
	numbers->peer_nsid = read_number(attrs[IFLA_LINK_NETNSID], -1);
	numbers->group = (uint32_t)read_number(attrs[IFLA_GROUP], 0);
	link->up = (head->ifi_flags & IFF_UP) != 0;
	attrs_read(attrs, IFLA_MAX, devices, KOBJ_LINK, NEST_TOP, link);
	if (attrs[IFLA_AF_SPEC] != NULL)
		read_addrgen(attrs[IFLA_AF_SPEC], devices, link);
	if (attrs[IFLA_LINKINFO] != NULL)
		read_info(attrs[IFLA_LINKINFO], devices, link);
	return link->name[0] != '\0';
}
