/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Addresses, routes, nexthops, forwarding entries and neighbours.
 */
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "gossip/base/check.h"
#include "attrs.h"

static const struct inet no_inet;
static const struct mac no_mac;

static uint8_t family_of(const struct inet *ip)
{
	return inet_is_v4(ip) ? AF_INET : AF_INET6;
}

/* The fixed part of a prefix: the kernel counts an IPv4 length from 0 to 32. */
static uint8_t bits_out(const struct prefix *prefix)
{
	return (uint8_t)prefix_len(prefix);
}

static uint8_t bits_in(uint8_t family, uint8_t bits)
{
	return (uint8_t)(family == AF_INET ? bits + 96 : bits);
}

/* ::ffff:0.0.0.0 where no address was given: the zero prefix of IPv4. */
static struct inet any_of(uint8_t family)
{
	return family == AF_INET ? inet_from_v4(0) : no_inet;
}

static int put_addr(struct chan *chan, const struct devices *devices, const struct kaddr *addr,
		    bool create)
{
	int index = devices_index(devices, addr->dev);
	struct ifaddrmsg head = {.ifa_family = family_of(&addr->addr.ip),
				 .ifa_prefixlen = bits_out(&addr->addr),
				 .ifa_index = (uint32_t)index};
	struct nl_msg *msg;

	if (index == 0)
		return -ENODEV;
	msg = chan_begin(chan, create ? RTM_NEWADDR : RTM_DELADDR,
			 create ? NLM_F_CREATE | NLM_F_REPLACE : 0, &head, sizeof(head));
	attrs_write(msg, devices, KOBJ_ADDR, NEST_TOP, 0, addr);
	if (create && head.ifa_family == AF_INET6) {
		struct ifa_cacheinfo life = {.ifa_prefered = addr->deprecated ? 0 : UINT32_MAX,
					     .ifa_valid = UINT32_MAX};

		(void)nla_put_u32(msg, IFA_FLAGS, IFA_F_NODAD | IFA_F_NOPREFIXROUTE);
		(void)nla_put(msg, IFA_CACHEINFO, sizeof(life), &life);
	}
	return 0;
}

static int put_route(struct chan *chan, const struct devices *devices, const struct kroute *route,
		     bool create)
{
	struct rtmsg head = {.rtm_family = family_of(&route->dst.ip),
			     .rtm_dst_len = bits_out(&route->dst),
			     .rtm_table = RT_TABLE_MAIN,
			     .rtm_protocol = WEFT_RTPROT,
			     .rtm_scope = create ? RT_SCOPE_LINK : RT_SCOPE_NOWHERE,
			     .rtm_type = create ? RTN_UNICAST : RTN_UNSPEC};
	struct nl_msg *msg;

	if (devices_index(devices, route->dev) == 0)
		return -ENODEV;
	msg = chan_begin(chan, create ? RTM_NEWROUTE : RTM_DELROUTE,
			 create ? NLM_F_CREATE | NLM_F_EXCL : 0, &head, sizeof(head));
	attrs_write(msg, devices, KOBJ_ROUTE, NEST_TOP, 0, route);
	return 0;
}

static int put_nexthop(struct chan *chan, const struct devices *devices, const struct knexthop *hop,
		       bool create)
{
	struct nhmsg head = {.nh_protocol = WEFT_RTPROT};
	struct knexthop bare = {.id = hop->id};
	struct nexthop_grp member = {.id = hop->member};
	struct nl_msg *msg;

	if (!create)
		head.nh_protocol = 0;
	else if (hop->member == 0)
		head.nh_family = family_of(&hop->via);
	msg = chan_begin(chan, create ? RTM_NEWNEXTHOP : RTM_DELNEXTHOP,
			 create ? NLM_F_CREATE | NLM_F_REPLACE : 0, &head, sizeof(head));
	attrs_write(msg, devices, KOBJ_NEXTHOP, NEST_TOP, 0,
		    create && hop->member == 0 ? hop : &bare);
	if (create && hop->member != 0)
		(void)nla_put(msg, NHA_GROUP, sizeof(member), &member);
	if (create)
		(void)nla_put_flag(msg, NHA_FDB);
	return 0;
}

static int put_fdb(struct chan *chan, const struct devices *devices, const struct kfdb *fdb,
		   bool create)
{
	int index = devices_index(devices, fdb->dev);
	struct ndmsg head = {.ndm_family = AF_BRIDGE, .ndm_ifindex = index};
	bool flood = mac_eq(&fdb->mac, &no_mac);
	uint16_t flags = 0;
	struct kfdb key = *fdb;
	struct nl_msg *msg;

	if (index == 0)
		return -ENODEV;
	head.ndm_flags = fdb->table == KFDB_SELF ? NTF_SELF : NTF_MASTER;
	if (create) {
		/* a bridge calls an entry that stays NOARP; PERMANENT would make it a local one */
		head.ndm_state =
		    fdb->table == KFDB_SELF ? NUD_PERMANENT : NUD_NOARP | NUD_REACHABLE;
		flags = (uint16_t)(NLM_F_CREATE | (flood ? NLM_F_APPEND : NLM_F_REPLACE));
	} else if (!flood) {
		key.dst = no_inet;
		key.nhid = 0;
	}
	msg = chan_begin(chan, create ? RTM_NEWNEIGH : RTM_DELNEIGH, flags, &head, sizeof(head));
	attrs_write(msg, devices, KOBJ_FDB, NEST_TOP, 0, &key);
	return 0;
}

static int put_neigh(struct chan *chan, const struct devices *devices, const struct kneigh *neigh,
		     bool create)
{
	int index = devices_index(devices, neigh->dev);
	struct ndmsg head = {.ndm_family = family_of(&neigh->ip), .ndm_ifindex = index};
	struct nl_msg *msg;

	if (index == 0)
		return -ENODEV;
	if (create)
		head.ndm_state = NUD_PERMANENT;
	msg = chan_begin(chan, create ? RTM_NEWNEIGH : RTM_DELNEIGH,
			 create ? NLM_F_CREATE | NLM_F_REPLACE : 0, &head, sizeof(head));
	attrs_write(msg, devices, KOBJ_NEIGH, NEST_TOP, 0, neigh);
	if (create)
		(void)nla_put_u8(msg, NDA_PROTOCOL, WEFT_RTPROT);
	return 0;
}

int attrs_put(struct chan *chan, const struct devices *devices, enum kobj_kind kind,
	      const void *obj, bool create)
{
	switch (kind) {
	case KOBJ_ADDR:
		return put_addr(chan, devices, obj, create);
	case KOBJ_ROUTE:
		return put_route(chan, devices, obj, create);
	case KOBJ_NEXTHOP:
		return put_nexthop(chan, devices, obj, create);
	case KOBJ_FDB:
		return put_fdb(chan, devices, obj, create);
	case KOBJ_NEIGH:
		return put_neigh(chan, devices, obj, create);
	default:
		weft_assert_failed("a kind with one message", __FILE__, __LINE__);
	}
}

int attrs_query(struct chan *chan, const struct devices *devices, enum kobj_kind kind,
		const void *obj)
{
	const struct kneigh *neigh = obj;
	const struct kfdb *fdb = obj;
	const char *dev = kind == KOBJ_FDB ? fdb->dev : neigh->dev;
	struct ndmsg head = {.ndm_ifindex = devices_index(devices, dev)};
	struct nl_msg *msg;

	WEFT_ASSERT(kind == KOBJ_FDB || kind == KOBJ_NEIGH);
	if (head.ndm_ifindex == 0)
		return -ENODEV;
	if (kind == KOBJ_FDB) {
		head.ndm_family = AF_BRIDGE;
		head.ndm_flags = fdb->table == KFDB_SELF ? NTF_SELF : NTF_MASTER;
		msg = chan_begin(chan, RTM_GETNEIGH, 0, &head, sizeof(head));
		(void)nla_put(msg, NDA_LLADDR, sizeof(fdb->mac), &fdb->mac);
		return 0;
	}
	head.ndm_family = family_of(&neigh->ip);
	msg = chan_begin(chan, RTM_GETNEIGH, 0, &head, sizeof(head));
	attr_put_inet(msg, NDA_DST, &neigh->ip);
	return 0;
}

static bool read_device(const struct devices *devices, int index, char out[IFNAME_BYTES])
{
	const char *name = devices_name(devices, index);

	if (name == NULL)
		return false;
	memcpy(out, name, IFNAME_BYTES);
	return true;
}

bool attrs_read_addr(struct nlmsghdr *nlh, const struct devices *devices, struct kaddr *addr)
{
	struct nlattr *attrs[IFA_MAX + 1];
	struct ifaddrmsg *head = nlmsg_data(nlh);
	uint32_t flags;

	memset(addr, 0, sizeof(*addr));
	if ((nlh->nlmsg_type != RTM_NEWADDR && nlh->nlmsg_type != RTM_DELADDR) ||
	    nlmsg_parse(nlh, sizeof(*head), attrs, IFA_MAX, NULL) != 0 ||
	    !read_device(devices, (int)head->ifa_index, addr->dev))
		return false;
	attrs_read(attrs, IFA_MAX, devices, KOBJ_ADDR, NEST_TOP, addr);
	addr->addr.bits = bits_in(head->ifa_family, head->ifa_prefixlen);
	flags = attrs[IFA_FLAGS] != NULL ? nla_get_u32(attrs[IFA_FLAGS]) : head->ifa_flags;
	addr->deprecated = head->ifa_family == AF_INET6 && (flags & IFA_F_DEPRECATED) != 0;
	return true;
}

bool attrs_read_route(struct nlmsghdr *nlh, const struct devices *devices, struct kroute *route)
{
	struct nlattr *attrs[RTA_MAX + 1];
	struct rtmsg *head = nlmsg_data(nlh);

	memset(route, 0, sizeof(*route));
	if ((nlh->nlmsg_type != RTM_NEWROUTE && nlh->nlmsg_type != RTM_DELROUTE) ||
	    nlmsg_parse(nlh, sizeof(*head), attrs, RTA_MAX, NULL) != 0 ||
	    head->rtm_protocol != WEFT_RTPROT || head->rtm_table != RT_TABLE_MAIN)
		return false;
	route->dst.ip = any_of(head->rtm_family);
	attrs_read(attrs, RTA_MAX, devices, KOBJ_ROUTE, NEST_TOP, route);
	route->dst.bits = bits_in(head->rtm_family, head->rtm_dst_len);
	return route->dev[0] != '\0';
}

bool attrs_read_nexthop(struct nlmsghdr *nlh, struct knexthop *hop)
{
	struct nlattr *attrs[NHA_MAX + 1];
	struct nhmsg *head = nlmsg_data(nlh);
	struct nexthop_grp member;

	memset(hop, 0, sizeof(*hop));
	if ((nlh->nlmsg_type != RTM_NEWNEXTHOP && nlh->nlmsg_type != RTM_DELNEXTHOP) ||
	    nlmsg_parse(nlh, sizeof(*head), attrs, NHA_MAX, NULL) != 0 ||
	    head->nh_protocol != WEFT_RTPROT)
		return false;
	attrs_read(attrs, NHA_MAX, NULL, KOBJ_NEXTHOP, NEST_TOP, hop);
	if (attrs[NHA_GROUP] != NULL && nla_len(attrs[NHA_GROUP]) >= (int)sizeof(member)) {
		memcpy(&member, nla_data(attrs[NHA_GROUP]), sizeof(member));
		hop->member = member.id;
	}
	return (hop->id & WEFT_NHID_MASK) == WEFT_NHID_BASE;
}

bool attrs_read_fdb(struct nlmsghdr *nlh, const struct devices *devices, struct kfdb *fdb)
{
	struct nlattr *attrs[NDA_MAX + 1];
	struct ndmsg *head = nlmsg_data(nlh);

	memset(fdb, 0, sizeof(*fdb));
	if ((nlh->nlmsg_type != RTM_NEWNEIGH && nlh->nlmsg_type != RTM_DELNEIGH) ||
	    nlmsg_parse(nlh, sizeof(*head), attrs, NDA_MAX, NULL) != 0 ||
	    head->ndm_family != AF_BRIDGE || !read_device(devices, head->ndm_ifindex, fdb->dev))
		return false;
	attrs_read(attrs, NDA_MAX, devices, KOBJ_FDB, NEST_TOP, fdb);
	fdb->table = (head->ndm_flags & NTF_SELF) != 0 ? KFDB_SELF : KFDB_MASTER;
	if (fdb->table == KFDB_SELF)
		fdb->dynamic = (head->ndm_state & (NUD_PERMANENT | NUD_NOARP)) == 0;
	else
		fdb->dynamic = (head->ndm_state & NUD_NOARP) == 0;
	/* a bridge's permanent entries are the ports' own addresses */
	return fdb->table == KFDB_SELF || (head->ndm_state & NUD_PERMANENT) == 0;
}

bool attrs_read_neigh(struct nlmsghdr *nlh, const struct devices *devices, struct kneigh *neigh)
{
	struct nlattr *attrs[NDA_MAX + 1];
	struct ndmsg *head = nlmsg_data(nlh);

	memset(neigh, 0, sizeof(*neigh));
	if ((nlh->nlmsg_type != RTM_NEWNEIGH && nlh->nlmsg_type != RTM_DELNEIGH) ||
	    nlmsg_parse(nlh, sizeof(*head), attrs, NDA_MAX, NULL) != 0 ||
	    (head->ndm_family != AF_INET && head->ndm_family != AF_INET6) ||
	    (head->ndm_flags & NTF_PROXY) != 0 ||
	    !read_device(devices, head->ndm_ifindex, neigh->dev))
		return false;
	attrs_read(attrs, NDA_MAX, devices, KOBJ_NEIGH, NEST_TOP, neigh);
	neigh->foreign =
	    attrs[NDA_PROTOCOL] == NULL || nla_get_u8(attrs[NDA_PROTOCOL]) != WEFT_RTPROT;
	neigh->dynamic = (head->ndm_state & NUD_PERMANENT) == 0;
	return true;
}
