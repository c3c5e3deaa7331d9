/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * What a madman says that could be true: frames of the right shape that name a member as it is
 * known, or a little ahead of that. Whoever starts believes each member's word that its id lives
 * elsewhere (OPERATING.md), so that is not said here.
 */
#include <string.h>

#include "gossip/core/wire.h"
#include "mad.h"

#define SUBJECT_BYTES (ID_BYTES + 8)
#define CLAIM_ANSWER_BYTES 27
#define AGREES 0
#define KNOWS_IT_LEFT 2

static bool member_at(struct sim *sim, struct sim_host *host, const struct hostport *at,
		      struct member_info *info)
{
	for (size_t i = 0; i < sim->host_count; i++)
		if (gossip_member(node_gossip(host->node), &sim->hosts[i].id, info) &&
		    hostport_eq(&info->addr, at))
			return true;
	return false;
}

static size_t subject_put(struct sim *sim, uint8_t *body, const struct member_info *of)
{
	for (size_t i = 0; i < sim->host_count; i++)
		if (id_eq(&sim->hosts[i].id, &of->id))
			sim->hosts[i].lied_of_at = sim->now;
	memcpy(body, of->id.b, ID_BYTES);
	wire_put(body + ID_BYTES, of->incarnation + sim_draw(sim, 3), 8);
	return SUBJECT_BYTES;
}

size_t mad_lie(struct sim *sim, struct sim_host *host, const struct hostport *to, uint8_t *type,
	       uint8_t body[MAD_LIE_BYTES_MAX])
{
	static const uint8_t types[] = {FRAME_SUSPECT,      FRAME_FAILED,   FRAME_ALIVE,
					FRAME_INCARNATIONS, FRAME_SET_BACK, FRAME_CLAIM_ANSWER,
					FRAME_CLAIM};
	struct sim_host *some = &sim->hosts[sim_draw(sim, sim->host_count)];
	struct member_info of;

	*type = types[sim_draw(sim, sizeof(types))];
	if (sim_draw(sim, 2) ? !member_at(sim, host, to, &of)
			     : !gossip_member(node_gossip(host->node), &some->id, &of))
		return 0;
	switch (*type) {
	case FRAME_SUSPECT:
		memcpy(body + SUBJECT_BYTES, host->id.b, ID_BYTES);
		return subject_put(sim, body, &of) + ID_BYTES;
	case FRAME_FAILED:
	case FRAME_ALIVE:
	case FRAME_INCARNATIONS:
		return subject_put(sim, body, &of);
	case FRAME_CLAIM_ANSWER:
		memset(body, 0, CLAIM_ANSWER_BYTES);
		body[0] = sim_draw(sim, 2) ? AGREES : KNOWS_IT_LEFT;
		wire_put(body + 1, of.epoch + sim_draw(sim, 3), 8);
		return CLAIM_ANSWER_BYTES;
	default:
		wire_put(body, of.epoch + sim_draw(sim, 3), 8);
		return 8;
	}
}
