/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Tests of ipamdb/parting.c. */
#include "ipamdb/parting.h"

#include <string.h>

#include "cluster.h"
#include "gossip/base/pack.h"
#include "ipamdb/message.h"
#include "ipamdb/query.h"
#include "test/base/cmocka_all.h"

static struct cluster c;

static int teardown(void **state)
{
	(void)state;
	cluster_close(&c);
	return 0;
}

/* How many ids the parts by author name that lie on a node's disk, and whether this one is there.
 */
static size_t named_by(size_t author, size_t on, const struct id *one, bool *found)
{
	size_t count = 0;

	*found = false;
	for (size_t i = 0; i < c.nodes[on].disk.rows.count; i++) {
		const struct cluster_row *row = vec_at(&c.nodes[on].disk.rows, i);
		struct cursor cursor;
		const uint8_t *ids;
		size_t len = 0;

		if (row->view.kind != ROW_PARTING || !id_eq(&row->view.owner, &c.nodes[author].id))
			continue;
		cursor_init(&cursor, row->bytes, row->view.value_len);
		ids = cursor_bin(&cursor, sizeof(row->bytes), &len);
		assert_non_null(ids);
		count += len / ID_BYTES;
		for (size_t at = 0; at < len; at += ID_BYTES)
			*found = *found || memcmp(ids + at, one->b, ID_BYTES) == 0;
	}
	return count;
}

static void who_leaves_names_everybody_it_knows_but_removed_nodes(void **state)
{
	struct id stranger;
	uint64_t tag;
	bool found;

	(void)state;
	cluster_with_network(&c, 4, 1, 0, "10.1.0.0/24");
	stranger = cluster_stranger(&c, 0, 1);
	cluster_remove(&c, 1, 3);
	cluster_run(&c, 10);
	tag = cluster_hand_over(&c, 0);
	cluster_run(&c, 3000);
	assert_int_equal(cluster_answer(&c, tag)->err.code, 0);
	assert_int_equal(named_by(0, 1, &stranger, &found), 3);
	assert_true(found);
	(void)named_by(0, 1, &c.nodes[3].id, &found);
	assert_false(found);
}

static void as_many_rows_as_it_takes_name_them(void **state)
{
	struct id last;
	uint64_t tag;
	bool found;

	(void)state;
	cluster_with_network(&c, 2, 1, 0, "10.1.0.0/24");
	for (unsigned i = 0; i < 200; i++)
		for (size_t node = 0; node < 2; node++)
			last = cluster_stranger(&c, node, (uint8_t)i);
	tag = cluster_hand_over(&c, 0);
	cluster_run(&c, 3000);
	assert_int_equal(cluster_answer(&c, tag)->err.code, 0);
	assert_int_equal(named_by(0, 1, &last, &found), 201);
	assert_true(found);
}

static void a_leave_is_done_when_a_member_has_its_last_rows(void **state)
{
	struct ipam_request req = {.kind = IPAM_HAND_OVER};
	uint64_t tag;
	bool found;

	(void)state;
	cluster_with_network(&c, 2, 1, 1, "10.1.0.0/24");
	c.cut[0][1] = true;
	req.deadline = mono_add_ms(c.now, 30000);
	tag = cluster_request(&c, 0, &req);
	cluster_run(&c, 5000);
	assert_null(cluster_answer(&c, tag));
	c.cut[0][1] = false;
	cluster_sync(&c);
	cluster_run(&c, 5000);
	assert_int_equal(cluster_answer(&c, tag)->err.code, 0);
	assert_int_equal(named_by(0, 1, &c.nodes[1].id, &found), 1);
}

static void a_leave_that_no_member_confirms_comes_to_nothing(void **state)
{
	uint64_t tag;

	(void)state;
	cluster_with_network(&c, 2, 1, 1, "10.1.0.0/24");
	c.cut[0][1] = true;
	tag = cluster_hand_over(&c, 0);
	cluster_run(&c, 10000);
	assert_int_equal(cluster_answer(&c, tag)->err.code, WEFT_E_TIMEOUT);
}

static void who_is_learnt_of_while_leaving_is_named_too(void **state)
{
	struct id late;
	uint64_t tag;
	bool found;

	(void)state;
	cluster_with_network(&c, 2, 1, 1, "10.1.0.0/24");
	c.nodes[0].hold_commits = true;
	tag = cluster_hand_over(&c, 0);
	late = cluster_stranger(&c, 0, 9);
	c.nodes[0].hold_commits = false;
	cluster_run(&c, 3000);
	assert_int_equal(cluster_answer(&c, tag)->err.code, 0);
	(void)named_by(0, 1, &late, &found);
	assert_true(found);
}

static void who_is_learnt_of_before_it_has_left_is_named_by_another_hand_over(void **state)
{
	struct id late;
	uint64_t tag;
	bool found;

	(void)state;
	cluster_with_network(&c, 2, 1, 1, "10.1.0.0/24");
	assert_false(ipamdb_may_leave(c.nodes[0].db));
	tag = cluster_hand_over(&c, 0);
	cluster_run(&c, 3000);
	assert_int_equal(cluster_answer(&c, tag)->err.code, 0);
	assert_true(ipamdb_may_leave(c.nodes[0].db));
	late = cluster_stranger(&c, 0, 9);
	assert_false(ipamdb_may_leave(c.nodes[0].db));
	tag = cluster_hand_over(&c, 0);
	cluster_run(&c, 3000);
	assert_int_equal(cluster_answer(&c, tag)->err.code, 0);
	assert_true(ipamdb_may_leave(c.nodes[0].db));
	assert_int_equal(named_by(0, 1, &late, &found), 2);
	assert_true(found);
}

static void nothing_is_taken_back_while_a_left_node_knew_somebody_who_is_unknown(void **state)
{
	struct rec_removal rec = {.reason = "never came"};
	struct ipam_block block;
	struct id net, stranger;
	uint8_t value[64];
	int len;

	(void)state;
	net = cluster_with_network(&c, 3, 1, 2, "10.1.0.0/24");
	stranger = cluster_stranger(&c, 0, 1);
	cluster_leave(&c, 0);
	cluster_remove(&c, 1, 2);
	cluster_run(&c, 30000);
	assert_int_equal(cluster_held(&c, 1, &net), 0);
	assert_int_equal(ipamdb_blocks(c.nodes[1].db, NULL, &block, 1), 1);
	assert_int_equal(block.why, IPAM_BLOCK_STRANGER);
	assert_true(id_eq(&block.member, &stranger));
	len = rec_removal_encode(&rec, value, sizeof(value));
	cluster_fact(&c, 1, FACT_REMOVAL, stranger.b, ID_BYTES, value, (size_t)len);
	cluster_run(&c, 30000);
	assert_int_equal(cluster_held(&c, 1, &net), 256);
}

static void who_was_unknown_blocks_no_more_when_it_is_a_member(void **state)
{
	struct ipam_block block;
	struct id stranger;

	(void)state;
	cluster_with_network(&c, 3, 1, 2, "10.1.0.0/24");
	stranger = cluster_stranger(&c, 0, 1);
	cluster_leave(&c, 0);
	cluster_remove(&c, 1, 2);
	cluster_run(&c, 30000);
	(void)cluster_stranger(&c, 1, 1);
	cluster_run(&c, 30000);
	assert_int_equal(ipamdb_blocks(c.nodes[1].db, NULL, &block, 1), 1);
	assert_true(id_eq(&block.member, &stranger));
	assert_int_equal(block.why, IPAM_BLOCK_SILENT); /* it is a member, so its word is needed */
}

static void nothing_is_taken_back_before_all_rows_of_a_left_node_are_here(void **state)
{
	struct rec_member rec = {.name = "host0", .wire_min = 1, .wire_max = 1, .left = true};
	struct ipam_block block;
	uint8_t value[512];
	struct id net;
	int len;

	(void)state;
	net = cluster_with_network(&c, 3, 1, 2, "10.1.0.0/24");
	cluster_leave(&c, 0);
	/* A row that nobody has heard of, and then the record that it left. */
	c.cut[0][1] = true;
	cluster_attachment(&c, 0, &net, 0);
	c.cut[0][1] = false;
	assert_int_equal(hostport_parse("192.0.2.1", 7946, &rec.gossip), 0);
	len = rec_member_encode(&rec, value, sizeof(value));
	assert_true(len > 0);
	cluster_fact(&c, 0, ROW_MEMBER, net.b, 0, value, (size_t)len);
	cluster_run(&c, 100);
	cluster_remove(&c, 1, 2);
	cluster_run(&c, 30000);
	assert_int_equal(cluster_held(&c, 1, &net), 0);
	assert_int_equal(ipamdb_blocks(c.nodes[1].db, NULL, &block, 1), 1);
	assert_int_equal(block.why, IPAM_BLOCK_PARTING);
	assert_true(id_eq(&block.member, &c.nodes[0].id));
	cluster_sync(&c);
	cluster_run(&c, 30000);
	assert_int_equal(cluster_held(&c, 1, &net), 256);
}

static size_t ask(size_t witness, size_t asker, uint64_t handle, struct range_message *reply)
{
	struct range_message question = {
	    .kind = RANGE_MESSAGE_PARTING, .epoch = 1, .sequence = 1000000};
	uint8_t bytes[64];
	int len = range_message_encode(&question, bytes, sizeof(bytes));
	struct ipam_event event = {
	    .kind = IPAM_EV_MESSAGE,
	    .now = c.now,
	    .member = c.nodes[asker].id,
	    .message = handle,
	    .bytes = bytes,
	    .len = (size_t)len,
	};
	struct ipam_event tick = {.kind = IPAM_EV_TICK, .now = mono_add_ms(c.now, 2)};
	const struct ipam_update *update;

	assert_true(len > 0);
	assert_int_equal(ipamdb_step(c.nodes[witness].db, &event)->reply_count, 0);
	update = ipamdb_step(c.nodes[witness].db, &tick);
	for (size_t i = 0; i < update->reply_count; i++) {
		const struct ipam_reply *got = &update->replies[i];
		assert_int_equal(range_message_decode(got->bytes, got->len, reply), 0);
		assert_int_equal(got->message, handle);
	}
	return update->reply_count;
}

static void a_newer_question_of_a_member_replaces_its_older_one(void **state)
{
	struct ipam_event late = {.kind = IPAM_EV_TICK};
	const struct ipam_update *update;
	struct range_message reply;
	struct id net;

	(void)state;
	net = cluster_with_network(&c, 2, 1, 1, "10.1.0.0/24");
	c.cut[0][1] = true;
	cluster_attachment(&c, 0, &net, 0); /* a row that the witness has not */
	assert_int_equal(ask(1, 0, 81, &reply), 0);
	assert_int_equal(ask(1, 0, 82, &reply), 0);
	late.now = mono_add_ms(c.now, 2000);
	update = ipamdb_step(c.nodes[1].db, &late);
	assert_int_equal(update->reply_count, 1);
	assert_int_equal(update->replies[0].message, 82);
}

static void a_witness_that_has_handed_over_refuses_at_once(void **state)
{
	struct range_message reply = {.refusal = REFUSAL_NONE};
	struct id net;
	uint64_t tag;

	(void)state;
	net = cluster_with_network(&c, 3, 1, 1, "10.1.0.0/24");
	tag = cluster_hand_over(&c, 1);
	cluster_run(&c, 3000);
	assert_int_equal(cluster_answer(&c, tag)->err.code, 0);
	c.cut[0][1] = true;
	cluster_attachment(&c, 0, &net, 0);
	assert_int_equal(ask(1, 0, 83, &reply), 1);
	assert_int_equal(reply.kind, RANGE_MESSAGE_REFUSE);
}

/* The highest version of a part by this author. */
static uint64_t part_version(size_t author)
{
	uint64_t top = 0;

	for (size_t i = 0; i < c.nodes[author].disk.rows.count; i++) {
		const struct cluster_row *row = vec_at(&c.nodes[author].disk.rows, i);
		if (row->view.kind == ROW_PARTING && id_eq(&row->view.owner, &c.nodes[author].id) &&
		    row->view.sequence > top)
			top = row->view.sequence;
	}
	return top;
}

static void the_list_is_not_made_anew_because_somebody_left(void **state)
{
	uint64_t version;

	(void)state;
	cluster_with_network(&c, 4, 1, 1, "10.1.0.0/24");
	for (size_t i = 1; i < 4; i++)
		c.cut[0][i] = true;
	(void)cluster_hand_over(&c, 0);
	cluster_run(&c, 1000);
	version = part_version(0);
	assert_true(version > 0);
	cluster_member(&c, 3, false, true);
	cluster_run(&c, 1000);
	assert_int_equal(part_version(0), version);
}

static void a_leave_of_the_last_ends_in_time_when_the_store_refuses(void **state)
{
	uint64_t tag;

	(void)state;
	cluster_with_network(&c, 2, 1, 0, "10.1.0.0/24");
	cluster_member(&c, 1, false, true);
	cluster_run(&c, 100);
	c.nodes[0].fail_commits = true;
	tag = cluster_hand_over(&c, 0);
	cluster_run(&c, 10000);
	assert_non_null(cluster_answer(&c, tag));
	assert_int_equal(cluster_answer(&c, tag)->err.code, WEFT_E_TIMEOUT);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(who_leaves_names_everybody_it_knows_but_removed_nodes,
				      teardown),
	    cmocka_unit_test_teardown(as_many_rows_as_it_takes_name_them, teardown),
	    cmocka_unit_test_teardown(a_leave_is_done_when_a_member_has_its_last_rows, teardown),
	    cmocka_unit_test_teardown(a_leave_that_no_member_confirms_comes_to_nothing, teardown),
	    cmocka_unit_test_teardown(who_is_learnt_of_while_leaving_is_named_too, teardown),
	    cmocka_unit_test_teardown(
		who_is_learnt_of_before_it_has_left_is_named_by_another_hand_over, teardown),
	    cmocka_unit_test_teardown(
		nothing_is_taken_back_while_a_left_node_knew_somebody_who_is_unknown, teardown),
	    cmocka_unit_test_teardown(who_was_unknown_blocks_no_more_when_it_is_a_member, teardown),
	    cmocka_unit_test_teardown(nothing_is_taken_back_before_all_rows_of_a_left_node_are_here,
				      teardown),
	    cmocka_unit_test_teardown(a_newer_question_of_a_member_replaces_its_older_one,
				      teardown),
	    cmocka_unit_test_teardown(a_witness_that_has_handed_over_refuses_at_once, teardown),
	    cmocka_unit_test_teardown(the_list_is_not_made_anew_because_somebody_left, teardown),
	    cmocka_unit_test_teardown(a_leave_of_the_last_ends_in_time_when_the_store_refuses,
				      teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
