/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Who can find whom if all of them stopped now and started again.
 *
 * A member that starts has its disk: the records of others, each with an address. Two meet when one
 * of them has the other's record with the address where it is. Whoever knows the first host, which
 * never moves, or is known to it where it is, is linked; so is who is linked with such a one. If a
 * move or the loss of a disk left somebody without a link, nothing that the nodes do could ever
 * bring it back: it has nobody to ask, and nobody knows that it is there. An operator would have it
 * join anew. So the world does not do that.
 */
#include <stdlib.h>

#include "checks_parts.h"
#include "faults.h"
#include "gossip/base/check.h"
#include "network.h"

struct links {
	struct sim *sim;
	struct sim_host *const *movers;
	size_t mover_count;
	const struct sim_host *lost;
	bool *linked; /* by index of the host */
	size_t from;  /* whose disk is being read */
	bool changed;
};

static bool counts(const struct links *links, const struct sim_host *host)
{
	return host->joined && !host->lost && host != links->lost &&
	       (host->state == HOST_UP || host->state == HOST_DOWN);
}

static bool moves(const struct links *links, const struct sim_host *host)
{
	for (size_t i = 0; i < links->mover_count; i++)
		if (links->movers[i] == host)
			return true;
	return false;
}

static int record_look(void *ctx, const struct write *write)
{
	struct links *links = ctx;
	const struct sim_host *of;
	struct hostport home;
	struct rec_member rec;
	bool *from = &links->linked[links->from], *to;

	if (write->row.kind != ROW_MEMBER)
		return 0;
	of = check_host(links->sim, &write->row.owner);
	if (of == NULL || of->index == links->from || !counts(links, of) || moves(links, of))
		return 0;
	to = &links->linked[of->index];
	if (*from == *to || rec_member_decode(write->row.value, write->row.value_len, &rec) != 0)
		return 0;
	home = simnet_addr(links->sim, of->index);
	if (!hostport_eq(&rec.gossip, &home))
		return 0;
	*from = *to = true;
	links->changed = true;
	return 0;
}

/* True when somebody has no link. */
static bool look(struct links *links)
{
	bool alone = false;

	links->changed = false;
	for (size_t i = 0; i < links->sim->host_count; i++) {
		const struct sim_host *host = &links->sim->hosts[i];

		links->from = i;
		/* Whoever is linked already may still know one who is not. */
		if (counts(links, host))
			disk_walk(&host->disk, 1u << WRITE_SNAPSHOT, record_look, links);
	}
	for (size_t i = 0; i < links->sim->host_count; i++)
		alone |= counts(links, &links->sim->hosts[i]) && !links->linked[i];
	return alone;
}

bool faults_leave_links(struct sim *sim, struct sim_host *const *movers, size_t mover_count,
			const struct sim_host *lost)
{
	struct links links = {
	    .sim = sim, .movers = movers, .mover_count = mover_count, .lost = lost};
	bool alone;

	links.linked = calloc(sim->host_count, sizeof(*links.linked));
	WEFT_ASSERT(links.linked != NULL);
	links.linked[0] = true;
	do {
		alone = look(&links);
	} while (alone && links.changed);
	free(links.linked);
	return !alone;
}
