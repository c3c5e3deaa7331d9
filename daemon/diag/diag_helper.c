/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Whom a round asks about a peer that is silent: one of its own that answered, or, where it looks
 * at one host only, any member.
 */
#include <stdlib.h>

#include "daemon/diag/diag_impl.h"

#define RELAYS_EACH 4 /* of all rounds through one helper, which has other visitors */

static int compare_peer(const void *id, const void *peer)
{
	return id_cmp(id, &((const struct diag_peer *)peer)->id);
}

/* What a member is being asked for in all rounds; peers stand in order of id. */
static size_t relays_of(const struct diag *diag, const struct id *helper)
{
	size_t relays = 0;

	for (size_t i = 0; i < DIAG_ROUNDS_MAX; i++) {
		const struct diag_round *round = diag->rounds[i];
		const struct diag_peer *peer =
		    round ? bsearch(helper, round->peers, round->count, sizeof(*peer), compare_peer)
			  : NULL;

		relays += peer ? peer->relays : 0;
	}
	return relays;
}

/* Somebody who answered, others in turn, and another one for each repeat about a peer: one alone is
 * asked once more. NULL: nobody did or, with *busy, all of them have enough to do. */
static struct diag_peer *helper_of(const struct diag *diag, struct diag_round *round,
				   const struct diag_peer *peer, bool *busy)
{
	struct diag_peer *same = NULL;

	*busy = false;
	for (size_t i = 1; i <= round->count; i++) {
		size_t at = (round->helper + i) % round->count;

		if (!round->peers[at].answered)
			continue;
		if (peer->relay_tries > 0 && id_eq(&round->peers[at].id, &peer->helper)) {
			same = &round->peers[at];
			continue;
		}
		if (relays_of(diag, &round->peers[at].id) >= RELAYS_EACH) {
			*busy = true;
			continue;
		}
		round->helper = at;
		return &round->peers[at];
	}
	if (*busy || !same || peer->relay_tries > 1)
		return NULL;
	*busy = relays_of(diag, &same->id) >= RELAYS_EACH;
	return *busy ? NULL : same;
}

/* For one host among those who were not asked, any member that lives may help, each time another
 * one. */
static bool helper_elsewhere(const struct diag *diag, struct diag_peer *peer)
{
	const struct id last = peer->helper;
	bool found = false, is_past = peer->relay_tries == 0;
	struct member_info info;

	for (size_t at = 0; gossip_member_next(node_gossip(diag->d->node), &at, &info);) {
		if (info.is_self || info.state != MEMBER_ALIVE || id_eq(&info.id, &peer->id))
			continue;
		if (peer->relay_tries > 0 && id_eq(&info.id, &last)) {
			is_past = true;
		} else if (is_past || !found) {
			peer->helper = info.id;
			found = true;
			if (is_past)
				break;
		}
	}
	return found;
}

enum helper_search round_helper(const struct diag *diag, struct diag_round *round,
				struct diag_peer *peer)
{
	bool busy;
	struct diag_peer *helper = helper_of(diag, round, peer, &busy);

	if (busy)
		return HELPERS_BUSY;
	peer->through = helper;
	if (helper)
		peer->helper = helper->id;
	else if (round->count > 1 || !helper_elsewhere(diag, peer))
		return HELPER_NONE;
	return HELPER_FOUND;
}
