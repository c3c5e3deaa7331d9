/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Who found out by itself that it is refused is so until a member speaks to it. */
#include "refused.h"
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
	refused_tell(c, 3);
	assert_true(cluster_until(c, 100, refused_is_fenced));
	assert_true(cluster_until(c, 100, refused_is_noted));
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
	refused_step(c, 3);
	assert_true(member_find(&g->members, &founder)->has_record);
	for (int s = 0; s < 200; s++) {
		if (s == 100)
			refused_restart(c);
		cluster_run(c, 1000);
		assert_true(refused_is_fenced(c));
	}
	assert_false(gossip_refused_by(c->nodes[3].g, &by));
	/* But by the word of one who knows it. */
	c->nodes[3].cut = c->nodes[2].cut = false;
	assert_true(cluster_until(c, 60000, refused_is_free));
	cluster_run(c, 20000);
	assert_true(refused_is_free(c));
	assert_false(refused_is_noted(c));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(who_found_out_untold_is_not_free_by_a_row, setup,
					    teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
