/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "tables_net.h"

#include <string.h>

#include "test/base/cmocka_all.h"
#include "gossip/base/pack.h"
#include "gossip/tables/pull.h"

#include "test/gossip/vectors/wire_v1.h"

TNET_ADMISSION

static const struct id net_a = {{0xaa}};

/* Node 2 asks node 1 for an origin; the frames of the answer by type. */
struct answer {
	size_t rows, ends, bytes;
	uint16_t first_kind;
	struct version claim; /* of its last end */
	enum drop_reason reason;
};

/* Node 2 asks node 1 for all rows of an origin; the answer stays in the outbox. */
static void answer_keep(struct tnet *net, const struct id *topic, const struct id *owner)
{
	struct tnet_node *node = tnet_node(net, 1);
	struct id from = id_numbered(2);
	uint8_t bytes[100];
	struct pack pack;

	pack_init(&pack, bytes, sizeof(bytes));
	pack_array(&pack, 2);
	pack_array(&pack, 0);
	pack_array(&pack, 1);
	pack_array(&pack, 6);
	pack_bin(&pack, topic->b, ID_BYTES);
	pack_bin(&pack, owner->b, ID_BYTES);
	pack_uint(&pack, WANT_ROWS);
	pack_uint(&pack, 0);
	pack_uint(&pack, 0);
	pack_array(&pack, 0);
	core_begin_step(&node->kit.core, net->now, (struct wall){0});
	assert_int_equal(tables_frame(node->tables, member_find(&node->kit.members, &from),
				      FRAME_PULL, bytes, pack.len),
			 DROP_NONE);
}

static struct version claim_of(const uint8_t *bytes, size_t len)
{
	struct version claim = {0, 0};
	struct cursor cursor;
	struct id id;

	cursor_init(&cursor, bytes, len);
	assert_int_equal(cursor_array(&cursor, 11), 11);
	cursor_fixed(&cursor, id.b, ID_BYTES);
	cursor_fixed(&cursor, id.b, ID_BYTES);
	for (size_t i = 0; i < 5; i++) /* mode, after, through */
		(void)cursor_uint(&cursor, UINT64_MAX);
	(void)cursor_bool(&cursor);
	claim.epoch = cursor_uint(&cursor, UINT64_MAX);
	claim.sequence = cursor_uint(&cursor, UINT64_MAX);
	assert_true(cursor_ok(&cursor));
	return claim;
}

static struct answer ask(struct tnet *net, const struct id *topic, size_t owner,
			 enum want_mode mode, const struct version *versions, size_t count)
{
	struct tnet_node *node = tnet_node(net, 1);
	struct outbox *box = &node->kit.core.outbox;
	struct id from = id_numbered(2), author = id_numbered((uint8_t)owner);
	struct answer answer = {.rows = 0};
	uint8_t bytes[1160];
	struct pack pack;

	pack_init(&pack, bytes, sizeof(bytes));
	pack_array(&pack, 2);
	pack_array(&pack, 0);
	pack_array(&pack, 1);
	pack_array(&pack, 6);
	pack_bin(&pack, topic->b, ID_BYTES);
	pack_bin(&pack, author.b, ID_BYTES);
	pack_uint(&pack, mode);
	pack_uint(&pack, 0);
	pack_uint(&pack, 0);
	pack_array(&pack, 2 * count);
	for (size_t i = 0; i < count; i++) {
		pack_uint(&pack, versions[i].epoch);
		pack_uint(&pack, versions[i].sequence);
	}
	core_begin_step(&node->kit.core, net->now, (struct wall){0});
	answer.reason = tables_frame(node->tables, member_find(&node->kit.members, &from),
				     FRAME_PULL, bytes, pack.len);
	for (size_t i = 0; i < box->frames.count; i++) {
		const struct outbox_frame *frame = vec_at(&box->frames, i);
		struct row_view row;
		answer.bytes += frame->len;
		if (frame->type == FRAME_PULL_END) {
			answer.ends++;
			answer.claim = claim_of(outbox_body(box, frame), frame->len);
		}
		if (frame->type == FRAME_ROW && answer.rows++ == 0) {
			assert_int_equal(row_parse(outbox_body(box, frame), frame->len, &row), 0);
			answer.first_kind = row.kind;
		}
	}
	core_kit_unsend(box);
	return answer;
}

static void frames_are_those_of_version_1(void **state)
{
	struct id owner = id_numbered(9), peer = id_numbered(1), all = {{0}};
	struct row_view row = {.kind = ROW_RANGE, .owner = owner, .epoch = 4};
	struct tnet_node *asker;
	uint8_t bytes[ROW_BYTES_MAX];
	struct session *session;
	struct tnet net;

	(void)state;
	tnet_open(&net, 2, 1);
	for (uint32_t i = 1; i <= 3; i++) {
		tnet_key(&row, i);
		row.sequence = 2 * i;
		tnet_receive(&net, 1, 1, bytes, tnet_sign(&row, bytes));
	}
	asker = tnet_node(&net, 2);
	core_begin_step(&asker->kit.core, net.now, (struct wall){0});
	pull_want_fact(asker->tables, &peer, UINT64_C(0x0102030405060708));
	session = repair_find(asker->tables, &peer);
	pull_pump(asker->tables, session);
	assert_true(tnet_frame_fits(asker, FRAME_PULL, "pull of a fact", vector_pull_fact));
	pull_forget(asker->tables, session);
	pull_want_origin(asker->tables, &peer, &owner, TOPIC_ALL, false);
	pull_pump(asker->tables, session);
	assert_true(tnet_frame_fits(asker, FRAME_PULL, "pull", vector_pull));
	/* The same question by hand; the rows go before the frame that ends them. */
	core_kit_unsend(&tnet_node(&net, 1)->kit.core.outbox);
	answer_keep(&net, &all, &owner);
	assert_true(
	    tnet_frame_fits(tnet_node(&net, 1), FRAME_PULL_END, "pull end", vector_pull_end));
	tnet_close(&net);
}

static void an_answer_is_bounded_whatever_is_held(void **state)
{
	struct id all = {{0}};
	struct answer answer;
	struct tnet net;

	(void)state;
	tnet_open(&net, 2, 1);
	for (uint32_t i = 0; i < 500; i++) {
		assert_int_equal(tnet_put(&net, 1, ROW_RANGE, NULL, i, "r"), 0);
		tnet_run(&net, 2);
	}
	answer = ask(&net, &all, 1, WANT_ROWS, NULL, 0);
	assert_int_equal(answer.rows, 64);
	assert_int_equal(answer.ends, 1);
	answer = ask(&net, &all, 1, WANT_LIST, NULL, 0);
	assert_int_equal(answer.rows, 0);
	assert_in_range(answer.bytes, 500, 700); /* a byte a row */
	tnet_close(&net);
}

static void the_member_row_goes_before_all_others(void **state)
{
	struct id all = {{0}};
	struct tnet net;

	(void)state;
	tnet_open(&net, 2, 2);
	for (uint32_t i = 0; i < 100; i++) {
		assert_int_equal(tnet_put(&net, 1, ROW_RANGE, NULL, i, "r"), 0);
		tnet_run(&net, 2);
	}
	assert_int_equal(tnet_put(&net, 1, ROW_MEMBER, NULL, 0, "me"), 0);
	tnet_run(&net, 2);
	assert_int_equal(ask(&net, &all, 1, WANT_ROWS, NULL, 0).first_kind, ROW_MEMBER);
	tnet_close(&net);
}

static void versions_asked_for_by_name_are_sent_or_said_to_be_gone(void **state)
{
	struct version versions[32];
	struct id all = {{0}};
	struct answer answer;
	struct tnet net;

	(void)state;
	tnet_open(&net, 2, 3);
	assert_int_equal(tnet_put(&net, 1, ROW_RANGE, NULL, 1, "r"), 0);
	tnet_run(&net, 2);
	versions[0] = (struct version){1, 1};
	for (uint64_t i = 1; i < 32; i++) /* the longest list of gone versions there can be */
		versions[i] = (struct version){UINT64_MAX - 40 + i, UINT64_MAX - 1};
	answer = ask(&net, &all, 1, WANT_MISSING, versions, 32);
	assert_int_equal(answer.reason, DROP_NONE);
	assert_int_equal(answer.rows, 1);
	assert_int_equal(answer.ends, 1);
	assert_int_equal(answer.claim.sequence, 1); /* so these are not on their way */
	versions[1] = versions[0];                  /* not rising */
	assert_int_equal(ask(&net, &all, 1, WANT_MISSING, versions, 2).reason, DROP_FRAME);
	tnet_close(&net);
}

static void rows_of_a_network_are_not_served_to_a_stranger(void **state)
{
	struct answer answer;
	struct tnet net;

	(void)state;
	tnet_open(&net, 2, 4);
	tnet_attach(&net, 1, &net_a);
	assert_int_equal(tnet_put(&net, 1, ROW_ENDPOINT, &net_a, 1, "e"), 0);
	tnet_run(&net, 5);
	answer = ask(&net, &net_a, 1, WANT_ROWS, NULL, 0);
	assert_int_equal(answer.rows + answer.ends, 0);
	tnet_attach(&net, 2, &net_a);
	tnet_run(&net, 10);
	assert_int_equal(ask(&net, &net_a, 1, WANT_ROWS, NULL, 0).rows, 1);
	tnet_close(&net);
}

static void an_origin_below_its_floor_is_not_served(void **state)
{
	struct id all = {{0}};
	struct answer answer;
	struct tnet net;

	(void)state;
	tnet_open(&net, 2, 5);
	assert_int_equal(tnet_put(&net, 1, ROW_RANGE, NULL, 1, "r"), 0);
	tnet_run(&net, 2);
	replica_set_incomplete(&tnet_node(&net, 1)->tables->replica, 1, true);
	answer = ask(&net, &all, 1, WANT_ROWS, NULL, 0);
	assert_int_equal(answer.rows, 0);
	assert_int_equal(answer.ends, 1);
	replica_set_incomplete(&tnet_node(&net, 1)->tables->replica, 1, false);
	tnet_close(&net);
}

/* A PULL by a member, ms after the one before; the verdict, and what was walked for it. */
static enum drop_reason pull(struct tnet *net, uint8_t member, const uint8_t *bytes, size_t len,
			     uint64_t *walked)
{
	struct tnet_node *node = tnet_node(net, 1);
	struct id from = id_numbered(member);
	enum drop_reason reason;

	core_begin_step(&node->kit.core, net->now, (struct wall){0});
	reason = tables_frame(node->tables, member_find(&node->kit.members, &from), FRAME_PULL,
			      bytes, len);
	*walked += reason == DROP_NONE ? node->kit.core.walked : 0;
	core_kit_unsend(&node->kit.core.outbox);
	return reason;
}

static void a_member_that_asks_without_end_gets_its_share_of_work_and_others_theirs(void **state)
{
	struct row_view row = {.kind = ROW_RANGE, .owner = id_numbered(9), .epoch = 2};
	static const struct id all;
	uint8_t bytes[1160];
	uint64_t walked = 0, once = 0;
	struct pack pack;
	struct tnet net;
	size_t served = 0;

	(void)state;
	tnet_open(&net, 3, 30);
	tnet_node(&net, 1)->kit.core.limits.row_bytes_per_owner_s = 1 << 30;
	for (uint32_t i = 1; i <= 5000; i++) {
		tnet_key(&row, i);
		row.sequence = i;
		tnet_receive(&net, 1, 1, bytes, tnet_sign(&row, bytes));
		net.now = mono_add_ms(net.now, 1);
	}
	pack_init(&pack, bytes, sizeof(bytes));
	pack_array(&pack, 2);
	pack_array(&pack, 0);
	pack_array(&pack, 8);
	for (int i = 0; i < 8; i++) {
		pack_array(&pack, 6);
		pack_bin(&pack, all.b, ID_BYTES);
		pack_bin(&pack, row.owner.b, ID_BYTES);
		pack_uint(&pack, WANT_ROWS);
		pack_uint(&pack, 0);
		pack_uint(&pack, 0);
		pack_array(&pack, 0);
	}
	/* Five seconds of 2,000 requests each, every one for eight looks at 5,000 rows. */
	for (int i = 0; i < 10000; i++) {
		served += pull(&net, 2, bytes, pack.len, &walked) == DROP_NONE;
		if (i % 2 == 1)
			net.now = mono_add_ms(net.now, 1);
	}
	assert_in_range(served, 100, 10000 / 4);
	assert_in_range(walked, 8 * 5000 * 100, 7 * 20 * 1000 * 1000);
	assert_int_equal(pull(&net, 2, bytes, pack.len, &once), DROP_RATE);
	assert_int_equal(pull(&net, 3, bytes, pack.len, &once), DROP_NONE);
	net.now = mono_add_ms(net.now, 1000);
	assert_int_equal(pull(&net, 2, bytes, pack.len, &once), DROP_NONE);
	tnet_close(&net);
}

static void a_member_that_tells_wrong_rows_is_heard_a_thousand_times_a_second(void **state)
{
	struct row_view row = {.kind = ROW_TAGS, .owner = id_numbered(9), .epoch = 2};
	struct id from = id_numbered(2);
	uint8_t bytes[ROW_BYTES_MAX];
	struct tnet net;
	struct tnet_node *node;
	size_t looked = 0, len;

	(void)state;
	tnet_open(&net, 2, 31);
	node = tnet_node(&net, 1);
	for (uint32_t i = 1; i <= 20000; i++) {
		row.sequence = i;
		len = tnet_sign(&row, bytes);
		bytes[len - 1] ^= 1;
		core_begin_step(&node->kit.core, net.now, (struct wall){0});
		looked += tables_frame(node->tables, member_find(&node->kit.members, &from),
				       FRAME_ROW, bytes, len) == DROP_ROW_SIG;
		if (i % 4 == 0)
			net.now = mono_add_ms(net.now, 1);
	}
	/* Five seconds and a burst of two. */
	assert_in_range(looked, 6000, 7100);
	tnet_close(&net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(frames_are_those_of_version_1),
	    cmocka_unit_test(an_answer_is_bounded_whatever_is_held),
	    cmocka_unit_test(the_member_row_goes_before_all_others),
	    cmocka_unit_test(versions_asked_for_by_name_are_sent_or_said_to_be_gone),
	    cmocka_unit_test(rows_of_a_network_are_not_served_to_a_stranger),
	    cmocka_unit_test(an_origin_below_its_floor_is_not_served),
	    cmocka_unit_test(
		a_member_that_asks_without_end_gets_its_share_of_work_and_others_theirs),
	    cmocka_unit_test(a_member_that_tells_wrong_rows_is_heard_a_thousand_times_a_second),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
