/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Who is refused is so after a start, too, and by the same ways no more. */
#include "refused.h"
#include "gossip/admission/admission_impl.h"
#include "gossip/base/pack.h"
#include "gossip/gossip_impl.h"
#include "test/base/cmocka_all.h"

#define LOOK_HASHES 16 /* at most, of five members */

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

static bool is_refused_by(struct cluster *c, const struct id *who)
{
	struct id by;

	return gossip_refused_by(c->nodes[3].g, &by) && id_eq(&by, who);
}

static bool is_active(struct cluster *c)
{
	return gossip_phase(c->nodes[3].g) == NODE_ACTIVE;
}

static bool sees_1(struct cluster *c)
{
	return cluster_state(c, 3, 1) == MEMBER_ALIVE;
}

/* Nodes 0 and 2 refuse node 3, which node 1 admitted. */
static void refuse(struct cluster *c)
{
	cluster_admit_unheard(c, false);
	c->nodes[2].cut = false;
	refused_lose_admitter(c);
	assert_true(cluster_until(c, 20000, refused_is_fenced));
}

static void who_is_refused_is_not_free_by_a_start_in_a_cut(void **state)
{
	struct cluster *c = *state;
	struct id admitter, was, by;

	refuse(c);
	assert_true(gossip_is_refused(c->nodes[3].g, &admitter));
	assert_true(gossip_refused_by(c->nodes[3].g, &was));
	cluster_run(c, 10);
	c->nodes[3].cut = true;
	cluster_run(c, 100000);
	refused_restart(c);
	for (int s = 0; s < 1000; s++) {
		assert_true(refused_is_fenced(c));
		cluster_run(c, 1000);
	}
	assert_true(is_active(c));
	assert_true(gossip_is_refused(c->nodes[3].g, &by));
	assert_memory_equal(&by, &admitter, sizeof(by));
	assert_true(is_refused_by(c, &was));
	assert_int_equal(c->traces[TRACE_ADMISSION_TAKEN], 0);
}

static void nor_for_a_moment_where_others_are_there(void **state)
{
	struct cluster *c = *state;

	refuse(c);
	cluster_run(c, 30000);
	refused_restart(c);
	for (int ms = 0; ms < 20000; ms++) {
		assert_true(refused_is_fenced(c));
		cluster_run(c, 1);
	}
	assert_true(is_active(c));
}

/* It agrees to the claim, and is heard. */
static void nor_by_another_one_that_is_refused(void **state)
{
	struct cluster *c = *state;

	cluster_admit_unheard(c, false);
	cluster_start(c, 4);
	assert_int_equal(cluster_do(c, 4,
				    (struct gossip_command){.kind = CMD_JOIN,
							    .text = c->token,
							    .addrs = &c->nodes[1].addr,
							    .addr_count = 1}),
			 0);
	cluster_run(c, 5000);
	c->nodes[2].cut = false;
	c->nodes[4].cut = true;
	refused_lose_admitter(c);
	c->nodes[4].cut = false;
	assert_true(cluster_until(c, 20000, refused_is_fenced));
	cluster_run(c, 30000);
	c->nodes[0].cut = c->nodes[2].cut = true;
	cluster_run(c, 100000);
	refused_restart(c);
	for (int s = 0; s < 300; s++) {
		cluster_run(c, 1000);
		assert_true(refused_is_fenced(c));
	}
	assert_true(is_active(c));
	assert_false(gossip_is_alone(c->nodes[3].g));
}

static void a_refusal_ends_after_a_start_when_somebody_turns_out_to_know_the_refused(void **state)
{
	struct cluster *c = *state;

	cluster_admit_unheard(c, true);
	c->nodes[3].cut = true;
	refused_tell(c, 2);
	cluster_kill(c, 1);
	cluster_kill(c, 0);
	c->nodes[2].cut = c->nodes[3].cut = false;
	assert_true(cluster_until(c, 30000, refused_is_fenced));
	assert_true(cluster_until(c, 100, refused_is_noted));
	refused_restart(c);
	cluster_run(c, 20000);
	assert_true(refused_is_fenced(c));
	cluster_start(c, 0); /* the only one who had heard of node 3 in time */
	assert_true(cluster_until(c, 30000, refused_is_free));
	cluster_run(c, 20000);
	assert_false(refused_is_noted(c));
	c->nodes[3].cut = true;
	refused_restart(c);
	for (int s = 0; s < 60; s++) {
		assert_false(refused_is_fenced(c));
		cluster_run(c, 1000);
	}
}

/* Node 0, the founder, admitted all and was removed by node 1. */
static struct id founder_goes(struct cluster *c)
{
	struct id founder, second;

	cluster_form(c, 5);
	founder = gossip_self(c->nodes[0].g);
	second = gossip_self(c->nodes[1].g);
	assert_int_equal(
	    cluster_do(c, 0, (struct gossip_command){.kind = CMD_ADMIN_ADD, .id = second}), 0);
	cluster_run(c, 1000);
	cluster_kill(c, 0);
	assert_int_equal(
	    cluster_do(c, 1, (struct gossip_command){.kind = CMD_REMOVE, .id = founder}), 0);
	cluster_run(c, 10000);
	return founder;
}

/* Node n says to node 3 that it does not believe it. */
static void say(struct cluster *c, size_t n, const struct id *removed)
{
	struct gossip *g = c->nodes[3].g;
	struct id id = gossip_self(c->nodes[n].g);

	c->now = mono_add_ms(c->now, 1);
	core_begin_step(&g->core, c->now, c->wall);
	refusal_shown(g->admission, member_find(&g->members, &id), removed);
	refused_step(c, 3);
}

static bool is_not_from_4(void *ctx, const struct flight *flight)
{
	const struct cluster *c = ctx;

	return !hostport_eq(&flight->from, &c->nodes[4].addr);
}

static void or_when_who_refuses_is_removed(void **state)
{
	struct cluster *c = *state;
	struct id founder = founder_goes(c), refuser = gossip_self(c->nodes[4].g);

	c->watch = is_not_from_4;
	c->watch_ctx = c;
	refused_restart(c);
	cluster_run(c, 5000);
	assert_false(refused_is_fenced(c));
	say(c, 4, &founder);
	assert_true(cluster_until(c, 1000, refused_is_fenced));
	cluster_run(c, 10);
	cluster_kill(c, 4);
	refused_restart(c);
	cluster_run(c, 90000);
	assert_true(refused_is_fenced(c));
	assert_int_equal(
	    cluster_do(c, 1, (struct gossip_command){.kind = CMD_REMOVE, .id = refuser}), 0);
	assert_true(cluster_until(c, 5000, refused_is_free));
	cluster_run(c, 2000);
	assert_false(refused_is_noted(c));
}

/* Node 4 has believed node 3 once, and says something else while nobody else is there: his id. */
static struct id recant(struct cluster *c)
{
	struct id founder = founder_goes(c), by = gossip_self(c->nodes[4].g);

	c->nodes[1].cut = c->nodes[2].cut = true;
	cluster_run(c, 30000);
	assert_int_equal(cluster_alive(c, 3), 2);
	c->watch = is_not_from_4;
	c->watch_ctx = c;
	say(c, 4, &founder);
	assert_true(cluster_until(c, 1000, refused_is_fenced));
	cluster_run(c, 10);
	refused_restart(c);
	cluster_run(c, 10000);
	assert_true(refused_is_fenced(c));
	assert_true(is_refused_by(c, &by));
	return founder;
}

static void who_believed_before_is_not_listened_to_after_a_start_either(void **state)
{
	struct cluster *c = *state;

	(void)recant(c);
	c->nodes[1].cut = c->nodes[2].cut = false;
	assert_true(cluster_until(c, 30000, refused_is_free));
}

static void one_who_never_did_is_noted_in_his_place(void **state)
{
	struct cluster *c = *state;
	struct id founder = recant(c), second = gossip_self(c->nodes[2].g);

	say(c, 2, &founder);
	cluster_run(c, 2000);
	assert_true(is_refused_by(c, &second));
	refused_restart(c);
	assert_true(is_refused_by(c, &second));
	c->nodes[1].cut = false;
	cluster_run(c, 30000);
	assert_int_equal(cluster_state(c, 3, 1), MEMBER_ALIVE);
	assert_true(refused_is_fenced(c));
}

static void a_note_that_the_disk_refuses_is_written_when_it_can_be(void **state)
{
	struct cluster *c = *state;

	cluster_admit_unheard(c, false);
	c->nodes[2].cut = false;
	refused_lose_admitter(c);
	c->nodes[3].store_fails = true;
	assert_true(cluster_until(c, 20000, refused_is_fenced));
	cluster_run(c, 5000);
	assert_true(refused_is_fenced(c));
	assert_false(refused_is_noted(c));
	c->nodes[3].store_fails = false;
	assert_true(cluster_until(c, 1000, refused_is_noted));
	c->nodes[3].cut = true;
	refused_restart(c);
	cluster_run(c, 20000);
	assert_true(refused_is_fenced(c));
}

/* A member that turns its word at no cost. */
static void notes_are_written_once_a_second_at_most(void **state)
{
	struct cluster *c = *state;
	struct id founder = founder_goes(c);
	struct id liar = gossip_self(c->nodes[4].g);
	unsigned turns = 0;
	bool was = false;

	c->watch = is_not_from_4;
	c->watch_ctx = c;
	refused_restart(c);
	cluster_run(c, 5000);
	for (int ms = 0; ms < 20000; ms += 10) {
		struct member *member = member_find(&c->nodes[3].g->members, &liar);

		member->spoke = false;
		say(c, 4, &founder);
		cluster_run(c, 5);
		admission_believed(c->nodes[3].g->admission, member);
		cluster_run(c, 5);
		turns += refused_is_noted(c) != was;
		was = refused_is_noted(c);
	}
	assert_in_range(turns, 10, 21);
}

static uint64_t hashes(struct cluster *c, int64_t ms)
{
	uint64_t before = c->nodes[3].seeded.hashed;

	cluster_run(c, ms);
	return c->nodes[3].seeded.hashed - before;
}

static void who_refuses_and_is_gone_costs_a_look_in_ten_seconds(void **state)
{
	struct cluster *c = *state;
	struct id founder = founder_goes(c);
	uint64_t quiet;

	quiet = hashes(c, 60000);
	c->watch = is_not_from_4;
	c->watch_ctx = c;
	say(c, 4, &founder);
	cluster_kill(c, 4);
	cluster_run(c, 60000);
	assert_in_range(hashes(c, 60000), quiet, quiet + (uint64_t)7 * LOOK_HASHES);
	/* It is looked at soon when a member comes or goes. */
	assert_false(refused_is_fenced(c));
	cluster_kill(c, 1);
	cluster_kill(c, 2);
	assert_true(cluster_until(c, 20000, refused_is_fenced));
	assert_int_equal(cluster_alive(c, 3), 1);
	cluster_run(c, 60000);
	cluster_start(c, 1);
	assert_true(cluster_until(c, 30000, sees_1));
	assert_true(cluster_until(c, 1000, refused_is_free));
}

static bool is_not_to_3(void *ctx, const struct flight *flight)
{
	const struct cluster *c = ctx;

	return !hostport_eq(&flight->to, &c->nodes[3].addr);
}

/* The first word of a member that was there all the time. */
static void a_look_follows_the_first_word_of_a_member(void **state)
{
	struct cluster *c = *state;
	struct id founder = founder_goes(c), first = gossip_self(c->nodes[1].g),
		  last = gossip_self(c->nodes[4].g);
	struct member_table *members = &c->nodes[3].g->members;

	c->watch = is_not_to_3;
	c->watch_ctx = c;
	cluster_run(c, 10);
	for (size_t i = 0; i < members->ordered.count; i++)
		member_at(members, i)->spoke = false;
	say(c, 4, &founder);
	assert_true(cluster_until(c, 1000, refused_is_fenced));
	member_find(members, &last)->spoke = true;
	cluster_run(c, 300);
	assert_true(refused_is_fenced(c));
	assert_int_equal(cluster_state(c, 3, 1), MEMBER_ALIVE);
	c->now = mono_add_ms(c->now, 1);
	core_begin_step(&c->nodes[3].g->core, c->now, c->wall);
	admission_believed(c->nodes[3].g->admission, member_find(members, &first));
	refused_step(c, 3);
	assert_true(cluster_until(c, 210, refused_is_free));
}

static int load(struct cluster *c, const uint8_t *bytes, size_t len, struct id *removed)
{
	struct gossip_config config = {.pages = c->pages, .blobs = &c->nodes[5].blobs};
	struct write write = {.kind = WRITE_META, .meta = META_REFUSED, .bytes = bytes, .len = len};
	struct gossip *g;
	int rc;

	config.crypto = seeded_init(&c->nodes[5].seeded, 1);
	heap_init(&c->nodes[5].heap, &c->pages);
	blob_store_init(&c->nodes[5].blobs, &c->nodes[5].heap, 5);
	g = gossip_new(&config);
	rc = gossip_load(g, &write);
	(void)gossip_is_refused(g, removed);
	gossip_free(g);
	blob_store_close(&c->nodes[5].blobs);
	heap_close(&c->nodes[5].heap);
	return rc;
}

static void a_note_is_read_whole_and_later_fields_are_passed_over(void **state)
{
	struct cluster *c = *state;
	struct id by = {.b = {1}}, removed = {.b = {2}}, back;
	uint8_t bytes[128];
	struct pack pack;

	for (int fields = 3; fields <= 5; fields++) {
		pack_init(&pack, bytes, sizeof(bytes));
		pack_array(&pack, (size_t)fields);
		pack_bin(&pack, by.b, ID_BYTES);
		pack_bin(&pack, removed.b, ID_BYTES);
		for (int i = 2; i < fields; i++)
			pack_bool(&pack, true);
		assert_int_equal(load(c, bytes, pack.len, &back), fields < 4 ? WEFT_E_INVALID : 0);
	}
	assert_true(id_eq(&back, &removed));
	for (size_t len = 1; len < pack.len; len++)
		assert_int_equal(load(c, bytes, len, &back), WEFT_E_INVALID);
	assert_int_equal(load(c, NULL, 0, &back), 0);
	assert_true(id_is_zero(&back));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	    TEST(who_is_refused_is_not_free_by_a_start_in_a_cut),
	    TEST(nor_for_a_moment_where_others_are_there),
	    TEST(nor_by_another_one_that_is_refused),
	    TEST(a_refusal_ends_after_a_start_when_somebody_turns_out_to_know_the_refused),
	    TEST(or_when_who_refuses_is_removed),
	    TEST(who_believed_before_is_not_listened_to_after_a_start_either),
	    TEST(one_who_never_did_is_noted_in_his_place),
	    TEST(a_note_that_the_disk_refuses_is_written_when_it_can_be),
	    TEST(notes_are_written_once_a_second_at_most),
	    TEST(who_refuses_and_is_gone_costs_a_look_in_ten_seconds),
	    TEST(a_look_follows_the_first_word_of_a_member),
	    TEST(a_note_is_read_whole_and_later_fields_are_passed_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
