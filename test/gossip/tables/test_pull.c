/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "tables_net.h"

#include <string.h>

#include "test/base/cmocka_all.h"
#include "gossip/base/pack.h"
#include "gossip/tables/pull.h"
#include "gossip/tables/versions.h"

TNET_ADMISSION

static const struct id all;

/* A PULL_END about owner 1 in topic 0, as node `from` might send it to node 2. */
static enum drop_reason end(struct tnet *net, size_t from, enum want_mode mode,
			    struct version through, struct version claim,
			    const struct version *versions, size_t count)
{
	struct tnet_node *node = tnet_node(net, 2);
	struct id sender = id_numbered((uint8_t)from), owner = id_numbered(1);
	uint8_t bytes[1160];
	struct pack pack;

	pack_init(&pack, bytes, sizeof(bytes));
	pack_array(&pack, 11);
	pack_bin(&pack, all.b, ID_BYTES);
	pack_bin(&pack, owner.b, ID_BYTES);
	pack_uint(&pack, mode);
	pack_uint(&pack, 0);
	pack_uint(&pack, 0);
	pack_uint(&pack, through.epoch);
	pack_uint(&pack, through.sequence);
	pack_bool(&pack, false);
	pack_uint(&pack, claim.epoch);
	pack_uint(&pack, claim.sequence);
	versions_pack(&pack, versions, count);
	core_begin_step(&node->kit.core, net->now, (struct wall){0});
	return tables_frame(node->tables, member_find(&node->kit.members, &sender), FRAME_PULL_END,
			    bytes, pack.len);
}

static void write_rows(struct tnet *net, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		assert_int_equal(tnet_put(net, 1, ROW_RANGE, NULL, i, "r"), 0);
		tnet_run(net, 2);
	}
}

static struct origin *origin_of_1(struct tnet *net, size_t number)
{
	struct replica *replica = &tnet_node(net, number)->tables->replica;
	struct id owner = id_numbered(1);
	uint32_t origin =
	    replica_find_origin(replica, replica_find_owner(replica, &owner), TOPIC_ALL);

	assert_int_not_equal(origin, NONE);
	return replica_origin(replica, origin);
}

static void an_answer_nobody_asked_for_changes_nothing(void **state)
{
	struct version claim = {9, 900};
	struct tnet net;

	(void)state;
	tnet_open(&net, 3, 1);
	write_rows(&net, 5);
	assert_int_equal(end(&net, 3, WANT_ROWS, claim, claim, NULL, 0), DROP_NONE);
	assert_int_equal(origin_of_1(&net, 2)->mark.upto.sequence, 5);
	tnet_close(&net);
}

static void a_list_of_somebody_else_removes_no_row(void **state)
{
	struct id peer = id_numbered(3), owner = id_numbered(1);
	struct version through = {0, 0}, claim = {1, 5};
	struct tnet net;

	(void)state;
	tnet_open(&net, 3, 2);
	write_rows(&net, 5);
	/* Node 3 lists nothing and says that this is all. */
	pull_want_origin(tnet_node(&net, 2)->tables, &peer, &owner, TOPIC_ALL, true);
	pull_pump(tnet_node(&net, 2)->tables, repair_find(tnet_node(&net, 2)->tables, &peer));
	assert_int_equal(end(&net, 3, WANT_LIST, through, claim, NULL, 0), DROP_NONE);
	assert_int_equal(repair_find(tnet_node(&net, 2)->tables, &peer)->wants.count, 0);
	assert_true(tnet_has(&net, 2, 1, NULL, ROW_RANGE, 3, "r"));
	assert_int_equal(origin_of_1(&net, 2)->flags, ORIGIN_OFFERED);
	tnet_close(&net);
}

/* Node 2 holds the fourth row of owner 1; node 3 lists four, of which three are not to be had when
 * they are asked for. How far is node 2 complete then? */
static uint64_t complete_after(struct version claim_at_the_end)
{
	const struct version versions[] = {{1, 1}, {1, 2}, {1, 3}, {1, 4}};
	struct row_view row = {
	    .kind = ROW_RANGE, .owner = id_numbered(1), .epoch = 1, .sequence = 4};
	struct version start = {0, 0};
	struct id peer = id_numbered(3);
	uint8_t bytes[ROW_BYTES_MAX];
	struct tables *tables;
	struct tnet net;
	uint64_t upto;

	tnet_open(&net, 3, 7);
	tables = tnet_node(&net, 2)->tables;
	tnet_key(&row, 4);
	tnet_receive(&net, 2, 3, bytes, tnet_sign(&row, bytes));
	pull_want_origin(tables, &peer, &row.owner, TOPIC_ALL, false);
	pull_pump(tables, repair_find(tables, &peer));
	assert_int_equal(end(&net, 3, WANT_LIST, versions[3], versions[3], versions, 4), DROP_NONE);
	pull_pump(tables, repair_find(tables, &peer));
	assert_int_equal(end(&net, 3, WANT_MISSING, start, claim_at_the_end, versions, 3),
			 DROP_NONE);
	assert_int_equal(repair_find(tables, &peer)->wants.count, 0);
	upto = origin_of_1(&net, 2)->mark.upto.sequence;
	tnet_close(&net);
	return upto;
}

static void versions_that_were_replaced_meanwhile_are_missed_by_nobody(void **state)
{
	(void)state;
	assert_int_equal(complete_after((struct version){1, 4}), 4);
	assert_int_equal(complete_after((struct version){1, 9}), 4);
}

static void a_peer_that_forgot_in_a_crash_what_it_listed_completes_nothing(void **state)
{
	(void)state;
	assert_int_equal(complete_after((struct version){0, 0}), 0);
}

static void the_owners_own_list_removes_what_it_lacks_below_its_floor(void **state)
{
	struct id owner = id_numbered(1);
	struct version through = {0, 0}, claim = {1, 6};
	struct row_view floor = {.kind = ROW_FLOOR,
				 .key_len = ID_BYTES,
				 .value = (const uint8_t *)"\x92\x01\x04",
				 .value_len = 3};
	struct weft_err err;
	uint64_t token;
	struct tnet net;

	(void)state;
	tnet_open(&net, 3, 3);
	write_rows(&net, 5);
	assert_int_equal(tnet_put_rows(&net, 1, &floor, 1, &token, &err), 0);
	tnet_run(&net, 20);
	pull_want_origin(tnet_node(&net, 2)->tables, &owner, &owner, TOPIC_ALL, true);
	pull_pump(tnet_node(&net, 2)->tables, repair_find(tnet_node(&net, 2)->tables, &owner));
	assert_int_equal(end(&net, 1, WANT_LIST, through, claim, NULL, 0), DROP_NONE);
	assert_int_equal(tnet_node(&net, 2)->kit.update.change_count, 4);
	assert_true(tnet_node(&net, 2)->kit.update.changes[0].row.deleted);
	assert_false(tnet_has(&net, 2, 1, NULL, ROW_RANGE, 3, "r"));
	/* This one it never collected: its disk went back, and it shall be shown it. */
	assert_true(tnet_has(&net, 2, 1, NULL, ROW_RANGE, 4, "r"));
	tnet_close(&net);
}

static void one_origin_is_asked_of_one_peer_at_a_time(void **state)
{
	struct id owner = id_numbered(9), two = id_numbered(2), three = id_numbered(3);
	struct tables *tables;
	struct tnet net;

	(void)state;
	tnet_open(&net, 3, 4);
	tables = tnet_node(&net, 1)->tables;
	pull_want_origin(tables, &two, &owner, TOPIC_ALL, false);
	pull_want_origin(tables, &three, &owner, TOPIC_ALL, false);
	pull_want_fact(tables, &three, 77);
	pull_want_fact(tables, &two, 77);
	assert_int_equal(repair_find(tables, &two)->wants.count, 1);
	assert_int_equal(repair_find(tables, &three)->wants.count, 1);
	tnet_close(&net);
}

static void what_is_asked_of_a_silent_peer_is_given_up(void **state)
{
	struct id owner = id_numbered(9), peer = id_numbered(2);
	struct tables *tables;
	struct tnet net;

	(void)state;
	tnet_open(&net, 2, 5);
	tnet_cut(&net, 1, 2, true);
	tables = tnet_node(&net, 1)->tables;
	pull_want_origin(tables, &peer, &owner, TOPIC_ALL, false);
	pull_pump(tables, repair_find(tables, &peer));
	tnet_run(&net, 60000);
	assert_true(repair_find(tables, &peer) == NULL ||
		    repair_find(tables, &peer)->wants.count == 0);
	tnet_close(&net);
}

/* A row of owner 1 comes to node 2 from node 1. */
static void row_comes(struct tnet *net, const uint8_t *bytes, size_t len)
{
	struct tnet_node *node = tnet_node(net, 2);
	struct id sender = id_numbered(1);

	core_begin_step(&node->kit.core, net->now, (struct wall){0});
	assert_int_equal(tables_frame(node->tables, member_find(&node->kit.members, &sender),
				      FRAME_ROW, bytes, len),
			 DROP_NONE);
}

/* Node 2 lacks three of five rows, and node 1 was asked for them in vain. */
static void ask_in_vain(struct tnet *net)
{
	struct id owner = id_numbered(1);
	struct tables *tables;

	write_rows(net, 2);
	tnet_cut(net, 1, 2, true);
	for (uint32_t i = 2; i < 5; i++)
		assert_int_equal(tnet_put(net, 1, ROW_RANGE, NULL, i, "r"), 0);
	tnet_run(net, 2000);
	tables = tnet_node(net, 2)->tables;
	pull_want_origin(tables, &owner, &owner, TOPIC_ALL, false);
	pull_pump(tables, repair_find(tables, &owner));
	tnet_sync(net, 2, 1); /* sends it */
	tnet_run(net, 20);
	assert_int_equal(origin_of_1(net, 2)->mark.upto.sequence, 2);
	tnet_cut(net, 1, 2, false);
}

static void what_was_asked_in_vain_is_asked_again_although_a_known_row_keeps_coming(void **state)
{
	struct row_view row = {.kind = ROW_RANGE, .owner = id_numbered(1)};
	const uint8_t *bytes;
	struct replica *replica;
	struct tnet net;
	size_t len;

	(void)state;
	tnet_open(&net, 2, 7);
	ask_in_vain(&net);
	replica = &tnet_node(&net, 1)->tables->replica;
	tnet_key(&row, 1);
	bytes = blob_bytes(tnet_node(&net, 1)->kit.core.blobs,
			   replica_slot(replica, replica_find(replica, &row))->blob, &len);
	for (unsigned i = 0; i < 20; i++) {
		row_comes(&net, bytes, len);
		tnet_run(&net, 100);
	}
	assert_int_equal(origin_of_1(&net, 2)->mark.upto.sequence, 5);
	tnet_close(&net);
}

/* Who pulls for ever what it has got, or what is not there, holds nobody up. */
static void what_was_asked_in_vain_is_asked_again_although_the_peer_keeps_asking(void **state)
{
	static const uint8_t pull[] = {0x92, 0x91, 0x07, 0x90}; /* [[the fact at 7], []] */
	struct id peer = id_numbered(1);
	struct tnet net;

	(void)state;
	tnet_open(&net, 2, 9);
	ask_in_vain(&net);
	for (unsigned i = 0; i < 20; i++) {
		struct tnet_node *node = tnet_node(&net, 2);

		core_begin_step(&node->kit.core, net.now, (struct wall){0});
		assert_int_equal(tables_frame(node->tables, member_find(&node->kit.members, &peer),
					      FRAME_PULL, pull, sizeof(pull)),
				 DROP_NONE);
		tnet_run(&net, 100);
	}
	assert_int_equal(origin_of_1(&net, 2)->mark.upto.sequence, 5);
	tnet_close(&net);
}

/* New rows may be what was asked for: they make it wait, but not longer than an answer is. */
static void what_was_asked_in_vain_is_asked_again_although_its_owner_keeps_writing(void **state)
{
	struct tnet net;

	(void)state;
	tnet_open(&net, 2, 8);
	ask_in_vain(&net);
	for (uint32_t i = 0; i < 2 * PULL_ROWS; i++) {
		assert_int_equal(tnet_put(&net, 1, ROW_RANGE, NULL, 5 + i, "r"), 0);
		tnet_run(&net, 100);
	}
	assert_in_range(origin_of_1(&net, 2)->mark.upto.sequence, 5 + PULL_ROWS, UINT64_MAX);
	tnet_close(&net);
}

static void rows_that_come_in_any_order_and_twice_are_all_taken(void **state)
{
	struct tnet net;

	(void)state;
	tnet_open(&net, 2, 6);
	tnet_cut(&net, 1, 2, true);
	write_rows(&net, 300);
	tnet_run(&net, 2000);
	tnet_cut(&net, 1, 2, false);
	net.delay_ns_max = 20 * NS_PER_MS; /* answers overtake each other */
	tnet_sync(&net, 2, 1);
	assert_in_range(tnet_run_until_equal(&net, 5000), 1, 5000);
	assert_int_equal(origin_of_1(&net, 2)->mark.upto.sequence, 300);
	assert_int_equal(tnet_node(&net, 2)->changes, 300);
	tnet_close(&net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_answer_nobody_asked_for_changes_nothing),
	    cmocka_unit_test(a_list_of_somebody_else_removes_no_row),
	    cmocka_unit_test(versions_that_were_replaced_meanwhile_are_missed_by_nobody),
	    cmocka_unit_test(a_peer_that_forgot_in_a_crash_what_it_listed_completes_nothing),
	    cmocka_unit_test(the_owners_own_list_removes_what_it_lacks_below_its_floor),
	    cmocka_unit_test(one_origin_is_asked_of_one_peer_at_a_time),
	    cmocka_unit_test(what_is_asked_of_a_silent_peer_is_given_up),
	    cmocka_unit_test(
		what_was_asked_in_vain_is_asked_again_although_a_known_row_keeps_coming),
	    cmocka_unit_test(what_was_asked_in_vain_is_asked_again_although_the_peer_keeps_asking),
	    cmocka_unit_test(
		what_was_asked_in_vain_is_asked_again_although_its_owner_keeps_writing),
	    cmocka_unit_test(rows_that_come_in_any_order_and_twice_are_all_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
