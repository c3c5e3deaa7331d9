/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "tables_net.h"

#include <string.h>

#include "test/base/cmocka_all.h"

TNET_ADMISSION

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

static void two_rows_of_one_version_are_an_alarm_and_the_first_is_served(void **state)
{
	struct row_view row = {
	    .kind = ROW_RANGE, .owner = id_numbered(9), .epoch = 2, .sequence = 1};
	uint8_t bytes[ROW_BYTES_MAX];
	struct tnet net;

	(void)state;
	tnet_open(&net, 2, 22);
	tnet_cut(&net, 1, 2, true);
	for (uint32_t key = 1; key <= 3; key++) {
		tnet_key(&row, key);
		assert_int_equal(tnet_receive(&net, 1, 1, bytes, tnet_sign(&row, bytes)),
				 DROP_NONE);
	}
	assert_int_equal(tnet_node(&net, 1)->tables->counts.conflicts, 2);
	assert_int_equal(tnet_node(&net, 1)->changes, 1);
	tnet_run(&net, 2000);
	tnet_cut(&net, 1, 2, false);
	assert_true(tnet_run_until_equal(&net, 10000) >= 0);
	assert_true(tnet_has(&net, 2, 9, NULL, ROW_RANGE, 1, NULL));
	assert_false(tnet_has(&net, 2, 9, NULL, ROW_RANGE, 2, NULL));
	/* A newer version of the second row is a row like any other. */
	row.sequence = 2;
	assert_int_equal(tnet_receive(&net, 1, 1, bytes, tnet_sign(&row, bytes)), DROP_NONE);
	assert_int_equal(tnet_node(&net, 1)->changes, 2);
	tnet_close(&net);
}

/* More of its versions than the watermark can hold apart. */
static void a_scattered_owner_gets_no_second_row_of_one_version_in(void **state)
{
	struct row_view row = {.kind = ROW_RANGE, .owner = id_numbered(9), .epoch = 2};
	uint8_t bytes[ROW_BYTES_MAX];
	struct tnet net;

	(void)state;
	tnet_open(&net, 2, 21);
	for (uint32_t i = 1; i <= 3 * SPANS_MAX; i++) {
		tnet_key(&row, i);
		row.sequence = 10 * i;
		assert_int_equal(tnet_receive(&net, 1, 2, bytes, tnet_sign(&row, bytes)),
				 DROP_NONE);
	}
	tnet_key(&row, 1000);
	row.sequence = 10;
	(void)tnet_receive(&net, 1, 2, bytes, tnet_sign(&row, bytes));
	assert_int_equal(tnet_node(&net, 1)->tables->counts.conflicts, 1);
	replica_check(&tnet_node(&net, 1)->tables->replica);
	tnet_close(&net);
}

static void no_fact_has_a_counter_that_nobody_could_pass(void **state)
{
	struct row_view row = {.kind = FACT_NETWORK, .owner = id_numbered(9)};
	uint8_t bytes[ROW_BYTES_MAX];
	struct tnet net;

	(void)state;
	tnet_open(&net, 2, 23);
	tnet_key(&row, 1);
	row.sequence = (uint64_t)INT64_MAX + 1;
	assert_int_equal(tnet_receive(&net, 1, 2, bytes, tnet_sign(&row, bytes)), DROP_ROW);
	row.sequence = (uint64_t)INT64_MAX;
	assert_int_equal(tnet_receive(&net, 1, 2, bytes, tnet_sign(&row, bytes)), DROP_NONE);
	tnet_close(&net);
}

static void an_own_row_that_this_node_never_wrote_fences_it(void **state)
{
	struct row_view row = {
	    .kind = ROW_TAGS, .owner = id_numbered(1), .epoch = 9, .sequence = 1};
	uint8_t bytes[ROW_BYTES_MAX];
	struct tnet net;

	(void)state;
	tnet_open(&net, 1, 8);
	assert_int_equal(tnet_receive(&net, 1, 1, bytes, tnet_sign(&row, bytes)), DROP_NONE);
	assert_int_equal(tnet_node(&net, 1)->tables->counts.unknown_own, 1);
	assert_int_equal(tnet_node(&net, 1)->twins, 1);
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

static void an_author_over_its_cap_of_facts_leaves_room_for_others(void **state)
{
	struct row_view row = {.kind = FACT_NETWORK, .owner = id_numbered(9), .sequence = 1};
	uint8_t bytes[ROW_BYTES_MAX];
	struct tnet net;
	size_t capped = 0;

	(void)state;
	tnet_open(&net, 2, 22);
	tnet_node(&net, 1)->kit.core.limits.facts_per_author = 10;
	for (uint32_t i = 1; i <= 15; i++) {
		tnet_key(&row, i);
		capped += tnet_receive(&net, 1, 2, bytes, tnet_sign(&row, bytes)) == DROP_ROW_CAP;
	}
	assert_int_equal(capped, 5);
	/* What it wrote it may still change and end. */
	tnet_key(&row, 3);
	row.sequence = 2;
	assert_int_equal(tnet_receive(&net, 1, 2, bytes, tnet_sign(&row, bytes)), DROP_NONE);
	tnet_key(&row, 99);
	row.owner = id_numbered(8);
	assert_int_equal(tnet_receive(&net, 1, 2, bytes, tnet_sign(&row, bytes)), DROP_NONE);
	tnet_close(&net);
}

static size_t checks;

static int counted_verify(void *ctx, const uint8_t pub[SIGN_PUB_BYTES], const void *msg, size_t len,
			  const uint8_t sig[SIG_BYTES])
{
	(void)ctx, (void)pub, (void)msg, (void)len, (void)sig;
	checks++;
	return 0;
}

static void rows_beyond_their_owners_allowance_cost_no_signature(void **state)
{
	struct row_view row = {.kind = ROW_TAGS, .owner = id_numbered(9), .epoch = 2};
	uint8_t bytes[ROW_BYTES_MAX], value[900] = {0};
	struct tnet net;

	(void)state;
	tnet_open(&net, 1, 23);
	tnet_node(&net, 1)->kit.crypto.verify = counted_verify;
	checks = 0;
	row.value = value;
	row.value_len = sizeof(value);
	for (uint32_t i = 1; i <= 20000; i++) {
		row.sequence = i;
		tnet_receive(&net, 1, 1, bytes, tnet_sign(&row, bytes));
	}
	/* Four seconds of 64 KiB. */
	assert_in_range(checks, 200, 4 * 65536 / 900);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_higher_version_wins_in_any_order),
	    cmocka_unit_test(another_row_of_the_same_version_is_an_alarm_and_the_first_stays),
	    cmocka_unit_test(two_rows_of_one_version_are_an_alarm_and_the_first_is_served),
	    cmocka_unit_test(a_scattered_owner_gets_no_second_row_of_one_version_in),
	    cmocka_unit_test(no_fact_has_a_counter_that_nobody_could_pass),
	    cmocka_unit_test(an_own_row_that_this_node_never_wrote_fences_it),
	    cmocka_unit_test(a_forged_or_damaged_row_is_dropped),
	    cmocka_unit_test(an_owner_over_its_cap_hurts_only_itself),
	    cmocka_unit_test(an_author_over_its_cap_of_facts_leaves_room_for_others),
	    cmocka_unit_test(rows_beyond_their_owners_allowance_cost_no_signature),
	    cmocka_unit_test(an_owner_that_rewrites_without_end_is_held_to_its_allowance),
	    cmocka_unit_test(a_signature_is_checked_once_per_interned_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
