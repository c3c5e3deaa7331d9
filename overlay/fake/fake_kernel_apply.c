/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The fake kernel's operations, with the refusals of the real one.
 */
#include <errno.h>
#include <string.h>

#include "gossip/base/check.h"
#include "fake_kernel_parts.h"

static const struct inet no_inet;
static const struct mac no_mac;

static bool clashes_with_vxlan(const struct fake_kernel *kernel, const struct klink *link)
{
	for (size_t i = 0; i < kernel->state.of[KOBJ_LINK].count; i++) {
		const struct klink *other = vec_at(&kernel->state.of[KOBJ_LINK], i);

		if (link->kind == KLINK_VXLAN && other->kind == KLINK_VXLAN &&
		    other->vxlan.vni == link->vxlan.vni && other->vxlan.port == link->vxlan.port)
			return true;
	}
	return false;
}

static int create_link(struct fake_kernel *kernel, const struct klink *link)
{
	if (fake_link(kernel, link->name) != NULL || clashes_with_vxlan(kernel, link))
		return EEXIST;
	if (link->master[0] != '\0' && fake_link(kernel, link->master) == NULL)
		return ENODEV;
	if (link->mtu < 68)
		return EINVAL;
	fake_put(kernel, KOBJ_LINK, link);
	return 0;
}

static int change_link(struct fake_kernel *kernel, const struct klink *want, uint32_t fields)
{
	const struct klink *standing = fake_link(kernel, want->name);
	struct klink link;

	if (standing == NULL)
		return ENODEV;
	if ((fields & KLINK_TUNNEL) != 0)
		return EOPNOTSUPP;
	if ((fields & KLINK_MASTER) != 0 && fake_link(kernel, want->master) == NULL)
		return ENODEV;
	link = *want;
	link.mtu = (fields & KLINK_MTU) != 0 ? want->mtu : standing->mtu;
	link.mac = (fields & KLINK_MAC) != 0 ? want->mac : standing->mac;
	link.up = (fields & KLINK_UP) != 0 ? want->up : standing->up;
	link.vxlan = standing->vxlan;
	if ((fields & KLINK_LOCAL) != 0)
		link.vxlan.local = want->vxlan.local;
	if ((fields & KLINK_PORT) == 0)
		link.port = standing->port;
	if ((fields & KLINK_MASTER) == 0)
		memcpy(link.master, standing->master, IFNAME_BYTES);
	if ((fields & KLINK_ALIAS) == 0)
		memcpy(link.alias, standing->alias, sizeof(link.alias));
	if ((fields & (KLINK_MAC | KLINK_UP)) != 0)
		fake_wipe(kernel, link.name);
	fake_put(kernel, KOBJ_LINK, &link);
	return 0;
}

static int create_addr(struct fake_kernel *kernel, const struct kaddr *addr)
{
	return fake_link(kernel, addr->dev) == NULL ? ENODEV
						    : (fake_put(kernel, KOBJ_ADDR, addr), 0);
}

static bool has_address(const struct fake_kernel *kernel, const struct inet *ip)
{
	for (size_t i = 0; i < kernel->state.of[KOBJ_ADDR].count; i++) {
		const struct kaddr *addr = vec_at(&kernel->state.of[KOBJ_ADDR], i);

		if (inet_eq(&addr->addr.ip, ip))
			return true;
	}
	return false;
}

static int create_route(struct fake_kernel *kernel, const struct kroute *route)
{
	const struct klink *dev = fake_link(kernel, route->dev);

	if (dev == NULL)
		return ENODEV;
	if (!dev->up)
		return ENETDOWN;
	if (!inet_eq(&route->source, &no_inet) && !has_address(kernel, &route->source))
		return EINVAL;
	if (fake_find(kernel, KOBJ_ROUTE, route) != NULL)
		return EEXIST;
	fake_put(kernel, KOBJ_ROUTE, route);
	return 0;
}

static int create_nexthop(struct fake_kernel *kernel, const struct knexthop *hop)
{
	const struct knexthop member = {.id = hop->member};

	if (hop->member != 0 && fake_find(kernel, KOBJ_NEXTHOP, &member) == NULL)
		return EINVAL;
	fake_put(kernel, KOBJ_NEXTHOP, hop);
	return 0;
}

static int create_fdb(struct fake_kernel *kernel, const struct kfdb *fdb)
{
	const struct klink *dev = fake_link(kernel, fdb->dev);
	const struct kfdb *standing = fake_find(kernel, KOBJ_FDB, fdb);
	const struct knexthop group = {.id = fdb->nhid};

	if (dev == NULL)
		return ENODEV;
	if (fdb->table == KFDB_MASTER && dev->master[0] == '\0')
		return EOPNOTSUPP;
	if (fdb->nhid != 0 && fake_find(kernel, KOBJ_NEXTHOP, &group) == NULL)
		return EINVAL;
	if (standing != NULL && !mac_eq(&fdb->mac, &no_mac) &&
	    (standing->nhid == 0) != (fdb->nhid == 0))
		return EOPNOTSUPP;
	fake_put(kernel, KOBJ_FDB, fdb);
	return 0;
}

static int create_neigh(struct fake_kernel *kernel, const struct kneigh *neigh)
{
	if (fake_link(kernel, neigh->dev) == NULL)
		return ENODEV;
	fake_put(kernel, KOBJ_NEIGH, neigh);
	return 0;
}

static int create(struct fake_kernel *kernel, const struct kop *op)
{
	switch (op->kind) {
	case KOBJ_SYSCTL:
		fake_put(kernel, KOBJ_SYSCTL, op->obj);
		return 0;
	case KOBJ_LINK:
		return op->verb == KVERB_CREATE ? create_link(kernel, op->obj)
						: change_link(kernel, op->obj, op->fields);
	case KOBJ_ADDR:
		return create_addr(kernel, op->obj);
	case KOBJ_ROUTE:
		return create_route(kernel, op->obj);
	case KOBJ_NEXTHOP:
		return create_nexthop(kernel, op->obj);
	case KOBJ_FDB:
		return create_fdb(kernel, op->obj);
	case KOBJ_NEIGH:
		return create_neigh(kernel, op->obj);
	default:
		weft_assert_failed("a kind that is applied", __FILE__, __LINE__);
	}
}

/* The fault that this operation meets, or 0. */
static int injected(struct fake_kernel *kernel, const struct kop *op)
{
	struct fake_faults *faults = &kernel->faults;
	int error = 0;

	if (faults->fail_kind != 0 && faults->fail_kind == op->kind)
		return faults->fail_kind_error;
	if (faults->fail_error == 0)
		return 0;
	if (faults->fail_after-- > 0)
		return 0;
	error = faults->fail_error;
	faults->fail_error = 0;
	faults->fail_after = 0;
	return error;
}

int fake_apply(void *ctx, const struct kop *ops, size_t count, kernel_failed_fn *failed, void *arg)
{
	struct fake_kernel *kernel = ctx;
	struct fake_faults *faults = &kernel->faults;

	for (size_t i = 0; i < count; i++) {
		int error;

		if (faults->lose_error != 0 && faults->lose_after-- == 0) {
			error = faults->lose_error;
			faults->lose_error = 0;
			faults->lose_after = 0;
			return -error;
		}
		kernel->counts.operations++;
		error = injected(kernel, &ops[i]);
		if (error == 0 && ops[i].verb == KVERB_DELETE)
			(void)fake_remove(kernel, (enum kobj_kind)ops[i].kind, ops[i].obj);
		else if (error == 0)
			error = create(kernel, &ops[i]);
		if (error != 0)
			failed(arg, i, error, "");
	}
	return 0;
}

/* A veth as it is made: known by its mark, and no more. */
int fake_make(void *ctx, const struct kplug *plug, const struct overlay_box *box, int *made)
{
	struct klink port = {.kind = KLINK_VETH, .mtu = plug->mtu, .mac = plug->port.mac};
	struct fake_kernel *kernel = ctx;

	memcpy(port.name, plug->port.name, IFNAME_BYTES);
	memcpy(port.alias, WEFT_ALIAS_MARK, sizeof(WEFT_ALIAS_MARK));
	if (kernel->faults.make_error != 0)
		return -kernel->faults.make_error;
	if (fake_link(kernel, plug->port.name) != NULL)
		return -EEXIST;
	fake_put(kernel, KOBJ_LINK, &port);
	(void)box;
	*made = 2;
	return 0;
}

int fake_plug(void *ctx, const struct kplug *plug, const struct overlay_box *box,
	      struct weft_err *err)
{
	struct kfdb fdb = {.mac = plug->mac, .table = KFDB_MASTER};
	struct kbox_mtu far = {.mtu = plug->mtu};
	struct fake_kernel *kernel = ctx;

	if (fake_link(kernel, plug->port.master) == NULL)
		return weft_err_set(err, WEFT_E_KERNEL, "the bridge is missing");
	if (box->made == 0 && fake_link(kernel, plug->port.name) != NULL)
		return weft_err_set(err, WEFT_E_EXISTS, "the box already has an interface named %s",
				    plug->ifname);
	fake_put(kernel, KOBJ_LINK, &plug->port);
	memcpy(fdb.dev, plug->port.name, IFNAME_BYTES);
	fake_put(kernel, KOBJ_FDB, &fdb);
	memcpy(far.port, plug->port.name, IFNAME_BYTES);
	far.endpoint.b[0] = (uint8_t)box->netns_fd;
	fake_put(kernel, KOBJ_BOX_MTU, &far);
	if (kernel->faults.plug_error == 0)
		return 0;
	WEFT_ASSERT(fake_remove(kernel, KOBJ_LINK, &plug->port));
	return weft_err_set(err, WEFT_E_KERNEL, "the box cannot be plugged in: %s",
			    strerror(kernel->faults.plug_error));
}
