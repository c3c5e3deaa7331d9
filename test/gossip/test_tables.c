/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "tables_net.h"

#include <string.h>

#include "../base/cmocka_all.h"

TNET_ADMISSION

static const struct id tnet_a = {{0xaa}};

static void a_row_is_seen_by_nobody_before_it_is_durable(void **state)
{
	struct tnet net;

	(void)state;
	tnet_open(&net, 3, 1);
	assert_int_equal(tnet_put(&net, 1, ROW_TAGS, NULL, 0, "x"), 0);
	assert_false(tnet_has(&net, 1, 1, NULL, ROW_TAGS, 0, NULL));
	assert_int_equal(net.datagrams, 0);
	tnet_run(&net, 5);
	assert_true(tnet_has(&net, 1, 1, NULL, ROW_TAGS, 0, "x"));
	tnet_close(&net);
}

static void a_row_reaches_three_nodes_within_five_milliseconds(void **state)
{
	struct tnet net;

	(void)state;
	tnet_open(&net, 3, 2);
	assert_int_equal(tnet_put(&net, 1, ROW_TAGS, NULL, 0, "x"), 0);
	tnet_run(&net, 5);
	for (size_t n = 1; n <= 3; n++) {
		assert_true(tnet_has(&net, n, 1, NULL, ROW_TAGS, 0, "x"));
		assert_int_equal(tnet_node(&net, n)->changes, 1);
		assert_int_equal(tnet_node(&net, n)->rows_seen, 1);
	}
	tnet_run(&net, 1000);
	assert_int_equal(tnet_node(&net, 2)->changes, 1); /* copies change nothing */
	tnet_close(&net);
}

static void a_failed_commit_leaves_nothing_and_its_sequence_is_not_used_again(void **state)
{
	struct tnet net;

	(void)state;
	tnet_open(&net, 2, 3);
	tnet_node(&net, 1)->disk_fails = true;
	assert_int_equal(tnet_put(&net, 1, ROW_TAGS, NULL, 0, "lost"), 0);
	tnet_run(&net, 50);
	assert_false(tnet_has(&net, 1, 1, NULL, ROW_TAGS, 0, NULL));
	assert_int_equal(net.datagrams, 0);
	tnet_node(&net, 1)->disk_fails = false;
	assert_int_equal(tnet_put(&net, 1, ROW_TAGS, NULL, 0, "kept"), 0);
	tnet_run(&net, 50);
	assert_true(tnet_has(&net, 2, 1, NULL, ROW_TAGS, 0, "kept"));
	assert_int_equal(tnet_node(&net, 2)->last_change.sequence, 2);
	tnet_close(&net);
}

static void rows_of_one_batch_become_visible_together(void **state)
{
	struct row_view rows[3] = {{.kind = ROW_RANGE}, {.kind = ROW_RANGE}, {.kind = ROW_RANGE}};
	struct tnet net;
	uint64_t token;

	(void)state;
	tnet_open(&net, 1, 4);
	for (uint32_t i = 0; i < 3; i++)
		tnet_key(&rows[i], i);
	assert_int_equal(tnet_put_rows(&net, 1, rows, 3, &token, NULL), 0);
	assert_int_equal(tnet_node(&net, 1)->writes[WRITE_OWN_ROW], 3);
	assert_int_equal(tnet_node(&net, 1)->changes, 0);
	tnet_run(&net, 2);
	assert_int_equal(tnet_node(&net, 1)->changes, 3);
	tnet_close(&net);
}

static void a_batch_that_cannot_be_written_changes_nothing(void **state)
{
	struct row_view rows[2] = {{.kind = ROW_RANGE}, {.kind = FACT_NETWORK, .deleted = true}};
	struct weft_err err = {0};
	struct tnet net;
	uint64_t token;

	(void)state;
	tnet_open(&net, 1, 5);
	assert_int_equal(tnet_put_rows(&net, 1, rows, 2, &token, &err), WEFT_E_INVALID);
	assert_int_equal(err.code, WEFT_E_INVALID);
	assert_int_equal(tnet_put_rows(&net, 1, rows, 0, &token, NULL), WEFT_E_INVALID);
	tnet_node(&net, 1)->denied[1] = true;
	assert_int_equal(tnet_put(&net, 1, FACT_NETWORK, NULL, 1, "x"), WEFT_E_DENIED);
	assert_int_equal(tnet_node(&net, 1)->writes[WRITE_OWN_ROW], 0);
	assert_int_equal(tnet_node(&net, 1)->kit.blobs.count, 0);
	tnet_close(&net);
}

static void the_higher_version_wins_in_any_order(void **state)
{
	struct row_view row = {.kind = ROW_TAGS, .owner = id_numbered(9), .epoch = 2};
	uint8_t older[ROW_BYTES_MAX], newer[ROW_BYTES_MAX];
	size_t older_len, newer_len;
	struct tnet net;

	(void)state;
	tnet_open(&net, 2, 6);
	row.sequence = 5;
	row.value = (const uint8_t *)"old";
	row.value_len = 3;
	older_len = tnet_sign(&row, older);
	row.epoch = 3;
	row.sequence = 4;
	row.value = (const uint8_t *)"new";
	newer_len = tnet_sign(&row, newer);
	assert_int_equal(tnet_receive(&net, 1, 2, older, older_len), DROP_NONE);
	assert_int_equal(tnet_receive(&net, 1, 2, newer, newer_len), DROP_NONE);
	assert_int_equal(tnet_receive(&net, 2, 1, newer, newer_len), DROP_NONE);
	assert_int_equal(tnet_receive(&net, 2, 1, older, older_len), DROP_NONE);
	for (size_t n = 1; n <= 2; n++) {
		struct row_view held;
		struct id owner = id_numbered(9), all = {{0}};
		assert_true(
		    tables_row(tnet_node(&net, n)->tables, &owner, &all, ROW_TAGS, NULL, 0, &held));
		assert_memory_equal(held.value, "new", 3);
	}
	assert_int_equal(tnet_node(&net, 2)->tables->counts.outdated, 1);
	tnet_close(&net);
}

static void another_row_of_the_same_version_is_an_alarm_and_the_first_stays(void **state)
{
	struct row_view row = {
	    .kind = ROW_TAGS, .owner = id_numbered(9), .epoch = 2, .sequence = 1};
	uint8_t bytes[ROW_BYTES_MAX];
	struct id all = {{0}};
	struct row_view held;
	struct tnet net;

	(void)state;
	tnet_open(&net, 1, 7);
	row.value = (const uint8_t *)"one";
	row.value_len = 3;
	assert_int_equal(tnet_receive(&net, 1, 1, bytes, tnet_sign(&row, bytes)), DROP_NONE);
	row.value = (const uint8_t *)"two";
	assert_int_equal(tnet_receive(&net, 1, 1, bytes, tnet_sign(&row, bytes)), DROP_NONE);
	assert_int_equal(tnet_node(&net, 1)->tables->counts.conflicts, 1);
	assert_int_equal(tnet_node(&net, 1)->kit.last_trace.event, TRACE_ROW_CONFLICT);
	assert_true(
	    tables_row(tnet_node(&net, 1)->tables, &row.owner, &all, ROW_TAGS, NULL, 0, &held));
	assert_memory_equal(held.value, "one", 3);
	tnet_close(&net);
}

static void an_own_row_that_this_node_never_wrote_is_an_alarm(void **state)
{
	struct row_view row = {
	    .kind = ROW_TAGS, .owner = id_numbered(1), .epoch = 9, .sequence = 1};
	uint8_t bytes[ROW_BYTES_MAX];
	struct tnet net;

	(void)state;
	tnet_open(&net, 1, 8);
	assert_int_equal(tnet_receive(&net, 1, 1, bytes, tnet_sign(&row, bytes)), DROP_NONE);
	assert_int_equal(tnet_node(&net, 1)->tables->counts.unknown_own, 1);
	assert_int_equal(tnet_node(&net, 1)->changes, 0);
	tnet_close(&net);
}

static void a_forged_or_damaged_row_is_dropped(void **state)
{
	struct row_view row = {
	    .kind = ROW_TAGS, .owner = id_numbered(9), .epoch = 2, .sequence = 1};
	uint8_t bytes[ROW_BYTES_MAX];
	struct tnet net;
	size_t len;

	(void)state;
	tnet_open(&net, 1, 9);
	len = tnet_sign(&row, bytes);
	for (size_t cut = 0; cut < len; cut++)
		assert_int_equal(tnet_receive(&net, 1, 1, bytes, cut), DROP_ROW);
	for (size_t at = 0; at < len; at++) {
		bytes[at] ^= 1;
		assert_int_not_equal(tnet_receive(&net, 1, 1, bytes, len), DROP_NONE);
		bytes[at] ^= 1;
	}
	assert_int_equal(tnet_node(&net, 1)->changes, 0);
	row.kind = ROW_ENDPOINT; /* belongs to a network */
	assert_int_equal(tnet_receive(&net, 1, 1, bytes, tnet_sign(&row, bytes)), DROP_ROW);
	tnet_close(&net);
}

static void a_row_waits_for_its_owners_member_row(void **state)
{
	struct row_view row = {
	    .kind = ROW_TAGS, .owner = id_numbered(9), .epoch = 2, .sequence = 2};
	uint8_t bytes[ROW_BYTES_MAX];
	struct tnet net;

	(void)state;
	tnet_open(&net, 1, 10);
	tnet_node(&net, 1)->unknown[9] = true;
	assert_int_equal(tnet_receive(&net, 1, 1, bytes, tnet_sign(&row, bytes)), DROP_NONE);
	assert_int_equal(tnet_node(&net, 1)->changes, 0);
	row.kind = ROW_MEMBER;
	row.sequence = 1;
	assert_int_equal(tnet_receive(&net, 1, 1, bytes, tnet_sign(&row, bytes)), DROP_NONE);
	assert_int_equal(tnet_node(&net, 1)->changes, 2);
	assert_int_equal(tnet_node(&net, 1)->tables->park.count, 0);
	tnet_close(&net);
}

static void more_parked_rows_than_the_ring_holds_push_out_the_oldest(void **state)
{
	struct row_view row = {.kind = ROW_RANGE, .owner = id_numbered(9), .epoch = 2};
	uint8_t bytes[ROW_BYTES_MAX];
	struct tnet net;

	(void)state;
	tnet_open(&net, 1, 11);
	tnet_node(&net, 1)->unknown[9] = true;
	for (uint32_t i = 1; i <= 3 * PARK_ROWS; i++) {
		tnet_key(&row, i);
		row.sequence = i;
		tnet_receive(&net, 1, 1, bytes, tnet_sign(&row, bytes));
	}
	assert_int_equal(tnet_node(&net, 1)->tables->park.count, PARK_ROWS);
	assert_int_equal(tnet_node(&net, 1)->kit.blobs.count, PARK_ROWS);
	tnet_close(&net);
}

static void a_facts_register_goes_to_the_highest_counter_then_author(void **state)
{
	struct tnet net;

	(void)state;
	tnet_open(&net, 3, 12);
	assert_int_equal(tnet_put(&net, 1, FACT_NETWORK, NULL, 5, "a"), 0);
	tnet_run(&net, 20);
	/* Two change it at once: both choose the next counter, the higher id stands. */
	assert_int_equal(tnet_put(&net, 2, FACT_NETWORK, NULL, 5, "b"), 0);
	assert_int_equal(tnet_put(&net, 3, FACT_NETWORK, NULL, 5, "c"), 0);
	tnet_run(&net, 100);
	for (size_t n = 1; n <= 3; n++)
		assert_true(tnet_has(&net, n, 0, NULL, FACT_NETWORK, 5, "c"));
	assert_true(tnet_is_equal(&net));
	/* Whoever writes next is above both. */
	assert_int_equal(tnet_put(&net, 1, FACT_NETWORK, NULL, 5, "d"), 0);
	tnet_run(&net, 100);
	assert_true(tnet_has(&net, 3, 0, NULL, FACT_NETWORK, 5, "d"));
	assert_int_equal(tnet_node(&net, 3)->last_change.sequence, 3);
	tnet_close(&net);
}

static bool count_visit(void *ctx, const struct row_view *row)
{
	(void)row;
	(*(size_t *)ctx)++;
	return true;
}

static void a_terminal_fact_ends_its_base_for_good(void **state)
{
	struct tnet net;
	struct id all = {{0}};
	size_t seen = 0;

	(void)state;
	tnet_open(&net, 2, 13);
	assert_int_equal(tnet_put(&net, 1, FACT_NETWORK, NULL, 5, "a"), 0);
	tnet_run(&net, 20);
	assert_true(tnet_has(&net, 2, 0, NULL, FACT_NETWORK, 5, "a"));
	assert_int_equal(tnet_put(&net, 2, FACT_NETWORK_END, NULL, 5, ""), 0);
	tnet_run(&net, 20);
	assert_int_equal(tnet_put(&net, 1, FACT_NETWORK, NULL, 5, "again"), 0);
	tnet_run(&net, 20);
	for (size_t n = 1; n <= 2; n++) {
		assert_false(tnet_has(&net, n, 0, NULL, FACT_NETWORK, 5, NULL));
		tables_rows(tnet_node(&net, n)->tables, &all, FACT_NETWORK, count_visit, &seen);
		tables_rows(tnet_node(&net, n)->tables, &all, FACT_NETWORK_END, count_visit, &seen);
	}
	assert_int_equal(seen, 2);
	tnet_close(&net);
}

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

static void a_restarted_node_has_its_rows_and_goes_on_above_its_sequences(void **state)
{
	struct tnet net;

	(void)state;
	tnet_open(&net, 2, 16);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(tnet_put(&net, 1, ROW_RANGE, NULL, i, "x"), 0);
	assert_int_equal(tnet_put(&net, 2, ROW_TAGS, NULL, 0, "y"), 0);
	tnet_run(&net, SNAPSHOT_MS + 100);
	tnet_restart(&net, 1);
	assert_true(tnet_has(&net, 1, 1, NULL, ROW_RANGE, 2, "x"));
	assert_true(tnet_has(&net, 1, 2, NULL, ROW_TAGS, 0, "y"));
	assert_int_equal(tnet_put(&net, 1, ROW_RANGE, NULL, 7, "z"), 0);
	tnet_run(&net, 20);
	assert_true(tnet_has(&net, 2, 1, NULL, ROW_RANGE, 7, "z"));
	assert_int_equal(tnet_node(&net, 2)->last_change.epoch, 2);
	assert_int_equal(tnet_node(&net, 2)->last_change.sequence, 4);
	assert_true(tnet_is_equal(&net));
	tnet_close(&net);
}

static void rows_of_a_network_go_only_to_attached_nodes(void **state)
{
	struct tnet net;

	(void)state;
	tnet_open(&net, 4, 17);
	tnet_attach(&net, 1, &tnet_a);
	tnet_attach(&net, 2, &tnet_a);
	tnet_run(&net, 50);
	assert_int_equal(tnet_put(&net, 1, ROW_ENDPOINT, &tnet_a, 1, "e"), 0);
	tnet_run(&net, 5);
	assert_true(tnet_has(&net, 2, 1, &tnet_a, ROW_ENDPOINT, 1, "e"));
	tnet_run(&net, 20000);
	assert_int_equal(tnet_node(&net, 3)->tables->counts.foreign_topic, 0);
	assert_false(tnet_has(&net, 3, 1, &tnet_a, ROW_ENDPOINT, 1, NULL));
	assert_true(tables_hash(tnet_node(&net, 1)->tables) ==
		    tables_hash(tnet_node(&net, 2)->tables));
	assert_true(tables_hash(tnet_node(&net, 3)->tables) ==
		    tables_hash(tnet_node(&net, 4)->tables));
	tnet_close(&net);
}

static void a_node_that_attaches_later_has_the_networks_rows_within_ten_milliseconds(void **state)
{
	struct tnet net;

	(void)state;
	tnet_open(&net, 3, 18);
	tnet_attach(&net, 1, &tnet_a);
	for (uint32_t i = 0; i < 10; i++)
		assert_int_equal(tnet_put(&net, 1, ROW_ENDPOINT, &tnet_a, i, "e"), 0);
	tnet_run(&net, 3000);
	tnet_attach(&net, 3, &tnet_a);
	tnet_run(&net, 10);
	for (uint32_t i = 0; i < 10; i++)
		assert_true(tnet_has(&net, 3, 1, &tnet_a, ROW_ENDPOINT, i, "e"));
	tnet_close(&net);
}

static void a_topic_that_is_left_is_forgotten_but_for_own_rows(void **state)
{
	struct tnet net;
	uint64_t alone;

	(void)state;
	tnet_open(&net, 2, 19);
	tnet_attach(&net, 1, &tnet_a);
	tnet_attach(&net, 2, &tnet_a);
	tnet_run(&net, 50);
	assert_int_equal(tnet_put(&net, 1, ROW_ENDPOINT, &tnet_a, 1, "mine"), 0);
	assert_int_equal(tnet_put(&net, 2, ROW_ENDPOINT, &tnet_a, 2, "theirs"), 0);
	tnet_run(&net, SNAPSHOT_MS + 100);
	alone = tables_hash_topic(tnet_node(&net, 1)->tables, &tnet_a);
	assert_true(alone != 0);
	tnet_topics(&net, 1, NULL, 0);
	tnet_run(&net, 100);
	assert_int_equal(tables_hash_topic(tnet_node(&net, 1)->tables, &tnet_a), 0);
	assert_true(tnet_has(&net, 1, 1, &tnet_a, ROW_ENDPOINT, 1, "mine"));
	assert_false(tnet_has(&net, 1, 2, &tnet_a, ROW_ENDPOINT, 2, NULL));
	assert_int_equal(tnet_node(&net, 1)->writes[WRITE_SNAPSHOT_DROP], 1);
	tnet_topics(&net, 1, &tnet_a, 1);
	tnet_run(&net, 20);
	assert_true(tnet_has(&net, 1, 2, &tnet_a, ROW_ENDPOINT, 2, "theirs"));
	assert_true(tables_hash_topic(tnet_node(&net, 1)->tables, &tnet_a) == alone);
	tnet_close(&net);
}

static void an_owner_over_its_cap_hurts_only_itself(void **state)
{
	struct row_view row = {.kind = ROW_RANGE, .owner = id_numbered(9), .epoch = 2};
	uint8_t bytes[ROW_BYTES_MAX];
	struct tnet net;
	size_t capped = 0;

	(void)state;
	tnet_open(&net, 2, 20);
	tnet_node(&net, 1)->kit.core.limits.rows_topic0_per_owner = 10;
	for (uint32_t i = 1; i <= 15; i++) {
		tnet_key(&row, i);
		row.sequence = i;
		capped += tnet_receive(&net, 1, 2, bytes, tnet_sign(&row, bytes)) == DROP_ROW_CAP;
	}
	assert_int_equal(capped, 5);
	assert_int_equal(tnet_node(&net, 1)->kit.last_trace.event, TRACE_OWNER_CAPPED);
	row.owner = id_numbered(8);
	assert_int_equal(tnet_receive(&net, 1, 2, bytes, tnet_sign(&row, bytes)), DROP_NONE);
	tnet_close(&net);
}

static void an_owner_that_rewrites_without_end_is_held_to_its_allowance(void **state)
{
	struct row_view row = {.kind = ROW_TAGS, .owner = id_numbered(9), .epoch = 2};
	uint8_t bytes[ROW_BYTES_MAX], value[900] = {0};
	struct tnet net;
	size_t taken = 0;

	(void)state;
	tnet_open(&net, 1, 21);
	row.value = value;
	row.value_len = sizeof(value);
	for (uint32_t i = 1; i <= 2000; i++) {
		row.sequence = i;
		taken += tnet_receive(&net, 1, 1, bytes, tnet_sign(&row, bytes)) == DROP_NONE;
	}
	assert_in_range(taken, 200, 300); /* four seconds of 64 KiB */
	tnet_run(&net, 10000);
	row.sequence++;
	assert_int_equal(tnet_receive(&net, 1, 1, bytes, tnet_sign(&row, bytes)), DROP_NONE);
	tnet_close(&net);
}

static void own_puts_over_the_cap_are_refused_before_anything_is_written(void **state)
{
	struct tnet net;

	(void)state;
	tnet_open(&net, 1, 22);
	tnet_node(&net, 1)->kit.core.limits.rows_per_owner_topic = 3;
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(tnet_put(&net, 1, ROW_ENDPOINT, &tnet_a, i, "e"), 0);
		tnet_run(&net, 2);
	}
	assert_int_equal(tnet_put(&net, 1, ROW_ENDPOINT, &tnet_a, 3, "e"), WEFT_E_LIMIT);
	assert_int_equal(tnet_put(&net, 1, ROW_ENDPOINT, &tnet_a, 2, "f"), 0);
	assert_int_equal(tnet_node(&net, 1)->writes[WRITE_OWN_ROW], 4);
	tnet_close(&net);
}

static void a_signature_is_checked_once_per_interned_row(void **state)
{
	struct row_view row = {
	    .kind = ROW_TAGS, .owner = id_numbered(9), .epoch = 2, .sequence = 1};
	uint8_t bytes[ROW_BYTES_MAX];
	struct tnet net;
	uint32_t blob;
	size_t len;

	(void)state;
	tnet_open(&net, 1, 23);
	len = tnet_sign(&row, bytes);
	bytes[len - 1] ^= 1; /* a bad signature that somebody vouches for */
	blob = blob_take(&tnet_node(&net, 1)->kit.blobs, bytes, len);
	blob_mark_verified(&tnet_node(&net, 1)->kit.blobs, blob);
	assert_int_equal(tnet_receive(&net, 1, 1, bytes, len), DROP_NONE);
	assert_int_equal(tnet_node(&net, 1)->changes, 1);
	blob_give(&tnet_node(&net, 1)->kit.blobs, blob);
	tnet_close(&net);
}

static void counters_have_names_of_their_own(void **state)
{
	struct gossip_counter counter, other;
	struct tnet net;
	size_t count = 0;

	(void)state;
	tnet_open(&net, 1, 24);
	while (tables_counter(tnet_node(&net, 1)->tables, count, &counter))
		count++;
	assert_true(count > 20);
	for (size_t i = 0; i < count; i++) {
		tables_counter(tnet_node(&net, 1)->tables, i, &counter);
		for (size_t j = 0; j < i; j++) {
			tables_counter(tnet_node(&net, 1)->tables, j, &other);
			assert_string_not_equal(counter.name, other.name);
		}
	}
	tnet_close(&net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_row_is_seen_by_nobody_before_it_is_durable),
	    cmocka_unit_test(a_row_reaches_three_nodes_within_five_milliseconds),
	    cmocka_unit_test(a_failed_commit_leaves_nothing_and_its_sequence_is_not_used_again),
	    cmocka_unit_test(rows_of_one_batch_become_visible_together),
	    cmocka_unit_test(a_batch_that_cannot_be_written_changes_nothing),
	    cmocka_unit_test(the_higher_version_wins_in_any_order),
	    cmocka_unit_test(another_row_of_the_same_version_is_an_alarm_and_the_first_stays),
	    cmocka_unit_test(an_own_row_that_this_node_never_wrote_is_an_alarm),
	    cmocka_unit_test(a_forged_or_damaged_row_is_dropped),
	    cmocka_unit_test(a_row_waits_for_its_owners_member_row),
	    cmocka_unit_test(more_parked_rows_than_the_ring_holds_push_out_the_oldest),
	    cmocka_unit_test(a_facts_register_goes_to_the_highest_counter_then_author),
	    cmocka_unit_test(a_terminal_fact_ends_its_base_for_good),
	    cmocka_unit_test(foreign_facts_are_stored_soon_and_foreign_rows_within_the_snapshot),
	    cmocka_unit_test(a_failed_snapshot_is_written_again),
	    cmocka_unit_test(a_restarted_node_has_its_rows_and_goes_on_above_its_sequences),
	    cmocka_unit_test(rows_of_a_network_go_only_to_attached_nodes),
	    cmocka_unit_test(
		a_node_that_attaches_later_has_the_networks_rows_within_ten_milliseconds),
	    cmocka_unit_test(a_topic_that_is_left_is_forgotten_but_for_own_rows),
	    cmocka_unit_test(an_owner_over_its_cap_hurts_only_itself),
	    cmocka_unit_test(an_owner_that_rewrites_without_end_is_held_to_its_allowance),
	    cmocka_unit_test(own_puts_over_the_cap_are_refused_before_anything_is_written),
	    cmocka_unit_test(a_signature_is_checked_once_per_interned_row),
	    cmocka_unit_test(counters_have_names_of_their_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
