/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Admissions that count nowhere.
 *
 * Who was admitted by a node that is removed is a member if one who counts had its record before he
 * heard of the removal, and else nobody (gossip/trust/authority.c). The world cannot see who heard
 * what first, but what came of it: nobody who counts has the record of one who does not count, nor
 * takes it up later. So all are looked at when somebody who counts does what it may not if they do:
 * the founder counts, whoever was admitted by one who counts, and whoever is known to one. The rest
 * are nobody from then on, as if they had been removed.
 */
#include <stdlib.h>

#include "checks_parts.h"

/* Whose record is looked for on a disk. */
struct sought {
	struct id owner;
	bool found;
};

static int sought_visit(void *ctx, const struct write *write)
{
	struct sought *sought = ctx;

	sought->found = sought->found ||
			(write->row.kind == ROW_MEMBER && id_eq(&write->row.owner, &sought->owner));
	return 0;
}

static bool knows(const struct sim_host *host, const struct id *member)
{
	static const struct id topic_all;
	struct sought sought = {.owner = *member};
	struct row_view row;

	if (host->running)
		return gossip_row(node_gossip(host->node), member, &topic_all, ROW_MEMBER, NULL, 0,
				  &row);
	disk_walk(&host->disk, 1u << WRITE_SNAPSHOT, sought_visit, &sought);
	return sought.found;
}

static bool may_count(const struct sim_host *host)
{
	return host->joined && !host->is_void && host->state != HOST_REMOVED &&
	       host->state != HOST_COPY;
}

/* Does this host count, if those do? */
static bool counts_by(struct sim *sim, const struct sim_host *host, const bool *counts)
{
	const struct sim_host *admitter = check_host(sim, &host->admitter);

	if (id_is_zero(&host->admitter) || (admitter && counts[admitter->index]))
		return true;
	for (size_t i = 0; i < sim->host_count; i++)
		if (counts[i] && knows(&sim->hosts[i], &host->id))
			return true;
	return false;
}

bool voids_look(struct sim *sim)
{
	bool *counts = calloc(sim->host_count, sizeof(*counts));
	bool more = true, found = false;

	WEFT_ASSERT(counts != NULL);
	while (more) {
		more = false;
		for (size_t i = 0; i < sim->host_count; i++) {
			struct sim_host *host = &sim->hosts[i];

			if (counts[i] || !may_count(host) || !counts_by(sim, host, counts))
				continue;
			counts[i] = more = true;
		}
	}
	for (size_t i = 0; i < sim->host_count; i++) {
		struct sim_host *host = &sim->hosts[i];

		if (counts[i] || !may_count(host))
			continue;
		sim_trace(sim, "%zu is nobody: its admission counts nowhere", i);
		host->is_void = found = true;
		leases_end(sim, host, false);
	}
	free(counts);
	return found;
}
