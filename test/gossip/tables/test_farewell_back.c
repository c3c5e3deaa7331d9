/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* The record that says that a node left, and another one of it. */
#include "tables_net.h"

#include "gossip/base/record.h"
#include "test/base/cmocka_all.h"

TNET_ADMISSION

static struct tnet net;

static int teardown(void **state)
{
	(void)state;
	tnet_close(&net);
	return 0;
}

/* What a member row says; its length. */
static size_t member_value(bool left, uint8_t value[VALUE_BYTES_MAX])
{
	struct rec_member rec = {.name = "n9",
				 .gossip = {inet_from_v4(0x0a000009), 7947},
				 .vtep = inet_from_v4(0x0a000009),
				 .wire_min = 1,
				 .wire_max = 1,
				 .left = left,
				 .chain_len = 1};
	int len = rec_member_encode(&rec, value, VALUE_BYTES_MAX);

	assert_true(len > 0);
	return (size_t)len;
}

static size_t member_row(uint8_t owner, uint64_t epoch, bool left, uint8_t bytes[ROW_BYTES_MAX])
{
	struct row_view row = {
	    .kind = ROW_MEMBER, .owner = id_numbered(owner), .epoch = epoch, .sequence = 1};
	uint8_t value[VALUE_BYTES_MAX];

	row.value = value;
	row.value_len = member_value(left, value);
	return tnet_sign(&row, bytes);
}

static void holds_the_leave(size_t number, uint8_t owner)
{
	struct row_view row = {.kind = ROW_MEMBER, .owner = id_numbered(owner)};
	uint32_t slot = replica_find(&tnet_node(&net, number)->tables->replica, &row);

	assert_int_not_equal(slot, NONE);
	assert_int_equal(replica_slot(&tnet_node(&net, number)->tables->replica, slot)->epoch, 4);
}

/* Its disk went back to before the leave, and it wrote on from there. */
static void a_leave_stays_whatever_is_written_later(void **state)
{
	uint8_t left[ROW_BYTES_MAX], back[ROW_BYTES_MAX];
	size_t left_len = member_row(9, 4, true, left), back_len = member_row(9, 5, false, back);

	(void)state;
	tnet_open(&net, 2, 24);
	tnet_cut(&net, 1, 2, true);
	assert_int_equal(tnet_receive(&net, 1, 2, left, left_len), DROP_NONE);
	assert_int_equal(tnet_receive(&net, 1, 2, back, back_len), DROP_NONE);
	holds_the_leave(1, 9);
	/* The other one has not heard of it. */
	assert_int_equal(tnet_receive(&net, 2, 1, back, back_len), DROP_NONE);
	tnet_run(&net, 20000);
	tnet_cut(&net, 1, 2, false);
	assert_true(tnet_run_until_equal(&net, 20000) >= 0);
	for (size_t number = 1; number <= 2; number++)
		holds_the_leave(number, 9);
	tnet_run(&net, 100);
	tnet_cut(&net, 1, 2, true);
	for (size_t number = 1; number <= 2; number++) {
		tnet_restart(&net, number);
		holds_the_leave(number, 9);
	}
}

/* And it was writing on when it was shown the leave. */
static void a_leave_that_is_shown_outlasts_what_is_on_its_way_to_the_disk(void **state)
{
	uint8_t value[VALUE_BYTES_MAX], left[ROW_BYTES_MAX];
	size_t left_len = member_row(1, 4, true, left);
	struct row_view row = {.kind = ROW_MEMBER, .value = value};
	struct tnet_node *node;
	uint64_t token;

	(void)state;
	tnet_open(&net, 2, 25);
	tnet_cut(&net, 1, 2, true);
	node = tnet_node(&net, 1);
	node->kit.core.self.epoch = 5;
	node->disk_slow_ms = 100;
	row.value_len = member_value(false, value);
	assert_int_equal(tnet_put_rows(&net, 1, &row, 1, &token, NULL), 0);
	assert_int_equal(tnet_receive(&net, 1, 2, left, left_len), DROP_NONE);
	holds_the_leave(1, 1);
	tnet_run(&net, 90); /* nothing is written behind what is on its way */
	assert_int_equal(node->writes[WRITE_OWN_ROW], 1);
	tnet_run(&net, 1000);
	holds_the_leave(1, 1);
	assert_int_equal(node->writes[WRITE_ROW_DROP], 1);
	assert_int_equal(node->writes[WRITE_OWN_ROW], 2);
	tnet_restart(&net, 1);
	holds_the_leave(1, 1);
}

/* It went on alone from a disk that went back, and used the version twice. */
static void a_leave_that_is_shown_outlasts_another_text_of_its_version(void **state)
{
	uint8_t left[ROW_BYTES_MAX], back[ROW_BYTES_MAX];
	size_t left_len = member_row(1, 4, true, left), back_len = member_row(1, 4, false, back);
	struct row_view row = {.kind = ROW_MEMBER, .owner = id_numbered(1)};
	struct tables *tables;
	struct rec_member rec;

	(void)state;
	for (int first = 0; first < 2; first++) {
		tnet_open(&net, 2, 27);
		tnet_cut(&net, 1, 2, true);
		tables = tnet_node(&net, 1)->tables;
		for (int i = first; i < first + 2; i++) {
			assert_int_equal(i % 2 == 0 ? tnet_receive(&net, 1, 2, left, left_len)
						    : tnet_receive(&net, 1, 2, back, back_len),
					 DROP_NONE);
			tnet_run(&net, 100);
		}
		assert_true(tables_row(tables, &row.owner, &id_none, ROW_MEMBER, NULL, 0, &row));
		assert_int_equal(rec_member_decode(row.value, row.value_len, &rec), 0);
		assert_true(rec.left);
		if (first == 0)
			tnet_close(&net);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define STORY(name) cmocka_unit_test_teardown(name, teardown)
	    STORY(a_leave_stays_whatever_is_written_later),
	    STORY(a_leave_that_is_shown_outlasts_another_text_of_its_version),
	    STORY(a_leave_that_is_shown_outlasts_what_is_on_its_way_to_the_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
