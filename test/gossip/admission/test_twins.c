/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Two processes of one identity, each of which a member agreed to while the cluster was in two
 * halves: nodes 0 and 1, and nodes 2 and 4, where 4 runs from a copy of what node 1 stored.
 */
#include <stdio.h>
#include <string.h>

#include "gossip/admission/admission_impl.h"
#include "gossip/gossip_impl.h"
#include "test/base/cmocka_all.h"
#include "test/gossip/cluster.h"

#define ORIGINAL 1
#define COPY 4

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

static bool is_in_left_half(const struct cluster *c, const struct hostport *addr)
{
	return hostport_eq(addr, &c->nodes[0].addr) || hostport_eq(addr, &c->nodes[1].addr);
}

static bool keep_apart(void *ctx, const struct flight *flight)
{
	const struct cluster *c = ctx;

	return is_in_left_half(c, &flight->from) == is_in_left_half(c, &flight->to);
}

static bool both_were_agreed_to(struct cluster *c)
{
	return gossip_phase(c->nodes[ORIGINAL].g) == NODE_ACTIVE &&
	       gossip_phase(c->nodes[COPY].g) == NODE_ACTIVE &&
	       cluster_state(c, 0, ORIGINAL) == MEMBER_ALIVE &&
	       cluster_state(c, 2, ORIGINAL) == MEMBER_ALIVE;
}

static uint64_t epoch_of(const struct cluster *c, size_t n)
{
	return c->nodes[n].g->core.self.epoch;
}

static void run_both_in_halves(struct cluster *c)
{
	cluster_form(c, 3);
	cluster_run(c, 2000);
	cluster_kill(c, ORIGINAL);
	cluster_copy_store(c, ORIGINAL, COPY);
	snprintf(c->nodes[COPY].name, sizeof(c->nodes[COPY].name), "%s", "h1");
	c->watch = keep_apart;
	c->watch_ctx = c;
	cluster_start(c, ORIGINAL);
	cluster_start(c, COPY);
	assert_true(cluster_until(c, 20000, both_were_agreed_to));
	cluster_run(c, 5000);
	c->watch = NULL;
}

static bool both_are_clones(struct cluster *c)
{
	return gossip_fence(c->nodes[ORIGINAL].g) == FENCE_CLONE &&
	       gossip_fence(c->nodes[COPY].g) == FENCE_CLONE;
}

/* Each is shown that the other one was believed, and claims more than that one did. */
static void both_are_fenced_and_do_not_count_on_for_ever(void **state)
{
	struct cluster *c = *state;
	uint64_t epochs;

	run_both_in_halves(c);
	assert_true(cluster_until(c, 60000, both_are_clones));
	cluster_run(c, 60000);
	epochs = epoch_of(c, ORIGINAL) + epoch_of(c, COPY);
	cluster_run(c, 1200000);
	assert_in_range(epoch_of(c, ORIGINAL) + epoch_of(c, COPY) - epochs, 1, 8);
	assert_true(both_are_clones(c));
}

static bool original_is_there(struct cluster *c)
{
	return gossip_phase(c->nodes[ORIGINAL].g) == NODE_ACTIVE &&
	       cluster_state(c, 0, ORIGINAL) == MEMBER_ALIVE &&
	       cluster_state(c, 2, ORIGINAL) == MEMBER_ALIVE && cluster_alive(c, ORIGINAL) == 3 &&
	       gossip_tables_hash(c->nodes[0].g) == gossip_tables_hash(c->nodes[ORIGINAL].g) &&
	       gossip_tables_hash(c->nodes[2].g) == gossip_tables_hash(c->nodes[ORIGINAL].g);
}

static void who_recovers_is_the_member(struct cluster *c)
{
	assert_int_equal(cluster_do(c, ORIGINAL, (struct gossip_command){.kind = CMD_RECOVER}), 0);
	assert_int_equal(cluster_do(c, ORIGINAL, (struct gossip_command){.kind = CMD_RECOVERED}),
			 0);
	assert_true(cluster_until(c, 5000, original_is_there));
	cluster_run(c, 60000);
	assert_true(original_is_there(c));
	assert_int_equal(gossip_fence(c->nodes[ORIGINAL].g), FENCE_NONE);
}

static void who_is_left_recovers_without_a_restart(void **state)
{
	struct cluster *c = *state;

	run_both_in_halves(c);
	assert_true(cluster_until(c, 60000, both_are_clones));
	cluster_run(c, 3000);
	cluster_kill(c, COPY);
	cluster_run(c, 3000);
	who_recovers_is_the_member(c);
}

static void who_is_left_recovers_after_a_restart(void **state)
{
	struct cluster *c = *state;

	run_both_in_halves(c);
	assert_true(cluster_until(c, 60000, both_are_clones));
	cluster_run(c, 3000);
	cluster_kill(c, COPY);
	cluster_kill(c, ORIGINAL);
	cluster_start(c, ORIGINAL);
	assert_true(cluster_until(c, 20000, original_is_there));
	assert_int_equal(gossip_fence(c->nodes[ORIGINAL].g), FENCE_CLONE);
	who_recovers_is_the_member(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	    TEST(both_are_fenced_and_do_not_count_on_for_ever),
	    TEST(who_is_left_recovers_without_a_restart),
	    TEST(who_is_left_recovers_after_a_restart),
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
