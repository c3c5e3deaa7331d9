/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "gossip/tables/want.h"

#include <string.h>

#include "gossip/tables/topic.h"
#include "tables_net.h"
#include "test/base/cmocka_all.h"

TNET_ADMISSION

static struct tnet net;
static struct tables *tables;
static struct want want;

/* Node 1 holds sequences 1, 2, 4 and 6 of owner 9. */
static int open_want(void **state)
{
	static const uint64_t sequences[] = {1, 2, 4, 6};
	struct row_view row = {.kind = ROW_RANGE, .owner = id_numbered(9), .epoch = 1};
	uint8_t bytes[ROW_BYTES_MAX];

	(void)state;
	tnet_open(&net, 1, 1);
	for (uint32_t i = 0; i < 4; i++) {
		tnet_key(&row, i);
		row.sequence = sequences[i];
		tnet_receive(&net, 1, 1, bytes, tnet_sign(&row, bytes));
	}
	tables = tnet_node(&net, 1)->tables;
	want = (struct want){.owner = id_numbered(9), .topic = TOPIC_ALL};
	core_begin_step(&tnet_node(&net, 1)->kit.core, net.now, (struct wall){0});
	return 0;
}

static int close_want(void **state)
{
	(void)state;
	want_close(tables, &want);
	tnet_close(&net);
	return 0;
}

static struct origin *origin(void)
{
	return replica_origin(&tables->replica, want_origin(tables, &want));
}

static void it_begins_at_the_watermark_and_asks_for_a_list_where_there_are_holes(void **state)
{
	(void)state;
	want_begin(tables, &want, false);
	assert_int_equal(want.after.sequence, 2);
	assert_int_equal(want.mode, WANT_LIST);
	want.owner = id_numbered(8);
	want_begin(tables, &want, false);
	assert_int_equal(want.mode, WANT_ROWS);
	assert_true(want.fresh);
}

static void what_is_listed_and_not_here_is_missing_until_it_comes(void **state)
{
	const struct version versions[] = {{1, 3}, {1, 4}, {1, 5}, {1, 6}};
	struct id peer = id_numbered(7);

	(void)state;
	want_begin(tables, &want, false);
	want.claim = (struct version){1, 6};
	want_list(tables, &want, versions, NULL, 4);
	assert_int_equal(want.missing_count, 2);
	assert_true(want_came(&want, versions[2]));
	assert_false(want_came(&want, versions[2]));
	assert_false(want_came(&want, (struct version){1, 99}));
	assert_int_equal(want.missing_count, 1);
	assert_true(want_came(&want, versions[0]));
	assert_true(want_advance(tables, &want, &peer));
	assert_int_equal(origin()->mark.upto.sequence, 6);
}

static void a_refused_row_leaves_the_watermark_where_it_was(void **state)
{
	struct id peer = id_numbered(7);

	(void)state;
	want_begin(tables, &want, false);
	want.claim = (struct version){1, 6};
	want.failed = true;
	want_list(tables, &want, NULL, NULL, 0);
	assert_true(want_advance(tables, &want, &peer));
	assert_int_equal(origin()->mark.upto.sequence, 2);
}

static void a_whole_comparison_does_not_trust_the_watermark(void **state)
{
	const struct version versions[] = {{1, 1}, {1, 2}, {1, 5}};

	(void)state;
	watermark_complete(&origin()->mark, &tables->core->heap, (struct version){1, 9});
	want_begin(tables, &want, true);
	assert_int_equal(want.after.sequence, 0);
	assert_true(origin()->flags & ORIGIN_WHOLE);
	want_list(tables, &want, versions, NULL, 3);
	assert_int_equal(want.missing_count, 1);
	want_close(tables, &want);
	assert_int_equal(origin()->flags, 0);
	want.whole = false;
}

/* Nothing is missing on either side, and yet the next comparison has to be made. */
static void after_a_list_that_brought_nothing_texts_are_asked_for(void **state)
{
	const struct version versions[] = {{1, 1}, {1, 2}, {1, 4}, {1, 6}};
	const struct replica *replica = &tables->replica;
	struct id peer = id_numbered(7);
	uint64_t texts[4];

	(void)state;
	want_begin(tables, &want, true);
	assert_int_equal(want.mode, WANT_LIST);
	want_list(tables, &want, versions, NULL, 4);
	assert_true(want_advance(tables, &want, &peer));
	want_close(tables, &want);
	want_begin(tables, &want, true);
	assert_int_equal(want.mode, WANT_TEXTS);
	for (size_t i = 0; i < 4; i++) {
		uint32_t slot =
		    replica_find_version(replica, want_origin(tables, &want), versions[i]);
		texts[i] = replica_text(replica, replica_slot(replica, slot));
	}
	texts[2]++;
	want_list(tables, &want, versions, texts, 4);
	assert_int_equal(want.missing_count, 1);
	assert_int_equal(want.missing[0].sequence, 4);
	assert_true(want_came(&want, versions[2]));
	assert_true(want_advance(tables, &want, &peer));
	want_close(tables, &want);
	/* And then a list again. */
	want_begin(tables, &want, true);
	assert_int_equal(want.mode, WANT_LIST);
	want_close(tables, &want);
	want.whole = false;
}

static void a_list_that_brought_something_is_followed_by_a_list(void **state)
{
	const struct version versions[] = {{1, 1}, {1, 2}, {1, 4}};
	struct id peer = id_numbered(7);

	(void)state;
	want_begin(tables, &want, true);
	want_list(tables, &want, versions, NULL, 3);
	want.took = true;
	assert_true(want_advance(tables, &want, &peer));
	assert_int_equal(origin()->flags & ORIGIN_TEXTS, 0);
	want_close(tables, &want);
	want.whole = false;
}

static void a_peer_whose_texts_bring_nothing_is_left_alone_for_a_while(void **state)
{
	struct id peer = id_numbered(7), other = id_numbered(8);
	struct core *core = &tnet_node(&net, 1)->kit.core;

	(void)state;
	(void)replica_add_owner(&tables->replica, &peer);
	for (int round = 0; round < 3; round++) { /* versions, versions once more, texts */
		assert_false(want_is_vain(tables, origin(), &peer));
		want_begin(tables, &want, true);
		want_list(tables, &want, NULL, NULL, 0);
		assert_true(want_advance(tables, &want, &peer));
		want_close(tables, &want);
	}
	assert_true(want_is_vain(tables, origin(), &peer));
	assert_false(want_is_vain(tables, origin(), &other));
	core->now = mono_add_ms(core->now, 10000);
	assert_false(want_is_vain(tables, origin(), &peer));
	want.whole = false;
}

/* When it may ask again for its own rows in a topic. */
static const struct mono *own_asked(uint32_t topic)
{
	return &replica_topic(&tables->replica, topic)->own_asked_until;
}

static void of_its_own_rows_a_node_asks_for_texts_at_once(void **state)
{
	struct id peer = id_numbered(7);

	(void)state;
	tnet_node(&net, 1)->kit.core.self.id = want.owner;
	want_begin(tables, &want, true);
	assert_int_equal(want.mode, WANT_TEXTS);
	/* Until somebody has answered anybody may be asked. */
	assert_true(mono_is_due(*own_asked(TOPIC_ALL), tables->core->now));
	want_list(tables, &want, NULL, NULL, 0);
	assert_true(want_advance(tables, &want, &peer));
	assert_int_equal(mono_diff_ms(*own_asked(TOPIC_ALL), tables->core->now), 60000);
	want_close(tables, &want);
	/* One that is told what it wrote asks like anybody else. */
	tnet_node(&net, 1)->kit.core.self.cloned = true;
	want_begin(tables, &want, true);
	assert_int_equal(want.mode, WANT_LIST);
	want_close(tables, &want);
	want.whole = false;
}

static void where_it_has_no_row_of_its_own_a_node_asks_as_seldom(void **state)
{
	struct id peer = id_numbered(7), network = id_numbered(70);

	(void)state;
	want.owner = tnet_node(&net, 1)->kit.core.self.id;
	want_begin(tables, &want, true);
	want.topic = topic_intern(tables, &network);
	assert_int_equal(want_origin(tables, &want), NONE);
	want_list(tables, &want, NULL, NULL, 0);
	assert_true(want_advance(tables, &want, &peer));
	assert_int_equal(mono_diff_ms(*own_asked(want.topic), tables->core->now), 60000);
	assert_true(mono_is_due(*own_asked(TOPIC_ALL), tables->core->now));
}

static void a_window_that_is_not_the_last_is_followed_by_the_next(void **state)
{
	struct id peer = id_numbered(7);

	(void)state;
	want_begin(tables, &want, false);
	want.through = (struct version){1, 4};
	want.more = true;
	want_list(tables, &want, NULL, NULL, 0);
	assert_false(want_advance(tables, &want, &peer));
	assert_int_equal(want.after.sequence, 4);
	assert_false(want.listed);
}

static void below_its_floor_only_the_whole_of_an_origin_completes_it(void **state)
{
	struct id peer = id_numbered(7);

	(void)state;
	replica_set_incomplete(&tables->replica, want_origin(tables, &want), true);
	want_begin(tables, &want, false);
	want.claim = (struct version){1, 6};
	want_list(tables, &want, NULL, NULL, 0);
	assert_true(want_advance(tables, &want, &peer));
	assert_int_equal(tables->replica.incomplete_count, 1);
	want_begin(tables, &want, true);
	want.claim = (struct version){1, 6};
	want_list(tables, &want, NULL, NULL, 0);
	assert_true(want_advance(tables, &want, &peer));
	assert_int_equal(tables->replica.incomplete_count, 0);
	want_close(tables, &want);
	want.whole = false;
}

int main(void)
{
#define WANT_TEST(name) cmocka_unit_test_setup_teardown(name, open_want, close_want)
	const struct CMUnitTest tests[] = {
	    WANT_TEST(it_begins_at_the_watermark_and_asks_for_a_list_where_there_are_holes),
	    WANT_TEST(what_is_listed_and_not_here_is_missing_until_it_comes),
	    WANT_TEST(a_refused_row_leaves_the_watermark_where_it_was),
	    WANT_TEST(a_whole_comparison_does_not_trust_the_watermark),
	    WANT_TEST(after_a_list_that_brought_nothing_texts_are_asked_for),
	    WANT_TEST(a_list_that_brought_something_is_followed_by_a_list),
	    WANT_TEST(a_peer_whose_texts_bring_nothing_is_left_alone_for_a_while),
	    WANT_TEST(of_its_own_rows_a_node_asks_for_texts_at_once),
	    WANT_TEST(where_it_has_no_row_of_its_own_a_node_asks_as_seldom),
	    WANT_TEST(a_window_that_is_not_the_last_is_followed_by_the_next),
	    WANT_TEST(below_its_floor_only_the_whole_of_an_origin_completes_it),
	};
#undef WANT_TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
