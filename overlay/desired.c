/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Links, addresses and routes.
 *
 * Which layout, which form of forwarding entry? Both layouts answer every first ping with nothing
 * but the ping on the wire, multicast on and off, over both forms. Proxy needs two entries for a
 * remote endpoint, suppress needs three, one of them in the bridge, whose dump walks all entries
 * once for each port. Of the CPU time that bridge -batch and ip -batch take for 100,000 endpoints,
 * proxy takes 0.17 and suppress 0.22; looking at all of them again takes half as long under proxy;
 * nexthop groups save a twentieth (test/bench/bench_overlay.c). But a kernel before 6.17 follows a
 * null pointer when its VXLAN proxy answers for a MAC behind a nexthop group (arp_reduce and
 * neigh_reduce in its drivers/net/vxlan). So the default is proxy with plain destinations, and
 * proxy with nexthop groups is refused there.
 */
#include "overlay/desired.h"

#include <stdio.h>
#include <string.h>

static const struct inet no_inet;

static struct prefix single(const struct inet *ip)
{
	return (struct prefix){.ip = *ip, .bits = 128};
}

static void add_sysctl(struct kstate *out, const char *value, const char *stem, const char *dev,
		       const char *leaf)
{
	struct ksysctl sysctl = {{0}, {0}};

	(void)snprintf(sysctl.path, sizeof(sysctl.path), "%s%s%s", stem, dev, leaf);
	(void)snprintf(sysctl.value, sizeof(sysctl.value), "%s", value);
	vec_push(&out->of[KOBJ_SYSCTL], &sysctl);
}

static void add_bridge(const struct overlay *ov, const struct net *net, struct kstate *out)
{
	struct klink link = {.kind = KLINK_BRIDGE, .up = 1, .addrgen_none = 1, .mtu = net->mtu};

	memcpy(link.name, net->bridge, IFNAME_BYTES);
	name_alias(&net->id, link.alias);
	link.mac = mac_of_bridge(&ov->config.node, net->fact.vni);
	vec_push(&out->of[KOBJ_LINK], &link);
}

static void add_vxlan(const struct overlay *ov, const struct net *net, struct kstate *out)
{
	bool proxy = ov->config.layout == OVERLAY_PROXY;
	struct klink link = {.kind = KLINK_VXLAN, .up = 1, .addrgen_none = 1, .mtu = net->mtu};

	memcpy(link.name, net->vxlan, IFNAME_BYTES);
	memcpy(link.master, net->bridge, IFNAME_BYTES);
	name_alias(&net->id, link.alias);
	link.mac = mac_of_port(&net->id);
	link.vxlan.vni = net->vni;
	link.vxlan.port = net->fact.port;
	link.vxlan.local = ov->config.vtep;
	link.vxlan.proxy = proxy;
	link.vxlan.df = inet_is_v4(&ov->config.vtep);
	/* proxy: unknown MACs go to the VXLAN device, which alone knows where they are */
	link.port.flood = proxy;
	link.port.mcast_flood = proxy || net->fact.multicast;
	link.port.neigh_suppress = !proxy;
	vec_push(&out->of[KOBJ_LINK], &link);
}

static void add_port(const struct overlay *ov, const struct net *net,
		     const struct local_endpoint *endpoint, struct kstate *out)
{
	struct klink link = {.kind = KLINK_VETH, .up = 1, .addrgen_none = 1, .mtu = net->mtu};
	struct kbox_mtu box = {.mtu = net->mtu, .endpoint = endpoint->id};

	memcpy(link.name, endpoint->host_ifname, IFNAME_BYTES);
	memcpy(link.master, net->bridge, IFNAME_BYTES);
	name_alias(&net->id, link.alias);
	link.mac = mac_of_port(&endpoint->id);
	link.port.locked = 1;
	link.port.mcast_flood = 1;
	vec_push(&out->of[KOBJ_LINK], &link);
	if (ov->config.box_open == NULL)
		return;
	memcpy(box.port, endpoint->host_ifname, IFNAME_BYTES);
	vec_push(&out->of[KOBJ_BOX_MTU], &box);
}

static void add_address(const struct net *net, const struct inet *ip, bool deprecated,
			struct kstate *out)
{
	struct kaddr addr = {.addr = single(ip), .deprecated = deprecated && !inet_is_v4(ip)};

	memcpy(addr.dev, net->bridge, IFNAME_BYTES);
	vec_push(&out->of[KOBJ_ADDR], &addr);
}

/* The bridge answers as gateway on every host; the host speaks with the address it leased, which
 * the route to the network names, or its answers would come home to another host. */
static void add_addresses(const struct overlay *ov, const struct net *net, struct kstate *out)
{
	struct inet own[ENDPOINT_ADDRS_MAX];
	size_t count = rows_own_addrs(ov, net, own);

	for (size_t i = 0; i < count; i++)
		add_address(net, &own[i], false, out);
	for (size_t i = 0; i < net->fact.pool_count; i++) {
		const struct pool *pool = &net->fact.pools[i];
		struct kroute route = {.dst = pool->subnet};

		if (!inet_eq(&pool->gateway, &no_inet))
			add_address(net, &pool->gateway, true, out);
		memcpy(route.dev, net->bridge, IFNAME_BYTES);
		for (size_t j = 0; j < count; j++) {
			if (prefix_has(&pool->subnet, &own[j]))
				route.source = own[j];
		}
		vec_push(&out->of[KOBJ_ROUTE], &route);
	}
}

static void add_network(const struct overlay *ov, const struct net *net, struct kstate *out)
{
	const struct local *local;

	add_bridge(ov, net, out);
	add_vxlan(ov, net, out);
	for (size_t pos = 0; (local = map_next(&net->locals, &pos)) != NULL;) {
		if (!local->endpoint.is_host && !local->plugging)
			add_port(ov, net, &local->endpoint, out);
	}
	add_addresses(ov, net, out);
	/* the bridge answers ARP for its own addresses only, not for the host's others */
	add_sysctl(out, "1", "net/ipv4/conf/", net->bridge, "/arp_ignore");
}

static int group_cmp(const void *key, const void *item)
{
	uint32_t want = *(const uint32_t *)key, have = ((const struct knexthop *)item)->id;

	return want < have ? -1 : want > have;
}

/* An id of 22 hashed bits for an owner; whoever comes later in the order of ids takes the next free
 * one, so that equal tables give equal ids. */
static uint32_t group_hash(const struct owner *owner)
{
	struct mac mac = mac_of_endpoint(&owner->id);
	uint32_t bits = (uint32_t)mac.b[1] << 16 | (uint32_t)mac.b[2] << 8 | mac.b[3];

	return WEFT_NHID_BASE | (bits & 0x3fffff) << 1 | 1;
}

uint32_t desired_group(const struct overlay *ov, uint32_t place)
{
	const struct owner *owner = rows_owner_at(ov, place);
	uint32_t id = group_hash(owner);

	for (size_t i = 0; i < ov->owners.count; i++) {
		const struct owner *other = rows_owner_at(ov, (uint32_t)i);

		if (i != place && other->known && group_hash(other) == group_hash(owner) &&
		    id_cmp(&other->id, &owner->id) < 0)
			id += 2; /* a second collision at the neighbour is one of 2^44 */
	}
	return id;
}

static void add_nexthops(const struct overlay *ov, struct kstate *out)
{
	struct vec *hops = &out->of[KOBJ_NEXTHOP];

	for (size_t i = 0; i < ov->owners.count; i++) {
		const struct owner *owner = rows_owner_at(ov, (uint32_t)i);
		struct knexthop hop = {0};

		if (!owner->known || id_eq(&owner->id, &ov->config.node) ||
		    inet_is_v4(&owner->vtep) != inet_is_v4(&ov->config.vtep))
			continue;
		hop.id = desired_group(ov, (uint32_t)i) - 1;
		hop.via = owner->vtep;
		vec_insert(hops, vec_lower_bound(hops, &hop.id, group_cmp), &hop);
		hop = (struct knexthop){.id = hop.id + 1, .member = hop.id};
		vec_insert(hops, vec_lower_bound(hops, &hop.id, group_cmp), &hop);
	}
}

void desired_host(const struct overlay *ov, struct kstate *out)
{
	bool egress = false, any = false;
	const struct net *net;

	for (size_t pos = 0; (net = rows_net_next(ov, &pos)) != NULL;) {
		if (!rows_net_is_wanted(ov, net))
			continue;
		any = true;
		egress |= !net->fact.internal;
		add_network(ov, net, out);
	}
	/* boxes leave by this host's routes; the forward rules keep networks apart */
	if (egress)
		add_sysctl(out, "1", "net/ipv4/ip_forward", "", "");
	if (any && ov->config.fdb_form == OVERLAY_FDB_NEXTHOP)
		add_nexthops(ov, out);
}
