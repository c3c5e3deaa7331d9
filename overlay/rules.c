/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The text of weft's two nftables tables.
 *
 * `inet weft`: VXLAN traffic of weft's VNIs is not tracked and taken only from the members that are
 * attached; networks are kept apart in forward (the same bridge is accepted first: with bridge
 * netfilter its frames pass there too) and a box reaches no address of its host but the gateway and
 * the host's address in its network; what leaves the overlay is masqueraded, what stays never.
 * `netdev weft`, for networks with multicast: what must not cross between hosts although floods do,
 * that is resolution, router messages and whatever the bridges say of their own.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gossip/base/check.h"
#include "overlay/desired.h"

/* A growing text on a heap. */
struct text {
	struct heap *heap;
	char *at;
	size_t len;
	size_t cap;
};

static void __attribute__((format(printf, 2, 3))) say(struct text *text, const char *fmt, ...)
{
	for (;;) {
		size_t room = text->cap - text->len;
		va_list args;
		int len;

		va_start(args, fmt);
		len = vsnprintf(text->at + text->len, room, fmt, args);
		va_end(args);
		WEFT_ASSERT(len >= 0);
		if ((size_t)len < room) {
			text->len += (size_t)len;
			return;
		}
		text->at = heap_resize(text->heap, text->at, text->cap, text->cap * 2);
		text->cap *= 2;
	}
}

/* Networks in the order of their VNIs, so that equal rows give equal text. */
static int vni_cmp(const void *a, const void *b)
{
	uint32_t first = (*(struct net *const *)a)->vni, second = (*(struct net *const *)b)->vni;

	return first < second ? -1 : first > second;
}

static void sorted_nets(struct overlay *ov, struct vec *out)
{
	struct net *net;

	vec_init(out, &ov->heap, sizeof(struct net *));
	for (size_t pos = 0; (net = rows_net_next(ov, &pos)) != NULL;) {
		if (rows_net_is_wanted(ov, net))
			vec_push(out, &net);
	}
	if (out->count > 0)
		qsort(out->items, out->count, sizeof(struct net *), vni_cmp);
}

static struct net *net_at(const struct vec *nets, size_t i)
{
	return *(struct net **)vec_at(nets, i);
}

static int inet_order(const void *key, const void *item)
{
	return inet_cmp(key, item);
}

/* The VTEPs of the other attached hosts, each once, in order. */
static void sorted_vteps(struct overlay *ov, const struct net *net, struct vec *out)
{
	const struct attached *attached;

	vec_init(out, &ov->heap, sizeof(struct inet));
	for (size_t pos = 0; (attached = map_next(&net->attached, &pos)) != NULL;) {
		const struct owner *owner = rows_owner_find(ov, &attached->node);
		size_t place;

		if (owner == NULL || !owner->known || id_eq(&owner->id, &ov->config.node) ||
		    inet_is_v4(&owner->vtep) != inet_is_v4(&ov->config.vtep))
			continue;
		place = vec_lower_bound(out, &owner->vtep, inet_order);
		if (place == out->count ||
		    !inet_eq((const struct inet *)vec_at(out, place), &owner->vtep))
			vec_insert(out, place, &owner->vtep);
	}
}

static const char *family_of(const struct inet *ip)
{
	return inet_is_v4(ip) ? "ip" : "ip6";
}

static void say_vteps(struct overlay *ov, struct text *text, const struct net *net)
{
	struct vec vteps;
	char ip[INET_TEXT_BYTES];
	bool v4 = inet_is_v4(&ov->config.vtep);

	sorted_vteps(ov, net, &vteps);
	say(text, "\tset vteps_%06x {\n\t\ttype %s\n", net->vni, v4 ? "ipv4_addr" : "ipv6_addr");
	for (size_t i = 0; i < vteps.count; i++) {
		inet_format(vec_at(&vteps, i), ip);
		say(text, "%s%s", i == 0 ? "\t\telements = { " : ", ", ip);
	}
	say(text, "%s\t}\n", vteps.count > 0 ? " }\n" : "");
	say(text,
	    "\tchain from_%06x {\n\t\t%s saddr != @vteps_%06x counter drop\n\t\tnotrack\n\t}\n",
	    net->vni, v4 ? "ip" : "ip6", net->vni);
	vec_close(&vteps);
}

/* True when an earlier network of the list uses the same port. */
static bool port_was_said(const struct vec *nets, size_t i)
{
	for (size_t j = 0; j < i; j++) {
		if (net_at(nets, j)->fact.port == net_at(nets, i)->fact.port)
			return true;
	}
	return false;
}

/* Networks may use several UDP ports; each port's rule knows its VNIs by their place in the VXLAN
 * header (RFC 7348, section 5). */
static void say_tunnel(struct text *text, const struct vec *nets, bool inbound)
{
	for (size_t i = 0; i < nets->count; i++) {
		uint16_t port = net_at(nets, i)->fact.port;
		const char *comma = "";

		if (port_was_said(nets, i))
			continue;
		say(text, "\t\tudp dport %u udp length >= 16 %s@th,96,24 %s{ ", port,
		    inbound ? "fib daddr type local " : "", inbound ? "vmap " : "");
		for (size_t j = i; j < nets->count; j++) {
			uint32_t vni = net_at(nets, j)->vni;

			if (net_at(nets, j)->fact.port != port)
				continue;
			say(text, "%s%u", comma, vni);
			if (inbound)
				say(text, " : goto from_%06x", vni);
			comma = ", ";
		}
		say(text, " }%s\n", inbound ? "" : " notrack");
	}
}

/* One pair of a bridge and an address that its boxes reach; first says whether one came before. */
static void say_reachable(struct text *text, const struct net *net, const struct inet *ip, bool v4,
			  bool *first)
{
	static const struct inet none;
	char addr[INET_TEXT_BYTES];

	if (inet_eq(ip, &none) || inet_is_v4(ip) != v4)
		return;
	inet_format(ip, addr);
	if (*first)
		say(text, "\t\tiifname . %s daddr { ", v4 ? "ip" : "ip6");
	say(text, "%s\"%s\" . %s", *first ? "" : ", ", net->bridge, addr);
	*first = false;
}

static void say_input(const struct overlay *ov, struct text *text, const struct vec *nets)
{
	say(text, "\tchain input {\n\t\ttype filter hook input priority -10; policy accept;\n"
		  "\t\tiifname != \"wfbr*\" accept\n"
		  "\t\tct state established,related accept\n"
		  "\t\ticmpv6 type { 135, 136 } accept\n"); /* ND asks by multicast */
	for (int v4 = 1; v4 >= 0; v4--) {
		bool first = true;

		for (size_t i = 0; i < nets->count; i++) {
			const struct net *net = net_at(nets, i);
			struct inet own[ENDPOINT_ADDRS_MAX];
			size_t count = rows_own_addrs(ov, net, own);

			for (size_t j = 0; j < net->fact.pool_count; j++)
				say_reachable(text, net, &net->fact.pools[j].gateway, v4 != 0,
					      &first);
			for (size_t j = 0; j < count; j++)
				say_reachable(text, net, &own[j], v4 != 0, &first);
		}
		if (!first)
			say(text, " } accept\n");
	}
	say(text, "\t\tcounter drop\n\t}\n");
}

static void say_forward(struct text *text, const struct vec *nets)
{
	const char *comma = "";

	say(text, "\tset internal {\n\t\ttype ifname\n");
	for (size_t i = 0; i < nets->count; i++) {
		if (!net_at(nets, i)->fact.internal)
			continue;
		say(text, "%s\"%s\"", comma[0] == '\0' ? "\t\telements = { " : comma,
		    net_at(nets, i)->bridge);
		comma = ", ";
	}
	say(text, "%s\t}\n", comma[0] == '\0' ? "" : " }\n");
	say(text, "\tchain forward {\n\t\ttype filter hook forward priority -10; policy accept;\n"
		  "\t\tiifname . oifname { ");
	for (size_t i = 0; i < nets->count; i++)
		say(text, "%s\"%s\" . \"%s\"", i == 0 ? "" : ", ", net_at(nets, i)->bridge,
		    net_at(nets, i)->bridge);
	say(text, " } accept\n\t\tiifname \"wfbr*\" oifname \"wfbr*\" counter drop\n"
		  "\t\tiifname @internal counter drop\n\t\toifname @internal counter drop\n");
	/* from outside only answers, and what was published (its address was rewritten) */
	say(text, "\t\toifname != \"wfbr*\" accept\n"
		  "\t\tct state established,related accept\n"
		  "\t\tct status dnat accept\n"
		  "\t\tcounter drop\n\t}\n");
}

static void say_egress(struct text *text, const struct vec *nets)
{
	char subnet[PREFIX_TEXT_BYTES];

	say(text, "\tchain postrouting {\n\t\ttype nat hook postrouting priority 100; "
		  "policy accept;\n\t\toifname \"wfbr*\" accept\n");
	for (size_t i = 0; i < nets->count; i++) {
		const struct net *net = net_at(nets, i);

		for (size_t j = 0; j < net->fact.pool_count && !net->fact.internal; j++) {
			prefix_format(&net->fact.pools[j].subnet, subnet);
			say(text, "\t\t%s saddr %s oifname != \"lo\" masquerade\n",
			    family_of(&net->fact.pools[j].subnet.ip), subnet);
		}
	}
	say(text, "\t}\n");
}

static void say_host(struct overlay *ov, struct text *text, const struct vec *nets)
{
	say(text, "table inet weft {\n");
	for (size_t i = 0; i < nets->count; i++)
		say_vteps(ov, text, net_at(nets, i));
	say(text, "\tchain prerouting {\n\t\ttype filter hook prerouting priority -300; "
		  "policy accept;\n");
	say_tunnel(text, nets, true);
	say(text, "\t}\n\tchain output {\n\t\ttype filter hook output priority -300; "
		  "policy accept;\n");
	say_tunnel(text, nets, false);
	say(text, "\t}\n");
	say_input(ov, text, nets);
	say_forward(text, nets);
	say_egress(text, nets);
	say(text, "}\n");
}

/* Under proxy the VXLAN device itself takes every request on its way out, and its answers come in
 * by the hook that the remote frames pass: answers must be let in, requests must be let out. */
static void say_port(const struct overlay *ov, struct text *text, const struct net *net)
{
	/* of the bridge's own multicast only requests go on, for the proxy to answer */
	static const char *const own[] = {
	    "meta protocol 0x0800", "meta protocol 0x86dd meta l4proto != 58", "icmpv6 type != 135",
	    "meta protocol != { 0x0800, 0x0806, 0x86dd }"};
	bool proxy = ov->config.layout == OVERLAY_PROXY;
	struct mac mac = mac_of_bridge(&ov->config.node, net->fact.vni);
	char bridge[MAC_TEXT_BYTES];

	mac_format(&mac, bridge);
	say(text,
	    "\tchain in_%06x {\n\t\ttype filter hook ingress device \"%s\" priority 0; "
	    "policy accept;\n",
	    net->vni, net->vxlan);
	say(text, "\t\tether saddr %s drop\n", bridge);
	say(text, "\t\tarp operation %s drop\n\t\ticmpv6 type { %s } drop\n\t}\n",
	    proxy ? "1" : "1-2", proxy ? "133, 134, 135, 137" : "133, 134, 135, 136, 137");
	say(text,
	    "\tchain out_%06x {\n\t\ttype filter hook egress device \"%s\" priority 0; "
	    "policy accept;\n",
	    net->vni, net->vxlan);
	if (!proxy)
		say(text, "\t\tmeta protocol arp drop\n");
	say(text, "\t\ticmpv6 type { %s } drop\n",
	    proxy ? "133, 134, 136, 137" : "133, 134, 135, 136, 137");
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		say(text,
		    "\t\tether saddr %s ether daddr & 01:00:00:00:00:00 == 01:00:00:00:00:00 %s "
		    "drop\n",
		    bridge, own[i]);
	say(text, "\t}\n");
}

static void say_ports(const struct overlay *ov, struct text *text, const struct vec *nets)
{
	bool any = false;

	for (size_t i = 0; i < nets->count; i++) {
		const struct net *net = net_at(nets, i);

		if (!net->fact.multicast || !net->is_standing)
			continue;
		if (!any)
			say(text, "table netdev weft {\n");
		any = true;
		say_port(ov, text, net);
	}
	if (any)
		say(text, "}\n");
}

char *desired_rules(struct overlay *ov, enum krules table, size_t *bytes)
{
	struct text text = {.heap = &ov->heap, .cap = 4096};
	struct vec nets;

	text.at = heap_take(&ov->heap, text.cap);
	sorted_nets(ov, &nets);
	if (table == KRULES_PORTS)
		say_ports(ov, &text, &nets);
	else if (nets.count > 0)
		say_host(ov, &text, &nets);
	vec_close(&nets);
	*bytes = text.cap;
	return text.at;
}

char *desired_rules_more(struct overlay *ov, enum krules table, size_t *bytes)
{
	struct text text = {.heap = &ov->heap, .cap = 4096};
	struct vec nets, vteps;
	char ip[INET_TEXT_BYTES];

	text.at = heap_take(&ov->heap, text.cap);
	sorted_nets(ov, &nets);
	for (size_t i = 0; table == KRULES_HOST && i < nets.count; i++) {
		uint32_t vni = net_at(&nets, i)->vni;

		sorted_vteps(ov, net_at(&nets, i), &vteps);
		say(&text, "add set inet weft vteps_%06x { type %s; }\n", vni,
		    inet_is_v4(&ov->config.vtep) ? "ipv4_addr" : "ipv6_addr");
		for (size_t j = 0; j < vteps.count; j++) {
			inet_format(vec_at(&vteps, j), ip);
			say(&text, "add element inet weft vteps_%06x { %s }\n", vni, ip);
		}
		vec_close(&vteps);
	}
	vec_close(&nets);
	*bytes = text.cap;
	return text.at;
}
