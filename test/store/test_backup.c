/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Backup of a working node, and the way back, also when it is cut off. */
#include "fixture.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/schema.h"

static int restore(const char *dir, const char *path, struct weft_err *err)
{
	struct store_config cfg = {.state_dir = dir};

	return store_restore(&cfg, path, err);
}

static void a_backup_is_one_private_file_with_the_state_of_its_moment(void **state)
{
	const char *copy = in_dir(*state, "copy"), *other = in_dir(*state, "other");
	struct store *store = must_open(*state);
	struct weft_err err = {0};
	char *then, *restored;
	struct stat st;
	int schema = 0;

	must_commit(store, lease_write(1));
	must_commit(store, meta_write(META_IDENTITY, "seed", 4));
	then = state_text(store);
	assert_int_equal(store_backup(store, copy, &err), 0);
	must_commit(store, lease_write(2)); /* goes on working, and is not in the copy */
	store_close(store);
	assert_int_equal(stat(copy, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(access(in_dir(*state, "copy-wal"), F_OK), -1);
	assert_int_equal(store_backup_check(copy, &schema, &err), 0);
	assert_int_equal(schema, schema_step_count);

	assert_int_equal(restore(other, copy, &err), 0);
	store = must_open(other);
	restored = state_text(store);
	assert_string_equal(restored, then);
	store_close(store);
	free(then);
	free(restored);
}

static void a_backup_never_overwrites_a_file(void **state)
{
	struct store *store = must_open(*state);
	const char *copy = in_dir(*state, "copy");
	struct weft_err err = {0};

	assert_int_equal(store_backup(store, copy, &err), 0);
	assert_int_equal(store_backup(store, copy, &err), WEFT_E_EXISTS);
	assert_non_null(strstr(err.message, "copy"));
	assert_int_equal(store_backup(store, in_dir(*state, "no/where"), &err), WEFT_E_STORE);
	store_close(store);
}

static void a_damaged_foreign_or_empty_backup_is_refused(void **state)
{
	const char *copy = in_dir(*state, "copy");
	struct store *store = must_open(*state);
	struct weft_err err = {0};
	char *before, *after;
	int fd;

	for (unsigned i = 0; i < 300; i++)
		must_commit(store, lease_write(i));
	assert_int_equal(store_backup(store, copy, &err), 0);
	before = state_text(store);
	store_close(store);
	fd = open(copy, O_WRONLY);
	assert_int_equal(pwrite(fd, before, 4096, INT64_C(4096) * 12), 4096);
	close(fd);
	assert_int_equal(store_backup_check(copy, NULL, &err), WEFT_E_STORE);
	assert_int_equal(restore(*state, copy, &err), WEFT_E_STORE);
	assert_int_equal(truncate(copy, 0), 0);
	assert_int_equal(restore(*state, copy, &err), WEFT_E_STORE);
	assert_non_null(strstr(err.message, "empty"));
	fd = open(copy, O_WRONLY);
	assert_int_equal(write(fd, "just some text that is no database at all", 41), 41);
	close(fd);
	assert_int_equal(restore(*state, copy, &err), WEFT_E_STORE);
	assert_int_equal(restore(*state, in_dir(*state, "absent"), &err), WEFT_E_STORE);
	store = must_open(*state); /* nothing of all that touched what was there */
	after = state_text(store);
	assert_string_equal(before, after);
	store_close(store);
	free(before);
	free(after);
}

static void a_restored_store_has_lost_its_marker_and_kept_the_old_one_aside(void **state)
{
	const char *copy = in_dir(*state, "copy");
	struct store *store = must_open(*state);
	struct weft_err err = {0};

	must_commit(store, meta_write(META_MARKER, "m", 1));
	must_commit(store, meta_write(META_IDENTITY, "seed", 4));
	assert_int_equal(store_backup(store, copy, &err), 0);
	must_commit(store, lease_write(2));
	store_close(store);
	assert_int_equal(restore(*state, copy, &err), 0);
	store = must_open(*state);
	assert_int_equal(state_count(store, WRITE_META), 1);
	assert_int_equal(state_count(store, WRITE_LEASE), 0);
	store_close(store);
	assert_int_equal(store_backup_check(in_dir(*state, STORE_FILE ".before"), NULL, &err), 0);
}

static void a_store_in_use_is_not_restored_over(void **state)
{
	const char *copy = in_dir(*state, "copy");
	struct store *store = must_open(*state);
	struct weft_err err = {0};

	assert_int_equal(store_backup(store, copy, &err), 0);
	assert_int_equal(restore(*state, copy, &err), WEFT_E_BUSY);
	store_close(store);
	assert_int_equal(restore(*state, copy, &err), 0);
}

static void a_restore_that_was_cut_off_is_completed_by_the_next_open(void **state)
{
	const char *copy = in_dir(*state, "copy");
	struct store *store = must_open(*state);
	struct weft_err err = {0};

	must_commit(store, lease_write(1));
	assert_int_equal(store_backup(store, copy, &err), 0);
	must_commit(store, lease_write(2));
	store_close(store);
	/* as it is after the decision, with the old database half moved away */
	assert_int_equal(rename(copy, in_dir(*state, STORE_FILE ".restore")), 0);
	assert_int_equal(rename(in_dir(*state, STORE_FILE), in_dir(*state, STORE_FILE ".before")),
			 0);
	store = must_open(*state);
	assert_int_equal(state_count(store, WRITE_LEASE), 1);
	store_close(store);
	assert_int_equal(store_backup_check(in_dir(*state, STORE_FILE ".before"), NULL, &err), 0);
	assert_int_equal(access(in_dir(*state, STORE_FILE ".restore"), F_OK), -1);
}

static void a_restore_that_was_cut_off_while_copying_changes_nothing(void **state)
{
	struct store *store = must_open(*state);
	int fd;

	must_commit(store, lease_write(1));
	store_close(store);
	fd = open(in_dir(*state, STORE_FILE ".restore.partial"), O_WRONLY | O_CREAT, 0600);
	assert_int_equal(write(fd, "half", 4), 4);
	close(fd);
	store = must_open(*state);
	assert_int_equal(state_count(store, WRITE_LEASE), 1);
	store_close(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		a_backup_is_one_private_file_with_the_state_of_its_moment, dir_setup, dir_teardown),
	    cmocka_unit_test_setup_teardown(a_backup_never_overwrites_a_file, dir_setup,
					    dir_teardown),
	    cmocka_unit_test_setup_teardown(a_damaged_foreign_or_empty_backup_is_refused, dir_setup,
					    dir_teardown),
	    cmocka_unit_test_setup_teardown(
		a_restored_store_has_lost_its_marker_and_kept_the_old_one_aside, dir_setup,
		dir_teardown),
	    cmocka_unit_test_setup_teardown(a_store_in_use_is_not_restored_over, dir_setup,
					    dir_teardown),
	    cmocka_unit_test_setup_teardown(
		a_restore_that_was_cut_off_is_completed_by_the_next_open, dir_setup, dir_teardown),
	    cmocka_unit_test_setup_teardown(
		a_restore_that_was_cut_off_while_copying_changes_nothing, dir_setup, dir_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
