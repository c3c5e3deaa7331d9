/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "tables_net.h"

#include <string.h>

#include "gossip/tables/topic.h"
#include "test/base/cmocka_all.h"

TNET_ADMISSION

static const struct id tnet_a = {{0xaa}};

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
	alone = tables_hash(tnet_node(&net, 1)->tables);
	tnet_topics(&net, 1, NULL, 0);
	tnet_run(&net, 100);
	assert_true(tables_hash(tnet_node(&net, 1)->tables) != alone);
	assert_true(tnet_has(&net, 1, 1, &tnet_a, ROW_ENDPOINT, 1, "mine"));
	assert_false(tnet_has(&net, 1, 2, &tnet_a, ROW_ENDPOINT, 2, NULL));
	assert_int_equal(tnet_node(&net, 1)->writes[WRITE_SNAPSHOT_DROP], 1);
	tnet_topics(&net, 1, &tnet_a, 1);
	tnet_run(&net, 20);
	assert_true(tnet_has(&net, 1, 2, &tnet_a, ROW_ENDPOINT, 2, "theirs"));
	assert_true(tables_hash(tnet_node(&net, 1)->tables) == alone);
	tnet_close(&net);
}

/* Its owner signed another row under the version of the attachment, which counts for more. */
static void who_loses_the_row_of_an_attachment_is_attached_no_more(void **state)
{
	struct row_view row = {.kind = ROW_ATTACHMENT,
			       .owner = id_numbered(9),
			       .epoch = 2,
			       .sequence = 1,
			       .key_len = ID_BYTES};
	uint8_t bytes[ROW_BYTES_MAX];
	struct tables *tables;
	struct tnet net;
	uint32_t topic;

	(void)state;
	tnet_open(&net, 1, 4);
	tnet_attach(&net, 1, &tnet_a);
	tables = tnet_node(&net, 1)->tables;
	topic = replica_find_topic(&tables->replica, &tnet_a);
	memcpy(row.key, tnet_a.b, ID_BYTES);
	assert_int_equal(tnet_receive(&net, 1, 1, bytes, tnet_sign(&row, bytes)), DROP_NONE);
	assert_true(topic_has(tables, topic, &row.owner));
	row.kind = ROW_RANGE;
	tnet_key(&row, 1);
	assert_int_equal(tnet_receive(&net, 1, 1, bytes, tnet_sign(&row, bytes)), DROP_NONE);
	assert_int_equal(tables->counts.conflicts, 1);
	assert_false(topic_has(tables, topic, &row.owner));
	tnet_close(&net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(rows_of_a_network_go_only_to_attached_nodes),
	    cmocka_unit_test(
		a_node_that_attaches_later_has_the_networks_rows_within_ten_milliseconds),
	    cmocka_unit_test(who_loses_the_row_of_an_attachment_is_attached_no_more),
	    cmocka_unit_test(a_topic_that_is_left_is_forgotten_but_for_own_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
