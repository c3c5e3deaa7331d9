/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* The state comes back as it was written, in order, and damage is noticed. */
#include "fixture.h"

#include <sqlite3.h>
#include <stdlib.h>

/* Something in every table; rows must outlive the batch that is made of the writes. */
static void fill(struct store *store)
{
	struct row_bytes rows[3];
	struct write writes[] = {
	    answer_write("r-1", 5),
	    lease_write(3),
	    lease_write(2),
	    endpoint_write(0),
	    endpoint_write(3),
	    endpoint_write(4),
	    {0},
	    {0},
	    {0},
	    meta_write(META_NODE_NAME, "one", 3),
	    meta_write(META_IDENTITY, "seed", 4),
	};

	row_make(&(struct row_spec){ROW_ENDPOINT, .owner = 1, .epoch = 1, .sequence = 5}, &rows[0]);
	row_make(&(struct row_spec){FACT_NETWORK, .owner = 2, .sequence = 1}, &rows[1]);
	row_make(&(struct row_spec){ROW_ENDPOINT, .owner = 3, .epoch = 1, .sequence = 5}, &rows[2]);
	writes[6] = row_write(WRITE_OWN_ROW, &rows[0]);
	writes[7] = row_write(WRITE_FACT, &rows[1]);
	writes[8] = row_write(WRITE_SNAPSHOT, &rows[2]);
	assert_int_equal(commit_writes(store, writes, sizeof(writes) / sizeof(writes[0]), NULL), 0);
}

struct seen {
	enum write_kind kinds[16];
	size_t count;
	struct lease lease;
	struct local_endpoint endpoint;
	struct id row_owner;
};

static int see(void *ctx, const struct write *write)
{
	struct seen *seen = ctx;

	seen->kinds[seen->count++] = write->kind;
	if (write->kind == WRITE_LEASE)
		seen->lease = write->lease;
	if (write->kind == WRITE_ENDPOINT)
		seen->endpoint = write->endpoint;
	if (write->kind == WRITE_OWN_ROW)
		seen->row_owner = write->row.owner;
	return 0;
}

static void the_state_comes_back_in_its_documented_order(void **state)
{
	static const enum write_kind order[] = {WRITE_META,     WRITE_META,     WRITE_OWN_ROW,
						WRITE_FACT,     WRITE_SNAPSHOT, WRITE_ENDPOINT,
						WRITE_ENDPOINT, WRITE_ENDPOINT, WRITE_LEASE,
						WRITE_LEASE,    WRITE_ANSWER};
	struct store *store = must_open(*state);
	struct seen seen = {0};

	fill(store);
	assert_int_equal(store_load(store, see, &seen, NULL), 0);
	assert_int_equal(seen.count, sizeof(order) / sizeof(order[0]));
	assert_memory_equal(seen.kinds, order, sizeof(order));
	store_close(store);
}

static void every_field_comes_back(void **state)
{
	struct store *store = must_open(*state);
	struct seen seen = {0};
	struct write lease = lease_write(3), endpoint = endpoint_write(4);
	struct id owner = id_of(1);

	fill(store);
	assert_int_equal(store_load(store, see, &seen, NULL), 0);
	assert_memory_equal(&seen.lease, &lease.lease, sizeof(seen.lease));
	assert_memory_equal(&seen.endpoint, &endpoint.endpoint, sizeof(seen.endpoint));
	assert_true(id_eq(&seen.row_owner, &owner));
	store_close(store);
}

static int see_answer(void *ctx, const struct write *write)
{
	char *order = ctx;

	if (write->kind == WRITE_ANSWER)
		order[strlen(order)] = write->answer.request[0];
	return 0;
}

/* Whoever reads them forgets what came first. */
static void answers_come_back_in_the_order_in_which_they_were_given(void **state)
{
	struct store *store = must_open(*state);
	char order[8] = {0};

	must_commit(store, answer_write("b", 1000));
	must_commit(store, answer_write("c", 2000));
	must_commit(store, answer_write("a", 3000));
	assert_int_equal(store_load(store, see_answer, order, NULL), 0);
	assert_string_equal(order, "bca");
	store_close(store);
}

static void a_lease_that_cools_or_is_reserved_comes_back_as_such(void **state)
{
	struct store *store = must_open(*state);
	struct write lease = lease_write(1);
	struct seen seen = {0};

	lease.lease.cooling = lease.lease.reserved = true;
	lease.lease.cool_until.ms = 123456;
	lease.lease.sequence = UINT64_MAX;
	memset(&lease.lease.endpoint, 0, sizeof(lease.lease.endpoint));
	must_commit(store, lease);
	assert_int_equal(store_load(store, see, &seen, NULL), 0);
	assert_memory_equal(&seen.lease, &lease.lease, sizeof(seen.lease));
	store_close(store);
}

static void what_is_loaded_makes_the_same_state_again(void **state)
{
	const char *dir = *state;
	struct store *store = must_open(dir);
	char *before, *after;

	fill(store);
	before = state_text(store);
	store_close(store);
	store = must_open(dir);
	after = state_text(store);
	assert_string_equal(before, after);
	free(before);
	free(after);
	store_close(store);
}

static int stop_at_second(void *ctx, const struct write *write)
{
	int *calls = ctx;

	(void)write;
	return ++*calls == 2 ? -42 : 0;
}

static void a_visit_can_end_the_walk(void **state)
{
	struct store *store = must_open(*state);
	int calls = 0;

	fill(store);
	assert_int_equal(store_load(store, stop_at_second, &calls, NULL), -42);
	assert_int_equal(calls, 2);
	assert_int_equal(state_count(store, WRITE_LEASE), 2); /* and it can begin anew */
	store_close(store);
}

/* Changes the database behind the store's back. */
static void tamper(const char *dir, const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(in_dir(dir, STORE_FILE), &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_changes(db) > 0, 1);
	sqlite3_close(db);
}

static void a_damaged_row_ends_the_start_and_names_its_table(void **state)
{
	static const struct {
		const char *table;
		const char *sql;
	} cases[] = {
	    {"own_rows", "UPDATE own_rows SET bytes = x'00'"},
	    {"facts", "UPDATE facts SET bytes = substr(bytes, 2)"},
	    {"snapshot_rows", "UPDATE snapshot_rows SET bytes = x''"},
	    {"meta", "UPDATE meta SET key = -1 WHERE key = 1"},
	    {"leases", "UPDATE leases SET name = printf('%.64c', 'a')"},
	    {"endpoints", "UPDATE endpoints SET addrs = zeroblob(17 * 5)"},
	    {"endpoints", "UPDATE endpoints SET ifname = printf('%.16c', 'a')"},
	    {"answers", "UPDATE answers SET request = printf('%.64c', 'a')"},
	};
	const char *dir = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct store *store = must_open(dir);
		struct weft_err err = {0};
		struct seen seen = {0};

		if (i == 0)
			fill(store);
		assert_int_equal(store_backup(store, in_dir(dir, "good"), NULL), 0);
		store_close(store);
		tamper(dir, cases[i].sql);
		store = must_open(dir);
		assert_int_equal(store_load(store, see, &seen, &err), WEFT_E_STORE);
		assert_non_null(strstr(err.message, cases[i].table));
		store_close(store);
		assert_int_equal(rename(in_dir(dir, "good"), in_dir(dir, STORE_FILE)), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(the_state_comes_back_in_its_documented_order, dir_setup,
					    dir_teardown),
	    cmocka_unit_test_setup_teardown(every_field_comes_back, dir_setup, dir_teardown),
	    cmocka_unit_test_setup_teardown(answers_come_back_in_the_order_in_which_they_were_given,
					    dir_setup, dir_teardown),
	    cmocka_unit_test_setup_teardown(a_lease_that_cools_or_is_reserved_comes_back_as_such,
					    dir_setup, dir_teardown),
	    cmocka_unit_test_setup_teardown(what_is_loaded_makes_the_same_state_again, dir_setup,
					    dir_teardown),
	    cmocka_unit_test_setup_teardown(a_visit_can_end_the_walk, dir_setup, dir_teardown),
	    cmocka_unit_test_setup_teardown(a_damaged_row_ends_the_start_and_names_its_table,
					    dir_setup, dir_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
