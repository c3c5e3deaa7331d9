/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "gossip/tables/marks.h"

#include <string.h>

#include "test/base/cmocka_all.h"
#include "gossip/base/pack.h"
#include "gossip/tables/replica_cap.h"
#include "tables_net.h"

TNET_ADMISSION

static struct tnet net;

/* Two nodes; node 1 holds rows 1 to 5 of owner 9 and a fact with counter 3. */
static int open_marks(void **state)
{
	struct row_view row = {.kind = ROW_RANGE, .owner = id_numbered(9), .epoch = 1};
	uint8_t bytes[ROW_BYTES_MAX];

	(void)state;
	tnet_open(&net, 2, 1);
	for (uint32_t i = 1; i <= 5; i++) {
		tnet_key(&row, i);
		row.sequence = i;
		tnet_receive(&net, 1, 2, bytes, tnet_sign(&row, bytes));
	}
	row.kind = FACT_NETWORK;
	row.epoch = 0;
	row.sequence = 3;
	tnet_receive(&net, 1, 2, bytes, tnet_sign(&row, bytes));
	tnet_node(&net, 1)->kit.core.outbox.frames.count = 0;
	return 0;
}

static int close_marks(void **state)
{
	(void)state;
	tnet_close(&net);
	return 0;
}

struct outcome {
	enum drop_reason reason;
	size_t wants, whole, answers;
};

/* Marks of node 2 that name one owner so, and nothing else. */
static struct outcome compare_owner(uint8_t number, struct version upto, struct version top,
				    uint64_t hash)
{
	struct tnet_node *node = tnet_node(&net, 1);
	struct outbox *box = &node->kit.core.outbox;
	struct id peer = id_numbered(2), owner = id_numbered(number), all = {{0}};
	struct outcome outcome = {.wants = 0};
	struct session *session;
	uint64_t place = replica_origin_place(&owner, &all);
	uint8_t bytes[200];
	struct pack pack;

	pack_init(&pack, bytes, sizeof(bytes));
	pack_array(&pack, 1);
	pack_array(&pack, 6);
	pack_bin(&pack, owner.b, ID_BYTES);
	pack_uint(&pack, upto.epoch);
	pack_uint(&pack, upto.sequence);
	pack_uint(&pack, top.epoch);
	pack_uint(&pack, top.sequence);
	pack_uint(&pack, hash);
	core_begin_step(&node->kit.core, net.now, (struct wall){0});
	outcome.reason = marks_compare(node->tables, member_find(&node->kit.members, &peer),
				       TOPIC_ALL, place, place, false, bytes, pack.len);
	session = repair_find(node->tables, &peer);
	if (session != NULL) {
		outcome.wants = session->wants.count;
		outcome.whole =
		    outcome.wants > 0 && ((struct want *)vec_at(&session->wants, 0))->whole;
	}
	for (size_t i = 0; i < box->frames.count; i++)
		outcome.answers +=
		    ((struct outbox_frame *)vec_at(&box->frames, i))->type == FRAME_MARKS;
	core_kit_unsend(box);
	return outcome;
}

static struct outcome compare(struct version upto, struct version top, uint64_t hash)
{
	return compare_owner(9, upto, top, hash);
}

static void expect(struct outcome outcome, size_t wants, size_t whole, size_t answers)
{
	assert_int_equal(outcome.reason, DROP_NONE);
	assert_int_equal(outcome.wants, wants);
	assert_int_equal(outcome.whole, whole);
	assert_int_equal(outcome.answers, answers);
}

static void who_has_seen_more_is_asked(void **state)
{
	(void)state;
	expect(compare((struct version){1, 9}, (struct version){1, 9}, 1), 1, 0, 0);
}

static void who_has_seen_less_is_told_what_is_here(void **state)
{
	(void)state;
	expect(compare((struct version){1, 3}, (struct version){1, 3}, 1), 0, 0, 1);
}

static void each_has_something_that_the_other_lacks(void **state)
{
	(void)state;
	expect(compare((struct version){1, 3}, (struct version){1, 9}, 1), 1, 0, 1);
}

static void equal_watermarks_and_unequal_hashes_list_the_whole(void **state)
{
	(void)state;
	expect(compare((struct version){1, 5}, (struct version){1, 5}, 1), 1, 1, 1);
}

static void equal_hashes_share_the_higher_watermark(void **state)
{
	struct replica *replica = &tnet_node(&net, 1)->tables->replica;
	struct id owner = id_numbered(9);
	struct origin *origin = replica_origin(
	    replica, replica_find_origin(replica, replica_find_owner(replica, &owner), TOPIC_ALL));

	(void)state;
	expect(compare((struct version){1, 8}, (struct version){1, 8}, origin->hash), 0, 0, 0);
	assert_int_equal(origin->mark.upto.sequence, 8);
}

/* They are never shown: who counted them would go down into buckets in which nothing is. */
static void facts_of_an_author_over_its_cap_are_not_counted(void **state)
{
	struct tables *tables = tnet_node(&net, 1)->tables;
	struct id author = id_numbered(9);
	size_t count = marks_count(tables, TOPIC_ALL, 0, UINT64_MAX, 100);

	(void)state;
	assert_true(count > 1);
	replica_cap_author(&tables->replica, &author);
	assert_int_equal(marks_count(tables, TOPIC_ALL, 0, UINT64_MAX, 100), count - 1);
}

static void nobody_else_says_how_far_this_node_has_written(void **state)
{
	struct replica *replica = &tnet_node(&net, 1)->tables->replica;
	struct version far = {UINT64_MAX, UINT64_MAX};
	struct id self = id_numbered(1);
	const struct origin *origin;

	(void)state;
	assert_int_equal(tnet_put(&net, 1, ROW_TAGS, NULL, 0, "a"), 0);
	tnet_run(&net, 5);
	origin = replica_origin(
	    replica, replica_find_origin(replica, replica_find_owner(replica, &self), TOPIC_ALL));
	expect(compare_owner(1, far, far, origin->hash), 0, 0, 0);
	assert_int_equal(origin->mark.top.sequence, 1);
	assert_int_equal(tnet_put(&net, 1, ROW_TAGS, NULL, 0, "b"), 0);
	tnet_run(&net, 5);
	assert_int_equal(origin->mark.top.sequence, 2);
	assert_true(tnet_has(&net, 1, 1, NULL, ROW_TAGS, 0, "b"));
}

/* A node whose disk went back, and that has written as many rows again, is busy with others. */
static void own_rows_are_asked_for_as_soon_as_a_session_is_free(void **state)
{
	struct tables *tables = tnet_node(&net, 1)->tables;
	struct version first = {1, 1};

	(void)state;
	assert_int_equal(tnet_put(&net, 1, ROW_TAGS, NULL, 0, "a"), 0);
	tnet_run(&net, 5);
	repair_close(tables);
	for (uint8_t i = 0; i < REPAIR_SESSIONS; i++) {
		struct id other = id_numbered((uint8_t)(30 + i));
		assert_non_null(repair_open(tables, &other));
	}
	expect(compare_owner(1, first, first, 1), 0, 0, 1);
	repair_close(tables);
	expect(compare_owner(1, first, first, 1), 1, 1, 1);
}

static void items_are_counted_and_named_by_place(void **state)
{
	struct tnet_node *node = tnet_node(&net, 1);
	struct id peer = id_numbered(2);

	(void)state;
	assert_int_equal(marks_count(node->tables, TOPIC_ALL, 0, UINT64_MAX, 99), 2);
	assert_int_equal(marks_count(node->tables, TOPIC_ALL, 0, UINT64_MAX, 1), 1);
	assert_int_equal(marks_count(node->tables, TOPIC_ALL, 1, 1, 99), 0);
	marks_send(node->tables, &peer, TOPIC_ALL, 0, UINT64_MAX);
	assert_int_equal(node->kit.core.outbox.frames.count, 1);
	core_kit_unsend(&node->kit.core.outbox);
}

static void versions_at_the_end_of_numbers_fit_a_frame(void **state)
{
	struct tnet_node *node = tnet_node(&net, 1);
	struct row_view row = {.kind = ROW_TAGS, .epoch = UINT64_MAX, .sequence = ROW_SEQUENCE_MAX};
	const struct version end = {UINT64_MAX, UINT64_MAX};
	struct id peer = id_numbered(2);
	uint8_t bytes[ROW_BYTES_MAX];

	(void)state;
	for (uint8_t owner = 30; owner < 60; owner++) {
		uint32_t origin;
		row.owner = id_numbered(owner);
		tnet_receive(&net, 1, 2, bytes, tnet_sign(&row, bytes));
		origin = replica_find_origin(&node->tables->replica,
					     replica_find_owner(&node->tables->replica, &row.owner),
					     TOPIC_ALL);
		watermark_complete(&replica_origin(&node->tables->replica, origin)->mark,
				   &node->kit.core.heap, end);
	}
	core_kit_unsend(&node->kit.core.outbox);
	marks_send(node->tables, &peer, TOPIC_ALL, 0, UINT64_MAX);
	assert_int_equal(node->kit.core.outbox.frames.count, 2);
	core_kit_unsend(&node->kit.core.outbox);
}

int main(void)
{
#define MARKS_TEST(name) cmocka_unit_test_setup_teardown(name, open_marks, close_marks)
	const struct CMUnitTest tests[] = {
	    MARKS_TEST(who_has_seen_more_is_asked),
	    MARKS_TEST(who_has_seen_less_is_told_what_is_here),
	    MARKS_TEST(each_has_something_that_the_other_lacks),
	    MARKS_TEST(equal_watermarks_and_unequal_hashes_list_the_whole),
	    MARKS_TEST(equal_hashes_share_the_higher_watermark),
	    MARKS_TEST(facts_of_an_author_over_its_cap_are_not_counted),
	    MARKS_TEST(nobody_else_says_how_far_this_node_has_written),
	    MARKS_TEST(own_rows_are_asked_for_as_soon_as_a_session_is_free),
	    MARKS_TEST(items_are_counted_and_named_by_place),
	    MARKS_TEST(versions_at_the_end_of_numbers_fit_a_frame),
	};
#undef MARKS_TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
