/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Leaves of nodes that cannot hear each other at the time, or that leave at once. */
#include <string.h>

#include "test/gossip/cluster.h"
#include "gossip/admission/admission_impl.h"
#include "gossip/base/pack.h"
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

static bool is_silent(struct cluster *c)
{
	return gossip_fence(c->nodes[1].g) == FENCE_LEFT;
}

/* As ipamdb does before it lets its node leave. */
static void name_part(struct cluster *c, size_t n, size_t count, uint8_t part)
{
	struct row_view row = {.kind = ROW_PARTING, .key_len = 2, .key = {0, part}};
	uint8_t ids[CLUSTER_NODES * ID_BYTES], value[sizeof(ids) + 4];
	struct member_info info;
	struct pack pack;
	size_t len = 0;

	for (size_t at = 0; gossip_member_next(c->nodes[n].g, &at, &info); len += ID_BYTES)
		memcpy(ids + len, info.id.b, ID_BYTES);
	assert_int_equal(len, count * ID_BYTES);
	pack_init(&pack, value, sizeof(value));
	pack_bin(&pack, ids, len);
	row.value = value;
	row.value_len = pack.len;
	assert_int_equal(
	    cluster_do(c, n,
		       (struct gossip_command){.kind = CMD_PUT, .rows = &row, .row_count = 1}),
	    0);
}

/* Node 2 leaves, which node 1 alone hears; node 1 leaves while nobody is there. */
static void who_leaves_takes_no_leave_along_that_it_alone_was_told_of(void **state)
{
	struct cluster *c = *state;

	cluster_form(c, 3);
	cluster_kill(c, 0);
	assert_int_equal(cluster_do(c, 2, (struct gossip_command){.kind = CMD_LEAVE}), 0);
	assert_int_equal(gossip_fence(c->nodes[2].g), FENCE_LEFT);
	cluster_kill(c, 2);
	name_part(c, 1, 3, 0);
	cluster_run(c, 20000); /* node 0 counts as failed */
	assert_int_equal(cluster_do(c, 1, (struct gossip_command){.kind = CMD_LEAVE}), 0);
	assert_int_equal(gossip_fence(c->nodes[1].g), FENCE_LEAVING);
	cluster_start(c, 0);
	assert_int_not_equal(cluster_state(c, 0, 2), MEMBER_LEFT);
	assert_true(cluster_until(c, 40000, is_silent));
	assert_int_equal(cluster_state(c, 0, 1), MEMBER_LEFT);
	assert_int_equal(cluster_state(c, 0, 2), MEMBER_LEFT);
	/* It is on the disk, too. */
	cluster_kill(c, 1);
	cluster_kill(c, 0);
	cluster_start(c, 0);
	assert_int_equal(cluster_state(c, 0, 2), MEMBER_LEFT);
}

static bool knows_part(struct cluster *c, size_t at, size_t of, uint8_t part)
{
	static const struct id no_topic;
	const uint8_t key[2] = {0, part};
	struct row_view row;

	struct id owner = gossip_self(c->nodes[of].g);

	return tables_row(c->nodes[at].g->tables, &owner, &no_topic, ROW_PARTING, key, sizeof(key),
			  &row);
}

/* What was replaced leaves holes in what its disk says of its own rows. */
static void who_left_unheard_tells_after_a_restart_what_it_wrote_before(void **state)
{
	struct cluster *c = *state;

	cluster_form(c, 2);
	c->nodes[1].cut = true;
	cluster_run(c, 20000);
	for (uint8_t part = 1; part <= 3; part++)
		name_part(c, 1, 2, part);
	assert_int_equal(cluster_do(c, 1, (struct gossip_command){.kind = CMD_LEAVE}), 0);
	cluster_kill(c, 1);
	cluster_start(c, 1);
	c->nodes[1].cut = false;
	assert_int_equal(gossip_fence(c->nodes[1].g), FENCE_LEAVING);
	assert_true(cluster_until(c, 60000, is_silent));
	for (uint8_t part = 1; part <= 3; part++)
		assert_true(knows_part(c, 0, 1, part));
}

static bool both_are_silent(struct cluster *c)
{
	return is_silent(c) && gossip_fence(c->nodes[0].g) == FENCE_LEFT;
}

/* Else two that left would answer each other's answers for ever, over a long line. */
static void who_left_does_not_answer_what_another_that_left_tells_it(void **state)
{
	struct cluster *c = *state;
	struct id other;
	uint64_t sent[2];

	cluster_form(c, 2);
	for (size_t n = 0; n < 2; n++)
		cluster_begin(c, n, (struct gossip_command){.kind = CMD_LEAVE});
	assert_true(cluster_until(c, 70000, both_are_silent));
	cluster_run(c, 1000);
	for (size_t n = 0; n < 2; n++)
		sent[n] = cluster_counter(c, n, "datagrams_sent");
	other = gossip_self(c->nodes[1].g);
	leave_tell(c->nodes[0].g->admission, &other);
	assert_int_not_equal(cluster_do(c, 0, (struct gossip_command){.kind = CMD_LEAVE}), 0);
	cluster_run(c, 1000);
	assert_int_equal(cluster_counter(c, 0, "datagrams_sent"), sent[0] + 1);
	assert_int_equal(cluster_counter(c, 1, "datagrams_sent"), sent[1]);
}

/* Neither heard of the other's leave, and there is nobody else. */
static void two_that_left_apart_let_each_other_go(void **state)
{
	struct cluster *c = *state;

	cluster_form(c, 2);
	c->nodes[0].cut = true;
	cluster_run(c, 20000);
	for (size_t n = 0; n < 2; n++) {
		assert_int_equal(cluster_do(c, n, (struct gossip_command){.kind = CMD_LEAVE}), 0);
		assert_int_equal(gossip_fence(c->nodes[n].g), FENCE_LEAVING);
	}
	cluster_run(c, 60000);
	c->nodes[0].cut = false;
	assert_true(cluster_until(c, 70000, both_are_silent));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	    TEST(who_leaves_takes_no_leave_along_that_it_alone_was_told_of),
	    TEST(who_left_unheard_tells_after_a_restart_what_it_wrote_before),
	    TEST(who_left_does_not_answer_what_another_that_left_tells_it),
	    TEST(two_that_left_apart_let_each_other_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
