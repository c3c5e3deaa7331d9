/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "tables_net.h"

#include <string.h>

#include "test/base/cmocka_all.h"

TNET_ADMISSION

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
	size_t before;

	(void)state;
	tnet_open(&net, 1, 11);
	before = tnet_node(&net, 1)->kit.blobs.count;
	tnet_node(&net, 1)->unknown[9] = true;
	for (uint32_t i = 1; i <= 3 * PARK_ROWS; i++) {
		tnet_key(&row, i);
		row.sequence = i;
		tnet_receive(&net, 1, 1, bytes, tnet_sign(&row, bytes));
	}
	assert_int_equal(tnet_node(&net, 1)->tables->park.count, PARK_ROWS);
	assert_int_equal(tnet_node(&net, 1)->kit.blobs.count, before + PARK_ROWS);
	tnet_close(&net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_row_waits_for_its_owners_member_row),
	    cmocka_unit_test(more_parked_rows_than_the_ring_holds_push_out_the_oldest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
