/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "tables_net.h"

#include <string.h>

#include "test/base/cmocka_all.h"

TNET_ADMISSION

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

struct seen {
	uint64_t sequences[64];
	size_t count;
};

static void note_row(void *ctx, const struct row_view *row)
{
	struct seen *seen = ctx;

	assert_true(seen->count < 64);
	seen->sequences[seen->count++] = row->sequence;
}

static bool has_seen(const struct seen *seen, uint64_t sequence)
{
	for (size_t i = 0; i < seen->count; i++)
		if (seen->sequences[i] == sequence)
			return true;
	return false;
}

/* The newest first; what comes in between is in front of those that are left. */
static void rows_of_one_owner_are_visited_in_portions(void **state)
{
	struct tnet net;
	struct id all = {{0}}, owner = id_numbered(1);
	struct seen seen = {.count = 0};
	const struct tables *tables;
	size_t left = SIZE_MAX;

	(void)state;
	tnet_open(&net, 1, 25);
	tables = tnet_node(&net, 1)->tables;
	for (uint8_t i = 0; i < 20; i++)
		assert_int_equal(tnet_put(&net, 1, ROW_RANGE, NULL, i, "a"), 0);
	tnet_run(&net, 20);
	left = tables_rows_of(tables, &owner, &all, left, 7, note_row, &seen);
	assert_int_equal(seen.count, 7);
	for (size_t i = 1; i < 7; i++)
		assert_true(seen.sequences[i] < seen.sequences[i - 1]);
	for (uint8_t i = 20; i < 30; i++)
		assert_int_equal(tnet_put(&net, 1, ROW_RANGE, NULL, i, "a"), 0);
	tnet_run(&net, 20);
	while (left > 0) {
		size_t before = left;

		left = tables_rows_of(tables, &owner, &all, left, 7, note_row, &seen);
		assert_true(left < before);
	}
	for (uint64_t i = 0; i < 20; i++)
		assert_true(has_seen(&seen, seen.sequences[0] - i));
	assert_false(has_seen(&seen, seen.sequences[0] + 1));
	owner = id_numbered(9);
	assert_int_equal(tables_rows_of(tables, &owner, &all, SIZE_MAX, 7, note_row, &seen), 0);
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
	    cmocka_unit_test(a_terminal_fact_ends_its_base_for_good),
	    cmocka_unit_test(rows_of_one_owner_are_visited_in_portions),
	    cmocka_unit_test(counters_have_names_of_their_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
