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

static bool says(struct tnet *net, size_t node, const struct row_view *row, const char *value)
{
	const struct id *owner = row_is_fact(row) ? NULL : &row->owner;
	struct row_view held;

	return tables_row(tnet_node(net, node)->tables, owner, &row->topic, row->kind, row->key,
			  row->key_len, &held) &&
	       held.value_len == strlen(value) && memcmp(held.value, value, held.value_len) == 0;
}

static void receive_text(struct tnet *net, size_t node, struct row_view *row, const char *value)
{
	uint8_t bytes[ROW_BYTES_MAX];

	row->value = (const uint8_t *)value;
	row->value_len = strlen(value);
	assert_int_equal(tnet_receive(net, node, node, bytes, tnet_sign(row, bytes)), DROP_NONE);
}

static void another_row_of_the_same_version_is_an_alarm_and_the_smaller_stays(void **state)
{
	struct row_view row = {
	    .kind = ROW_TAGS, .owner = id_numbered(9), .epoch = 2, .sequence = 1};
	struct tnet net;

	(void)state;
	tnet_open(&net, 2, 7);
	tnet_cut(&net, 1, 2, true);
	receive_text(&net, 1, &row, "one");
	receive_text(&net, 1, &row, "two");
	receive_text(&net, 2, &row, "two");
	receive_text(&net, 2, &row, "one");
	for (size_t n = 1; n <= 2; n++) {
		assert_int_equal(tnet_node(&net, n)->tables->counts.conflicts, 1);
		assert_int_equal(tnet_node(&net, n)->kit.last_trace.event, TRACE_ROW_CONFLICT);
		assert_int_equal(tnet_node(&net, n)->changes, n);
		assert_true(says(&net, n, &row, "one"));
	}
	tnet_close(&net);
}

/* Two rows: each takes the version from the one of the larger bytes. */
static void two_rows_of_one_version_are_an_alarm_and_the_smaller_is_served(void **state)
{
	struct row_view row = {
	    .kind = ROW_RANGE, .owner = id_numbered(9), .epoch = 2, .sequence = 1};
	struct tnet net;

	(void)state;
	tnet_open(&net, 2, 22);
	tnet_cut(&net, 1, 2, true);
	for (uint32_t key = 3; key >= 1; key--) {
		tnet_key(&row, key);
		receive_text(&net, 1, &row, "");
	}
	tnet_key(&row, 2);
	receive_text(&net, 1, &row, "");
	assert_int_equal(tnet_node(&net, 1)->tables->counts.conflicts, 3);
	assert_int_equal(tnet_node(&net, 1)->changes, 5); /* two were taken back */
	tnet_run(&net, 2000);
	tnet_cut(&net, 1, 2, false);
	assert_true(tnet_run_until_equal(&net, 10000) >= 0);
	assert_true(tnet_has(&net, 2, 9, NULL, ROW_RANGE, 1, NULL));
	assert_false(tnet_has(&net, 2, 9, NULL, ROW_RANGE, 2, NULL));
	/* A newer version of the second row is a row like any other. */
	row.sequence = 2;
	receive_text(&net, 1, &row, "");
	assert_int_equal(tnet_node(&net, 1)->changes, 6);
	tnet_close(&net);
}

/* Each saw another text while they did not hear each other; nobody writes anything any more. */
static void who_saw_other_texts_of_a_version_ends_with_the_same(void **state)
{
	static const struct {
		uint16_t kind;
		uint8_t keys[2];
		bool gone;
	} cases[] = {
	    {ROW_TAGS, {1, 1}, false}, {ROW_TAGS, {1, 1}, true},      {ROW_RANGE, {1, 2}, false},
	    {ROW_RANGE, {1, 2}, true}, {FACT_NETWORK, {1, 1}, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct row_view row = {.kind = cases[i].kind, .owner = id_numbered(9)};
		struct tnet net;

		tnet_open(&net, 3, 30 + i);
		tnet_cut(&net, 1, 2, true);
		tnet_cut(&net, 1, 3, true);
		row.epoch = row_is_fact(&row) ? 0 : 2;
		for (uint32_t n = 1; n <= 40; n++) {
			tnet_key(&row, 100 + n);
			row.sequence = n;
			receive_text(&net, 1, &row, "the same");
			receive_text(&net, 2, &row, "the same");
		}
		for (uint32_t n = 1; n <= 2; n++) {
			tnet_key(&row, n);
			row.sequence = 40 + n;
			receive_text(&net, 1, &row, "old");
			receive_text(&net, 2, &row, "old");
		}
		row.sequence = 43;
		for (size_t n = 1; n <= 2; n++) {
			tnet_key(&row, cases[i].keys[2 - n]);
			receive_text(&net, n, &row, n == 1 ? "two" : "one");
			if (cases[i].gone)
				tables_freeze(tnet_node(&net, n)->tables, &row.owner);
		}
		tnet_run(&net, 2000);
		tnet_cut(&net, 1, 2, false);
		tnet_cut(&net, 1, 3, false);
		assert_true(tnet_run_until_equal(&net, 10000) >= 0);
		for (size_t n = 1; n <= 3; n++) {
			tnet_key(&row, 1);
			assert_true(says(&net, n, &row, "one"));
			tnet_key(&row, 2);
			assert_true(says(&net, n, &row, "old"));
		}
		tnet_close(&net);
	}
}

/* Three rows under one version, and each host lacks what the other cannot take yet. */
static void texts_that_hide_older_rows_of_each_other_end_the_same(void **state)
{
	struct row_view row = {.kind = ROW_RANGE, .owner = id_numbered(9), .epoch = 2};
	static const struct {
		uint8_t node, key;
		uint64_t sequence;
	} said[] = {{1, 2, 2}, {1, 5, 5}, {1, 4, 5}, {2, 5, 3}, {2, 2, 5}};
	struct tnet net;

	(void)state;
	tnet_open(&net, 2, 41);
	tnet_cut(&net, 1, 2, true);
	for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
		tnet_key(&row, said[i].key);
		row.sequence = said[i].sequence;
		receive_text(&net, said[i].node, &row, "");
	}
	tnet_run(&net, 2000);
	tnet_cut(&net, 1, 2, false);
	assert_true(tnet_run_until_equal(&net, 30000) >= 0);
	for (size_t n = 1; n <= 2; n++) {
		assert_true(tnet_has(&net, n, 9, NULL, ROW_RANGE, 2, NULL));
		assert_true(tnet_has(&net, n, 9, NULL, ROW_RANGE, 5, NULL));
		assert_false(tnet_has(&net, n, 9, NULL, ROW_RANGE, 4, NULL));
	}
	tnet_close(&net);
}

/* By their bytes alone the number of the kind would decide, which comes first in them. */
static void who_owns_a_range_is_not_forgotten_for_another_row_of_its_version(void **state)
{
	static const uint16_t kinds[2][2] = {{ROW_RANGE, ROW_TAGS}, {ROW_TAGS, ROW_RANGE}};
	struct row_view row = {.owner = id_numbered(9), .epoch = 2, .sequence = 1};
	struct tnet net;

	(void)state;
	assert_true(ROW_RANGE > ROW_TAGS);
	tnet_open(&net, 2, 42);
	tnet_cut(&net, 1, 2, true);
	for (size_t n = 1; n <= 2; n++) {
		for (size_t i = 0; i < 2; i++) {
			row.kind = kinds[n - 1][i];
			tnet_key(&row, 1);
			receive_text(&net, n, &row, "");
		}
		assert_true(tnet_has(&net, n, 9, NULL, ROW_RANGE, 1, NULL));
		assert_false(tnet_has(&net, n, 9, NULL, ROW_TAGS, 1, NULL));
		/* But who its owner is comes before that. */
		row.kind = ROW_MEMBER;
		row.key_len = 0;
		receive_text(&net, n, &row, "");
		assert_true(says(&net, n, &row, ""));
		assert_false(tnet_has(&net, n, 9, NULL, ROW_RANGE, 1, NULL));
	}
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

static void no_row_has_a_number_that_nobody_could_pass(void **state)
{
	static const uint16_t kinds[] = {FACT_NETWORK, ROW_RANGE};
	struct row_view row = {.owner = id_numbered(9)};
	uint8_t bytes[ROW_BYTES_MAX];
	struct tnet net;

	(void)state;
	tnet_open(&net, 2, 23);
	for (size_t i = 0; i < 2; i++) {
		row.kind = kinds[i];
		tnet_key(&row, 1);
		row.sequence = ROW_SEQUENCE_MAX + 1;
		assert_int_equal(tnet_receive(&net, 1, 2, bytes, tnet_sign(&row, bytes)), DROP_ROW);
		row.sequence = ROW_SEQUENCE_MAX;
		assert_int_equal(tnet_receive(&net, 1, 2, bytes, tnet_sign(&row, bytes)),
				 DROP_NONE);
	}
	tnet_close(&net);
}

/* Nobody could list it: whoever has it would differ from all others for good. */
static void no_row_of_an_owner_has_the_number_zero(void **state)
{
	struct row_view row = {.kind = ROW_TAGS, .owner = id_numbered(9)};
	uint8_t bytes[ROW_BYTES_MAX];
	struct tnet net;

	(void)state;
	tnet_open(&net, 2, 23);
	tnet_key(&row, 1);
	for (row.epoch = 0; row.epoch < 2; row.epoch++)
		assert_int_equal(tnet_receive(&net, 1, 2, bytes, tnet_sign(&row, bytes)), DROP_ROW);
	row.epoch = 0;
	row.sequence = 1;
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
	assert_int_equal(tnet_node(&net, 1)->kit.last_trace.value, 10);
	/* More bytes than its allowance holds are another matter, told by themselves. */
	tnet_node(&net, 1)->kit.core.limits.row_bytes_per_owner_s = 1;
	row.sequence++;
	assert_int_equal(tnet_receive(&net, 1, 2, bytes, tnet_sign(&row, bytes)), DROP_ROW_CAP);
	tnet_key(&row, 1);
	assert_int_equal(tnet_receive(&net, 1, 2, bytes, tnet_sign(&row, bytes)), DROP_ROW_CAP);
	assert_int_equal(tnet_node(&net, 1)->kit.last_trace.event, TRACE_OWNER_HASTY);
	tnet_node(&net, 1)->kit.core.limits.row_bytes_per_owner_s = 1 << 20;
	row.owner = id_numbered(8);
	assert_int_equal(tnet_receive(&net, 1, 2, bytes, tnet_sign(&row, bytes)), DROP_NONE);
	tnet_close(&net);
}

static void over_a_cap(bool of_networks)
{
	struct row_view row = {.kind = FACT_NETWORK, .owner = id_numbered(9), .sequence = 1};
	uint8_t bytes[ROW_BYTES_MAX];
	struct tnet net;
	size_t capped = 0;

	tnet_open(&net, 2, 22);
	if (of_networks)
		tnet_node(&net, 1)->kit.core.limits.networks_per_author = 10;
	else
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

static void an_author_over_its_cap_of_facts_leaves_room_for_others(void **state)
{
	(void)state;
	over_a_cap(false);
}

/* Networks cost every host more than other facts. */
static void nor_does_one_over_its_cap_of_networks(void **state)
{
	(void)state;
	over_a_cap(true);
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
	    cmocka_unit_test(another_row_of_the_same_version_is_an_alarm_and_the_smaller_stays),
	    cmocka_unit_test(two_rows_of_one_version_are_an_alarm_and_the_smaller_is_served),
	    cmocka_unit_test(who_saw_other_texts_of_a_version_ends_with_the_same),
	    cmocka_unit_test(texts_that_hide_older_rows_of_each_other_end_the_same),
	    cmocka_unit_test(who_owns_a_range_is_not_forgotten_for_another_row_of_its_version),
	    cmocka_unit_test(a_scattered_owner_gets_no_second_row_of_one_version_in),
	    cmocka_unit_test(no_row_has_a_number_that_nobody_could_pass),
	    cmocka_unit_test(no_row_of_an_owner_has_the_number_zero),
	    cmocka_unit_test(an_own_row_that_this_node_never_wrote_fences_it),
	    cmocka_unit_test(a_forged_or_damaged_row_is_dropped),
	    cmocka_unit_test(an_owner_over_its_cap_hurts_only_itself),
	    cmocka_unit_test(an_author_over_its_cap_of_facts_leaves_room_for_others),
	    cmocka_unit_test(nor_does_one_over_its_cap_of_networks),
	    cmocka_unit_test(rows_beyond_their_owners_allowance_cost_no_signature),
	    cmocka_unit_test(an_owner_that_rewrites_without_end_is_held_to_its_allowance),
	    cmocka_unit_test(a_signature_is_checked_once_per_interned_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
