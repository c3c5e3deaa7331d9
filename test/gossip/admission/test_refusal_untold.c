/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Who found out by itself that it is refused is so until a member speaks to it. */
#include <string.h>

#include "test/gossip/cluster.h"
#include "gossip/admission/admission_impl.h"
#include "gossip/gossip_impl.h"
#include "test/base/cmocka_all.h"

static int setup(void **state)
{
	*state = cluster_new();
	return 0;
}

static int teardown(void **state)
{
	cluster_free(*state);
	return 0;
}

static bool is_refused(struct cluster *c)
{
	return gossip_fence(c->nodes[3].g) == FENCE_VOID;
}

static bool is_taken(struct cluster *c)
{
	return !is_refused(c);
}

static bool is_noted(struct cluster *c)
{
	const struct cnode *node = &c->nodes[3];

	for (size_t i = 0; i < node->stored_count; i++) {
		if (node->stored[i].kind == WRITE_META && node->stored[i].meta == META_REFUSED)
			return node->stored[i].len > 0;
	}
	return false;
}

static void restart(struct cluster *c)
{
	cluster_kill(c, 3);
	cluster_start(c, 3);
}

/* A step in which all is seen to that was changed beside it. */
static void step(struct cluster *c)
{
	const uint8_t nothing = 0xff;

	cluster_deliver(c, 3, &c->nodes[0].addr, &nothing, 1);
}

/* Gives node 3 the removal of node 1, and nothing else of what node 0 knows. */
static void tell_of_the_removal(struct cluster *c)
{
	struct id admitter = gossip_self(c->nodes[1].g), by = gossip_self(c->nodes[0].g);
	struct gossip *g = c->nodes[3].g;
	const uint8_t *fact;
	uint8_t bytes[ROW_BYTES_MAX];
	size_t len;

	assert_int_equal(
	    cluster_do(c, 0, (struct gossip_command){.kind = CMD_REMOVE, .id = admitter}), 0);
	fact = tables_fact(c->nodes[0].g->tables, FACT_REMOVAL, admitter.b, ID_BYTES, &len);
	assert_non_null(fact);
	memcpy(bytes, fact, len);
	c->now = mono_add_ms(c->now, 1);
	core_begin_step(&g->core, c->now, c->wall);
	assert_int_equal(tables_receive(g->tables, member_find(&g->members, &by), bytes, len),
			 DROP_NONE);
	step(c);
}

/* Its disk lost all others, and it hears of the removal of its admitter; node 0 knows it. */
static void find_out_untold(struct cluster *c)
{
	struct cnode *node = &c->nodes[3];
	size_t kept = 0;

	cluster_admit_unheard(c, true);
	node->cut = true;
	cluster_kill(c, 3);
	for (size_t i = 0; i < node->stored_count; i++) {
		if (node->stored[i].kind != WRITE_SNAPSHOT)
			node->stored[kept++] = node->stored[i];
	}
	node->stored_count = kept;
	cluster_start(c, 3);
	cluster_run(c, 1000);
	tell_of_the_removal(c);
	assert_true(cluster_until(c, 100, is_refused));
	assert_true(cluster_until(c, 100, is_noted));
}

/* A stranger shows it the founder's row, which anybody may have. */
static void who_found_out_untold_is_not_free_by_a_row(void **state)
{
	struct cluster *c = *state;
	struct id founder, made_up = {.b = {0x5a}}, by;
	struct rejection why;
	const uint8_t *row;
	struct gossip *g;
	size_t len;

	find_out_untold(c);
	founder = gossip_self(c->nodes[0].g);
	row = tables_member_row(c->nodes[0].g->tables, &founder, &len);
	assert_non_null(row);
	g = c->nodes[3].g;
	c->now = mono_add_ms(c->now, 1);
	core_begin_step(&g->core, c->now, c->wall);
	assert_false(introduction_take(g->admission, &made_up, row, len, &why));
	step(c);
	assert_true(member_find(&g->members, &founder)->has_record);
	for (int s = 0; s < 200; s++) {
		if (s == 100)
			restart(c);
		cluster_run(c, 1000);
		assert_true(is_refused(c));
	}
	assert_false(gossip_refused_by(c->nodes[3].g, &by));
	/* But by the word of one who knows it. */
	c->nodes[3].cut = c->nodes[2].cut = false;
	assert_true(cluster_until(c, 60000, is_taken));
	cluster_run(c, 20000);
	assert_true(is_taken(c));
	assert_false(is_noted(c));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(who_found_out_untold_is_not_free_by_a_row, setup,
					    teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
