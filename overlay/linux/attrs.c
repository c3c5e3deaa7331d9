/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The one table of attributes. A row says where an attribute lies in a message and which part of
 * which object it carries; messages are written and read from the same rows. Fixed headers, and
 * the few attributes that are flags or constants, are the business of attrs_link.c and
 * attrs_entry.c. Numbers are those of linux/if_link.h, neighbour.h, if_addr.h, rtnetlink.h and
 * nexthop.h.
 */
#include "attrs.h"

#include <arpa/inet.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <stddef.h>
#include <string.h>

#define ROW(kind, nest, attr, type, object, member, fields)                                      \
	{                                                                                        \
		kind, nest, type, sizeof(((object *)0)->member), attr, offsetof(object, member), \
		    fields                                                                       \
	}
#define LINK(nest, attr, type, member, fields) \
	ROW(KOBJ_LINK, nest, attr, type, struct klink, member, fields)

const struct attr_row attr_table[] = {
    LINK(NEST_TOP, IFLA_IFNAME, ATTR_STR, name, 0),
    LINK(NEST_TOP, IFLA_MTU, ATTR_U32, mtu, KLINK_MTU),
    LINK(NEST_TOP, IFLA_ADDRESS, ATTR_MAC, mac, KLINK_MAC),
    LINK(NEST_TOP, IFLA_IFALIAS, ATTR_STR, alias, KLINK_ALIAS),
    LINK(NEST_TOP, IFLA_MASTER, ATTR_DEV, master, KLINK_MASTER),
    LINK(NEST_INET6, IFLA_INET6_ADDR_GEN_MODE, ATTR_U8, addrgen_none, KLINK_ADDRGEN),
    LINK(NEST_BRIDGE, IFLA_BR_MCAST_SNOOPING, ATTR_U8, mcast_snooping, KLINK_SNOOPING),
    LINK(NEST_VXLAN, IFLA_VXLAN_ID, ATTR_U32, vxlan.vni, KLINK_TUNNEL),
    LINK(NEST_VXLAN, IFLA_VXLAN_LOCAL, ATTR_INET4, vxlan.local, KLINK_TUNNEL | KLINK_LOCAL),
    LINK(NEST_VXLAN, IFLA_VXLAN_LOCAL6, ATTR_INET6, vxlan.local, KLINK_TUNNEL | KLINK_LOCAL),
    LINK(NEST_VXLAN, IFLA_VXLAN_PORT, ATTR_BE16, vxlan.port, KLINK_TUNNEL),
    LINK(NEST_VXLAN, IFLA_VXLAN_LEARNING, ATTR_U8, vxlan.learning, KLINK_TUNNEL),
    LINK(NEST_VXLAN, IFLA_VXLAN_PROXY, ATTR_U8, vxlan.proxy, KLINK_TUNNEL),
    LINK(NEST_VXLAN, IFLA_VXLAN_DF, ATTR_U8, vxlan.df, KLINK_TUNNEL),
    LINK(NEST_PORT, IFLA_BRPORT_LEARNING, ATTR_U8, port.learning, KLINK_PORT),
    LINK(NEST_PORT, IFLA_BRPORT_UNICAST_FLOOD, ATTR_U8, port.flood, KLINK_PORT),
    LINK(NEST_PORT, IFLA_BRPORT_MCAST_FLOOD, ATTR_U8, port.mcast_flood, KLINK_PORT),
    LINK(NEST_PORT, IFLA_BRPORT_NEIGH_SUPPRESS, ATTR_U8, port.neigh_suppress, KLINK_PORT),
    LINK(NEST_PORT, IFLA_BRPORT_LOCKED, ATTR_U8, port.locked, KLINK_PORT),
    ROW(KOBJ_ADDR, NEST_TOP, IFA_ADDRESS, ATTR_INET, struct kaddr, addr.ip, 0),
    ROW(KOBJ_ADDR, NEST_TOP, IFA_LOCAL, ATTR_INET, struct kaddr, addr.ip, 0),
    ROW(KOBJ_ROUTE, NEST_TOP, RTA_DST, ATTR_INET, struct kroute, dst.ip, 0),
    ROW(KOBJ_ROUTE, NEST_TOP, RTA_OIF, ATTR_DEV, struct kroute, dev, 0),
    ROW(KOBJ_ROUTE, NEST_TOP, RTA_PREFSRC, ATTR_INET, struct kroute, source, 0),
    ROW(KOBJ_NEXTHOP, NEST_TOP, NHA_ID, ATTR_U32, struct knexthop, id, 0),
    ROW(KOBJ_NEXTHOP, NEST_TOP, NHA_GATEWAY, ATTR_INET, struct knexthop, via, 0),
    ROW(KOBJ_FDB, NEST_TOP, NDA_LLADDR, ATTR_MAC, struct kfdb, mac, 0),
    ROW(KOBJ_FDB, NEST_TOP, NDA_NH_ID, ATTR_U32, struct kfdb, nhid, 0),
    ROW(KOBJ_FDB, NEST_TOP, NDA_DST, ATTR_INET, struct kfdb, dst, 0),
    ROW(KOBJ_NEIGH, NEST_TOP, NDA_DST, ATTR_INET, struct kneigh, ip, 0),
    ROW(KOBJ_NEIGH, NEST_TOP, NDA_LLADDR, ATTR_MAC, struct kneigh, mac, 0),
    {0},
};

/* Where the rows of a kind begin; the rows of a kind stand together. */
static const struct attr_row *first_row(enum kobj_kind kind)
{
	const struct attr_row *row = attr_table;

	while (row->kind != 0 && row->kind != kind)
		row++;
	return row;
}

void attr_put_inet(struct nl_msg *msg, int attr, const struct inet *ip)
{
	if (inet_is_v4(ip))
		(void)nla_put(msg, attr, 4, ip->b + 12);
	else
		(void)nla_put(msg, attr, 16, ip->b);
}

bool attr_get_inet(struct nlattr *attr, struct inet *ip)
{
	uint32_t v4;

	if (nla_len(attr) == 4) {
		memcpy(&v4, nla_data(attr), 4);
		*ip = inet_from_v4(ntohl(v4));
		return true;
	}
	if (nla_len(attr) != 16)
		return false;
	memcpy(ip->b, nla_data(attr), 16);
	return true;
}

static void put_inet(struct nl_msg *msg, const struct attr_row *row, const struct inet *ip)
{
	static const struct inet none;
	bool v4 = inet_is_v4(ip);

	if (!inet_eq(ip, &none) && !(row->type == ATTR_INET4 && !v4) &&
	    !(row->type == ATTR_INET6 && v4))
		attr_put_inet(msg, row->attr, ip);
}

static void put_row(struct nl_msg *msg, const struct devices *devices, const struct attr_row *row,
		    const void *field)
{
	uint32_t number;
	uint16_t be16;

	switch ((enum attr_type)row->type) {
	case ATTR_STR:
		(void)nla_put_string(msg, row->attr, field);
		break;
	case ATTR_U8:
		(void)nla_put_u8(msg, row->attr, *(const uint8_t *)field);
		break;
	case ATTR_BE16:
		be16 = htons(*(const uint16_t *)field);
		(void)nla_put_u16(msg, row->attr, be16);
		break;
	case ATTR_U32:
		memcpy(&number, field, sizeof(number));
		if (number != 0 || row->attr != NDA_NH_ID)
			(void)nla_put_u32(msg, row->attr, number);
		break;
	case ATTR_MAC:
		(void)nla_put(msg, row->attr, 6, field);
		break;
	case ATTR_INET:
	case ATTR_INET4:
	case ATTR_INET6:
		put_inet(msg, row, field);
		break;
	case ATTR_DEV:
		number = (uint32_t)devices_index(devices, field);
		(void)nla_put_u32(msg, row->attr, number);
		break;
	}
}

void attrs_write(struct nl_msg *msg, const struct devices *devices, enum kobj_kind kind,
		 enum attr_nest nest, uint32_t fields, const void *obj)
{
	for (const struct attr_row *row = first_row(kind); row->kind == kind; row++) {
		if (row->nest != nest || (row->fields != 0 && (row->fields & fields) == 0) ||
		    (kind == KOBJ_LINK && row->fields == 0))
			continue;
		put_row(msg, devices, row, (const char *)obj + row->offset);
	}
}

static void get_row(struct nlattr *attr, const struct devices *devices, const struct attr_row *row,
		    void *field)
{
	int len = nla_len(attr);
	const char *name;
	uint16_t be16;

	switch ((enum attr_type)row->type) {
	case ATTR_STR:
		(void)nla_strlcpy(field, attr, row->bytes);
		break;
	case ATTR_U8:
		if (len >= 1)
			memcpy(field, nla_data(attr), 1);
		break;
	case ATTR_BE16:
		if (len >= 2) {
			memcpy(&be16, nla_data(attr), 2);
			*(uint16_t *)field = ntohs(be16);
		}
		break;
	case ATTR_U32:
		if (len >= 4)
			memcpy(field, nla_data(attr), 4);
		break;
	case ATTR_MAC:
		if (len == 6)
			memcpy(field, nla_data(attr), 6);
		break;
	case ATTR_INET:
	case ATTR_INET4:
	case ATTR_INET6:
		(void)attr_get_inet(attr, field);
		break;
	case ATTR_DEV:
		name = len >= 4 ? devices_name(devices, (int)nla_get_u32(attr)) : NULL;
		if (name != NULL)
			memcpy(field, name, IFNAME_BYTES);
		break;
	}
}

void attrs_read(struct nlattr **attrs, int max, const struct devices *devices, enum kobj_kind kind,
		enum attr_nest nest, void *obj)
{
	for (const struct attr_row *row = first_row(kind); row->kind == kind; row++) {
		if (row->nest == nest && row->attr <= max && attrs[row->attr] != NULL)
			get_row(attrs[row->attr], devices, row, (char *)obj + row->offset);
	}
}

struct name_entry {
	char name[IFNAME_BYTES];
	int index;
};

struct index_entry {
	int index;
	char name[IFNAME_BYTES];
};

void devices_init(struct devices *devices, struct heap *heap, uint64_t seed)
{
	map_init(&devices->by_name, heap, IFNAME_BYTES, sizeof(struct name_entry), seed);
	map_init(&devices->by_index, heap, sizeof(int), sizeof(struct index_entry), seed);
}

void devices_close(struct devices *devices)
{
	map_close(&devices->by_name);
	map_close(&devices->by_index);
}

void devices_clear(struct devices *devices)
{
	struct heap *heap = devices->by_name.heap;
	uint64_t seed = devices->by_name.seed;

	devices_close(devices);
	devices_init(devices, heap, seed);
}

void devices_end(struct devices *devices, int index)
{
	struct index_entry *entry = map_find(&devices->by_index, &index);
	struct name_entry *named;

	if (entry == NULL)
		return;
	named = map_find(&devices->by_name, entry->name);
	if (named != NULL && named->index == index)
		(void)map_remove(&devices->by_name, entry->name);
	(void)map_remove(&devices->by_index, &index);
}

void devices_put(struct devices *devices, int index, const char *name)
{
	char padded[IFNAME_BYTES] = {0};
	struct index_entry *entry;
	struct name_entry *named;

	strncpy(padded, name, IFNAME_BYTES - 1);
	entry = map_find(&devices->by_index, &index);
	if (entry != NULL && memcmp(entry->name, padded, IFNAME_BYTES) != 0)
		devices_end(devices, index);
	entry = map_insert(&devices->by_index, &index, NULL);
	memcpy(entry->name, padded, IFNAME_BYTES);
	named = map_insert(&devices->by_name, padded, NULL);
	named->index = index;
}

int devices_index(const struct devices *devices, const char *name)
{
	const struct name_entry *entry = map_find(&devices->by_name, name);

	return entry == NULL ? 0 : entry->index;
}

const char *devices_name(const struct devices *devices, int index)
{
	const struct index_entry *entry = map_find(&devices->by_index, &index);

	return entry == NULL ? NULL : entry->name;
}
