/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* What each kind of write does to the state, and what the store refuses whoever asks. */
#include "fixture.h"

#include <stdlib.h>

static int put_row(struct store *store, enum write_kind kind, struct row_spec spec)
{
	struct row_bytes row;
	struct write write;

	row_make(&spec, &row);
	write = row_write(kind, &row);
	return commit_writes(store, &write, 1, NULL);
}

struct found {
	enum write_kind kind;
	struct write write;
	uint8_t value[64];
	size_t count;
};

static int find(void *ctx, const struct write *write)
{
	struct found *found = ctx;

	if (write->kind != found->kind)
		return 0;
	found->count++;
	found->write = *write;
	if (write->row.value_len > 0 && write->row.value_len < sizeof(found->value))
		memcpy(found->value, write->row.value, write->row.value_len);
	return 0;
}

/* The only stored write of a kind. */
static struct found only(struct store *store, enum write_kind kind)
{
	struct found found = {.kind = kind};

	assert_int_equal(store_load(store, find, &found, NULL), 0);
	assert_int_equal(found.count, 1);
	return found;
}

static void a_meta_value_is_replaced_and_deleted_by_no_bytes(void **state)
{
	struct store *store = must_open(*state);

	must_commit(store, meta_write(META_EPOCH, "\x01", 1));
	must_commit(store, meta_write(META_EPOCH, "\x02", 1));
	assert_int_equal(state_count(store, WRITE_META), 1);
	must_commit(store, meta_write(META_EPOCH, NULL, 0));
	assert_int_equal(state_count(store, WRITE_META), 0);
	store_close(store);
}

static void a_meta_value_beyond_its_cap_is_refused(void **state)
{
	static uint8_t big[META_BYTES_MAX + 1];
	struct store *store = must_open(*state);
	struct write write = meta_write(META_CLUSTER, big, sizeof(big));

	assert_int_equal(commit_writes(store, &write, 1, NULL), WEFT_E_INVALID);
	write.len--;
	assert_int_equal(commit_writes(store, &write, 1, NULL), 0);
	store_close(store);
}

static void an_own_row_is_replaced_by_a_newer_version(void **state)
{
	struct store *store = must_open(*state);
	struct row_spec spec = {ROW_ENDPOINT, .owner = 1, .epoch = 1, .sequence = 5, .value = 1};
	struct found found;

	assert_int_equal(put_row(store, WRITE_OWN_ROW, spec), 0);
	spec.sequence = 6;
	spec.value = 2;
	assert_int_equal(put_row(store, WRITE_OWN_ROW, spec), 0);
	found = only(store, WRITE_OWN_ROW);
	assert_int_equal(found.write.row.sequence, 6);
	assert_memory_equal(found.value, "v2", 2);
	spec.epoch = 2;
	spec.sequence = 1; /* a new epoch outranks every sequence */
	assert_int_equal(put_row(store, WRITE_OWN_ROW, spec), 0);
	assert_int_equal(only(store, WRITE_OWN_ROW).write.row.epoch, 2);
	store_close(store);
}

static void an_own_row_never_goes_back(void **state)
{
	struct store *store = must_open(*state);
	struct row_spec spec = {ROW_ENDPOINT, .owner = 1, .epoch = 2, .sequence = 5, .value = 1};

	assert_int_equal(put_row(store, WRITE_OWN_ROW, spec), 0);
	assert_int_equal(put_row(store, WRITE_OWN_ROW, spec), 0); /* the same again is fine */
	spec.sequence = 4;
	assert_int_equal(put_row(store, WRITE_OWN_ROW, spec), WEFT_E_CONFLICT);
	spec.sequence = 5;
	spec.value = 2;
	assert_int_equal(put_row(store, WRITE_OWN_ROW, spec), WEFT_E_CONFLICT);
	assert_memory_equal(only(store, WRITE_OWN_ROW).value, "v1", 2);
	store_close(store);
}

static void versions_are_compared_without_a_sign(void **state)
{
	struct store *store = must_open(*state);
	struct row_spec spec = {ROW_ENDPOINT, .owner = 1, .epoch = 1, .sequence = INT64_MAX};

	assert_int_equal(put_row(store, WRITE_OWN_ROW, spec), 0);
	spec.sequence++;
	assert_int_equal(put_row(store, WRITE_OWN_ROW, spec), 0);
	assert_int_equal(put_row(store, WRITE_SNAPSHOT, spec), 0);
	spec.sequence = 3;
	assert_int_equal(put_row(store, WRITE_SNAPSHOT, spec), 0);
	assert_true(only(store, WRITE_SNAPSHOT).write.row.sequence == UINT64_C(1) << 63);
	store_close(store);
}

/* Of others' rows and of facts; an own row never says two things under one version. */
static void of_two_texts_of_one_version_the_smaller_stays(void **state)
{
	struct store *store = must_open(*state);
	struct row_spec row = {ROW_TAGS, .owner = 1, .epoch = 1, .sequence = 5, .value = 2};
	struct row_spec fact = {FACT_NETWORK, .owner = 5, .key = 3, .sequence = 2, .value = 2};

	for (uint8_t value = 3; value > 0; value--) {
		row.value = fact.value = value;
		assert_int_equal(put_row(store, WRITE_SNAPSHOT, row), 0);
		assert_int_equal(put_row(store, WRITE_FACT, fact), 0);
	}
	row.value = fact.value = 2;
	assert_int_equal(put_row(store, WRITE_SNAPSHOT, row), 0);
	assert_int_equal(put_row(store, WRITE_FACT, fact), 0);
	assert_memory_equal(only(store, WRITE_SNAPSHOT).value, "v1", 2);
	assert_memory_equal(only(store, WRITE_FACT).value, "v1", 2);
	store_close(store);
}

static void a_grant_never_becomes_another_grant(void **state)
{
	struct store *store = must_open(*state);
	struct row_spec spec = {ROW_GRANT,  .owner = 1,    .key = 9,
				.epoch = 1, .sequence = 1, .value = 1};

	assert_int_equal(put_row(store, WRITE_OWN_ROW, spec), 0);
	spec.sequence = 2;
	spec.value = 2;
	assert_int_equal(put_row(store, WRITE_OWN_ROW, spec), WEFT_E_CONFLICT);
	assert_memory_equal(only(store, WRITE_OWN_ROW).value, "v1", 2);
	spec.value = 1; /* the same grant, signed again */
	assert_int_equal(put_row(store, WRITE_OWN_ROW, spec), 0);
	spec.key = 10; /* another range is another grant */
	spec.value = 2;
	assert_int_equal(put_row(store, WRITE_OWN_ROW, spec), 0);
	assert_int_equal(state_count(store, WRITE_OWN_ROW), 2);
	store_close(store);
}

static void nothing_follows_the_tombstone_of_a_grant(void **state)
{
	struct store *store = must_open(*state);
	struct row_spec spec = {ROW_GRANT,  .owner = 1,    .key = 9,
				.epoch = 1, .sequence = 1, .value = 1};

	assert_int_equal(put_row(store, WRITE_OWN_ROW, spec), 0);
	spec.sequence = 2;
	spec.deleted = 1;
	assert_int_equal(put_row(store, WRITE_OWN_ROW, spec), 0);
	spec.sequence = 3;
	spec.deleted = 0;
	assert_int_equal(put_row(store, WRITE_OWN_ROW, spec), WEFT_E_CONFLICT);
	assert_true(only(store, WRITE_OWN_ROW).write.row.deleted);
	store_close(store);
}

static void a_dropped_row_is_gone_and_dropping_nothing_is_fine(void **state)
{
	struct store *store = must_open(*state);
	struct row_spec spec = {ROW_ENDPOINT, .owner = 1, .epoch = 1, .sequence = 5};

	assert_int_equal(put_row(store, WRITE_OWN_ROW, spec), 0);
	assert_int_equal(put_row(store, WRITE_SNAPSHOT, spec), 0);
	assert_int_equal(put_row(store, WRITE_ROW_DROP, spec), 0);
	assert_int_equal(put_row(store, WRITE_ROW_DROP, spec), 0);
	assert_int_equal(state_count(store, WRITE_OWN_ROW), 0);
	assert_int_equal(state_count(store, WRITE_SNAPSHOT), 1);
	assert_int_equal(put_row(store, WRITE_SNAPSHOT_DROP, spec), 0);
	assert_int_equal(state_count(store, WRITE_SNAPSHOT), 0);
	store_close(store);
}

static void the_fact_of_the_greater_counter_then_author_stays(void **state)
{
	struct store *store = must_open(*state);
	struct row_spec spec = {FACT_NETWORK, .owner = 5, .key = 3, .sequence = 2, .value = 1};

	assert_int_equal(put_row(store, WRITE_FACT, spec), 0);
	spec.owner = 4;
	spec.value = 2;
	assert_int_equal(put_row(store, WRITE_FACT, spec), 0); /* lesser author: passed over */
	assert_memory_equal(only(store, WRITE_FACT).value, "v1", 2);
	spec.owner = 6;
	spec.value = 3;
	assert_int_equal(put_row(store, WRITE_FACT, spec), 0);
	assert_memory_equal(only(store, WRITE_FACT).value, "v3", 2);
	spec.owner = 1;
	spec.sequence = 3;
	spec.value = 4;
	assert_int_equal(put_row(store, WRITE_FACT, spec), 0);
	assert_memory_equal(only(store, WRITE_FACT).value, "v4", 2);
	spec.sequence = 1;
	spec.value = 5;
	assert_int_equal(put_row(store, WRITE_FACT, spec), 0); /* older: passed over */
	assert_memory_equal(only(store, WRITE_FACT).value, "v4", 2);
	store_close(store);
}

static void facts_and_rows_do_not_mix(void **state)
{
	struct store *store = must_open(*state);
	struct row_spec fact = {FACT_TOKEN, .owner = 5, .key = 3, .sequence = 2};
	struct row_spec row = {ROW_ENDPOINT, .owner = 1, .epoch = 1, .sequence = 5};

	assert_int_equal(put_row(store, WRITE_OWN_ROW, fact), WEFT_E_INVALID);
	assert_int_equal(put_row(store, WRITE_SNAPSHOT, fact), WEFT_E_INVALID);
	assert_int_equal(put_row(store, WRITE_FACT, row), WEFT_E_INVALID);
	store_close(store);
}

static void bytes_that_are_no_row_are_refused(void **state)
{
	struct store *store = must_open(*state);
	struct row_spec spec = {ROW_ENDPOINT, .owner = 1, .epoch = 1, .sequence = 5};
	struct row_bytes row;
	struct write write;

	row_make(&spec, &row);
	write = row_write(WRITE_OWN_ROW, &row);
	write.len--;
	assert_int_equal(commit_writes(store, &write, 1, NULL), WEFT_E_INVALID);
	assert_int_equal(state_count(store, WRITE_OWN_ROW), 0);
	store_close(store);
}

static void a_live_lease_is_never_given_to_another_endpoint(void **state)
{
	struct store *store = must_open(*state);
	struct write first = lease_write(1), second = lease_write(1);
	struct weft_err err = {0};

	second.lease.endpoint = id_of(77);
	second.lease.sequence = 99;
	must_commit(store, first);
	assert_int_equal(commit_writes(store, &second, 1, &err), WEFT_E_CONFLICT);
	assert_non_null(strstr(err.message, "10.0.0.1"));
	first.lease.cooling = true;
	first.lease.cool_until.ms = 5;
	must_commit(store, first); /* released */
	must_commit(store, second);
	assert_int_equal(only(store, WRITE_LEASE).write.lease.sequence, 99);
	store_close(store);
}

static void a_reservation_can_be_taken_by_an_endpoint(void **state)
{
	struct store *store = must_open(*state);
	struct write reserved = lease_write(1), taken = lease_write(1);
	struct found found;

	memset(&reserved.lease.endpoint, 0, sizeof(reserved.lease.endpoint));
	reserved.lease.reserved = true;
	must_commit(store, reserved);
	found = only(store, WRITE_LEASE);
	assert_true(id_is_zero(&found.write.lease.endpoint));
	taken.lease.sequence = 12;
	must_commit(store, taken);
	assert_int_equal(only(store, WRITE_LEASE).write.lease.sequence, 12);
	store_close(store);
}

static void one_address_may_be_reserved_in_two_networks(void **state)
{
	struct store *store = must_open(*state);
	struct write a = lease_write(1), b = lease_write(1);

	memset(&a.lease.endpoint, 0, sizeof(a.lease.endpoint));
	b.lease = a.lease;
	b.lease.network = id_of(2);
	must_commit(store, a);
	must_commit(store, b);
	assert_int_equal(state_count(store, WRITE_LEASE), 2);
	store_close(store);
}

static void an_endpoint_has_an_address_once(void **state)
{
	struct store *store = must_open(*state);
	struct write a = lease_write(1), b = lease_write(1);

	b.lease.network = id_of(2);
	must_commit(store, a);
	assert_int_equal(commit_writes(store, &b, 1, NULL), WEFT_E_CONFLICT);
	assert_int_equal(state_count(store, WRITE_LEASE), 1);
	store_close(store);
}

static void leases_and_endpoints_can_be_dropped_again_and_again(void **state)
{
	struct store *store = must_open(*state);
	struct write lease = lease_write(1), endpoint = endpoint_write(1);

	must_commit(store, lease);
	must_commit(store, endpoint);
	must_commit(store, endpoint); /* written again is replaced */
	lease.kind = WRITE_LEASE_DROP;
	endpoint.kind = WRITE_ENDPOINT_DROP;
	for (int i = 0; i < 2; i++) {
		must_commit(store, lease);
		must_commit(store, endpoint);
	}
	assert_int_equal(state_count(store, WRITE_LEASE), 0);
	assert_int_equal(state_count(store, WRITE_ENDPOINT), 0);
	store_close(store);
}

static void answers_older_than_a_day_are_pruned(void **state)
{
	struct store *store = must_open(*state);
	size_t removed = 0;

	must_commit(store, answer_write("old", 1000));
	must_commit(store, answer_write("edge", 2000));
	must_commit(store, answer_write("new", 3000));
	assert_int_equal(
	    store_prune(store, (struct wall){2000 + STORE_ANSWER_KEPT_MS}, &removed, NULL), 0);
	assert_int_equal(removed, 1);
	assert_int_equal(state_count(store, WRITE_ANSWER), 2);
	store_close(store);
}

static void an_unknown_write_is_refused(void **state)
{
	struct store *store = must_open(*state);
	struct write write = lease_write(1);

	write.kind = (enum write_kind)99;
	assert_int_equal(commit_writes(store, &write, 1, NULL), WEFT_E_INVALID);
	store_close(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(a_meta_value_is_replaced_and_deleted_by_no_bytes,
					    dir_setup, dir_teardown),
	    cmocka_unit_test_setup_teardown(a_meta_value_beyond_its_cap_is_refused, dir_setup,
					    dir_teardown),
	    cmocka_unit_test_setup_teardown(an_own_row_is_replaced_by_a_newer_version, dir_setup,
					    dir_teardown),
	    cmocka_unit_test_setup_teardown(an_own_row_never_goes_back, dir_setup, dir_teardown),
	    cmocka_unit_test_setup_teardown(versions_are_compared_without_a_sign, dir_setup,
					    dir_teardown),
	    cmocka_unit_test_setup_teardown(of_two_texts_of_one_version_the_smaller_stays,
					    dir_setup, dir_teardown),
	    cmocka_unit_test_setup_teardown(a_grant_never_becomes_another_grant, dir_setup,
					    dir_teardown),
	    cmocka_unit_test_setup_teardown(nothing_follows_the_tombstone_of_a_grant, dir_setup,
					    dir_teardown),
	    cmocka_unit_test_setup_teardown(a_dropped_row_is_gone_and_dropping_nothing_is_fine,
					    dir_setup, dir_teardown),
	    cmocka_unit_test_setup_teardown(the_fact_of_the_greater_counter_then_author_stays,
					    dir_setup, dir_teardown),
	    cmocka_unit_test_setup_teardown(facts_and_rows_do_not_mix, dir_setup, dir_teardown),
	    cmocka_unit_test_setup_teardown(bytes_that_are_no_row_are_refused, dir_setup,
					    dir_teardown),
	    cmocka_unit_test_setup_teardown(a_live_lease_is_never_given_to_another_endpoint,
					    dir_setup, dir_teardown),
	    cmocka_unit_test_setup_teardown(a_reservation_can_be_taken_by_an_endpoint, dir_setup,
					    dir_teardown),
	    cmocka_unit_test_setup_teardown(one_address_may_be_reserved_in_two_networks, dir_setup,
					    dir_teardown),
	    cmocka_unit_test_setup_teardown(an_endpoint_has_an_address_once, dir_setup,
					    dir_teardown),
	    cmocka_unit_test_setup_teardown(leases_and_endpoints_can_be_dropped_again_and_again,
					    dir_setup, dir_teardown),
	    cmocka_unit_test_setup_teardown(answers_older_than_a_day_are_pruned, dir_setup,
					    dir_teardown),
	    cmocka_unit_test_setup_teardown(an_unknown_write_is_refused, dir_setup, dir_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
