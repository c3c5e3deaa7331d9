/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <stdio.h>
#include <string.h>

#include "test/gossip/cluster.h"
#include "gossip/admission/authority.h"
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

/* The same store, two processes, one epoch: what a snapshot of a running machine gives. */
static void copy_node_1(struct cluster *c)
{
	cluster_form(c, 3);
	cluster_kill(c, 1);
	cluster_copy_store(c, 1, 4);
	snprintf(c->nodes[4].name, sizeof(c->nodes[4].name), "%s", "h1");
}

static void a_copy_that_was_alone_is_refused_when_it_meets_the_others(void **state)
{
	struct cluster *c = *state;

	copy_node_1(c);
	c->nodes[4].cut = true;
	cluster_start(c, 4);
	cluster_start(c, 1);
	cluster_run(c, 6000);
	assert_int_equal(gossip_phase(c->nodes[1].g), NODE_ACTIVE);
	assert_true(gossip_is_alone(c->nodes[4].g));
	c->nodes[4].cut = false;
	cluster_run(c, 15000);
	assert_int_equal(gossip_phase(c->nodes[4].g), NODE_COPY);
	assert_int_equal(gossip_phase(c->nodes[1].g), NODE_ACTIVE);
	assert_false(gossip_is_cloned(c->nodes[1].g));
	assert_int_equal(c->traces[TRACE_CLONE_SEEN], 0);
}

/* Fenced, or told that it is a copy: either leases nothing. */
static bool both_stopped(struct cluster *c)
{
	return gossip_is_cloned(c->nodes[1].g) &&
	       (gossip_is_cloned(c->nodes[4].g) || gossip_phase(c->nodes[4].g) == NODE_COPY);
}

static void a_clone_fences_the_original_and_says_so_after_a_restart(void **state)
{
	struct cluster *c = *state;

	copy_node_1(c);
	/* Each of the two is confirmed by somebody who does not know of the other. */
	c->nodes[0].cut = true;
	cluster_start(c, 4);
	cluster_run(c, 4000);
	assert_int_equal(gossip_phase(c->nodes[4].g), NODE_ACTIVE);
	c->nodes[0].cut = false;
	c->nodes[2].cut = c->nodes[4].cut = true;
	cluster_start(c, 1);
	cluster_run(c, 4000);
	assert_int_equal(gossip_phase(c->nodes[1].g), NODE_ACTIVE);
	assert_false(gossip_is_alone(c->nodes[1].g) || gossip_is_alone(c->nodes[4].g));
	c->nodes[2].cut = c->nodes[4].cut = false;
	assert_true(cluster_until(c, 15000, both_stopped));
	cluster_kill(c, 4);
	cluster_start(c, 1);
	cluster_run(c, 1000);
	assert_true(gossip_is_cloned(c->nodes[1].g));
}

static void a_disk_that_went_back_fences_its_node(void **state)
{
	struct cluster *c = *state;
	struct row_view row = {
	    .kind = ROW_TAGS, .value = (const uint8_t *)"\x91\x90", .value_len = 2};

	cluster_form(c, 3);
	cluster_copy_store(c, 1, 4);
	assert_int_equal(
	    cluster_do(c, 1,
		       (struct gossip_command){.kind = CMD_PUT, .rows = &row, .row_count = 1}),
	    0);
	cluster_run(c, 15000); /* nobody tells it any more: it has to be asked for */
	assert_false(gossip_is_cloned(c->nodes[1].g));
	cluster_kill(c, 1);
	cluster_copy_store(c, 4, 1);
	cluster_start(c, 1);
	cluster_run(c, 15000);
	assert_true(gossip_is_cloned(c->nodes[1].g));
	assert_int_equal(c->traces[TRACE_FENCED], 1);
	cluster_kill(c, 1);
	cluster_start(c, 1);
	cluster_run(c, 1000);
	assert_true(gossip_is_cloned(c->nodes[1].g));
}

static void a_removal_holds_everywhere_whatever_became_of_its_author(void **state)
{
	struct cluster *c = *state;
	struct id admin, victim;

	cluster_form(c, 3);
	admin = gossip_self(c->nodes[1].g);
	victim = gossip_self(c->nodes[2].g);
	assert_int_equal(
	    cluster_do(c, 0, (struct gossip_command){.kind = CMD_ADMIN_ADD, .id = admin}), 0);
	cluster_run(c, 300);
	/* It is cut off when it ceases to be one, and removes somebody in the meantime. */
	c->nodes[1].cut = true;
	assert_int_equal(
	    cluster_do(c, 0, (struct gossip_command){.kind = CMD_ADMIN_RM, .id = admin}), 0);
	cluster_run(c, 500);
	assert_int_equal(
	    cluster_do(c, 1, (struct gossip_command){.kind = CMD_REMOVE, .id = victim}), 0);
	cluster_run(c, 500);
	c->nodes[1].cut = false;
	cluster_run(c, 15000);
	assert_int_equal(cluster_state(c, 0, 2), MEMBER_REMOVED);
	assert_int_equal(cluster_state(c, 1, 2), MEMBER_REMOVED);
	assert_int_equal(gossip_phase(c->nodes[2].g), NODE_REMOVED);
}

static void a_member_removed_before_its_record_comes_is_removed(void **state)
{
	struct cluster *c = *state;
	struct member_info info;
	struct id id;

	cluster_form(c, 3);
	id = gossip_self(c->nodes[2].g);
	cluster_kill(c, 2);
	assert_int_equal(cluster_do(c, 0, (struct gossip_command){.kind = CMD_REMOVE, .id = id}),
			 0);
	cluster_run(c, 500);
	cluster_make(c, (struct gossip_command){0});
	assert_int_equal(cluster_join(c, 3, c->token, false), 0);
	cluster_run(c, 2000);
	assert_true(gossip_member(c->nodes[3].g, &id, &info));
	assert_int_equal(info.state, MEMBER_REMOVED);
	assert_int_equal(cluster_alive(c, 3), 3);
}

/* --- who was admitted by a node that is removed later ------------------------------------------
 */

struct shown {
	uint8_t bytes[ROW_BYTES_MAX];
	size_t len;
	struct row_view row; /* of these bytes */
};

static void keep_row(struct shown *shown, const struct gossip *g, const struct id *owner,
		     uint16_t kind, const struct id *key)
{
	static const struct id cluster_wide;
	struct row_view row;

	assert_true(tables_row(g->tables, owner, &cluster_wide, kind, key != NULL ? key->b : NULL,
			       key != NULL ? ID_BYTES : 0, &row));
	shown->len = row.signed_len + ROW_SIG_BYTES;
	memcpy(shown->bytes, row.sig - row.signed_len, shown->len);
	assert_int_equal(row_parse(shown->bytes, shown->len, &shown->row), 0);
}

static void take(struct gossip *g, struct cluster *c, char event, const struct shown *newcomer,
		 const struct shown *removal)
{
	const struct id by = removal->row.owner;
	struct id admitter;

	c->now = mono_add_ms(c->now, 1);
	core_begin_step(&g->core, c->now, c->wall);
	if (event == 'r')
		tables_receive(g->tables, member_find(&g->members, &by), removal->bytes,
			       removal->len);
	else if (event == 'm')
		tables_receive(g->tables, member_find(&g->members, &by), newcomer->bytes,
			       newcomer->len);
	else if (authority_introduction(&g->core, &g->members, &newcomer->row, &admitter) ==
		 INTRODUCTION_GOOD)
		tables_receive(g->tables, NULL, newcomer->bytes, newcomer->len);
}

/* r: the removal of who admitted the newcomer; m: a member shows the newcomer's row; s: the
 * newcomer shows it itself. */
static void whoever_hears_of_a_newcomer_and_its_admitters_end_agrees_in_whatever_order(void **state)
{
	static const char *const orders[] = {"rms", "rsm", "mrs", "msr", "srm", "smr", "rs", "sr"};
	static struct shown newcomer, removal;
	struct cluster *c = *state;
	struct id admitter;

	cluster_admit_unheard(c, true);
	admitter = gossip_self(c->nodes[1].g);
	c->nodes[3].cut = true;
	assert_int_equal(
	    cluster_do(c, 0, (struct gossip_command){.kind = CMD_REMOVE, .id = admitter}), 0);
	cluster_run(c, 100);
	newcomer.row.owner = gossip_self(c->nodes[3].g);
	keep_row(&newcomer, c->nodes[0].g, &newcomer.row.owner, ROW_MEMBER, NULL);
	keep_row(&removal, c->nodes[0].g, NULL, FACT_REMOVAL, &admitter);
	cluster_kill(c, 2);
	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		const struct member *member;
		struct gossip *g;

		cluster_start(c, 2);
		g = c->nodes[2].g;
		assert_null(member_find(&g->members, &newcomer.row.owner));
		for (const char *event = orders[i]; *event != '\0'; event++)
			take(g, c, *event, &newcomer, &removal);
		member = member_find(&g->members, &newcomer.row.owner);
		assert_int_equal(member != NULL && member->has_record,
				 strcmp(orders[i], "rs") != 0);
		assert_int_equal(member_find(&g->members, &admitter)->state, MEMBER_REMOVED);
		cluster_run(c, 1);
		cluster_kill(c, 2);
	}
	/* Who refused it on its own word takes it from a member. */
	cluster_start(c, 2);
	take(c->nodes[2].g, c, 'r', &newcomer, &removal);
	take(c->nodes[2].g, c, 's', &newcomer, &removal);
	c->nodes[2].cut = c->nodes[3].cut = false;
	cluster_run(c, 20000);
	assert_int_equal(cluster_alive(c, 2), 3);
	assert_int_equal(gossip_tables_hash(c->nodes[0].g), gossip_tables_hash(c->nodes[2].g));
	assert_int_equal(gossip_tables_hash(c->nodes[0].g), gossip_tables_hash(c->nodes[3].g));
}

static void an_admission_that_no_member_heard_of_before_its_admitters_end_is_void(void **state)
{
	struct cluster *c = *state;
	struct member_info info;
	struct id admitter, newcomer;

	cluster_admit_unheard(c, false);
	admitter = gossip_self(c->nodes[1].g);
	newcomer = gossip_self(c->nodes[3].g);
	cluster_kill(c, 1);
	c->nodes[0].cut = c->nodes[2].cut = false;
	c->nodes[3].cut = true;
	assert_int_equal(
	    cluster_do(c, 0, (struct gossip_command){.kind = CMD_REMOVE, .id = admitter}), 0);
	cluster_run(c, 1000);
	c->nodes[3].cut = false;
	cluster_run(c, 60000);
	assert_true(c->traces[TRACE_ADMISSION_VOID] > 0);
	for (size_t n = 0; n <= 2; n += 2) {
		assert_false(gossip_member(c->nodes[n].g, &newcomer, &info));
		assert_int_equal(cluster_alive(c, n), 2);
	}
	assert_int_equal(gossip_tables_hash(c->nodes[0].g), gossip_tables_hash(c->nodes[2].g));
}

static bool keep_rows_of_3(void *ctx, const struct flight *flight)
{
	const struct hostport *addr = ctx;

	/* Its certificate passes, what it seals does not. */
	return !hostport_eq(&flight->from, addr) || (flight->bytes[0] & 0x0f) == DGRAM_CERT ||
	       (flight->bytes[0] & 0x0f) == DGRAM_HELLO || (flight->bytes[0] & 0x0f) == DGRAM_PROOF;
}

static void who_was_admitted_here_is_a_member_once_its_row_is_here(void **state)
{
	struct cluster *c = *state;
	const struct member *member;
	struct member_info info;
	struct id newcomer;

	cluster_form(c, 1);
	cluster_make(c, (struct gossip_command){0});
	cluster_start(c, 3);
	c->watch = keep_rows_of_3;
	c->watch_ctx = &c->nodes[3].addr;
	assert_int_equal(cluster_join(c, 3, c->token, false), 0);
	newcomer = gossip_self(c->nodes[3].g);
	cluster_run(c, 1000);
	member = member_find(&c->nodes[0].g->members, &newcomer);
	assert_true(member == NULL || !member->has_record);
	assert_false(gossip_member(c->nodes[0].g, &newcomer, &info));
	assert_int_equal(cluster_alive(c, 0), 1);
	c->watch = NULL;
	cluster_run(c, 15000);
	assert_true(gossip_member(c->nodes[0].g, &newcomer, &info));
	assert_int_equal(cluster_alive(c, 0), 2);
	assert_int_equal(gossip_tables_hash(c->nodes[0].g), gossip_tables_hash(c->nodes[3].g));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	    TEST(a_copy_that_was_alone_is_refused_when_it_meets_the_others),
	    TEST(a_clone_fences_the_original_and_says_so_after_a_restart),
	    TEST(a_disk_that_went_back_fences_its_node),
	    TEST(a_removal_holds_everywhere_whatever_became_of_its_author),
	    TEST(a_member_removed_before_its_record_comes_is_removed),
	    TEST(whoever_hears_of_a_newcomer_and_its_admitters_end_agrees_in_whatever_order),
	    TEST(an_admission_that_no_member_heard_of_before_its_admitters_end_is_void),
	    TEST(who_was_admitted_here_is_a_member_once_its_row_is_here),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
