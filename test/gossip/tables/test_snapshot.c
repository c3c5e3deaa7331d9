/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "tables_net.h"

#include <string.h>

#include "gossip/base/pack.h"
#include "test/base/cmocka_all.h"

TNET_ADMISSION

static void foreign_facts_are_stored_soon_and_foreign_rows_within_the_snapshot(void **state)
{
	struct tnet net;

	(void)state;
	tnet_open(&net, 2, 14);
	assert_int_equal(tnet_put(&net, 1, FACT_NETWORK, NULL, 5, "a"), 0);
	assert_int_equal(tnet_put(&net, 1, ROW_TAGS, NULL, 0, "x"), 0);
	tnet_run(&net, 100);
	assert_int_equal(tnet_node(&net, 2)->writes[WRITE_FACT], 1);
	assert_int_equal(tnet_node(&net, 2)->writes[WRITE_SNAPSHOT], 0);
	tnet_run(&net, SNAPSHOT_MS);
	assert_int_equal(tnet_node(&net, 2)->writes[WRITE_SNAPSHOT], 1);
	tnet_run(&net, 3 * SNAPSHOT_MS);
	assert_int_equal(tnet_node(&net, 2)->writes[WRITE_SNAPSHOT], 1); /* only what changed */
	tnet_close(&net);
}

static void a_failed_snapshot_is_written_again(void **state)
{
	struct tnet net;

	(void)state;
	tnet_open(&net, 2, 15);
	tnet_node(&net, 2)->disk_fails = true;
	assert_int_equal(tnet_put(&net, 1, ROW_TAGS, NULL, 0, "x"), 0);
	tnet_run(&net, SNAPSHOT_MS + 100);
	assert_int_equal(tnet_node(&net, 2)->writes[WRITE_SNAPSHOT], 1);
	assert_int_equal(tnet_node(&net, 2)->store_count, 0);
	tnet_node(&net, 2)->disk_fails = false;
	tnet_run(&net, SNAPSHOT_MS + 100);
	assert_int_equal(tnet_node(&net, 2)->writes[WRITE_SNAPSHOT], 2);
	assert_int_equal(tnet_node(&net, 2)->store_count, 1);
	tnet_close(&net);
}

static void a_fact_that_this_node_is_writing_anew_is_not_overwritten_by_an_older_one(void **state)
{
	struct tnet net;

	(void)state;
	tnet_open(&net, 2, 16);
	assert_int_equal(tnet_put(&net, 1, FACT_NETWORK, NULL, 5, "theirs"), 0);
	tnet_run(&net, 10); /* seen, and not yet stored */
	assert_int_equal(tnet_node(&net, 2)->writes[WRITE_FACT], 0);
	tnet_node(&net, 2)->disk_slow_ms = 150;
	assert_int_equal(tnet_put(&net, 2, FACT_NETWORK, NULL, 5, "ours"), 0);
	tnet_run(&net, 100);
	assert_int_equal(tnet_node(&net, 2)->writes[WRITE_FACT], 1);
	tnet_run(&net, 100);
	assert_int_equal(tnet_node(&net, 2)->writes[WRITE_FACT], 1);
	assert_true(tnet_has(&net, 2, 0, NULL, FACT_NETWORK, 5, "ours"));
	tnet_close(&net);
}

static bool has_record(struct tnet *net, size_t number, size_t of)
{
	return tables_has_stored(tnet_node(net, number)->tables,
				 &tnet_node(net, of)->kit.core.self.id);
}

static void a_members_record_is_stored_when_its_commit_is_durable(void **state)
{
	struct tnet net;

	(void)state;
	tnet_open(&net, 2, 17);
	tnet_node(&net, 2)->disk_slow_ms = 100;
	assert_int_equal(tnet_put(&net, 1, ROW_MEMBER, NULL, 0, "a"), 0);
	tnet_run(&net, 60); /* seen, and handed in */
	assert_int_equal(tnet_node(&net, 2)->writes[WRITE_SNAPSHOT], 1);
	assert_false(has_record(&net, 2, 1));
	tnet_run(&net, 100);
	assert_true(has_record(&net, 2, 1));
	assert_int_equal(tnet_put(&net, 1, ROW_MEMBER, NULL, 0, "b"), 0);
	tnet_run(&net, 10);
	assert_true(tnet_has(&net, 2, 1, NULL, ROW_MEMBER, 0, "b"));
	assert_false(has_record(&net, 2, 1)); /* the one before is */
	tnet_run(&net, 200);
	assert_true(has_record(&net, 2, 1));
	tnet_restart(&net, 2);
	assert_true(has_record(&net, 2, 1));
	tnet_close(&net);
}

static void a_members_record_whose_commit_failed_is_not_stored(void **state)
{
	struct tnet net;

	(void)state;
	tnet_open(&net, 2, 18);
	tnet_node(&net, 2)->disk_fails = true;
	assert_int_equal(tnet_put(&net, 1, ROW_MEMBER, NULL, 0, "a"), 0);
	tnet_run(&net, 100);
	assert_int_equal(tnet_node(&net, 2)->writes[WRITE_SNAPSHOT], 1);
	assert_false(has_record(&net, 2, 1));
	tnet_node(&net, 2)->disk_fails = false;
	tnet_run(&net, SNAPSHOT_MS + 100);
	assert_true(has_record(&net, 2, 1));
	tnet_close(&net);
}

/* Is a row of this kind and owner on the node's disk? */
static bool on_disk(struct tnet *net, size_t number, size_t owner, uint16_t kind)
{
	const struct tnet_node *node = tnet_node(net, number);
	struct id id = id_numbered((uint8_t)owner);
	struct row_view row;

	for (size_t i = 0; i < node->store_count; i++) {
		assert_int_equal(row_parse(node->store[i].bytes, node->store[i].len, &row), 0);
		if (row.kind == kind && id_eq(&row.owner, &id))
			return true;
	}
	return false;
}

/* What only it had would be lost with it, if this node died before the next snapshot. */
static void who_left_is_stored_with_all_that_it_told(void **state)
{
	const struct id id = id_numbered(1);
	struct member *left;
	struct tnet net;

	(void)state;
	tnet_open(&net, 2, 21);
	assert_int_equal(tnet_put(&net, 1, ROW_MEMBER, NULL, 0, "a"), 0);
	assert_int_equal(tnet_put(&net, 1, ROW_RANGE, NULL, 5, "r"), 0);
	tnet_run(&net, 200);
	assert_true(has_record(&net, 2, 1));
	left = member_find(&tnet_node(&net, 2)->kit.members, &id);
	left->compared = false;
	member_set_state(&tnet_node(&net, 2)->kit.members, left, MEMBER_LEFT);
	tnet_node(&net, 2)->disk_fails = true;
	farewell_heard(tnet_node(&net, 2)->tables, left);
	assert_false(has_record(&net, 2, 1));
	tnet_run(&net, 1000);
	assert_false(has_record(&net, 2, 1)); /* it was tried */
	tnet_node(&net, 2)->disk_fails = false;
	tnet_node(&net, 2)->disk_slow_ms = 100;
	tnet_run(&net, SNAPSHOT_MS - 1000);
	while (tnet_node(&net, 2)->store_count == 0) {
		assert_false(has_record(&net, 2, 1));
		tnet_run(&net, 10);
	}
	tnet_run(&net, 200);
	assert_true(has_record(&net, 2, 1));
	assert_true(on_disk(&net, 2, 1, ROW_RANGE));
	tnet_close(&net);
}

/* The record is on its way to the disk when a fact follows, and may come to nothing. */
static void nothing_is_stored_before_the_record_of_who_signed_it(void **state)
{
	struct tnet net;

	(void)state;
	tnet_open(&net, 2, 19);
	tnet_node(&net, 2)->disk_slow_ms = 100;
	assert_int_equal(tnet_put(&net, 1, ROW_MEMBER, NULL, 0, "a"), 0);
	tnet_run(&net, 60); /* seen, and handed in */
	assert_int_equal(tnet_node(&net, 2)->writes[WRITE_SNAPSHOT], 1);
	tnet_node(&net, 2)->disk_slow_ms = 0;
	assert_int_equal(tnet_put(&net, 1, FACT_NETWORK, NULL, 5, "b"), 0);
	tnet_run(&net, 30);
	assert_true(on_disk(&net, 2, 1, FACT_NETWORK));
	assert_true(on_disk(&net, 2, 1, ROW_MEMBER));
	tnet_close(&net);
}

/* A node is told a floor of this owner, who is cut off. */
static void floor_tell(struct tnet *net, size_t number, size_t owner)
{
	struct row_view row = {.kind = ROW_FLOOR,
			       .owner = id_numbered((uint8_t)owner),
			       .key_len = ID_BYTES,
			       .epoch = 1,
			       .sequence = 2};
	uint8_t value[16], bytes[ROW_BYTES_MAX];
	struct pack pack;

	pack_init(&pack, value, sizeof(value));
	pack_array(&pack, 2);
	pack_uint(&pack, 1);
	pack_uint(&pack, 1);
	row.value = value;
	row.value_len = pack.len;
	assert_int_equal(tnet_receive(net, number, owner, bytes, tnet_sign(&row, bytes)),
			 DROP_NONE);
}

/* A node forgets its row 0 of this owner, while its disk fails if that is said. */
static void forget(struct tnet *net, size_t number, size_t owner, bool fails)
{
	struct tnet_node *node = tnet_node(net, number);
	struct row_view key = {.kind = ROW_RANGE, .owner = id_numbered((uint8_t)owner)};
	uint32_t slot;

	tnet_key(&key, 0);
	slot = replica_find(&node->tables->replica, &key);
	assert_int_not_equal(slot, NONE);
	node->disk_fails = fails;
	core_begin_step(&node->kit.core, net->now, (struct wall){0});
	receive_retract(node->tables, slot);
	tnet_run(net, 1000);
	node->disk_fails = false;
}

static void a_drop_whose_commit_failed_is_done_again(void **state)
{
	struct tnet net;

	(void)state;
	tnet_open(&net, 2, 20);
	assert_int_equal(tnet_put(&net, 1, ROW_RANGE, NULL, 0, "x"), 0);
	tnet_run(&net, SNAPSHOT_MS + 100);
	assert_true(on_disk(&net, 2, 1, ROW_RANGE));
	tnet_cut(&net, 1, 2, true);
	forget(&net, 2, 1, true);
	assert_int_equal(tnet_node(&net, 2)->writes[WRITE_SNAPSHOT_DROP], 1);
	assert_true(on_disk(&net, 2, 1, ROW_RANGE));
	assert_false(snapshot_is_done(tnet_node(&net, 2)->tables));
	tnet_run(&net, SNAPSHOT_MS + 100);
	assert_int_equal(tnet_node(&net, 2)->writes[WRITE_SNAPSHOT_DROP], 2);
	assert_false(on_disk(&net, 2, 1, ROW_RANGE));
	assert_true(snapshot_is_done(tnet_node(&net, 2)->tables));
	tnet_run(&net, 5 * SNAPSHOT_MS);
	assert_int_equal(tnet_node(&net, 2)->writes[WRITE_SNAPSHOT_DROP], 2);
	tnet_close(&net);
}

/* It was kept for who grants from it, besides the snapshot, and gives way before that is written.
 */
static void what_was_kept_besides_is_forgotten_too(void **state)
{
	struct row_view row = {
	    .kind = ROW_RANGE, .owner = id_numbered(9), .epoch = 1, .sequence = 1};
	struct tnet_store kept = {.kind = WRITE_SNAPSHOT};
	struct tnet_node *node;
	struct tnet net;

	(void)state;
	tnet_open(&net, 2, 25);
	node = tnet_node(&net, 2);
	tnet_key(&row, 0);
	kept.len = tnet_sign(&row, kept.bytes);
	assert_int_equal(tnet_receive(&net, 2, 1, kept.bytes, kept.len), DROP_NONE);
	tnet_store_fold(node, &kept);
	assert_true(on_disk(&net, 2, 9, ROW_RANGE));
	tnet_cut(&net, 1, 2, true);
	forget(&net, 2, 9, false);
	assert_false(on_disk(&net, 2, 9, ROW_RANGE));
	tnet_close(&net);
}

/* Others have it still, and show it. */
static void what_came_again_since_a_drop_failed_is_on_the_disk(void **state)
{
	struct tnet net;

	(void)state;
	tnet_open(&net, 2, 21);
	assert_int_equal(tnet_put(&net, 1, ROW_RANGE, NULL, 0, "x"), 0);
	tnet_run(&net, SNAPSHOT_MS + 100);
	forget(&net, 2, 1, true);
	assert_int_equal(tnet_put(&net, 1, ROW_RANGE, NULL, 0, "y"), 0);
	tnet_run(&net, 3 * SNAPSHOT_MS);
	tnet_cut(&net, 1, 2, true);
	tnet_restart(&net, 2);
	assert_true(tnet_has(&net, 2, 1, NULL, ROW_RANGE, 0, "y"));
	tnet_close(&net);
}

static void what_was_written_anew_since_a_drop_failed_stays(void **state)
{
	struct tnet net;

	(void)state;
	tnet_open(&net, 2, 22);
	assert_int_equal(tnet_put(&net, 2, ROW_RANGE, NULL, 0, "x"), 0);
	tnet_cut(&net, 1, 2, true);
	tnet_run(&net, SNAPSHOT_MS + 100);
	assert_true(on_disk(&net, 2, 2, ROW_RANGE));
	forget(&net, 2, 2, true);
	assert_int_equal(tnet_node(&net, 2)->writes[WRITE_ROW_DROP], 1);
	assert_int_equal(tnet_put(&net, 2, ROW_RANGE, NULL, 0, "y"), 0);
	tnet_run(&net, 3 * SNAPSHOT_MS);
	assert_int_equal(tnet_node(&net, 2)->writes[WRITE_ROW_DROP], 1);
	tnet_restart(&net, 2);
	assert_true(tnet_has(&net, 2, 2, NULL, ROW_RANGE, 0, "y"));
	tnet_close(&net);
}

/* Puts a record of node 9, or one that a member holds of it, into the tables of node 1. */
static void record_apply(struct tnet *net, uint64_t epoch)
{
	struct tnet_node *node = tnet_node(net, 1);
	struct row_view row = {.kind = ROW_MEMBER, .owner = id_numbered(9), .epoch = epoch};
	uint8_t bytes[ROW_BYTES_MAX];
	struct row_view view;
	size_t len;

	row.sequence = 1;
	row.value = (const uint8_t *)"r";
	row.value_len = 1;
	len = tnet_sign(&row, bytes);
	assert_int_equal(row_parse(bytes, len, &view), 0);
	receive_apply(node->tables, &view, blob_take(&node->kit.blobs, bytes, len), NULL,
		      PATH_PULLED);
}

/* A record of a lower version comes, and a network is quit: more drops than a commit has room for
 * stand before that of the higher record. */
static void what_waits_for_its_drop_is_not_written_before_it(void **state)
{
	struct row_view row = {.kind = ROW_RANGE, .owner = id_numbered(9), .epoch = 1};
	struct row_view key = {.kind = ROW_MEMBER, .owner = id_numbered(9)};
	uint8_t bytes[ROW_BYTES_MAX];
	struct tnet_node *node;
	struct tnet net;

	(void)state;
	tnet_open(&net, 1, 24);
	node = tnet_node(&net, 1);
	core_begin_step(&node->kit.core, net.now, (struct wall){0});
	record_apply(&net, 5);
	for (uint32_t i = 0; i < 200; i++) {
		tnet_key(&row, i);
		row.sequence = i + 1;
		assert_int_equal(tnet_receive(&net, 1, 1, bytes, tnet_sign(&row, bytes)),
				 DROP_NONE);
	}
	tnet_run(&net, SNAPSHOT_MS + 100);
	assert_int_equal(node->store_count, 201);
	core_begin_step(&node->kit.core, net.now, (struct wall){0});
	record_apply(&net, 4);
	for (uint32_t i = 0; i < 200; i++) {
		tnet_key(&row, i);
		receive_remove(node->tables, replica_find(&node->tables->replica, &row));
	}
	tnet_run(&net, 1000);
	assert_int_equal(node->writes[WRITE_SNAPSHOT_DROP], 201);
	assert_int_equal(node->store_count, 1);
	tnet_restart(&net, 1);
	assert_int_equal(
	    replica_slot(&node->tables->replica, replica_find(&node->tables->replica, &key))->epoch,
	    4);
	tnet_close(&net);
}

static void a_floor_waits_for_the_drops_below_it(void **state)
{
	struct tnet net;
	struct tnet_node *node;

	(void)state;
	tnet_open(&net, 2, 23);
	node = tnet_node(&net, 2);
	assert_int_equal(tnet_put(&net, 1, ROW_RANGE, NULL, 0, "x"), 0);
	tnet_run(&net, SNAPSHOT_MS + 100);
	tnet_cut(&net, 1, 2, true);
	node->disk_slow_ms = 3 * SNAPSHOT_MS;
	forget(&net, 2, 1, true);
	node->disk_slow_ms = 0;
	floor_tell(&net, 2, 1);
	tnet_run(&net, SNAPSHOT_MS + 100);
	assert_true(on_disk(&net, 2, 1, ROW_RANGE));
	assert_false(on_disk(&net, 2, 1, ROW_FLOOR));
	tnet_run(&net, 5 * SNAPSHOT_MS);
	assert_false(on_disk(&net, 2, 1, ROW_RANGE));
	assert_true(on_disk(&net, 2, 1, ROW_FLOOR));
	tnet_close(&net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(foreign_facts_are_stored_soon_and_foreign_rows_within_the_snapshot),
	    cmocka_unit_test(a_failed_snapshot_is_written_again),
	    cmocka_unit_test(
		a_fact_that_this_node_is_writing_anew_is_not_overwritten_by_an_older_one),
	    cmocka_unit_test(a_members_record_is_stored_when_its_commit_is_durable),
	    cmocka_unit_test(a_members_record_whose_commit_failed_is_not_stored),
	    cmocka_unit_test(nothing_is_stored_before_the_record_of_who_signed_it),
	    cmocka_unit_test(who_left_is_stored_with_all_that_it_told),
	    cmocka_unit_test(a_drop_whose_commit_failed_is_done_again),
	    cmocka_unit_test(what_was_kept_besides_is_forgotten_too),
	    cmocka_unit_test(what_came_again_since_a_drop_failed_is_on_the_disk),
	    cmocka_unit_test(what_was_written_anew_since_a_drop_failed_stays),
	    cmocka_unit_test(what_waits_for_its_drop_is_not_written_before_it),
	    cmocka_unit_test(a_floor_waits_for_the_drops_below_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
