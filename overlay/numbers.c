/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * VNIs in use. Which network has which follows from all networks that are known, whether this host
 * takes part in them or not (gossip/base/vni.h), so it is looked at when one comes or goes. A
 * network that moves gets devices of new names and its ports change over to them; the MAC of its
 * bridge stays, because it derives from the number of its fact, and so does the row in which other
 * hosts read it.
 */
#include <stdlib.h>

#include "gossip/base/check.h"
#include "gossip/base/vni.h"
#include "overlay/work.h"

static int claim_cmp(const void *a, const void *b)
{
	return id_cmp(&((const struct vni_claim *)a)->network,
		      &((const struct vni_claim *)b)->network);
}

static void move(struct overlay *ov, struct net *net, uint32_t vni)
{
	net->vni = vni;
	name_bridge(vni, net->bridge);
	name_vxlan(vni, net->vxlan);
	net->entries_due = true;
	ov->host_due = true;
}

void rows_number(struct overlay *ov)
{
	struct vec claims;
	struct net *net;

	if (!ov->numbers_due)
		return;
	ov->numbers_due = false;
	vec_init(&claims, &ov->heap, sizeof(struct vni_claim));
	for (size_t pos = 0; (net = rows_net_next(ov, &pos)) != NULL;) {
		struct vni_claim claim = {.network = net->id, .recorded = net->fact.vni};

		if (net->known)
			vec_push(&claims, &claim);
	}
	if (claims.count > 0)
		qsort(claims.items, claims.count, sizeof(struct vni_claim), claim_cmp);
	vnis_assign(&ov->heap, ov->config.seed, claims.items, claims.count);
	for (size_t i = 0; i < claims.count; i++) {
		const struct vni_claim *claim = vec_at(&claims, i);

		net = rows_net(ov, &claim->network);
		WEFT_ASSERT(net != NULL && claim->used != 0);
		if (net->vni != claim->used)
			move(ov, net, claim->used);
	}
	vec_close(&claims);
}
