/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Tests of ipamdb/witness.c: ranges that gave way to another text of their version. */
#include "cluster.h"
#include "ipamdb/claim.h"
#include "ipamdb/db.h"
#include "ipamdb/query.h"
#include "test/base/cmocka_all.h"

#define LEASES 100 /* so many that the recipient asks more than once */

static struct cluster c;

static int teardown(void **state)
{
	(void)state;
	cluster_close(&c);
	return 0;
}

static bool is_live(const struct cluster_row *row, size_t owner, uint16_t kind)
{
	return row->view.kind == kind && !row->view.deleted &&
	       id_eq(&row->view.owner, &c.nodes[owner].id);
}

/* How many live rows of a kind of owner's lie on node's disk. */
static size_t count_rows(size_t node, size_t owner, uint16_t kind)
{
	const struct vec *rows = &c.nodes[node].disk.rows;
	size_t count = 0;

	for (size_t i = 0; i < rows->count; i++)
		count += is_live(vec_at(rows, i), owner, kind);
	return count;
}

/* All ranges of owner give way on node: they are told as deleted under their own versions. */
static size_t give_way(size_t node, size_t owner)
{
	struct vec *rows = &c.nodes[node].disk.rows;
	size_t count = 0;

	for (size_t i = rows->count; i-- > 0;) {
		struct cluster_row row = *(struct cluster_row *)vec_at(rows, i);
		if (!is_live(&row, owner, ROW_RANGE))
			continue;
		vec_remove(rows, i);
		row.view.deleted = true;
		cluster_show(&c, node, &row);
		count++;
	}
	return count;
}

/* Node 1 gives half of a network to node 2, of which node 0 hears nothing, and collects all rows
 * that those of node 2 outrank. */
static struct id half_given(void)
{
	struct id net = cluster_with_network(&c, 3, 1, 1, "10.1.0.0/24");

	c.cut[2][0] = c.cut[0][2] = true;
	for (int i = 0; i < LEASES; i++)
		cluster_leased(&c, 2, &net);
	cluster_run(&c, 20000);
	assert_int_equal(count_rows(1, 1, ROW_GRANT), 0);
	assert_true(count_rows(1, 2, ROW_RANGE) > 0);
	assert_int_equal(count_rows(0, 2, ROW_RANGE), 0);
	assert_true(cluster_held(&c, 1, &net) < 256);
	return net;
}

static void space_whose_row_gave_way_is_taken_back_by_who_never_saw_it(void **state)
{
	struct id net = half_given();

	(void)state;
	assert_true(give_way(1, 2) > 0);
	cluster_crash(&c, 2);
	cluster_remove(&c, 1, 2);
	cluster_run(&c, 5000);
	assert_true(cluster_held(&c, 0, &net) > 0);
	assert_int_equal(cluster_held(&c, 0, &net) + cluster_held(&c, 1, &net), 256);
	/* What was said is collected like any grant. */
	cluster_run(&c, 120000);
	assert_int_equal(count_rows(1, 1, ROW_GRANT), 0);
	assert_int_equal(cluster_held(&c, 0, &net) + cluster_held(&c, 1, &net), 256);
}

static void who_gave_the_space_away_says_to_whom_in_place_of_the_row(void **state)
{
	struct id net = half_given();
	uint64_t held = cluster_held(&c, 1, &net);
	size_t count;

	(void)state;
	count = give_way(1, 2);
	cluster_run(&c, 1000);
	assert_int_equal(count_rows(1, 1, ROW_GRANT), count);
	assert_int_equal(count_rows(0, 1, ROW_GRANT), count);
	assert_int_equal(cluster_held(&c, 1, &net), held);
	/* Nor is it forgotten in a restart. */
	cluster_crash(&c, 1);
	cluster_start(&c, 1, true);
	cluster_run(&c, 20000);
	assert_int_equal(count_rows(1, 1, ROW_GRANT), count);
	assert_int_equal(cluster_held(&c, 1, &net), held);
}

static void a_word_whose_commit_failed_is_said_again(void **state)
{
	size_t count;

	(void)state;
	(void)half_given();
	c.nodes[1].fail_commits = true;
	count = give_way(1, 2);
	cluster_run(&c, 5000);
	assert_int_equal(count_rows(1, 1, ROW_GRANT), 0);
	c.nodes[1].fail_commits = false;
	cluster_run(&c, 5000);
	assert_int_equal(count_rows(1, 1, ROW_GRANT), count);
}

/* What gave way may have been a lie about space that this node uses, or somebody else. */
static void nobody_is_a_witness_of_space_that_it_has_not_given_up(void **state)
{
	struct cluster_row row = {
	    .view = {.kind = ROW_RANGE, .epoch = 1, .sequence = 99, .key_len = RANGE_KEY_BYTES},
	    .bytes = {0xc0},
	};
	struct range_key key = {.generation = 7};

	(void)state;
	key.network = cluster_with_network(&c, 3, 1, 1, "10.1.0.0/24");
	cluster_crash(&c, 2);
	assert_int_equal(prefix_parse("10.1.0.0/25", &key.range), 0);
	range_key_encode(&key, row.view.key);
	row.view.value_len = 1;
	row.view.owner = c.nodes[2].id;
	for (size_t i = 0; i < 2; i++) {
		row.view.deleted = false;
		cluster_show(&c, i, &row);
		row.view.deleted = true;
		cluster_show(&c, i, &row);
	}
	cluster_run(&c, 60000);
	assert_int_equal(count_rows(0, 0, ROW_GRANT), 0);
	assert_int_equal(count_rows(1, 1, ROW_GRANT), 0);
}

static void a_range_that_its_author_ends_needs_no_witness(void **state)
{
	struct vec *rows;
	struct id net = half_given();

	(void)state;
	(void)net;
	rows = &c.nodes[1].disk.rows;
	cluster_crash(&c, 2);
	for (size_t i = 0; i < rows->count; i++) {
		struct cluster_row *row = vec_at(rows, i);
		if (!is_live(row, 2, ROW_RANGE))
			continue;
		row->view.deleted = true;
		row->view.sequence += 1000;
		cluster_show(&c, 1, row);
	}
	cluster_run(&c, 60000);
	assert_int_equal(count_rows(1, 1, ROW_GRANT), 0);
}

/* Node 1 sees a range of owner's at this generation over the span of that row, and that it gave
 * way.
 */
static void show_and_give_way(size_t owner, const struct cluster_row *like, uint64_t generation)
{
	struct cluster_row row = *like;
	struct range_key key;

	assert_int_equal(range_key_decode(like->view.key, like->view.key_len, &key), 0);
	key.generation = generation;
	range_key_encode(&key, row.view.key);
	row.view.owner = c.nodes[owner].id;
	row.view.epoch = 1;
	row.view.sequence = generation;
	cluster_show(&c, 1, &row);
	row.view.deleted = true;
	cluster_show(&c, 1, &row);
	cluster_run(&c, 50);
}

/* The first live range of owner's on the disk of node 1. */
static struct cluster_row first_range(size_t owner)
{
	const struct vec *rows = &c.nodes[1].disk.rows;

	for (size_t i = 0; i < rows->count; i++) {
		const struct cluster_row *row = vec_at(rows, i);
		if (is_live(row, owner, ROW_RANGE))
			return *row;
	}
	fail_msg("no range of node %zu", owner);
	return (struct cluster_row){.is_kept = false};
}

static void who_signs_without_end_makes_no_witness_write_without_end(void **state)
{
	struct id id = half_given();
	const struct net *net = net_find(c.nodes[1].db, &id);
	struct cluster_row theirs = first_range(2);
	size_t words;

	(void)state;
	cluster_crash(&c, 2);
	for (uint64_t i = 0; i < 200; i++)
		show_and_give_way(2, &theirs, (1U << 20) + i);
	words = count_rows(1, 1, ROW_GRANT);
	assert_in_range(words, 1, GONE_MAX);
	assert_int_equal(net->gone_claims, GONE_MAX);
	/* Nor after a restart, which knows its words alone. */
	cluster_crash(&c, 1);
	cluster_start(&c, 1, true);
	cluster_run(&c, 20000);
	for (uint64_t i = 0; i < 100; i++)
		show_and_give_way(2, &theirs, (1U << 21) + i);
	assert_in_range(count_rows(1, 1, ROW_GRANT), words, 32);
}

/* All that it ever held has ended rows beneath; what it holds has live ones as well. */
static void nobody_is_a_witness_of_space_that_it_holds(void **state)
{
	struct cluster_row own;

	(void)state;
	(void)half_given();
	own = first_range(1);
	cluster_crash(&c, 2);
	show_and_give_way(2, &own, 1U << 20);
	cluster_run(&c, 60000);
	assert_int_equal(count_rows(1, 1, ROW_GRANT), 0);
}

static void leave_after_a_word(bool restarted)
{
	const struct ipam_answer *answer;
	uint64_t tag;

	(void)half_given();
	cluster_crash(&c, 2);
	assert_true(give_way(1, 2) > 0);
	cluster_run(&c, 1000);
	assert_true(count_rows(1, 1, ROW_GRANT) > 0);
	if (restarted) {
		cluster_crash(&c, 1);
		cluster_start(&c, 1, true);
		cluster_sync(&c);
		cluster_run(&c, 5000);
	}
	tag = cluster_hand_over(&c, 1);
	cluster_run(&c, 60000);
	answer = cluster_answer(&c, tag);
	assert_non_null(answer);
	assert_int_equal(answer->err.code, 0);
	assert_true(count_rows(0, 1, ROW_GRANT) > 0);
}

static void a_witness_leaves_without_waiting_for_whom_it_spoke_of(void **state)
{
	(void)state;
	leave_after_a_word(false);
}

static void nor_does_a_witness_that_started_anew(void **state)
{
	(void)state;
	leave_after_a_word(true);
}

/* A witness looks once in a while, and nobody else asks who owns what. */
static void texts_without_end_do_not_have_the_owners_built_anew_for_each(void **state)
{
	struct id id = half_given();
	struct net *net = net_find(c.nodes[1].db, &id);
	struct cluster_row row = first_range(2);
	struct range_key key;
	size_t built = 0;

	(void)state;
	cluster_crash(&c, 2);
	assert_int_equal(range_key_decode(row.view.key, row.view.key_len, &key), 0);
	for (uint64_t i = 0; i < GONE_MAX; i++) /* all that there is to say */
		show_and_give_way(2, &row, (1U << 20) + i);
	cluster_run(&c, 1000);
	for (uint64_t i = 1; i <= 100; i++) {
		key.generation = (1U << 21) + i;
		range_key_encode(&key, row.view.key);
		row.view.sequence = key.generation;
		row.view.deleted = false;
		cluster_show(&c, 1, &row);
		row.view.deleted = true;
		cluster_show(&c, 1, &row);
		built += !net->runs_stale;
	}
	assert_in_range(built, 0, 2);
	assert_in_range(net->gone_claims, 1, GONE_MAX);
	/* What was too much goes when rows are tidied. */
	assert_in_range(net->ended_claims, 100, SIZE_MAX);
	cluster_run(&c, 5000);
	assert_in_range(net->ended_claims, GONE_MAX, 99);
	/* Where nothing changes nobody looks. */
	assert_false(net->words_due);
}

/* What does not say who owns anything may go without a look at the rest. */
static void a_claim_that_is_outranked_goes_for_nothing(void **state)
{
	struct id id = half_given();
	struct net *net = net_find(c.nodes[1].db, &id);
	struct cluster_row row = first_range(2);

	(void)state;
	(void)net_runs(net);
	row.view.kind = ROW_GRANT;
	row.view.owner = c.nodes[0].id;
	row.view.value_len = (size_t)rec_grant_encode(&(struct rec_grant){.to = c.nodes[2].id},
						      row.bytes, sizeof(row.bytes));
	cluster_show(&c, 1, &row);
	assert_false(net->runs_stale);
	row.view.deleted = true;
	row.view.sequence++;
	cluster_show(&c, 1, &row);
	assert_false(
	    net->runs_stale); /* of the same holder and generation, and his own row is here */
	ipamdb_check(c.nodes[1].db);
}

/* Two texts that overlap gave way before a word of either was said: what they have in common is
 * said once. */
static void a_word_about_two_texts_is_said_once(void **state)
{
	struct cluster_row whole, part;
	struct range_key key;
	uint64_t written;

	(void)state;
	(void)half_given();
	whole = part = first_range(2);
	cluster_crash(&c, 2);
	assert_int_equal(range_key_decode(whole.view.key, whole.view.key_len, &key), 0);
	key.generation = 1U << 20;
	range_key_encode(&key, whole.view.key);
	whole.view.sequence = 1000;
	key.range.bits++;
	range_key_encode(&key, part.view.key);
	part.view.sequence = 1001;
	c.nodes[1].fail_commits = true;
	cluster_show(&c, 1, &whole);
	cluster_show(&c, 1, &part);
	/* The other half is outranked, so that the words about the two are the same. */
	key.range.ip.b[15] = (uint8_t)(key.range.ip.b[15] + (1U << (128 - key.range.bits)));
	key.generation++;
	{
		struct cluster_row other = part;
		range_key_encode(&key, other.view.key);
		other.view.sequence = 1002;
		cluster_show(&c, 1, &other);
	}
	whole.view.deleted = part.view.deleted = true;
	cluster_show(&c, 1, &whole);
	cluster_show(&c, 1, &part);
	cluster_run(&c, 1500);
	c.nodes[1].fail_commits = false;
	written = c.nodes[1].disk.row_sequence;
	cluster_run(&c, 5000);
	assert_int_equal(count_rows(1, 1, ROW_GRANT), 1);
	assert_int_equal(c.nodes[1].disk.row_sequence, written + 1);
	ipamdb_check(c.nodes[1].db);
}

/* What it leased there in a run that it has forgotten is not known to it. */
static void a_holder_that_was_set_back_lets_what_it_hears_of_cool_down(void **state)
{
	struct vec *rows = &c.nodes[2].disk.rows;
	size_t resting = 0;

	(void)state;
	(void)half_given();
	cluster_crash(&c, 2);
	for (size_t i = rows->count; i-- > 0;) {
		if (is_live(vec_at(rows, i), 2, ROW_RANGE))
			vec_remove(rows, i);
	}
	c.nodes[2].disk.leases.count = 0;
	assert_true(give_way(1, 2) > 0);
	cluster_run(&c, 1000);
	c.cut[2][0] = c.cut[0][2] = false;
	cluster_start(&c, 2, true);
	cluster_sync(&c);
	cluster_run(&c, 5000);
	for (size_t i = 0; i < rows->count; i++) {
		const struct cluster_row *row = vec_at(rows, i);
		if (!is_live(row, 2, ROW_RANGE))
			continue;
		assert_true(row->view.value_len > 1); /* until when it rests */
		resting++;
	}
	assert_true(resting > 0);
}

/* It had granted a part of its range on: what is left of it is its own again. */
static void a_holder_that_was_set_back_gets_what_it_had_not_granted_on(void **state)
{
	struct id net = cluster_with_network(&c, 3, 1, 1, "10.1.0.0/24");
	struct vec *rows = &c.nodes[2].disk.rows;
	uint64_t given;

	(void)state;
	for (int i = 0; i < 40; i++)
		cluster_leased(&c, 2, &net);
	given = cluster_held(&c, 2, &net);
	for (int i = 0; i < 60; i++)
		cluster_leased(&c, 0, &net);
	cluster_run(&c, 20000);
	assert_in_range(cluster_held(&c, 2, &net), 1, given - 1);
	cluster_crash(&c, 2);
	for (size_t i = rows->count; i-- > 0;) {
		const struct cluster_row *row = vec_at(rows, i);
		if (row->view.kind == ROW_RANGE && id_eq(&row->view.owner, &c.nodes[2].id))
			vec_remove(rows, i);
	}
	c.nodes[2].disk.leases.count = 0;
	assert_true(give_way(0, 2) > 0);
	assert_true(give_way(1, 2) > 0);
	cluster_run(&c, 5000);
	cluster_start(&c, 2, true);
	cluster_sync(&c);
	cluster_run(&c, 120000);
	assert_int_equal(
	    cluster_held(&c, 0, &net) + cluster_held(&c, 1, &net) + cluster_held(&c, 2, &net), 256);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(space_whose_row_gave_way_is_taken_back_by_who_never_saw_it,
				      teardown),
	    cmocka_unit_test_teardown(who_gave_the_space_away_says_to_whom_in_place_of_the_row,
				      teardown),
	    cmocka_unit_test_teardown(a_word_whose_commit_failed_is_said_again, teardown),
	    cmocka_unit_test_teardown(nobody_is_a_witness_of_space_that_it_has_not_given_up,
				      teardown),
	    cmocka_unit_test_teardown(a_range_that_its_author_ends_needs_no_witness, teardown),
	    cmocka_unit_test_teardown(who_signs_without_end_makes_no_witness_write_without_end,
				      teardown),
	    cmocka_unit_test_teardown(nobody_is_a_witness_of_space_that_it_holds, teardown),
	    cmocka_unit_test_teardown(a_witness_leaves_without_waiting_for_whom_it_spoke_of,
				      teardown),
	    cmocka_unit_test_teardown(nor_does_a_witness_that_started_anew, teardown),
	    cmocka_unit_test_teardown(texts_without_end_do_not_have_the_owners_built_anew_for_each,
				      teardown),
	    cmocka_unit_test_teardown(a_claim_that_is_outranked_goes_for_nothing, teardown),
	    cmocka_unit_test_teardown(a_word_about_two_texts_is_said_once, teardown),
	    cmocka_unit_test_teardown(a_holder_that_was_set_back_lets_what_it_hears_of_cool_down,
				      teardown),
	    cmocka_unit_test_teardown(a_holder_that_was_set_back_gets_what_it_had_not_granted_on,
				      teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
