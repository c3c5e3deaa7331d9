/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Plugging an endpoint into a box. The network's devices come first; while the port is being made
 * the endpoint counts as local (nothing remote may hold its address) but its port is not missed.
 *
 * Most of the time goes into the veth itself. It may be made ahead, while the lease is on its way
 * to the disk: before that nobody may see the address, and a veth without one shows nothing. Until
 * the endpoint is attached no row explains it, so that a reconcile sweeps it; the plug then begins
 * anew.
 *
 * A port that was made or removed here is as it is wanted, so that the host's other devices need
 * not be read again: an attach costs the same on a host with one box and with hundreds.
 */
#include <errno.h>
#include <string.h>

#include "gossip/base/check.h"
#include "overlay/work.h"

static const struct inet no_inet;

static bool reaches(const struct local_endpoint *endpoint, const struct prefix *subnet)
{
	for (size_t i = 0; i < endpoint->addr_count; i++) {
		if (prefix_has(subnet, &endpoint->addrs[i].ip))
			return true;
	}
	return false;
}

static bool has_family(const struct kplug *plug, bool v4)
{
	for (size_t i = 0; i < plug->gateway_count; i++) {
		if (inet_is_v4(&plug->gateways[i]) == v4)
			return true;
	}
	return false;
}

/* One default route a family, by the gateway of the endpoint's own subnet; the network's other
 * subnets lie on the same link. */
static void fill_routes(struct kplug *plug, const struct net *net,
			const struct local_endpoint *endpoint)
{
	for (size_t i = 0; i < net->fact.pool_count; i++) {
		const struct pool *pool = &net->fact.pools[i];
		bool v4 = inet_is_v4(&pool->subnet.ip);

		if (!reaches(endpoint, &pool->subnet)) {
			plug->subnets[plug->subnet_count++] = pool->subnet;
			continue;
		}
		if (!net->fact.internal && !inet_eq(&pool->gateway, &no_inet) &&
		    !has_family(plug, v4))
			plug->gateways[plug->gateway_count++] = pool->gateway;
	}
}

static void fill_port(struct kplug *plug, const struct net *net,
		      const struct local_endpoint *endpoint)
{
	struct klink *port = &plug->port;

	memcpy(port->name, endpoint->host_ifname, IFNAME_BYTES);
	memcpy(port->master, net->bridge, IFNAME_BYTES);
	name_alias(&net->id, port->alias);
	port->kind = KLINK_VETH;
	port->up = 1;
	port->addrgen_none = 1;
	port->mac = mac_of_port(&endpoint->id);
	port->mtu = net->mtu;
	port->port.locked = 1;
	port->port.mcast_flood = 1;
}

static void fill_plug(struct kplug *plug, const struct net *net,
		      const struct local_endpoint *endpoint)
{
	memset(plug, 0, sizeof(*plug));
	fill_port(plug, net, endpoint);
	memcpy(plug->ifname, endpoint->ifname, IFNAME_BYTES);
	plug->mac = endpoint->mac;
	plug->mtu = net->mtu;
	plug->addr_count = endpoint->addr_count;
	memcpy(plug->addrs, endpoint->addrs, sizeof(plug->addrs));
	fill_routes(plug, net, endpoint);
}

static void tell_plugged(const struct kplug *plug, struct overlay_plugged *plugged)
{
	if (plugged == NULL)
		return;
	memset(plugged, 0, sizeof(*plugged));
	memcpy(plugged->host_ifname, plug->port.name, IFNAME_BYTES);
	plugged->mtu_bytes = (uint16_t)plug->mtu;
	plugged->gateway_count = plug->gateway_count;
	memcpy(plugged->gateways, plug->gateways, sizeof(plugged->gateways));
}

/* The devices stand, or the reason why not. */
static int make_devices(struct overlay *ov, struct net *net, struct mono now,
			const struct overlay_sink *sink, struct weft_err *err)
{
	if (!net->is_standing || net->mtu == 0 || ov->numbers_due)
		(void)overlay_reconcile(ov, now, sink, NULL);
	if (net->is_standing)
		return 0;
	return weft_err_set(err, WEFT_E_KERNEL, "the network's devices cannot be made: %s",
			    net->devices.failed > 0 ? net->devices.error : "see the log");
}

static void announce_here(struct overlay *ov, struct net *net,
			  const struct local_endpoint *endpoint)
{
	for (size_t i = 0; i < endpoint->addr_count; i++)
		work_note_here(ov, net, &endpoint->addrs[i].ip, &endpoint->mac, NULL);
}

/* Boxes may believe its addresses to be where it was, or where they were told that it would be. */
static void note_gone(struct net *net, const struct local_endpoint *endpoint)
{
	for (size_t i = 0; i < endpoint->addr_count; i++)
		work_note_gone(net, &endpoint->addrs[i].ip, &endpoint->mac);
}

static void note_error(void *arg, size_t place, int error, const char *text)
{
	(void)place;
	(void)text;
	*(int *)arg = error;
}

/* 0, or a positive errno. */
static int delete_port(struct overlay *ov, const struct klink *port)
{
	const struct overlay_config *config = &ov->config;
	const struct kop op = {.verb = KVERB_DELETE, .kind = KOBJ_LINK, .obj = port};
	int error = 0;

	if (config->kernel->apply(config->kernel_ctx, &op, 1, note_error, &error) != 0 &&
	    error == 0)
		error = EIO;
	return error;
}

void overlay_make(struct overlay *ov, const struct local_endpoint *endpoint,
		  struct overlay_box *box)
{
	const struct overlay_config *config = &ov->config;
	const struct net *net = rows_net(ov, &endpoint->network);
	struct local_endpoint named = *endpoint;
	struct kplug plug;

	WEFT_ASSERT(!endpoint->is_host && box->made == 0);
	if (net == NULL || !net->is_standing || net->mtu == 0 || ov->numbers_due)
		return; /* the devices come first */
	name_port(&named.id, named.host_ifname);
	fill_plug(&plug, net, &named);
	if (config->kernel->make(config->kernel_ctx, &plug, box, &box->made) != 0)
		box->made = 0;
}

void overlay_unmake(struct overlay *ov, const struct local_endpoint *endpoint,
		    const struct overlay_box *box)
{
	struct klink port = {.kind = KLINK_VETH};

	WEFT_ASSERT(!endpoint->is_host);
	name_port(&endpoint->id, port.name);
	/* what the kernel refuses is a port that no row explains */
	if (box->made != 0 && delete_port(ov, &port) != 0)
		ov->host_due = true;
}

/* Takes the endpoint up and makes the devices that it is plugged into. */
static int take_up(struct overlay *ov, struct net *net, const struct local_endpoint *endpoint,
		   struct mono now, const struct overlay_sink *sink, struct weft_err *err)
{
	bool host_due = ov->host_due;
	struct local *local;
	int code;

	if (net == NULL || !net->known)
		return weft_err_set(err, WEFT_E_NOT_FOUND, "this host does not know the network");
	if (map_find(&net->locals, &endpoint->id) != NULL)
		return weft_err_set(err, WEFT_E_EXISTS, "the endpoint is plugged in already");
	overlay_local_put(ov, endpoint);
	if (net->is_standing)
		ov->host_due = host_due;
	local = map_find(&net->locals, &endpoint->id);
	WEFT_ASSERT(local != NULL);
	local->plugging = true;
	code = make_devices(ov, net, now, sink, err);
	if (code != 0)
		overlay_local_end(ov, &endpoint->network, &endpoint->id);
	return code;
}

int overlay_attach(struct overlay *ov, const struct local_endpoint *endpoint,
		   const struct overlay_box *box, struct mono now, const struct overlay_sink *sink,
		   struct overlay_plugged *plugged, struct weft_err *err)
{
	const struct overlay_config *config = &ov->config;
	struct net *net = rows_net(ov, &endpoint->network);
	struct local *local;
	struct kplug plug;
	int code;

	WEFT_ASSERT(!endpoint->is_host);
	code = take_up(ov, net, endpoint, now, sink, err);
	if (code != 0) { /* what the kernel's plug meets it takes back itself */
		overlay_unmake(ov, endpoint, box);
		return code;
	}
	WEFT_ASSERT(net != NULL);
	local = map_find(&net->locals, &endpoint->id);
	fill_plug(&plug, net, &local->endpoint);
	announce_here(ov, net, endpoint); /* first, see announce.c */
	code = config->kernel->plug(config->kernel_ctx, &plug, box, err);
	if (code != 0) {
		note_gone(net, endpoint);
		overlay_local_end(ov, &endpoint->network, &endpoint->id);
		return code;
	}
	local->plugging = false;
	tell_plugged(&plug, plugged);
	return 0;
}

int overlay_detach(struct overlay *ov, const struct id *network, const struct id *endpoint,
		   struct weft_err *err)
{
	struct net *net = rows_net(ov, network);
	struct local *local = net != NULL ? map_find(&net->locals, endpoint) : NULL;
	bool host_due = ov->host_due, is_host;
	struct klink port = {.kind = KLINK_VETH};
	int error, code = 0;

	if (local == NULL) {
		ov->host_due = true; /* a port of an endpoint that nobody knows is swept */
		return 0;
	}
	is_host = local->endpoint.is_host;
	if (!is_host) {
		memcpy(port.name, local->endpoint.host_ifname, IFNAME_BYTES);
		error = delete_port(ov, &port);
		if (error != 0)
			code = weft_err_set(err, WEFT_E_KERNEL, "%s cannot be removed: %s",
					    port.name, strerror(error));
		note_gone(net, &local->endpoint);
	}
	overlay_local_end(ov, network, endpoint);
	net = rows_net(ov, network);
	/* a port that still stands is one of an endpoint that nobody knows */
	if (code == 0 && !is_host && net != NULL && rows_net_is_wanted(ov, net))
		ov->host_due = host_due;
	return code;
}
