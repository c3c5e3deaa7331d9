/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Forwarding entries and neighbours. Every function here answers for one key, so that a whole
 * network, a few touched keys and a single notification all get the same answer.
 */
#include <string.h>

#include "overlay/desired.h"

static const struct mac no_mac;

static const char *neighbour_device(const struct overlay *ov, const struct net *net)
{
	return ov->config.layout == OVERLAY_PROXY ? net->vxlan : net->bridge;
}

static const struct local_endpoint *local_with(const struct net *net, const struct mac *mac)
{
	const struct local *local;

	if (map_find(&net->local_macs, mac) == NULL)
		return NULL;
	for (size_t pos = 0; (local = map_next(&net->locals, &pos)) != NULL;) {
		if (!local->endpoint.is_host && !local->plugging && !local->lost_told &&
		    mac_eq(&local->endpoint.mac, mac))
			return &local->endpoint;
	}
	return NULL;
}

/* Where floods go in a network with multicast: every attached host but this one. */
static bool is_flooded(const struct overlay *ov, const struct net *net, const struct inet *dst)
{
	const struct attached *attached;

	if (!net->fact.multicast)
		return false;
	for (size_t pos = 0; (attached = map_next(&net->attached, &pos)) != NULL;) {
		const struct owner *owner = rows_owner_find(ov, &attached->node);

		if (owner != NULL && owner->known && !id_eq(&owner->id, &ov->config.node) &&
		    inet_eq(&owner->vtep, dst))
			return true;
	}
	return false;
}

static void point_at_owner(const struct overlay *ov, uint32_t place, struct kfdb *fdb)
{
	if (ov->config.fdb_form == OVERLAY_FDB_NEXTHOP)
		fdb->nhid = desired_group(ov, place);
	else
		fdb->dst = rows_owner_at(ov, place)->vtep;
}

static struct kfdb entry_on(const char *dev, const struct mac *mac, enum kfdb_table table)
{
	struct kfdb fdb = {.mac = *mac, .table = (uint8_t)table};

	memcpy(fdb.dev, dev, IFNAME_BYTES);
	return fdb;
}

bool desired_fdb(const struct overlay *ov, const struct net *net, const struct kfdb *obj,
		 struct kfdb *out)
{
	const struct local_endpoint *local;
	const struct remote *remote;

	*out = entry_on(obj->dev, &obj->mac, obj->table);
	if (mac_eq(&obj->mac, &no_mac)) {
		out->dst = obj->dst;
		return obj->table == KFDB_SELF && memcmp(obj->dev, net->vxlan, IFNAME_BYTES) == 0 &&
		       is_flooded(ov, net, &obj->dst);
	}
	local = local_with(net, &obj->mac);
	if (local != NULL)
		return obj->table == KFDB_MASTER &&
		       memcmp(obj->dev, local->host_ifname, IFNAME_BYTES) == 0;
	remote = rows_mac_winner(ov, net, &obj->mac);
	if (remote == NULL || memcmp(obj->dev, net->vxlan, IFNAME_BYTES) != 0)
		return false;
	if (obj->table == KFDB_MASTER)
		return ov->config.layout == OVERLAY_SUPPRESS;
	point_at_owner(ov, remote->owner, out);
	return true;
}

bool desired_neigh(const struct overlay *ov, const struct net *net, const struct kneigh *obj,
		   struct kneigh *out)
{
	const struct remote *remote = rows_addr_winner(ov, net, &obj->ip);
	const char *dev = neighbour_device(ov, net);

	memset(out, 0, sizeof(*out));
	if (remote == NULL || memcmp(obj->dev, dev, IFNAME_BYTES) != 0)
		return false;
	memcpy(out->dev, dev, IFNAME_BYTES);
	out->ip = obj->ip;
	out->mac = remote->mac;
	return true;
}

static void want_mac(const struct overlay *ov, const struct net *net, const struct mac *mac,
		     struct kstate *out)
{
	const struct local_endpoint *local = local_with(net, mac);
	struct kfdb key = entry_on(net->vxlan, mac, KFDB_SELF), fdb;

	if (desired_fdb(ov, net, &key, &fdb))
		vec_push(&out->of[KOBJ_FDB], &fdb);
	key = entry_on(local != NULL ? local->host_ifname : net->vxlan, mac, KFDB_MASTER);
	if (desired_fdb(ov, net, &key, &fdb))
		vec_push(&out->of[KOBJ_FDB], &fdb);
}

static void want_ip(const struct overlay *ov, const struct net *net, const struct inet *ip,
		    struct kstate *out)
{
	struct kneigh key = {.ip = *ip}, neigh;

	memcpy(key.dev, neighbour_device(ov, net), IFNAME_BYTES);
	if (desired_neigh(ov, net, &key, &neigh))
		vec_push(&out->of[KOBJ_NEIGH], &neigh);
}

void desired_touched(const struct overlay *ov, const struct net *net, const struct touch *touch,
		     struct kstate *out)
{
	if (touch->is_mac)
		want_mac(ov, net, &touch->mac, out);
	else
		want_ip(ov, net, &touch->ip, out);
}

void desired_keys(const struct net *net, const struct touch *touch, struct kstate *out)
{
	struct kneigh neigh = {.ip = touch->ip};
	struct kfdb fdb;

	if (touch->is_mac) {
		fdb = entry_on(net->vxlan, &touch->mac, KFDB_SELF);
		vec_push(&out->of[KOBJ_FDB], &fdb);
		fdb.table = KFDB_MASTER; /* of whichever port */
		vec_push(&out->of[KOBJ_FDB], &fdb);
		return;
	}
	memcpy(neigh.dev, net->vxlan, IFNAME_BYTES);
	vec_push(&out->of[KOBJ_NEIGH], &neigh);
	memcpy(neigh.dev, net->bridge, IFNAME_BYTES);
	vec_push(&out->of[KOBJ_NEIGH], &neigh);
}

static void want_floods(const struct overlay *ov, const struct net *net, struct kstate *out)
{
	const struct attached *attached;

	for (size_t pos = 0; (attached = map_next(&net->attached, &pos)) != NULL;) {
		const struct owner *owner = rows_owner_find(ov, &attached->node);
		struct kfdb key = entry_on(net->vxlan, &no_mac, KFDB_SELF), fdb;

		if (owner == NULL || !owner->known || id_eq(&owner->id, &ov->config.node))
			continue;
		key.dst = owner->vtep;
		if (desired_fdb(ov, net, &key, &fdb))
			vec_push(&out->of[KOBJ_FDB], &fdb);
	}
}

void desired_entries(const struct overlay *ov, const struct net *net, struct kstate *out)
{
	const struct local *local;
	const struct index_link *link;
	struct index_walk macs = {0}, addrs = {0};

	while ((link = index_each(&net->by_mac, &macs)) != NULL) {
		const struct mac *mac = index_key(&net->by_mac, link);

		if (map_find(&net->local_macs, mac) == NULL)
			want_mac(ov, net, mac, out);
	}
	while ((link = index_each(&net->by_addr, &addrs)) != NULL)
		want_ip(ov, net, index_key(&net->by_addr, link), out);
	for (size_t pos = 0; (local = map_next(&net->locals, &pos)) != NULL;) {
		if (!local->endpoint.is_host)
			want_mac(ov, net, &local->endpoint.mac, out);
	}
	if (net->fact.multicast)
		want_floods(ov, net, out);
}
