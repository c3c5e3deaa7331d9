/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Queries of the door that admission answers. */
#include "gossip_impl.h"

bool gossip_is_alone(const struct gossip *g)
{
	return g->core.self.alone;
}

bool gossip_is_cloned(const struct gossip *g)
{
	return g->core.self.cloned;
}

size_t gossip_admitted_by(const struct gossip *g, const struct id *id, struct id *out, size_t cap)
{
	return admission_admitted_by(g->admission, id, out, cap);
}

const uint8_t *gossip_cluster_seed(const struct gossip *g)
{
	return admission_cluster_seed(g->admission);
}
