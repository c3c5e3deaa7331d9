/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "gossip/tables/onesided.h"

#include "gossip/base/pack.h"
#include "gossip/tables/marks.h"
#include "gossip/tables/topic.h"
#include "tables_net.h"
#include "test/base/cmocka_all.h"

TNET_ADMISSION

#define CAP 10

static const struct id network = {{0xaa}};
static struct tnet net;

/* Two nodes that keep ten rows of an owner in a topic, and are cut off from each other. */
static int open_cut(void **state)
{
	(void)state;
	tnet_open(&net, 2, 5);
	for (size_t n = 1; n <= 2; n++) {
		tnet_node(&net, n)->kit.core.limits.rows_topic0_per_owner = CAP;
		tnet_node(&net, n)->kit.core.limits.rows_per_owner_topic = CAP;
		tnet_attach(&net, n, &network);
	}
	tnet_run(&net, 3000);
	tnet_cut(&net, 1, 2, true);
	return 0;
}

static int close_cut(void **state)
{
	(void)state;
	tnet_close(&net);
	return 0;
}

static void hear(size_t number, uint16_t kind, uint8_t owner, uint32_t rows)
{
	struct row_view row = {.kind = kind, .owner = id_numbered(owner), .epoch = 2};
	uint8_t bytes[ROW_BYTES_MAX];

	if (kind == ROW_ENDPOINT)
		row.topic = network;
	for (uint32_t i = 1; i <= rows; i++) {
		tnet_key(&row, i);
		row.sequence = i;
		tnet_receive(&net, number, number, bytes, tnet_sign(&row, bytes));
	}
}

static struct origin *origin_at(size_t number, uint8_t owner, const struct id *topic)
{
	struct replica *replica = &tnet_node(&net, number)->tables->replica;
	struct id id = id_numbered(owner);

	return replica_origin(replica,
			      replica_origin_of(replica, &id, replica_find_topic(replica, topic)));
}

/* The cut is healed; each finds the other equal, though they differ, and nobody is capped for it.
 */
static void ends_equal(size_t from, size_t with)
{
	size_t before;

	tnet_run(&net, 5000); /* nothing is told any more */
	tnet_cut(&net, 1, 2, false);
	before = tnet_node(&net, from)->synced;
	assert_false(tnet_is_equal(&net));
	tnet_sync(&net, from, with);
	tnet_run(&net, 3000);
	assert_true(tnet_node(&net, from)->synced > before);
	assert_false(tnet_is_equal(&net));
}

static void one_refused_a_row(uint16_t kind, const struct id *topic)
{
	hear(1, kind, 9, CAP);
	hear(2, kind, 9, CAP + 1);
	assert_int_equal(origin_at(1, 9, topic)->flags & ORIGIN_CAPPED, 0);
	assert_int_equal(origin_at(2, 9, topic)->flags & ORIGIN_CAPPED, ORIGIN_CAPPED);
	assert_true(origin_at(1, 9, topic)->hash != 0 && origin_at(2, 9, topic)->hash == 0);
}

static void who_has_all_rows_and_who_refused_one_more_are_equal(void **state)
{
	static const struct id all;

	(void)state;
	one_refused_a_row(ROW_RANGE, &all);
	ends_equal(1, 2);
	ends_equal(2, 1);
	assert_int_equal(origin_at(1, 9, &all)->flags & ORIGIN_CAPPED, 0);
}

static void so_they_are_in_a_network(void **state)
{
	(void)state;
	one_refused_a_row(ROW_ENDPOINT, &network);
	ends_equal(1, 2);
	ends_equal(2, 1);
}

static void so_they_are_where_there_are_many_owners(void **state)
{
	(void)state;
	for (uint8_t owner = 10; owner < 200; owner++) {
		bool first = owner % 2 != 0;
		hear(1, ROW_RANGE, owner, CAP + first);
		hear(2, ROW_RANGE, owner, CAP + !first);
		hear(1, ROW_ENDPOINT, owner, CAP + (owner == 100));
		hear(2, ROW_ENDPOINT, owner, CAP + (owner == 101));
	}
	ends_equal(1, 2);
	ends_equal(2, 1);
}

static void who_has_fewer_rows_gets_them_first(void **state)
{
	(void)state;
	hear(1, ROW_ENDPOINT, 9, CAP / 2);
	hear(2, ROW_ENDPOINT, 9, CAP + 1);
	hear(2, ROW_ENDPOINT, 8, 3);
	ends_equal(1, 2);
	assert_int_equal(origin_at(1, 9, &network)->count, CAP);
	assert_int_equal(origin_at(1, 8, &network)->count, 3);
}

/* What it holds was told last, and of what it lacks it was told that it has all. */
static void who_thinks_to_know_more_gets_them_too(void **state)
{
	static const struct id all;
	struct tnet_node *node = tnet_node(&net, 1);

	(void)state;
	hear(1, ROW_RANGE, 9, 4);
	watermark_complete(&origin_at(1, 9, &all)->mark, &node->kit.core.heap,
			   (struct version){2, CAP * 2});
	hear(2, ROW_RANGE, 9, CAP + 1);
	ends_equal(1, 2);
	assert_int_equal(origin_at(1, 9, &all)->count, CAP);
}

static void what_differs_besides_is_still_found(void **state)
{
	static const struct id all;

	(void)state;
	one_refused_a_row(ROW_ENDPOINT, &network);
	one_refused_a_row(ROW_RANGE, &all);
	ends_equal(1, 2);
	tnet_cut(&net, 1, 2, true);
	hear(1, ROW_ENDPOINT, 8, 3);
	hear(1, ROW_RANGE, 8, 3);
	tnet_cut(&net, 1, 2, false);
	tnet_run(&net, 20000);
	assert_int_equal(origin_at(2, 8, &network)->count, 3);
	assert_int_equal(origin_at(2, 8, &all)->count, 3);
}

static void two_that_stay_different_are_quiet(void **state)
{
	static const struct id all;
	size_t before;

	(void)state;
	one_refused_a_row(ROW_ENDPOINT, &network);
	one_refused_a_row(ROW_RANGE, &all);
	ends_equal(1, 2);
	tnet_run(&net, 20000);
	before = net.datagrams;
	tnet_run(&net, 60000);
	assert_in_range(net.datagrams - before, 1, 300);
}

/* Node 2 says of an origin of node 1 that it is at its cap there. */
static void lie(uint8_t owner, const struct id *topic)
{
	struct tnet_node *node = tnet_node(&net, 1);
	const struct origin *origin = origin_at(1, owner, topic);
	struct id peer = id_numbered(2), id = id_numbered(owner);
	uint8_t bytes[200];
	struct pack pack;

	pack_init(&pack, bytes, sizeof(bytes));
	pack_array(&pack, 1);
	pack_array(&pack, 6);
	pack_bin(&pack, id.b, ID_BYTES);
	pack_uint(&pack, origin->mark.upto.epoch);
	pack_uint(&pack, origin->mark.upto.sequence);
	pack_uint(&pack, origin->mark.top.epoch);
	pack_uint(&pack, origin->mark.top.sequence);
	pack_uint(&pack, 0);
	core_begin_step(&node->kit.core, net.now, (struct wall){0});
	assert_int_equal(marks_compare(node->tables, member_find(&node->kit.members, &peer),
				       replica_find_topic(&node->tables->replica, topic),
				       origin->place, origin->place, false, bytes, pack.len),
			 DROP_NONE);
}

static void who_says_so_is_believed_by_himself_alone(void **state)
{
	struct tables *tables = tnet_node(&net, 1)->tables;
	struct id liar = id_numbered(2), other = id_numbered(30);
	uint32_t topic = replica_find_topic(&tables->replica, &network);
	uint64_t hash;
	struct session *session;

	(void)state;
	hear(1, ROW_ENDPOINT, 9, CAP - 1);
	hash = replica_topic(&tables->replica, topic)->hash;
	session = repair_open(tables, &liar);
	repair_open(tables, &other);
	lie(9, &network);
	/* It is asked for what it has, and shown what it lacks, as ever. */
	assert_int_equal(session->wants.count, 1);
	assert_true(((struct want *)vec_at(&session->wants, 0))->whole);
	assert_int_equal(origin_at(1, 9, &network)->flags & ORIGIN_CAPPED, 0);
	assert_true(replica_topic(&tables->replica, topic)->hash == hash);
	assert_true(onesided_hash(tables, repair_find(tables, &other), topic) == hash);
	assert_true(onesided_hash(tables, session, topic) ==
		    hash - origin_at(1, 9, &network)->hash);
	repair_close(tables);
	assert_null(repair_find(tables, &liar));
	repair_open(tables, &liar);
	assert_true(onesided_hash(tables, repair_find(tables, &liar), topic) == hash);
}

static void leave_network(size_t number)
{
	struct row_view row = {.kind = ROW_ATTACHMENT, .key_len = ID_BYTES, .deleted = true};
	uint64_t token;

	memcpy(row.key, network.b, ID_BYTES);
	assert_int_equal(tnet_put_rows(&net, number, &row, 1, &token, NULL), 0);
	tnet_topics(&net, number, NULL, 0);
}

/* What was shown of a network holds no longer when either begins anew with it: who holds nothing of
 * it then would be taken for equal. */
static void who_begins_anew_gets_the_rows(size_t who)
{
	struct id ids[2];
	size_t with = 3 - who;

	ids[1] = id_numbered(1);
	ids[0] = id_numbered(2);
	hear(1, ROW_ENDPOINT, 9, CAP + (who == 1));
	hear(2, ROW_ENDPOINT, 9, CAP + (who == 2));
	ends_equal(with, who);
	tnet_sync(&net, with, who);
	for (int ms = 0;; ms++) {
		const struct session *session =
		    repair_find(tnet_node(&net, with)->tables, &ids[with - 1]);
		if (session != NULL && session->onesided.count > 0)
			break;
		assert_true(ms < 1000);
		tnet_run(&net, 1);
	}
	leave_network(who);
	tnet_run(&net, 10);
	tnet_attach(&net, who, &network);
	tnet_run(&net, 100);
	assert_int_equal(origin_at(who, 9, &network)->count, CAP);
}

static void who_was_at_the_cap_and_rejoins_gets_the_rows(void **state)
{
	(void)state;
	who_begins_anew_gets_the_rows(2);
}

static void who_was_not_at_the_cap_and_rejoins_gets_the_rows(void **state)
{
	(void)state;
	who_begins_anew_gets_the_rows(1);
}

/* Nothing here and no more than is kept there count alike. */
static void who_rejoins_gets_what_is_at_its_cap_elsewhere(void **state)
{
	(void)state;
	hear(1, ROW_ENDPOINT, 9, CAP / 2);
	hear(2, ROW_ENDPOINT, 9, CAP + 1);
	hear(2, ROW_ENDPOINT, 8, 3);
	tnet_run(&net, 5000); /* nothing is told any more */
	leave_network(1);
	tnet_cut(&net, 1, 2, false);
	tnet_run(&net, 10);
	tnet_attach(&net, 1, &network);
	tnet_run(&net, 5000);
	assert_int_equal(origin_at(1, 8, &network)->count, 3);
	assert_int_equal(origin_at(1, 9, &network)->count, CAP);
}

static void what_a_session_remembers_is_paid_for(void **state)
{
	struct tables *tables = tnet_node(&net, 1)->tables;
	const struct id peer = id_numbered(2);
	struct session *session;
	uint64_t walked;
	size_t count;

	(void)state;
	hear(1, ROW_ENDPOINT, 9, CAP);
	session = repair_open(tables, &peer);
	walked = tables->core->walked;
	topic_shared_hash(tables, &peer, session, &count);
	assert_int_equal(count, 1);
	walked = tables->core->walked - walked;
	lie(9, &network);
	assert_int_equal(session->onesided.count, 1);
	tables->core->walked = 0;
	topic_shared_hash(tables, &peer, session, &count);
	assert_true(tables->core->walked > walked);
}

int main(void)
{
#define CUT_TEST(name) cmocka_unit_test_setup_teardown(name, open_cut, close_cut)
	const struct CMUnitTest tests[] = {
	    CUT_TEST(who_has_all_rows_and_who_refused_one_more_are_equal),
	    CUT_TEST(so_they_are_in_a_network),
	    CUT_TEST(so_they_are_where_there_are_many_owners),
	    CUT_TEST(who_has_fewer_rows_gets_them_first),
	    CUT_TEST(who_thinks_to_know_more_gets_them_too),
	    CUT_TEST(what_differs_besides_is_still_found),
	    CUT_TEST(two_that_stay_different_are_quiet),
	    CUT_TEST(who_says_so_is_believed_by_himself_alone),
	    CUT_TEST(who_was_at_the_cap_and_rejoins_gets_the_rows),
	    CUT_TEST(who_was_not_at_the_cap_and_rejoins_gets_the_rows),
	    CUT_TEST(who_rejoins_gets_what_is_at_its_cap_elsewhere),
	    CUT_TEST(what_a_session_remembers_is_paid_for),
	};
#undef CUT_TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
