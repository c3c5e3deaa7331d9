/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* What is believed of a stranger; how strangers meet stands in test_seeds.c. */
#include <stdio.h>
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

/* The member row of a node as it stands on its own disk. */
static size_t own_row_of(struct cluster *c, size_t n, uint8_t out[ROW_BYTES_MAX])
{
	struct id id = gossip_self(c->nodes[n].g);
	const uint8_t *row;
	size_t len;

	row = tables_member_row(c->nodes[n].g->tables, &id, &len);
	assert_non_null(row);
	memcpy(out, row, len);
	return len;
}

/* A stranger whom nobody believes shows who admitted it to one that has just joined. */
static void a_newcomer_is_not_taught_who_was_removed_before_it_knows_what_others_know(void **state)
{
	struct cluster *c = *state;
	struct id admitter, refused;
	uint8_t row[ROW_BYTES_MAX];
	struct rejection why;
	struct gossip *g;
	size_t len;

	cluster_admit_unheard(c, false);
	admitter = gossip_self(c->nodes[1].g);
	refused = gossip_self(c->nodes[3].g);
	len = own_row_of(c, 1, row);
	c->nodes[0].cut = c->nodes[2].cut = false;
	c->nodes[3].cut = true;
	cluster_kill(c, 1);
	assert_int_equal(
	    cluster_do(c, 0, (struct gossip_command){.kind = CMD_REMOVE, .id = admitter}), 0);
	cluster_run(c, 1000);
	cluster_make(c, (struct gossip_command){0});
	assert_int_equal(cluster_join(c, 4, c->token, false), 0);
	g = c->nodes[4].g;
	assert_null(member_find(&g->members, &admitter));
	core_begin_step(&g->core, c->now, c->wall);
	assert_false(introduction_take(g->admission, &refused, row, len, &why));
	assert_null(member_find(&g->members, &admitter));
	cluster_run(c, 5000);
	assert_int_equal(cluster_state(c, 4, 1), MEMBER_REMOVED);
}

static bool is_refused(struct cluster *c)
{
	return gossip_is_refused(c->nodes[4].g, NULL);
}

/* Node 3 was admitted by node 1, which is removed before anybody else hears of node 3; that admits
 * node 4 before it hears of it, and is gone. */
static void who_was_admitted_by_one_that_is_refused_is_told_so(void **state)
{
	struct cluster *c = *state;
	struct id removed, by;

	cluster_admit_unheard(c, false);
	removed = gossip_self(c->nodes[1].g);
	cluster_kill(c, 1);
	cluster_start(c, 4);
	assert_int_equal(cluster_do(c, 4,
				    (struct gossip_command){.kind = CMD_JOIN,
							    .text = c->token,
							    .addrs = &c->nodes[3].addr,
							    .addr_count = 1}),
			 0);
	cluster_run(c, 2000);
	cluster_kill(c, 3);
	c->nodes[4].cut = true;
	c->nodes[0].cut = c->nodes[2].cut = false;
	assert_int_equal(
	    cluster_do(c, 0, (struct gossip_command){.kind = CMD_REMOVE, .id = removed}), 0);
	cluster_run(c, 20000);
	assert_false(is_refused(c));
	c->nodes[4].cut = false;
	assert_true(cluster_until(c, 120000, is_refused));
	assert_int_equal(gossip_fence(c->nodes[4].g), FENCE_VOID);
	assert_true(gossip_is_refused(c->nodes[4].g, &by));
	assert_memory_equal(&by, &removed, sizeof(by));
	assert_int_equal(cluster_alive(c, 0), 2);
}

/* Whose row was refused is noted, for the removal of which it was; node 1 was removed, who admitted
 * node 3. */
static void a_row_that_nobody_signed_is_no_note_and_a_newer_note_takes_the_place(void **state)
{
	struct cluster *c = *state;
	struct id removed, refused, another = {.b = {1}};
	struct admission *adm;
	struct gossip *g;
	uint8_t row[ROW_BYTES_MAX];
	struct rejection why;
	size_t len;

	cluster_admit_unheard(c, false);
	removed = gossip_self(c->nodes[1].g);
	refused = gossip_self(c->nodes[3].g);
	len = own_row_of(c, 3, row);
	c->nodes[3].cut = true;
	c->nodes[0].cut = c->nodes[2].cut = false;
	cluster_kill(c, 1);
	assert_int_equal(
	    cluster_do(c, 0, (struct gossip_command){.kind = CMD_REMOVE, .id = removed}), 0);
	cluster_run(c, 5000);
	g = c->nodes[2].g;
	adm = g->admission;
	assert_true(adm->synced);
	core_begin_step(&g->core, c->now, c->wall);
	row[len - 1] ^= 1;
	assert_false(introduction_take(adm, &another, row, len, &why));
	assert_int_equal(adm->voided_next, 0);
	row[len - 1] ^= 1;
	assert_false(introduction_take(adm, &another, row, len, &why));
	assert_int_equal(adm->voided_next, 1);
	assert_memory_equal(&adm->voided[0][0], &refused, sizeof(refused));
	adm->voided[0][1] = another;
	assert_false(introduction_take(adm, &another, row, len, &why));
	assert_int_equal(adm->voided_next, 1);
	assert_memory_equal(&adm->voided[0][1], &removed, sizeof(removed));
}

/* It has not compared its tables with anybody yet: the others may have believed the row in time. */
static void who_has_just_joined_refuses_nobody_before_it_knows_what_others_know(void **state)
{
	struct cluster *c = *state;
	struct id removed, refused;
	uint8_t row[ROW_BYTES_MAX];
	struct rejection why;
	struct gossip *g;
	size_t len;

	cluster_admit_unheard(c, false);
	removed = gossip_self(c->nodes[1].g);
	refused = gossip_self(c->nodes[3].g);
	len = own_row_of(c, 3, row);
	c->nodes[3].cut = true;
	c->nodes[0].cut = c->nodes[2].cut = false;
	cluster_kill(c, 1);
	assert_int_equal(
	    cluster_do(c, 0, (struct gossip_command){.kind = CMD_REMOVE, .id = removed}), 0);
	cluster_run(c, 5000);
	g = c->nodes[2].g;
	core_begin_step(&g->core, c->now, c->wall);
	g->admission->synced = false;
	assert_false(introduction_take(g->admission, &refused, row, len, &why));
	g->admission->synced = true;
	assert_true(introduction_take(g->admission, &refused, row, len, &why));
}

/* Node n is given one row of a member: of what that sent, only the datagram with it came. */
static void give(struct cluster *c, size_t n, size_t from, const uint8_t *row, size_t len)
{
	struct id by = gossip_self(c->nodes[from].g);
	struct gossip *g = c->nodes[n].g;
	uint8_t bytes[ROW_BYTES_MAX];

	assert_non_null(row);
	memcpy(bytes, row, len);
	c->now = mono_add_ms(c->now, 1);
	core_begin_step(&g->core, c->now, c->wall);
	assert_int_equal(tables_receive(g->tables, member_find(&g->members, &by), bytes, len),
			 DROP_NONE);
}

static bool is_void(struct cluster *c)
{
	return gossip_fence(c->nodes[3].g) == FENCE_VOID;
}

/* The machine of node 1, which was removed, joins anew where it was, as node 4, where node 3
 * knocks, whom all refuse. It has heard of node 1, and not yet that it is removed, when a cut parts
 * it and node 3 from the others. */
static void who_has_just_joined_makes_nobody_a_member_whom_others_refuse(void **state)
{
	struct cluster *c = *state;
	struct id removed;
	const uint8_t *row;
	size_t len;

	cluster_admit_unheard(c, false);
	removed = gossip_self(c->nodes[1].g);
	cluster_kill(c, 1);
	c->nodes[3].cut = true;
	c->nodes[0].cut = c->nodes[2].cut = false;
	assert_int_equal(
	    cluster_do(c, 0, (struct gossip_command){.kind = CMD_REMOVE, .id = removed}), 0);
	cluster_run(c, 1000);
	c->nodes[3].cut = false;
	assert_true(cluster_until(c, 20000, is_void));
	c->nodes[3].cut = true;
	cluster_run(c, 20000);
	c->nodes[4].addr = c->nodes[1].addr;
	cluster_make(c, (struct gossip_command){0});
	assert_int_equal(cluster_join(c, 4, c->token, false), 0);
	assert_false(c->nodes[4].g->admission->synced);
	row = tables_member_row(c->nodes[0].g->tables, &removed, &len);
	give(c, 4, 0, row, len);
	c->nodes[0].cut = c->nodes[2].cut = true;
	/* Nor does it let in anybody, who would know as little. */
	cluster_start(c, 5);
	assert_int_equal(cluster_do(c, 5,
				    (struct gossip_command){.kind = CMD_JOIN,
							    .text = c->token,
							    .addrs = &c->nodes[4].addr,
							    .addr_count = 1}),
			 WEFT_E_BUSY);
	assert_non_null(strstr(c->nodes[5].err.message, "has just joined itself"));
	c->nodes[3].cut = false;
	cluster_run(c, 60000);
	assert_int_equal(cluster_state(c, 4, 3), MEMBER_UNKNOWN);
	/* A start forgets nothing of that. */
	cluster_kill(c, 4);
	cluster_start(c, 4);
	cluster_run(c, 60000);
	c->nodes[0].cut = c->nodes[2].cut = false;
	cluster_run(c, 60000);
	assert_true(is_void(c));
	assert_int_equal(cluster_state(c, 0, 3), MEMBER_UNKNOWN);
	assert_int_equal(cluster_state(c, 4, 3), MEMBER_UNKNOWN);
	assert_int_equal(cluster_alive(c, 0), 3);
}

static bool sees_1(struct cluster *c)
{
	return cluster_state(c, 4, 1) == MEMBER_ALIVE && cluster_state(c, 1, 4) == MEMBER_ALIVE;
}

static bool has_compared(struct cluster *c)
{
	return c->nodes[4].g->admission->synced;
}

/* All that node 4 knows is who let it in, and that one dies before it has compared with anybody. */
static void who_has_just_joined_believes_whom_its_admitter_let_in(void **state)
{
	struct cluster *c = *state;
	struct hostport seeds[2];

	cluster_form(c, 2);
	cluster_make(c, (struct gossip_command){0});
	c->nodes[1].cut = true;
	cluster_run(c, 30000);
	seeds[0] = c->nodes[0].addr;
	seeds[1] = c->nodes[1].addr;
	cluster_start(c, 4);
	assert_int_equal(
	    cluster_do(c, 4,
		       (struct gossip_command){
			   .kind = CMD_JOIN, .text = c->token, .addrs = seeds, .addr_count = 2}),
	    0);
	assert_false(c->nodes[4].g->admission->synced);
	cluster_kill(c, 0);
	assert_int_equal(cluster_state(c, 4, 1), MEMBER_UNKNOWN);
	cluster_run(c, 30000);
	c->nodes[1].cut = false;
	assert_true(cluster_until(c, 120000, sees_1));
	/* And lets others in, once it has compared with that one. */
	assert_true(cluster_until(c, 60000, has_compared));
	assert_false(c->nodes[4].g->admission->introduced);
	c->nodes[1].cut = true;
	cluster_start(c, 5);
	assert_int_equal(cluster_do(c, 5,
				    (struct gossip_command){.kind = CMD_JOIN,
							    .text = c->token,
							    .addrs = &c->nodes[4].addr,
							    .addr_count = 1}),
			 0);
}

/* The machine of the founder, which was removed, joins anew where it was, as node 4; a cut parts it
 * and node 3, which looks there for somebody, from the others before it has compared with any. */
static void who_does_not_know_better_fences_nobody_for_good(void **state)
{
	struct cluster *c = *state;
	struct id founder, second;
	const uint8_t *removal;
	size_t len;

	cluster_form(c, 4);
	founder = gossip_self(c->nodes[0].g);
	second = gossip_self(c->nodes[1].g);
	assert_int_equal(
	    cluster_do(c, 0, (struct gossip_command){.kind = CMD_ADMIN_ADD, .id = second}), 0);
	cluster_run(c, 1000);
	snprintf(c->token, sizeof(c->token), "%s", cluster_token(c, 1));
	cluster_kill(c, 0);
	assert_int_equal(
	    cluster_do(c, 1, (struct gossip_command){.kind = CMD_REMOVE, .id = founder}), 0);
	cluster_run(c, 20000);
	c->nodes[3].cut = true;
	cluster_run(c, 20000);
	c->nodes[4].addr = c->nodes[0].addr;
	assert_int_equal(cluster_join(c, 4, c->token, false), 0);
	assert_false(c->nodes[4].g->admission->synced);
	removal = tables_fact(c->nodes[1].g->tables, FACT_REMOVAL, founder.b, ID_BYTES, &len);
	give(c, 4, 1, removal, len);
	c->nodes[1].cut = c->nodes[2].cut = true;
	c->nodes[3].cut = false;
	cluster_run(c, 60000);
	c->nodes[1].cut = c->nodes[2].cut = false;
	cluster_run(c, 60000);
	assert_int_equal(cluster_alive(c, 3), 4);
	assert_int_equal(gossip_fence(c->nodes[3].g), FENCE_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	    TEST(who_was_admitted_by_one_that_is_refused_is_told_so),
	    TEST(who_has_just_joined_makes_nobody_a_member_whom_others_refuse),
	    TEST(who_has_just_joined_believes_whom_its_admitter_let_in),
	    TEST(who_does_not_know_better_fences_nobody_for_good),
	    TEST(a_row_that_nobody_signed_is_no_note_and_a_newer_note_takes_the_place),
	    TEST(who_has_just_joined_refuses_nobody_before_it_knows_what_others_know),
	    TEST(a_newcomer_is_not_taught_who_was_removed_before_it_knows_what_others_know),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
