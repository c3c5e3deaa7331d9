/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "refused.h"

#include <string.h>

#include "gossip/gossip_impl.h"
#include "test/base/cmocka_all.h"

bool refused_is_fenced(struct cluster *c)
{
	return gossip_fence(c->nodes[3].g) == FENCE_VOID;
}

bool refused_is_free(struct cluster *c)
{
	return !refused_is_fenced(c);
}

bool refused_is_noted(struct cluster *c)
{
	const struct cnode *node = &c->nodes[3];

	for (size_t i = 0; i < node->stored_count; i++) {
		if (node->stored[i].kind == WRITE_META && node->stored[i].meta == META_REFUSED)
			return node->stored[i].len > 0;
	}
	return false;
}

static void order_removal(struct cluster *c, struct id id)
{
	assert_int_equal(cluster_do(c, 0, (struct gossip_command){.kind = CMD_REMOVE, .id = id}),
			 0);
}

void refused_lose_admitter(struct cluster *c)
{
	struct id admitter = gossip_self(c->nodes[1].g);

	cluster_kill(c, 1);
	c->nodes[3].cut = true;
	c->nodes[0].cut = false;
	order_removal(c, admitter);
	cluster_run(c, 1000);
	c->nodes[3].cut = false;
}

void refused_step(struct cluster *c, size_t n)
{
	const uint8_t nothing = 0xff;

	cluster_deliver(c, n, &c->nodes[0].addr, &nothing, 1);
}

void refused_tell(struct cluster *c, size_t n)
{
	struct id admitter = gossip_self(c->nodes[1].g), by = gossip_self(c->nodes[0].g);
	struct gossip *g = c->nodes[n].g;
	const uint8_t *fact;
	uint8_t bytes[ROW_BYTES_MAX];
	size_t len;

	order_removal(c, admitter);
	fact = tables_fact(c->nodes[0].g->tables, FACT_REMOVAL, admitter.b, ID_BYTES, &len);
	assert_non_null(fact);
	memcpy(bytes, fact, len);
	c->now = mono_add_ms(c->now, 1);
	core_begin_step(&g->core, c->now, c->wall);
	assert_int_equal(tables_receive(g->tables, member_find(&g->members, &by), bytes, len),
			 DROP_NONE);
	refused_step(c, n);
}

void refused_restart(struct cluster *c)
{
	cluster_kill(c, 3);
	cluster_start(c, 3);
}
