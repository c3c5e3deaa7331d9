/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static int wipe(const char *dir, struct weft_err *err)
{
	struct store_config cfg = {.state_dir = dir};

	return store_wipe(&cfg, err);
}

/* Files of a directory but the lock, which belongs to no store. */
static size_t files_of(const char *dir)
{
	DIR *list = opendir(dir);
	size_t count = 0;

	assert_non_null(list);
	for (struct dirent *entry; (entry = readdir(list)) != NULL;)
		count += entry->d_name[0] != '.' && strcmp(entry->d_name, "lock") != 0;
	closedir(list);
	return count;
}

static void nothing_is_left_of_a_store_nor_of_the_one_before_a_restore(void **state)
{
	struct store_config cfg = {.state_dir = *state};
	const char *copy = in_dir(*state, "copy");
	struct store *store = must_open(*state);
	struct weft_err err = {0};

	must_commit(store, meta_write(META_IDENTITY, "seed", 4));
	assert_int_equal(store_backup(store, copy, &err), 0);
	store_close(store);
	assert_int_equal(store_restore(&cfg, copy, &err), 0);
	assert_int_equal(access(in_dir(*state, "weft.db.before"), F_OK), 0);
	assert_int_equal(unlink(copy), 0);

	assert_int_equal(wipe(*state, &err), 0);
	assert_int_equal(files_of(*state), 0);
	store = must_open(*state);
	assert_int_equal(state_count(store, WRITE_META), 0);
	store_close(store);
}

/* A file of this name, with something in it. */
static void put_file(const char *dir, const char *name)
{
	FILE *file = fopen(in_dir(dir, name), "w");

	assert_non_null(file);
	fputs("secrets", file);
	fclose(file);
}

static void nothing_is_left_of_a_restore_that_was_cut_off(void **state)
{
	static const char *const parts[] = {"weft.db.restore", "weft.db.restore.partial",
					    "weft.db.restore.partial-journal"};
	struct weft_err err = {0};

	store_close(must_open(*state));
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		put_file(*state, parts[i]);
	assert_int_equal(wipe(*state, &err), 0);
	assert_int_equal(files_of(*state), 0);
}

static void a_store_that_is_open_is_not_wiped(void **state)
{
	struct store *store = must_open(*state);
	struct weft_err err = {0};

	must_commit(store, lease_write(1));
	assert_int_equal(wipe(*state, &err), WEFT_E_BUSY);
	assert_int_equal(state_count(store, WRITE_LEASE), 1);
	store_close(store);
	assert_int_equal(wipe(*state, &err), 0);
}

static void a_directory_without_a_store_is_wiped_already(void **state)
{
	struct weft_err err = {0};

	assert_int_equal(wipe(*state, &err), 0);
	assert_int_equal(files_of(*state), 0);
}

static void what_cannot_be_removed_is_named_and_the_rest_can_be_opened(void **state)
{
	struct store *store = must_open(*state);
	struct weft_err err = {0};

	must_commit(store, lease_write(1));
	store_close(store);
	/* A directory of that name is nothing that weft made. */
	assert_int_equal(unlink(in_dir(*state, "reserve")), 0);
	assert_int_equal(mkdir(in_dir(*state, "reserve"), 0700), 0);
	assert_int_equal(wipe(*state, &err), WEFT_E_STORE);
	assert_non_null(strstr(err.message, "reserve"));
	assert_int_equal(rmdir(in_dir(*state, "reserve")), 0);
	store = must_open(*state);
	assert_int_equal(state_count(store, WRITE_LEASE), 1);
	store_close(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, dir_setup, dir_teardown)
	    TEST(nothing_is_left_of_a_store_nor_of_the_one_before_a_restore),
	    TEST(nothing_is_left_of_a_restore_that_was_cut_off),
	    TEST(a_store_that_is_open_is_not_wiped),
	    TEST(a_directory_without_a_store_is_wiped_already),
	    TEST(what_cannot_be_removed_is_named_and_the_rest_can_be_opened),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
