/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * The MTU of a network: what the routes to its attached hosts carry, less the tunnel's headers, and
 * no more than any attached host says that its own underlay leaves. All hosts come to the same
 * figure once they know each other's rows.
 */
#include "gossip/base/check.h"
#include "overlay/work.h"

/* Outer Ethernet is not counted by a route; inner Ethernet is: 14 + 8 (VXLAN) + 8 (UDP) + IP. */
#define OVERHEAD_V4 50u
#define OVERHEAD_V6 70u
#define MTU_MIN 68u /* RFC 791; IPv6 needs 1280, which the user is told elsewhere */
#define MTU_MAX 65535u
#define UNDERLAY_DEFAULT 1500u

static uint32_t path_mtu(struct work *work, const struct inet *to, uint32_t otherwise)
{
	const struct overlay_config *config = &work->ov->config;
	uint32_t mtu;

	return config->kernel->route_mtu(config->kernel_ctx, to, &mtu) == 0 ? mtu : otherwise;
}

/* The same hosts are in many networks: each way is asked about once a pass. */
static uint32_t owner_mtu(struct work *work, struct owner *owner)
{
	if (owner->path_mtu == 0)
		owner->path_mtu = path_mtu(work, &owner->vtep, MTU_MAX);
	return owner->path_mtu;
}

/* The smallest MTU of the routes to the attached hosts; with none, that of the own address. */
static uint32_t underlay_mtu(struct work *work, const struct net *net)
{
	struct overlay *ov = work->ov;
	const struct attached *attached;
	uint32_t smallest = MTU_MAX;
	bool any = false;

	for (size_t pos = 0; (attached = map_next(&net->attached, &pos)) != NULL;) {
		struct owner *owner = vec_at(&ov->owners, rows_owner(ov, &attached->node));
		uint32_t mtu;

		if (!owner->known || id_eq(&owner->id, &ov->config.node))
			continue;
		mtu = owner_mtu(work, owner);
		any |= mtu != MTU_MAX;
		smallest = mtu < smallest ? mtu : smallest;
	}
	return any ? smallest : path_mtu(work, &ov->config.vtep, UNDERLAY_DEFAULT);
}

static uint16_t smallest_mtu(const struct overlay *ov, const struct net *net, uint32_t own)
{
	const struct attached *attached;
	uint32_t mtu = own;

	for (size_t pos = 0; (attached = map_next(&net->attached, &pos)) != NULL;) {
		if (attached->mtu != 0 && attached->mtu < mtu &&
		    !id_eq(&attached->node, &ov->config.node))
			mtu = attached->mtu;
	}
	if (net->fact.mtu_wanted != 0 && net->fact.mtu_wanted < mtu)
		mtu = net->fact.mtu_wanted;
	return (uint16_t)(mtu < MTU_MIN ? MTU_MIN : mtu);
}

static void update(struct work *work, struct net *net)
{
	struct overlay *ov = work->ov;
	uint32_t overhead = inet_is_v4(&ov->config.vtep) ? OVERHEAD_V4 : OVERHEAD_V6;
	uint32_t underlay = underlay_mtu(work, net);
	uint16_t own, mtu;

	underlay = underlay > MTU_MAX ? MTU_MAX : underlay;
	own = (uint16_t)(underlay > overhead + MTU_MIN ? underlay - overhead : MTU_MIN);
	mtu = smallest_mtu(ov, net, own);
	WEFT_ASSERT(mtu >= MTU_MIN && mtu <= own);
	if (mtu != net->mtu)
		ov->host_due = true;
	net->mtu = mtu;
	net->own_mtu = own;
	if (own != net->told_mtu && work->sink != NULL && work->sink->mtu != NULL)
		work->sink->mtu(work->sink->ctx, &net->id, own);
	net->told_mtu = own;
}

void work_mtu(struct work *work)
{
	struct overlay *ov = work->ov;
	struct net *net;

	ov->mtu_due = false;
	for (size_t i = 0; i < ov->owners.count; i++)
		((struct owner *)vec_at(&ov->owners, i))->path_mtu = 0;
	for (size_t pos = 0; (net = rows_net_next(ov, &pos)) != NULL;) {
		if (rows_net_is_wanted(ov, net))
			update(work, net);
	}
}
