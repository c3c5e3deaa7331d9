/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Leaves of which the leaver's own disk knows nothing, or not all. */
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

/* Its disk knows nothing of the leave, and of so many starts before it. */
static void leave_and_go_back(struct cluster *c, size_t starts)
{
	cluster_form(c, 3);
	cluster_copy_store(c, 2, 4);
	for (size_t i = 0; i < starts; i++) {
		cluster_kill(c, 2);
		cluster_start(c, 2);
		cluster_run(c, 1500);
	}
	assert_int_equal(cluster_do(c, 2, (struct gossip_command){.kind = CMD_LEAVE}), 0);
	cluster_kill(c, 2);
	cluster_run(c, 300);
	cluster_copy_store(c, 4, 2);
	cluster_start(c, 2);
}

static void a_leave_that_a_disk_has_forgotten_holds_all_the_same(void **state)
{
	struct cluster *c = *state;

	for (size_t starts = 0; starts < 3; starts++) {
		size_t begun;

		leave_and_go_back(c, starts);
		begun = c->traces[TRACE_STARTED];
		cluster_run(c, 3000);
		assert_int_equal(c->traces[TRACE_STARTED], begun); /* it is not even active */
		assert_int_equal(gossip_phase(c->nodes[2].g), NODE_LEFT);
		assert_int_equal(gossip_fence(c->nodes[2].g), FENCE_LEFT);
		assert_int_equal(cluster_state(c, 0, 2), MEMBER_LEFT);
		assert_int_equal(cluster_state(c, 1, 2), MEMBER_LEFT);
		cluster_kill(c, 2);
		cluster_start(c, 2);
		cluster_run(c, 3000);
		assert_int_equal(gossip_phase(c->nodes[2].g), NODE_LEFT);
		cluster_free(*state);
		*state = c = cluster_new();
	}
}

/* Put back somewhere else, where it finds nobody, it writes on from where its disk was. */
static void a_leave_holds_for_who_was_back_alone_and_has_moved(void **state)
{
	struct cluster *c = *state;

	cluster_form(c, 3);
	cluster_copy_store(c, 2, 4);
	assert_int_equal(cluster_do(c, 2, (struct gossip_command){.kind = CMD_LEAVE}), 0);
	cluster_kill(c, 2);
	cluster_run(c, 3000);
	cluster_copy_store(c, 4, 2);
	c->nodes[2].addr.ip = inet_from_v4(0x0a000063);
	c->nodes[2].cut = true;
	cluster_start(c, 2);
	cluster_run(c, 8000);
	assert_int_equal(gossip_phase(c->nodes[2].g), NODE_ACTIVE);
	c->nodes[2].cut = false;
	for (int ms = 0; ms < 10000; ms += 100) {
		cluster_run(c, 100);
		assert_int_equal(cluster_state(c, 0, 2), MEMBER_LEFT);
		assert_int_equal(cluster_state(c, 1, 2), MEMBER_LEFT);
	}
	assert_int_equal(gossip_phase(c->nodes[2].g), NODE_LEFT);
	assert_int_equal(gossip_fence(c->nodes[2].g), FENCE_LEFT);
	cluster_kill(c, 2);
	cluster_start(c, 2);
	cluster_run(c, 3000);
	assert_int_equal(gossip_phase(c->nodes[2].g), NODE_LEFT);
	for (size_t n = 0; n < 2; n++) {
		cluster_kill(c, n);
		cluster_start(c, n);
	}
	cluster_run(c, 3000);
	assert_int_equal(cluster_state(c, 0, 2), MEMBER_LEFT);
	assert_int_equal(cluster_state(c, 1, 2), MEMBER_LEFT);
}

struct victim {
	struct hostport at;
	size_t sent, drawn;
};

/* What goes there is lost, but for certificates, so nothing is ever proved from there. */
static bool draws(void *ctx, const struct flight *flight)
{
	struct victim *victim = ctx;

	if (hostport_eq(&flight->from, &victim->at))
		victim->sent += flight->len;
	if (!hostport_eq(&flight->to, &victim->at))
		return true;
	victim->drawn += flight->len;
	return (flight->bytes[0] & 0x0f) == DGRAM_CERT;
}

static void a_leave_is_shown_to_no_address_that_proved_nothing(void **state)
{
	struct cluster *c = *state;
	struct victim victim;

	cluster_form(c, 3);
	cluster_copy_store(c, 2, 4);
	assert_int_equal(cluster_do(c, 2, (struct gossip_command){.kind = CMD_LEAVE}), 0);
	cluster_kill(c, 2);
	cluster_run(c, 300);
	cluster_copy_store(c, 4, 2);
	c->nodes[2].addr.ip = inet_from_v4(0x0a000063);
	victim = (struct victim){.at = c->nodes[2].addr};
	c->watch = draws;
	c->watch_ctx = &victim;
	cluster_start(c, 2);
	cluster_run(c, 4500);
	assert_true(victim.sent > 1000);
	assert_true(victim.drawn <= victim.sent);
	c->watch = NULL;
	cluster_run(c, 5000);
	assert_int_equal(gossip_fence(c->nodes[2].g), FENCE_LEFT);
}

static bool all_know(struct cluster *c)
{
	return cluster_state(c, 0, 2) == MEMBER_LEFT && cluster_state(c, 1, 2) == MEMBER_LEFT;
}

static bool is_fenced(struct cluster *c)
{
	return gossip_fence(c->nodes[2].g) == FENCE_LEFT;
}

/* A disk that went back is shown the leave; the row is stored, and then it stops. */
static void a_leave_that_was_stored_without_its_fence_holds_at_the_next_start(void **state)
{
	for (int alone = 0; alone < 2; alone++) {
		struct cluster *c = *state;
		struct cnode *node = &c->nodes[2];
		size_t begun;

		leave_and_go_back(c, 0);
		assert_true(cluster_until(c, 5000, is_fenced));
		cluster_run(c, 100);
		cluster_kill(c, 2);
		for (size_t i = node->stored_count; i-- > 0;) {
			if (node->stored[i].kind == WRITE_META &&
			    node->stored[i].meta == META_FENCE)
				node->stored[i] = node->stored[--node->stored_count];
		}
		begun = c->traces[TRACE_STARTED];
		/* Whether those who know it are there or not. */
		for (size_t n = 0; n < 2; n++)
			c->nodes[n].cut = alone;
		cluster_start(c, 2);
		cluster_run(c, 10000);
		assert_int_equal(c->traces[TRACE_STARTED], begun);
		assert_int_equal(gossip_phase(node->g), NODE_LEFT);
		assert_int_equal(gossip_fence(node->g), alone ? FENCE_LEAVING : FENCE_LEFT);
		assert_true(all_know(c));
		cluster_kill(c, 2);
		cluster_start(c, 2);
		assert_int_equal(gossip_phase(node->g), NODE_LEFT);
		cluster_free(c);
		*state = cluster_new();
	}
}

static bool is_out(struct cluster *c)
{
	return gossip_phase(c->nodes[2].g) == NODE_LEFT;
}

/* It leaves once more, and what it left by before is shown while that is under way. */
static void a_leave_that_is_not_written_ends_nothing_of_one_that_was_shown(void **state)
{
	struct cluster *c = *state;
	struct cnode *node = &c->nodes[2];

	cluster_form(c, 3);
	cluster_copy_store(c, 2, 4);
	assert_int_equal(cluster_do(c, 2, (struct gossip_command){.kind = CMD_LEAVE}), 0);
	cluster_kill(c, 2);
	cluster_run(c, 300);
	cluster_copy_store(c, 4, 2);
	node->cut = true;
	cluster_start(c, 2);
	cluster_run(c, 6000);
	assert_int_equal(gossip_phase(node->g), NODE_ACTIVE);
	node->store_waits = node->store_fails = true;
	cluster_begin(c, 2, (struct gossip_command){.kind = CMD_LEAVE});
	node->cut = false;
	cluster_run(c, 3000);
	assert_true(node->g->core.self.member.left);
	assert_false(node->answered);
	node->store_waits = false;
	cluster_run(c, 10);
	assert_int_equal(node->err.code, WEFT_E_STORE);
	assert_true(is_out(c));
	node->store_fails = false;
	assert_true(cluster_until(c, 10000, is_fenced));
	assert_true(is_out(c));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	    TEST(a_leave_that_a_disk_has_forgotten_holds_all_the_same),
	    TEST(a_leave_holds_for_who_was_back_alone_and_has_moved),
	    TEST(a_leave_is_shown_to_no_address_that_proved_nothing),
	    TEST(a_leave_that_was_stored_without_its_fence_holds_at_the_next_start),
	    TEST(a_leave_that_is_not_written_ends_nothing_of_one_that_was_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
