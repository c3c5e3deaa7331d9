/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* What the core counts stands in the table, and says the same. The page itself: test_api_metrics.c
 * and, of real daemons, test/netns. */
#include "gossip/base/metrics.h"

#include <stdio.h>
#include <string.h>

#include "daemon/daemon.h"
#include "test/base/cmocka_all.h"

static void all_that_the_core_counts_stands_in_the_table(void **state)
{
	struct heap heap;
	struct page_source pages = page_source_mmap();
	struct blob_store blobs;
	struct gossip_config config = {
	    .crypto = gossip_crypto_sodium(), .pages = pages, .name = "a"};
	struct gossip_counter c;
	struct gossip *g;
	size_t counted = 0, drops = 0, listed = 0;

	(void)state;
	heap_init(&heap, &pages);
	blob_store_init(&blobs, &heap, 1);
	config.blobs = &blobs;
	g = gossip_new(&config);
	for (size_t i = 0; gossip_counter(g, i, &c); i++) {
		enum metric_id id;
		char name[96];

		if (strncmp(c.name, "dropped_", 8) == 0) {
			drops++;
			continue;
		}
		snprintf(name, sizeof(name), "weft_gossip_%s%s", c.name,
			 c.is_gauge ? "" : "_total");
		id = metric_find(name);
		if (id == METRIC_COUNT)
			fail_msg("%s stands in no row of gossip/base/metric_rows.h", name);
		assert_int_equal(metric_info(id)->type, c.is_gauge ? METRIC_GAUGE : METRIC_COUNTER);
		assert_string_equal(metric_info(id)->help, c.help);
		counted++;
	}
	for (int i = 0; i < METRIC_COUNT; i++)
		listed += strncmp(metric_info((enum metric_id)i)->name, "weft_gossip_", 12) == 0;
	assert_true(drops > 0);
	/* The drops are one row. */
	assert_int_equal(listed, counted + 1);
	gossip_free(g);
	blob_store_close(&blobs);
	heap_close(&heap);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(all_that_the_core_counts_stands_in_the_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
