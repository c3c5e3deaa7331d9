/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* What a round knows at its beginning: whom to look at, at which ports, and up to which size. */
#include <stdlib.h>

#include "daemon/diag/diag_impl.h"
#include "daemon/api/names.h"
#include "gossip/base/check.h"

static const struct id topic_all;

static struct gossip *gossip_of(const struct diag *diag)
{
	return node_gossip(diag->d->node);
}

/* A network that this host takes part in, and the smallest MTU of all who do. */
struct need {
	struct id network;
	uint16_t mtu_bytes;
};

struct needs {
	struct diag *diag;
	struct diag_round *round;
	struct id self;
	size_t own_ports; /* the first of the round's are of networks that this host is in */
	size_t count, cap;
	struct need *list;
};

static int compare_needs(const void *a, const void *b)
{
	return id_cmp(&((const struct need *)a)->network, &((const struct need *)b)->network);
}

static struct need *need_of(const struct needs *needs, const struct id *network)
{
	const struct need key = {.network = *network};

	return needs->count == 0
		   ? NULL
		   : bsearch(&key, needs->list, needs->count, sizeof(key), compare_needs);
}

static bool note_own(void *ctx, const struct row_view *row)
{
	struct needs *needs = ctx;

	if (!id_eq(&row->owner, &needs->self))
		return true;
	if (needs->count == needs->cap) {
		needs->cap = needs->cap ? 2 * needs->cap : 16;
		needs->list = realloc(needs->list, needs->cap * sizeof(*needs->list));
		WEFT_ASSERT(needs->list != NULL);
	}
	needs->list[needs->count++] = (struct need){row_key_id(row), UINT16_MAX};
	return true;
}

static bool note_attachment(void *ctx, const struct row_view *row)
{
	const struct needs *needs = ctx;
	struct id network = row_key_id(row);
	struct need *need = need_of(needs, &network);
	struct rec_attachment rec;
	struct member_info info;

	if (!need || rec_attachment_decode(row->value, row->value_len, &rec) != 0 ||
	    rec.mtu_bytes == 0 || rec.mtu_bytes >= need->mtu_bytes ||
	    !gossip_member(gossip_of(needs->diag), &row->owner, &info) ||
	    info.state == MEMBER_LEFT || info.state == MEMBER_REMOVED)
		return true;
	need->mtu_bytes = rec.mtu_bytes;
	return true;
}

/* Where so many ports are not looked at, those of networks that this host is in come first. */
static void note_port(struct needs *needs, uint16_t port, bool own)
{
	struct diag_round *round = needs->round;
	size_t at = 0;

	while (at < round->port_count && round->ports[at] != port)
		at++;
	if (at == round->port_count && at < DIAG_PORTS_MAX)
		round->ports[round->port_count++] = port;
	else if (at == round->port_count)
		round->unprobed++; /* it, or who gives way */
	if (!own || at < needs->own_ports || needs->own_ports == DIAG_PORTS_MAX)
		return;
	if (at == DIAG_PORTS_MAX)
		at--;
	round->ports[at] = round->ports[needs->own_ports];
	round->ports[needs->own_ports++] = port;
}

/* What a network puts on the wire: the port, and the largest packet. */
static bool note_network(void *ctx, const struct id *id, const struct rec_network *rec)
{
	struct needs *needs = ctx;
	struct diag_round *round = needs->round;
	const struct need *need = need_of(needs, id);
	uint16_t inner = need ? need->mtu_bytes : UINT16_MAX;

	if (rec->mtu_bytes != 0 && rec->mtu_bytes < inner)
		inner = rec->mtu_bytes;
	if (need && inner != UINT16_MAX &&
	    inner + diag_overhead(needs->diag->d) > round->need_bytes)
		round->need_bytes = (uint16_t)(inner + diag_overhead(needs->diag->d));
	if (rec->port != 0)
		note_port(needs, rec->port, need != NULL);
	return true;
}

/* One walk for all networks, however many there are. */
void note_networks(struct diag *diag, struct diag_round *round)
{
	struct needs needs = {.diag = diag, .round = round, .self = gossip_self(gossip_of(diag))};

	gossip_rows(gossip_of(diag), &topic_all, ROW_ATTACHMENT, note_own, &needs);
	if (needs.count > 0)
		qsort(needs.list, needs.count, sizeof(*needs.list), compare_needs);
	gossip_rows(gossip_of(diag), &topic_all, ROW_ATTACHMENT, note_attachment, &needs);
	each_network(diag->d, &needs, note_network);
	free(needs.list);
	if (round->port_count == 0)
		round->ports[round->port_count++] = diag->d->options->vxlan_port;
}

void note_peers(struct diag *diag, struct diag_round *round, const struct id *only)
{
	struct member_info info;
	size_t cap = 0;

	for (size_t at = 0; gossip_member_next(gossip_of(diag), &at, &info);)
		cap++;
	round->peers = calloc(cap + 1, sizeof(*round->peers));
	WEFT_ASSERT(round->peers != NULL);
	for (size_t at = 0; gossip_member_next(gossip_of(diag), &at, &info);) {
		struct diag_peer *peer = &round->peers[round->count];

		if (info.is_self || info.state == MEMBER_LEFT || info.state == MEMBER_REMOVED ||
		    (only && !id_eq(only, &info.id)))
			continue;
		peer->id = info.id;
		peer->addr = info.addr;
		peer->vtep = info.vtep;
		round->count++;
	}
	round->greeting = round->count;
}
