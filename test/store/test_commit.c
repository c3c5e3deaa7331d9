/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Group commit: many batches, one transaction, a verdict each. */
#include "fixture.h"

#include <stdlib.h>

#define GROUP 8

/* Batches of a lease and an endpoint each; the bad ones end with a row that is none. */
static void group_make(struct write_batch *batches[GROUP], unsigned bad_mask)
{
	for (unsigned i = 0; i < GROUP; i++) {
		struct write writes[3] = {lease_write(i), endpoint_write(i)};

		writes[2] = meta_write((enum meta_key)(100 + i), "x", 1);
		if (bad_mask & 1u << i)
			writes[2].kind = WRITE_OWN_ROW;
		batches[i] = write_batch_new(writes, 3);
	}
}

static int group_commit(struct store *store, struct write_batch *batches[GROUP], int results[GROUP],
			struct weft_err *err)
{
	int code =
	    store_commit(store, (const struct write_batch *const *)batches, GROUP, results, err);

	for (unsigned i = 0; i < GROUP; i++)
		write_batch_free(batches[i]);
	return code;
}

static void a_group_is_one_transaction(void **state)
{
	struct store *store = must_open(*state);
	struct write_batch *batches[GROUP];
	struct store_stats stats;
	int results[GROUP];

	group_make(batches, 0);
	assert_int_equal(group_commit(store, batches, results, NULL), 0);
	for (unsigned i = 0; i < GROUP; i++)
		assert_int_equal(results[i], 0);
	store_stats_get(store, &stats);
	assert_int_equal(stats.commits, 1);
	assert_int_equal(stats.batches, GROUP);
	assert_int_equal(stats.writes, 3 * GROUP);
	assert_int_equal(stats.failures, 0);
	assert_true(stats.max_commit_us >= stats.last_commit_us);
	assert_true(stats.bytes > 4096);
	store_close(store);
}

static void a_bad_batch_fails_alone_wherever_it_stands(void **state)
{
	static const unsigned masks[] = {0x01, 0x10, 0x80, 0x81, 0x7f, 0xff};
	struct store *store = must_open(*state);

	for (size_t m = 0; m < sizeof(masks) / sizeof(masks[0]); m++) {
		struct write_batch *batches[GROUP];
		struct store_stats stats, before;
		struct weft_err err = {0};
		int results[GROUP];
		size_t good = 0;

		store_stats_get(store, &before);
		for (unsigned i = 0; i < GROUP; i++) {
			struct write lease = lease_write(i), endpoint = endpoint_write(i);

			lease.kind = WRITE_LEASE_DROP;
			endpoint.kind = WRITE_ENDPOINT_DROP;
			must_commit(store, lease);
			must_commit(store, endpoint);
		}
		group_make(batches, masks[m]);
		assert_int_equal(group_commit(store, batches, results, &err), WEFT_E_INVALID);
		assert_string_not_equal(err.message, "");
		for (unsigned i = 0; i < GROUP; i++) {
			assert_int_equal(results[i], masks[m] & 1u << i ? WEFT_E_INVALID : 0);
			good += results[i] == 0;
		}
		/* nothing of a bad batch is there, all of the others is */
		assert_int_equal(state_count(store, WRITE_LEASE), good);
		assert_int_equal(state_count(store, WRITE_ENDPOINT), good);
		store_stats_get(store, &stats);
		assert_int_equal(stats.failures - before.failures, GROUP - good);
		/* the good ones became durable together: one commit beside the drops */
		assert_int_equal(stats.commits - before.commits, 2 * GROUP + (good > 0));
	}
	store_close(store);
}

static void a_later_batch_sees_what_an_earlier_one_of_its_group_wrote(void **state)
{
	struct store *store = must_open(*state);
	struct write first = lease_write(1), second = lease_write(1);
	const struct write_batch *batches[2];
	int results[2];

	second.lease.endpoint = id_of(5);
	second.lease.sequence = 1234;
	batches[0] = write_batch_new(&first, 1);
	batches[1] = write_batch_new(&second, 1);
	assert_int_equal(store_commit(store, batches, 2, results, NULL), WEFT_E_CONFLICT);
	assert_int_equal(results[0], 0);
	assert_int_equal(results[1], WEFT_E_CONFLICT);
	write_batch_free((struct write_batch *)batches[0]);
	write_batch_free((struct write_batch *)batches[1]);
	store_close(store);
}

static void no_batch_and_an_empty_batch_succeed(void **state)
{
	struct store *store = must_open(*state);
	struct store_stats stats;

	assert_int_equal(store_commit(store, NULL, 0, NULL, NULL), 0);
	store_stats_get(store, &stats);
	assert_int_equal(stats.commits, 0);
	assert_int_equal(commit_writes(store, NULL, 0, NULL), 0);
	store_close(store);
}

static void what_was_committed_is_there_after_reopen(void **state)
{
	const char *dir = *state;
	struct store *store = must_open(dir);
	struct write_batch *batches[GROUP];
	char *before, *after;
	int results[GROUP];

	group_make(batches, 0x12);
	assert_int_equal(group_commit(store, batches, results, NULL), WEFT_E_INVALID);
	before = state_text(store);
	store_close(store);
	store = must_open(dir);
	after = state_text(store);
	assert_string_equal(before, after);
	free(before);
	free(after);
	store_close(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(a_group_is_one_transaction, dir_setup, dir_teardown),
	    cmocka_unit_test_setup_teardown(a_bad_batch_fails_alone_wherever_it_stands, dir_setup,
					    dir_teardown),
	    cmocka_unit_test_setup_teardown(
		a_later_batch_sees_what_an_earlier_one_of_its_group_wrote, dir_setup, dir_teardown),
	    cmocka_unit_test_setup_teardown(no_batch_and_an_empty_batch_succeed, dir_setup,
					    dir_teardown),
	    cmocka_unit_test_setup_teardown(what_was_committed_is_there_after_reopen, dir_setup,
					    dir_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
