/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Kernel objects to netlink messages and back, both from one table of attributes (attrs.c).
 */
#pragma once

#include <linux/netlink.h>

#include "overlay/kobj.h"
#include "netlink.h"

struct devices;

/* How an attribute's payload lies in the message and in the object. */
enum attr_type {
	ATTR_STR, /* NUL-terminated, char[] of row->bytes */
	ATTR_U8,
	ATTR_BE16, /* host order in the object */
	ATTR_U32,
	ATTR_MAC,
	ATTR_INET,  /* 4 or 16 bytes; zero is left out */
	ATTR_INET4, /* present for IPv4 only */
	ATTR_INET6, /* present for IPv6 only */
	ATTR_DEV,   /* a device's number in the message, its name in the object */
};

/* Where in a message an attribute lies. */
enum attr_nest {
	NEST_TOP,
	NEST_BRIDGE, /* IFLA_LINKINFO / IFLA_INFO_DATA of a bridge */
	NEST_VXLAN,  /* the same of a VXLAN device */
	NEST_PORT,   /* IFLA_LINKINFO / IFLA_INFO_SLAVE_DATA of a bridge port */
	NEST_INET6,  /* IFLA_AF_SPEC / AF_INET6 */
};

struct attr_row {
	uint8_t kind; /* enum kobj_kind */
	uint8_t nest;
	uint8_t type;
	uint8_t bytes;
	uint16_t attr;
	uint16_t offset;
	uint32_t fields; /* links: written when one of these enum klink_field is */
};

/* The table, ended by a row of kind 0. */
extern const struct attr_row attr_table[];

/* Writes or reads the rows of one kind and nest. */
void attrs_write(struct nl_msg *msg, const struct devices *devices, enum kobj_kind kind,
		 enum attr_nest nest, uint32_t fields, const void *obj);
void attrs_read(struct nlattr **attrs, int max, const struct devices *devices, enum kobj_kind kind,
		enum attr_nest nest, void *obj);

/* Names and numbers of the devices of one namespace. */
struct devices {
	struct map by_name;  /* name -> number */
	struct map by_index; /* number -> name */
};

/* An address is an attribute of 4 or 16 bytes; one of another length reads as false, *ip unchanged.
 */
void attr_put_inet(struct nl_msg *msg, int attr, const struct inet *ip);
bool attr_get_inet(struct nlattr *attr, struct inet *ip);

void devices_init(struct devices *devices, struct heap *heap, uint64_t seed);
void devices_close(struct devices *devices);
void devices_clear(struct devices *devices);
void devices_put(struct devices *devices, int index, const char *name);
void devices_end(struct devices *devices, int index);

/* 0 when the name is not known. */
int devices_index(const struct devices *devices, const char *name);

/* NULL when the number is not known; borrowed until the next change. */
const char *devices_name(const struct devices *devices, int index);

/* The mark that a link carries from its first moment on, before its alias: its group. */
#define WEFT_LINK_GROUP 0x77656674u

/* Starts a message in chan that creates a link with what can be given at once (name, kind, MAC,
 * MTU, master). The rest follows as changes. */
void attrs_link_create(struct chan *chan, const struct devices *devices, const struct klink *link);

/* Starts a message that sets these fields of the link with number index. */
void attrs_link_change(struct chan *chan, const struct devices *devices, int index,
		       const struct klink *link, uint32_t fields);
void attrs_link_delete(struct chan *chan, int index);

/* Starts a message about an object on a device that devices knows: -ENODEV when it does not. */
int attrs_put(struct chan *chan, const struct devices *devices, enum kobj_kind kind,
	      const void *obj, bool create);

/* Starts a request for the forwarding entry or neighbour with the key of obj. */
int attrs_query(struct chan *chan, const struct devices *devices, enum kobj_kind kind,
		const void *obj);

/* What a link message says beside the link itself. */
struct link_numbers {
	int index;
	int master;    /* 0: none */
	int peer;      /* the other end of a veth, in its own namespace's numbers */
	int peer_nsid; /* -1: the same namespace */
	uint32_t group;
};

/* Each reads a message of its family; false when it describes nothing that weft looks at, or when
 * its device is not known. A link's master is named only when devices knows it. */
bool attrs_read_link(struct nlmsghdr *nlh, const struct devices *devices, struct klink *link,
		     struct link_numbers *numbers);
bool attrs_read_addr(struct nlmsghdr *nlh, const struct devices *devices, struct kaddr *addr);
bool attrs_read_route(struct nlmsghdr *nlh, const struct devices *devices, struct kroute *route);
bool attrs_read_nexthop(struct nlmsghdr *nlh, struct knexthop *hop);
bool attrs_read_fdb(struct nlmsghdr *nlh, const struct devices *devices, struct kfdb *fdb);
bool attrs_read_neigh(struct nlmsghdr *nlh, const struct devices *devices, struct kneigh *neigh);
