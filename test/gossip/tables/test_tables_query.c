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
	    cmocka_unit_test(counters_have_names_of_their_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
