/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Reading what stands. A dump that the kernel says was interrupted by a change is thrown away and
 * asked for again; a change that comes later is told by a notification.
 */
#include <errno.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "linux_parts.h"

#define DUMP_ATTEMPTS 8

/* One dump under way. */
struct reading {
	struct linux_kernel *kernel;
	struct kstate *out;
	struct vec *masters; /* int each: master of the link at the same place */
	const char *bridge;
	const char *vxlan;
};

/* Asks for a dump until one was not interrupted; out keeps only that one's objects of kind. */
static int dump(struct linux_kernel *kernel, uint16_t type, const void *head, size_t head_bytes,
		const uint32_t attr[2], enum kobj_kind kind, chan_each_fn *each,
		struct reading *reading)
{
	struct vec *vec = &reading->out->of[kind];
	size_t before = vec->count;
	int status = -EINTR;

	for (int i = 0; i < DUMP_ATTEMPTS && status == -EINTR; i++) {
		struct nl_msg *msg = chan_begin(&kernel->rtnl, type, 0, head, head_bytes);

		if (attr != NULL)
			(void)nla_put_u32(msg, (int)attr[0], attr[1]);
		vec->count = before;
		if (reading->masters != NULL)
			reading->masters->count = 0;
		status = chan_dump(&kernel->rtnl, each, reading);
	}
	return status;
}

static bool has_weft_name(const char *name)
{
	return name_is_device(name) || strncmp(name, "wfe", 3) == 0;
}

static void each_link(void *arg, struct nlmsghdr *nlh)
{
	struct reading *reading = arg;
	struct devices *devices = &reading->kernel->devices;
	struct link_numbers numbers;
	struct klink link;
	struct id network;

	if (!attrs_read_link(nlh, devices, &link, &numbers))
		return;
	devices_put(devices, numbers.index, link.name);
	if (!has_weft_name(link.name) && !name_alias_parse(link.alias, &network))
		return;
	if (numbers.group == WEFT_LINK_GROUP && link.alias[0] == '\0')
		/* made by weft, not yet marked */
		memcpy(link.alias, WEFT_ALIAS_MARK, sizeof(WEFT_ALIAS_MARK));
	if (!reading->kernel->has_ipv6)
		link.addrgen_none = 1;
	vec_push(&reading->out->of[KOBJ_LINK], &link);
	vec_push(reading->masters, &numbers.master);
}

static int dump_links(struct linux_kernel *kernel, struct kstate *out)
{
	const uint32_t attr[2] = {IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS};
	struct ifinfomsg head = {.ifi_family = AF_UNSPEC};
	struct vec masters;
	struct reading reading = {.kernel = kernel, .out = out, .masters = &masters};
	size_t before = out->of[KOBJ_LINK].count;
	int status;

	vec_init(&masters, &kernel->heap, sizeof(int));
	devices_clear(&kernel->devices);
	status =
	    dump(kernel, RTM_GETLINK, &head, sizeof(head), attr, KOBJ_LINK, each_link, &reading);
	for (size_t i = 0; i < masters.count; i++) {
		struct klink *link = vec_at(&out->of[KOBJ_LINK], before + i);
		int master = *(int *)vec_at(&masters, i);
		const char *name = master != 0 ? devices_name(&kernel->devices, master) : NULL;

		memset(link->master, 0, sizeof(link->master));
		if (name != NULL)
			memcpy(link->master, name, IFNAME_BYTES);
	}
	vec_close(&masters);
	return status;
}

static void each_addr(void *arg, struct nlmsghdr *nlh)
{
	struct reading *reading = arg;
	struct kaddr addr;

	if (attrs_read_addr(nlh, &reading->kernel->devices, &addr) && has_weft_name(addr.dev))
		vec_push(&reading->out->of[KOBJ_ADDR], &addr);
}

static void each_route(void *arg, struct nlmsghdr *nlh)
{
	struct reading *reading = arg;
	struct kroute route;

	if (attrs_read_route(nlh, &reading->kernel->devices, &route))
		vec_push(&reading->out->of[KOBJ_ROUTE], &route);
}

static void each_nexthop(void *arg, struct nlmsghdr *nlh)
{
	struct reading *reading = arg;
	struct knexthop hop;

	if (attrs_read_nexthop(nlh, &hop))
		vec_push(&reading->out->of[KOBJ_NEXTHOP], &hop);
}

int linux_dump_host(void *ctx, struct kstate *out)
{
	struct linux_kernel *kernel = ctx;
	struct reading reading = {.kernel = kernel, .out = out};
	struct ifaddrmsg addr = {.ifa_family = AF_UNSPEC};
	struct nhmsg hop = {.nh_family = AF_UNSPEC};
	int status = dump_links(kernel, out);

	if (status == 0)
		status = dump(kernel, RTM_GETADDR, &addr, sizeof(addr), NULL, KOBJ_ADDR, each_addr,
			      &reading);
	for (int i = 0; i < 2 && status == 0; i++) {
		struct rtmsg route = {.rtm_family = i == 0 ? AF_INET : AF_INET6,
				      .rtm_table = RT_TABLE_MAIN,
				      .rtm_protocol = WEFT_RTPROT};

		if (i == 0 || kernel->has_ipv6)
			status = dump(kernel, RTM_GETROUTE, &route, sizeof(route), NULL, KOBJ_ROUTE,
				      each_route, &reading);
	}
	if (status == 0)
		status = dump(kernel, RTM_GETNEXTHOP, &hop, sizeof(hop), NULL, KOBJ_NEXTHOP,
			      each_nexthop, &reading);
	return status == -EOPNOTSUPP ? 0 : status; /* a kernel without nexthop objects has none */
}

static void each_fdb(void *arg, struct nlmsghdr *nlh)
{
	struct reading *reading = arg;
	struct kfdb fdb;

	if (!attrs_read_fdb(nlh, &reading->kernel->devices, &fdb))
		return;
	/* only the VXLAN device has entries of its own that matter; others list multicast groups */
	if (fdb.table == KFDB_SELF && strcmp(fdb.dev, reading->vxlan) != 0)
		return;
	if (fdb.table == KFDB_MASTER && strcmp(fdb.dev, reading->bridge) == 0)
		return;
	vec_push(&reading->out->of[KOBJ_FDB], &fdb);
}

static void each_neigh(void *arg, struct nlmsghdr *nlh)
{
	struct reading *reading = arg;
	struct kneigh neigh;

	if (attrs_read_neigh(nlh, &reading->kernel->devices, &neigh) && !neigh.dynamic)
		vec_push(&reading->out->of[KOBJ_NEIGH], &neigh);
}

static int dump_neighbours(struct linux_kernel *kernel, const char *dev, struct reading *reading)
{
	const uint32_t attr[2] = {NDA_IFINDEX, (uint32_t)devices_index(&kernel->devices, dev)};
	int status = 0;

	for (int i = 0; i < 2 && status == 0; i++) {
		struct ndmsg head = {.ndm_family = i == 0 ? AF_INET : AF_INET6};

		if (attr[1] != 0 && (i == 0 || kernel->has_ipv6))
			status = dump(kernel, RTM_GETNEIGH, &head, sizeof(head), attr, KOBJ_NEIGH,
				      each_neigh, reading);
	}
	return status;
}

int linux_dump_network(void *ctx, const char *bridge, const char *vxlan, struct kstate *out)
{
	struct linux_kernel *kernel = ctx;
	struct reading reading = {.kernel = kernel, .out = out, .bridge = bridge, .vxlan = vxlan};
	struct ndmsg head = {.ndm_family = AF_BRIDGE};
	const uint32_t attr[2] = {NDA_MASTER, (uint32_t)linux_device_find(kernel, bridge)};
	int status;

	if (attr[1] == 0)
		return -ENODEV;
	(void)linux_device_find(kernel, vxlan);
	status =
	    dump(kernel, RTM_GETNEIGH, &head, sizeof(head), attr, KOBJ_FDB, each_fdb, &reading);
	if (status == 0)
		status = dump_neighbours(kernel, vxlan, &reading);
	if (status == 0)
		status = dump_neighbours(kernel, bridge, &reading);
	return status;
}

int linux_get_entries(void *ctx, const struct kstate *keys, struct kstate *out)
{
	static const enum kobj_kind kinds[] = {KOBJ_FDB, KOBJ_NEIGH};
	struct linux_kernel *kernel = ctx;

	for (size_t k = 0; k < 2; k++) {
		const struct vec *vec = &keys->of[kinds[k]];

		for (size_t i = 0; i < vec->count; i++) {
			const struct kfdb *fdb = vec_at(vec, i);
			struct reading reading = {
			    .kernel = kernel, .out = out, .bridge = "", .vxlan = fdb->dev};
			int status = attrs_query(&kernel->rtnl, &kernel->devices, kinds[k], fdb);

			if (status == 0)
				status = chan_get(&kernel->rtnl, k == 0 ? each_fdb : each_neigh,
						  &reading);
			if (status != 0 && status != -ENOENT && status != -ESRCH)
				return status;
		}
	}
	return 0;
}

struct far_end {
	const struct devices *devices;
	struct link_numbers numbers;
	uint32_t mtu;
};

static void each_far_end(void *arg, struct nlmsghdr *nlh)
{
	struct far_end *far = arg;
	struct klink link;

	if (attrs_read_link(nlh, far->devices, &link, &far->numbers))
		far->mtu = link.mtu;
}

/* The far end lies in another namespace; its number there and the namespace's id are attributes of
 * the host's end, and the kernel answers for it by that id. */
int linux_box_mtu(void *ctx, const char *port, uint32_t *mtu)
{
	struct linux_kernel *kernel = ctx;
	struct far_end far = {.devices = &kernel->devices};
	struct ifinfomsg head = {.ifi_index = linux_device_find(kernel, port)};
	struct nl_msg *msg;
	int status;

	if (head.ifi_index == 0)
		return -ENODEV;
	(void)chan_begin(&kernel->rtnl, RTM_GETLINK, 0, &head, sizeof(head));
	status = chan_get(&kernel->rtnl, each_far_end, &far);
	if (status != 0)
		return status;
	head.ifi_index = far.numbers.peer;
	msg = chan_begin(&kernel->rtnl, RTM_GETLINK, 0, &head, sizeof(head));
	if (far.numbers.peer_nsid >= 0)
		(void)nla_put_u32(msg, IFLA_TARGET_NETNSID, (uint32_t)far.numbers.peer_nsid);
	status = chan_get(&kernel->rtnl, each_far_end, &far);
	*mtu = far.mtu;
	return status;
}
