/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Queries of the door that admission answers. */
#include "gossip/admission/authority.h"
#include "gossip_impl.h"

bool gossip_is_alone(const struct gossip *g)
{
	return g->core.self.alone;
}

bool gossip_is_cloned(const struct gossip *g)
{
	return g->core.self.cloned;
}

bool gossip_is_refused(const struct gossip *g, struct id *by)
{
	if (by != NULL)
		*by = admission_refused_for(g->admission);
	return g->core.self.refused;
}

bool gossip_refused_by(const struct gossip *g, struct id *by)
{
	return admission_refused_by(g->admission, by);
}

enum node_fence gossip_fence(const struct gossip *g)
{
	return admission_fence(g->admission);
}

bool gossip_original(const struct gossip *g, struct hostport *lives)
{
	return admission_original(g->admission, lives);
}

bool gossip_removal(const struct gossip *g, struct node_removal *removal)
{
	const struct id *self = &g->core.self.id;
	struct row_view row;

	if (g->core.self.phase != NODE_REMOVED ||
	    !authority_has_fact(g->tables, FACT_REMOVAL, self, &row))
		return false;
	removal->by = row.owner;
	return rec_removal_decode(row.value, row.value_len, &removal->rec) == 0;
}

size_t gossip_admitted_by(const struct gossip *g, const struct id *id, struct id *out, size_t cap)
{
	return admission_admitted_by(g->admission, id, out, cap);
}

const uint8_t *gossip_cluster_seed(const struct gossip *g)
{
	return admission_cluster_seed(g->admission);
}
