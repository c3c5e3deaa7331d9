/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Kernel objects as lines for people: logs, failures and golden files show the same words.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "gossip/base/check.h"
#include "overlay/kobj.h"

/* A line being written; what does not fit is cut. */
struct line {
	char *at;
	size_t left;
};

static void __attribute__((format(printf, 2, 3))) say(struct line *line, const char *fmt, ...)
{
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(line->at, line->left, fmt, args);
	va_end(args);
	if (len < 0)
		return;
	if ((size_t)len >= line->left)
		len = (int)line->left - 1;
	line->at += len;
	line->left -= (size_t)len;
}

static const char *kind_name(uint8_t kind)
{
	static const char *const names[] = {"device", "bridge", "vxlan", "veth"};

	return kind <= KLINK_VETH ? names[kind] : "device";
}

static void say_link(struct line *line, const struct klink *link)
{
	char mac[MAC_TEXT_BYTES], local[INET_TEXT_BYTES];

	mac_format(&link->mac, mac);
	say(line, "%s %s mtu %u mac %s %s", kind_name(link->kind), link->name, link->mtu, mac,
	    link->up ? "up" : "down");
	if (link->kind == KLINK_BRIDGE)
		say(line, " snooping %u", link->mcast_snooping);
	if (link->kind == KLINK_VXLAN) {
		inet_format(&link->vxlan.local, local);
		say(line, " vni %u port %u local %s%s%s", link->vxlan.vni, link->vxlan.port, local,
		    link->vxlan.proxy ? " proxy" : "", link->vxlan.df ? " df" : "");
	}
	if (link->master[0] != '\0')
		say(line, " master %s learning %u flood %u mcast %u suppress %u locked %u",
		    link->master, link->port.learning, link->port.flood, link->port.mcast_flood,
		    link->port.neigh_suppress, link->port.locked);
}

static void say_route(struct line *line, const struct kroute *route)
{
	char dst[PREFIX_TEXT_BYTES], source[INET_TEXT_BYTES];
	static const struct inet none;

	prefix_format(&route->dst, dst);
	say(line, "route %s dev %s", dst, route->dev);
	if (!inet_eq(&route->source, &none)) {
		inet_format(&route->source, source);
		say(line, " src %s", source);
	}
}

static void say_nexthop(struct line *line, const struct knexthop *hop)
{
	char via[INET_TEXT_BYTES];

	if (hop->member != 0) {
		say(line, "nexthop 0x%08x group 0x%08x", hop->id, hop->member);
		return;
	}
	inet_format(&hop->via, via);
	say(line, "nexthop 0x%08x via %s", hop->id, via);
}

static void say_fdb(struct line *line, const struct kfdb *fdb)
{
	static const struct inet none;
	char mac[MAC_TEXT_BYTES], dst[INET_TEXT_BYTES];

	mac_format(&fdb->mac, mac);
	say(line, "fdb %s dev %s %s", mac, fdb->dev, fdb->table == KFDB_SELF ? "self" : "master");
	if (fdb->nhid != 0)
		say(line, " nhid 0x%08x", fdb->nhid);
	if (!inet_eq(&fdb->dst, &none)) {
		inet_format(&fdb->dst, dst);
		say(line, " dst %s", dst);
	}
	if (fdb->dynamic)
		say(line, " dynamic");
}

static void say_entry(struct line *line, enum kobj_kind kind, const void *obj)
{
	char text[PREFIX_TEXT_BYTES], mac[MAC_TEXT_BYTES];

	if (kind == KOBJ_ADDR) {
		const struct kaddr *addr = obj;

		prefix_format(&addr->addr, text);
		say(line, "address %s dev %s", text, addr->dev);
	} else {
		const struct kneigh *neigh = obj;

		inet_format(&neigh->ip, text);
		mac_format(&neigh->mac, mac);
		say(line, "neighbour %s mac %s dev %s%s", text, mac, neigh->dev,
		    neigh->foreign ? " foreign" : "");
	}
}

const char *kobj_format(enum kobj_kind kind, const void *obj, char *out, size_t cap)
{
	struct line line = {out, cap};

	WEFT_ASSERT(cap > 0);
	out[0] = '\0';
	switch (kind) {
	case KOBJ_SYSCTL:
		say(&line, "sysctl %s = %s", ((const struct ksysctl *)obj)->path,
		    ((const struct ksysctl *)obj)->value);
		break;
	case KOBJ_LINK:
		say_link(&line, obj);
		break;
	case KOBJ_ADDR:
	case KOBJ_NEIGH:
		say_entry(&line, kind, obj);
		break;
	case KOBJ_ROUTE:
		say_route(&line, obj);
		break;
	case KOBJ_NEXTHOP:
		say_nexthop(&line, obj);
		break;
	case KOBJ_FDB:
		say_fdb(&line, obj);
		break;
	case KOBJ_BOX_MTU:
		say(&line, "box behind %s mtu %u", ((const struct kbox_mtu *)obj)->port,
		    ((const struct kbox_mtu *)obj)->mtu);
		break;
	default:
		weft_assert_failed("a known kind of object", __FILE__, __LINE__);
	}
	return out;
}
