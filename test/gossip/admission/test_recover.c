/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <stdio.h>
#include <string.h>

#include "test/gossip/cluster.h"
#include "gossip/admission/admission_impl.h"
#include "gossip/gossip_impl.h"
#include "gossip/trust/cert.h"
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

static void put_tags(struct cluster *c, size_t n)
{
	struct row_view row = {
	    .kind = ROW_TAGS, .value = (const uint8_t *)"\x91\x90", .value_len = 2};

	assert_int_equal(
	    cluster_do(c, n,
		       (struct gossip_command){.kind = CMD_PUT, .rows = &row, .row_count = 1}),
	    0);
	cluster_run(c, 300);
}

/* Node 1 of three; its disk goes back by so many whole starts, in each of which it wrote. */
static void go_back(struct cluster *c, size_t starts)
{
	cluster_form(c, 3);
	cluster_copy_store(c, 1, 4);
	put_tags(c, 1);
	for (size_t i = 0; i < starts; i++) {
		cluster_kill(c, 1);
		cluster_run(c, 300);
		cluster_start(c, 1);
		cluster_run(c, 1500);
		put_tags(c, 1);
	}
	cluster_kill(c, 1);
	cluster_run(c, 300);
	cluster_copy_store(c, 4, 1);
	cluster_start(c, 1);
}

/* A certificate of node 1 for a later epoch than the one in use. */
static void later_cert(struct cluster *c, uint8_t out[CERT_BYTES])
{
	const struct core *core = &c->nodes[1].g->core;
	struct cert cert = {.wire_min = 1,
			    .wire_max = 1,
			    .cluster = core->self.cluster,
			    .node = core->self.id,
			    .epoch = core->self.epoch + 1};
	uint8_t sec[KX_SEC_BYTES];

	core->crypto->kx_pair(core->crypto->ctx, cert.key, sec);
	cert_sign(core->crypto, &cert, core->self.sign_sec, out);
}

static int recover(struct cluster *c, bool force)
{
	return cluster_do(c, 1, (struct gossip_command){.kind = CMD_RECOVER, .flag = force});
}

static int lift(struct cluster *c)
{
	return cluster_do(c, 1, (struct gossip_command){.kind = CMD_RECOVERED});
}

static bool all_alive(struct cluster *c)
{
	return cluster_alive(c, 0) == 3 && cluster_alive(c, 1) == 3 && cluster_alive(c, 2) == 3;
}

static bool all_equal(struct cluster *c)
{
	return all_alive(c) &&
	       gossip_tables_hash(c->nodes[0].g) == gossip_tables_hash(c->nodes[1].g) &&
	       gossip_tables_hash(c->nodes[0].g) == gossip_tables_hash(c->nodes[2].g);
}

static uint64_t epoch_seen(struct cluster *c, size_t at, size_t of)
{
	struct id id = gossip_self(c->nodes[of].g);
	struct member_info info;

	assert_true(gossip_member(c->nodes[at].g, &id, &info));
	return info.epoch;
}

static void a_disk_that_went_back_by_a_start_is_told_and_fences_its_node(void **state)
{
	struct cluster *c = *state;

	for (size_t starts = 1; starts <= 3; starts++) {
		if (starts > 1) {
			cluster_free(c);
			*state = c = cluster_new();
		}
		go_back(c, starts);
		cluster_run(c, 2000);
		assert_int_equal(gossip_phase(c->nodes[1].g), NODE_ACTIVE);
		assert_int_equal(gossip_fence(c->nodes[1].g), FENCE_SET_BACK);
		assert_true(gossip_is_cloned(c->nodes[1].g));
		assert_false(gossip_is_alone(c->nodes[1].g));
		assert_int_equal(c->traces[TRACE_SET_BACK], 1);
		assert_int_equal(c->traces[TRACE_CLONE_SEEN], 0);
		/* It is heard, and holds again what it once wrote. */
		assert_true(cluster_until(c, 5000, all_equal));
		assert_true(epoch_seen(c, 0, 1) > starts + 1);
		assert_int_equal(cluster_counter(c, 1, "row_conflicts"), 0);
	}
}

static bool is_told_at_its_address(struct cluster *c)
{
	static const struct id topic_all;
	struct id id = gossip_self(c->nodes[1].g);
	struct rec_member rec;
	struct row_view row;

	return gossip_row(c->nodes[0].g, &id, &topic_all, ROW_MEMBER, topic_all.b, 0, &row) &&
	       rec_member_decode(row.value, row.value_len, &rec) == 0 &&
	       hostport_eq(&rec.gossip, &c->nodes[1].addr);
}

static void a_disk_that_went_back_tells_where_it_lives_and_not_where_it_lived_since(void **state)
{
	struct cluster *c = *state;
	struct hostport home;

	cluster_form(c, 3);
	home = c->nodes[1].addr;
	cluster_copy_store(c, 1, 4);
	cluster_kill(c, 1);
	c->nodes[1].addr.port = 8000;
	cluster_start(c, 1);
	assert_true(cluster_until(c, 5000, is_told_at_its_address));
	cluster_kill(c, 1);
	cluster_run(c, 300);
	c->nodes[1].addr = home;
	cluster_copy_store(c, 4, 1);
	cluster_start(c, 1);
	cluster_run(c, 5000);
	assert_int_equal(gossip_fence(c->nodes[1].g), FENCE_SET_BACK);
	assert_true(is_told_at_its_address(c));
	assert_true(all_equal(c));
}

static void the_fence_outlives_a_restart_and_ends_with_the_recovery(void **state)
{
	struct cluster *c = *state;
	uint64_t epoch;

	go_back(c, 1);
	cluster_run(c, 3000);
	cluster_kill(c, 1);
	cluster_start(c, 1);
	cluster_run(c, 2000);
	assert_int_equal(gossip_fence(c->nodes[1].g), FENCE_SET_BACK);
	epoch = epoch_seen(c, 0, 1);
	assert_int_equal(lift(c), WEFT_E_BUSY); /* nothing was looked at yet */
	assert_int_equal(recover(c, false), 0);
	assert_int_equal(gossip_fence(c->nodes[1].g), FENCE_SET_BACK);
	assert_int_equal(lift(c), 0);
	assert_int_equal(gossip_fence(c->nodes[1].g), FENCE_NONE);
	assert_false(gossip_is_cloned(c->nodes[1].g));
	assert_true(epoch_seen(c, 0, 1) > epoch);
	assert_true(cluster_until(c, 3000, all_equal));
	put_tags(c, 1);
	cluster_kill(c, 1);
	cluster_start(c, 1);
	assert_true(cluster_until(c, 5000, all_equal));
	assert_int_equal(gossip_fence(c->nodes[1].g), FENCE_NONE);
	assert_int_equal(c->traces[TRACE_FENCED], 1);
}

static void stopped_anywhere_in_the_recovery_the_node_is_still_fenced(void **state)
{
	struct cluster *c = *state;

	go_back(c, 1);
	cluster_run(c, 3000);
	for (int64_t ms = 0; ms < 120; ms += 7) {
		cluster_begin(c, 1, (struct gossip_command){.kind = CMD_RECOVER, .tag = 77});
		cluster_run(c, ms);
		cluster_kill(c, 1);
		cluster_start(c, 1);
		cluster_run(c, 1500);
		assert_int_equal(gossip_phase(c->nodes[1].g), NODE_ACTIVE);
		assert_int_equal(gossip_fence(c->nodes[1].g), FENCE_SET_BACK);
	}
	assert_int_equal(recover(c, false), 0);
	assert_int_equal(lift(c), 0);
	assert_true(cluster_until(c, 5000, all_equal));
}

static void a_member_that_does_not_answer_is_named_unless_forced(void **state)
{
	struct cluster *c = *state;

	go_back(c, 1);
	cluster_run(c, 3000);
	cluster_kill(c, 2);
	cluster_run(c, 8000);
	assert_int_equal(recover(c, false), WEFT_E_NO_PEER);
	assert_non_null(strstr(c->nodes[1].err.message, "h2"));
	assert_null(strstr(c->nodes[1].err.message, "h0"));
	assert_int_equal(gossip_fence(c->nodes[1].g), FENCE_SET_BACK);
	assert_int_equal(recover(c, true), 0);
	assert_int_equal(lift(c), 0);
}

static void alone_it_recovers_only_by_force(void **state)
{
	struct cluster *c = *state;

	go_back(c, 1);
	cluster_run(c, 3000);
	c->nodes[1].cut = true;
	assert_int_equal(recover(c, false), WEFT_E_NO_PEER);
	assert_non_null(strstr(c->nodes[1].err.message, "--force"));
	assert_int_equal(recover(c, true), 0);
	assert_int_equal(lift(c), 0);
	c->nodes[1].cut = false;
	cluster_run(c, 10000);
	assert_true(all_equal(c));
	assert_int_equal(gossip_fence(c->nodes[1].g), FENCE_NONE);
}

static bool is_fenced(struct cluster *c)
{
	return gossip_fence(c->nodes[1].g) == FENCE_SET_BACK;
}

static bool has_own_tags(struct cluster *c, size_t at)
{
	static const struct id topic_all;
	struct id id = gossip_self(c->nodes[1].g);
	struct row_view row;

	return gossip_row(c->nodes[at].g, &id, &topic_all, ROW_TAGS, topic_all.b, 0, &row);
}

/* Node 1 holds again what it forgot, and its store does not. */
static void adopt_with_a_store_that_fails(struct cluster *c)
{
	cluster_form(c, 3);
	cluster_copy_store(c, 1, 4);
	cluster_kill(c, 1);
	cluster_start(c, 1);
	cluster_run(c, 1500);
	put_tags(c, 1);
	cluster_kill(c, 1);
	cluster_run(c, 300);
	cluster_copy_store(c, 4, 1);
	cluster_start(c, 1);
	assert_true(cluster_until(c, 2000, is_fenced));
	assert_false(has_own_tags(c, 1));
	c->nodes[1].store_fails = true;
	cluster_run(c, 3000);
	assert_true(has_own_tags(c, 1));
	c->nodes[1].store_fails = false;
}

/* The fence is not lifted before, nor with force: killed then, it would have none and know less. */
static void what_was_shown_is_on_the_disk_before_the_fence_goes(void **state)
{
	for (int force = 0; force < 2; force++) {
		struct cluster *c = cluster_new();

		adopt_with_a_store_that_fails(c);
		c->nodes[2].cut = force;
		cluster_run(c, 100);
		assert_int_equal(recover(c, force), WEFT_E_STORE);
		assert_int_equal(lift(c), WEFT_E_BUSY);
		cluster_run(c, 30000);
		assert_int_equal(recover(c, force), 0);
		assert_int_equal(lift(c), 0);
		cluster_kill(c, 1);
		c->nodes[0].cut = c->nodes[2].cut = true;
		cluster_start(c, 1);
		cluster_run(c, 6000);
		assert_int_equal(gossip_fence(c->nodes[1].g), FENCE_NONE);
		assert_true(has_own_tags(c, 1));
		cluster_free(c);
	}
	(void)state;
}

/* The end of the fence is on the disk, and the node is yet to hear of it. */
static void what_is_shown_while_the_fence_goes_puts_it_back_on_the_disk(void **state)
{
	struct cluster *c = *state;
	struct id id;
	uint8_t shown[CERT_BYTES];
	uint64_t before;

	go_back(c, 1);
	cluster_run(c, 3000);
	assert_int_equal(recover(c, false), 0);
	c->nodes[1].store_waits = true;
	cluster_begin(c, 1, (struct gossip_command){.kind = CMD_RECOVERED});
	cluster_run(c, 1);
	assert_false(c->nodes[1].answered);
	id = gossip_self(c->nodes[1].g);
	later_cert(c, shown);
	outbox_add(&c->nodes[0].g->core.outbox, &id, CLASS_CONTROL, FRAME_SET_BACK, shown,
		   sizeof(shown));
	before = c->nodes[1].g->admission->shown;
	cluster_run(c, 1000);
	assert_true(c->nodes[1].g->admission->shown > before);
	cluster_kill(c, 1);
	c->nodes[1].store_waits = false;
	c->nodes[1].cut = true;
	cluster_start(c, 1);
	assert_int_equal(gossip_fence(c->nodes[1].g), FENCE_SET_BACK);
}

/* Something is shown during a first lift, and the fence that is put back by it fails on the disk
 * while a second one is on its way: it is written again, behind that one. */
static void a_fence_that_is_written_behind_its_end_is_still_there(void **state)
{
	struct cluster *c = *state;
	struct gossip *g;
	enum node_fence stored = FENCE_NONE;

	go_back(c, 1);
	cluster_run(c, 3000);
	assert_int_equal(recover(c, false), 0);
	c->nodes[1].store_waits = true;
	cluster_begin(c, 1, (struct gossip_command){.kind = CMD_RECOVERED});
	cluster_run(c, 1);
	g = c->nodes[1].g;
	core_begin_step(&g->core, c->now, c->wall);
	g->admission->fence_wanted = g->admission->fence; /* as that of a write that failed */
	c->nodes[1].store_waits = false;
	cluster_run(c, 1000);
	for (size_t i = 0; i < c->nodes[1].stored_count; i++) {
		if (c->nodes[1].stored[i].kind == WRITE_META &&
		    c->nodes[1].stored[i].meta == META_FENCE)
			stored = FENCE_SET_BACK;
	}
	assert_int_equal(gossip_fence(g), stored);
}

static void a_node_that_is_not_fenced_has_nothing_to_recover(void **state)
{
	struct cluster *c = *state;
	uint64_t epoch;

	cluster_form(c, 3);
	epoch = epoch_seen(c, 0, 1);
	assert_int_equal(recover(c, false), 0);
	assert_int_equal(lift(c), 0);
	cluster_run(c, 1000);
	assert_int_equal(epoch_seen(c, 0, 1), epoch);
}

static void an_old_copy_beside_the_original_is_refused_and_the_original_unharmed(void **state)
{
	struct cluster *c = *state;
	uint64_t epoch;

	cluster_form(c, 3);
	cluster_copy_store(c, 1, 4);
	for (int i = 0; i < 2; i++) {
		cluster_kill(c, 1);
		cluster_start(c, 1);
		cluster_run(c, 2000);
		put_tags(c, 1);
	}
	epoch = epoch_seen(c, 0, 1);
	snprintf(c->nodes[4].name, sizeof(c->nodes[4].name), "%s", "h1");
	cluster_start(c, 4);
	cluster_run(c, 8000);
	assert_int_equal(gossip_phase(c->nodes[4].g), NODE_COPY);
	assert_int_equal(gossip_phase(c->nodes[1].g), NODE_ACTIVE);
	assert_int_equal(gossip_fence(c->nodes[1].g), FENCE_NONE);
	assert_int_equal(epoch_seen(c, 0, 1), epoch);
	assert_true(all_equal(c));
	assert_int_equal(c->traces[TRACE_SET_BACK], 0);
}

static void a_copy_that_recovers_beside_the_original_learns_that_it_is_one(void **state)
{
	struct cluster *c = *state;
	struct gossip_command command = {.kind = CMD_RECOVER};
	struct hostport lives;

	go_back(c, 1);
	cluster_run(c, 3000);
	/* The disk that went back was copied as well: its process lives on while the copy asks. */
	cluster_copy_store(c, 1, 4);
	snprintf(c->nodes[4].name, sizeof(c->nodes[4].name), "%s", "h1");
	c->nodes[4].cut = true;
	cluster_start(c, 4);
	cluster_run(c, 6000);
	assert_true(gossip_is_alone(c->nodes[4].g));
	c->nodes[4].cut = false;
	assert_int_equal(cluster_do(c, 4, command), WEFT_E_IS_COPY);
	assert_int_equal(gossip_phase(c->nodes[4].g), NODE_COPY);
	assert_true(gossip_original(c->nodes[4].g, &lives));
	assert_true(hostport_eq(&lives, &c->nodes[1].addr));
	assert_int_equal(recover(c, false), 0);
	assert_int_equal(lift(c), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	    TEST(a_disk_that_went_back_by_a_start_is_told_and_fences_its_node),
	    TEST(a_disk_that_went_back_tells_where_it_lives_and_not_where_it_lived_since),
	    TEST(the_fence_outlives_a_restart_and_ends_with_the_recovery),
	    TEST(stopped_anywhere_in_the_recovery_the_node_is_still_fenced),
	    TEST(a_member_that_does_not_answer_is_named_unless_forced),
	    TEST(alone_it_recovers_only_by_force),
	    cmocka_unit_test(what_was_shown_is_on_the_disk_before_the_fence_goes),
	    TEST(what_is_shown_while_the_fence_goes_puts_it_back_on_the_disk),
	    TEST(a_fence_that_is_written_behind_its_end_is_still_there),
	    TEST(a_node_that_is_not_fenced_has_nothing_to_recover),
	    TEST(an_old_copy_beside_the_original_is_refused_and_the_original_unharmed),
	    TEST(a_copy_that_recovers_beside_the_original_learns_that_it_is_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
