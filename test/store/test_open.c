/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Opening: what is made, and every refusal with its way out. */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/sql.h"

#define PAGE_BYTES INT64_C(4096)

/* Opens, expecting a refusal; returns its code. */
static int refusal(const char *dir, struct weft_err *err)
{
	struct store_config cfg = {.state_dir = dir};
	struct store *store = (struct store *)1;
	int code = store_open(&cfg, &store, err);

	assert_null(store);
	assert_true(code < 0);
	assert_int_equal(err->code, code);
	return code;
}

static unsigned mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

static void a_new_directory_and_its_files_are_for_the_owner_only(void **state)
{
	const char *dir = in_dir(*state, "made");
	mode_t old = umask(0);
	struct store *store = must_open(dir);

	must_commit(store, lease_write(1));
	assert_int_equal(mode_of(dir), 0700);
	assert_int_equal(mode_of(in_dir(dir, STORE_FILE)), 0600);
	assert_int_equal(mode_of(in_dir(dir, STORE_FILE "-wal")), 0600);
	assert_int_equal(mode_of(in_dir(dir, "lock")), 0600);
	store_close(store);
	umask(old);
}

static void a_database_that_others_could_read_is_tightened(void **state)
{
	const char *path = in_dir(*state, STORE_FILE);

	store_close(must_open(*state));
	assert_int_equal(chmod(path, 0644), 0);
	store_close(must_open(*state));
	assert_int_equal(mode_of(path), 0600);
}

static void a_directory_that_others_may_write_is_refused(void **state)
{
	struct weft_err err = {0};

	assert_int_equal(chmod(*state, 0777), 0);
	assert_int_equal(refusal(*state, &err), WEFT_E_STORE);
	assert_non_null(strstr(err.message, "chmod"));
	assert_int_equal(chmod(*state, 0755), 0);
	store_close(must_open(*state));
}

static int64_t pragma(struct store *store, const char *sql)
{
	sqlite3_stmt *stmt;
	int64_t value;

	assert_int_equal(sqlite3_prepare_v2(store->db, sql, -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	value = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return value;
}

static void the_settings_are_those_that_were_decided(void **state)
{
	struct store *store = must_open(*state);
	uint8_t header[20];
	int fd = open(in_dir(*state, STORE_FILE), O_RDONLY);

	must_commit(store, lease_write(1));
	assert_int_equal(pread(fd, header, sizeof(header), 0), sizeof(header));
	close(fd);
	assert_int_equal(header[18], 2); /* written through a write-ahead log */
	assert_int_equal(pragma(store, "PRAGMA synchronous"), 2); /* FULL */
	assert_int_equal(pragma(store, "PRAGMA cache_size"), -256);
	assert_int_equal(access(in_dir(*state, STORE_FILE "-shm"), F_OK), -1); /* exclusive */
	store_close(store);
}

static void a_second_open_is_refused_and_names_the_process(void **state)
{
	struct store *store = must_open(*state);
	struct weft_err err = {0};
	char pid[24];

	snprintf(pid, sizeof(pid), "process %ld;", (long)getpid());
	assert_int_equal(refusal(*state, &err), WEFT_E_BUSY);
	assert_non_null(strstr(err.message, pid));
	must_commit(store, lease_write(1)); /* the first is not disturbed */
	store_close(store);
	store_close(must_open(*state));
}

static void a_database_open_in_another_program_is_refused(void **state)
{
	struct weft_err err = {0};
	sqlite3 *db;

	store_close(must_open(*state));
	assert_int_equal(sqlite3_open(in_dir(*state, STORE_FILE), &db), SQLITE_OK);
	assert_int_equal(
	    sqlite3_exec(db, "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE", NULL, NULL, NULL),
	    SQLITE_OK);
	assert_int_equal(refusal(*state, &err), WEFT_E_BUSY);
	assert_non_null(strstr(err.message, "another program"));
	sqlite3_close(db);
	store_close(must_open(*state));
}

/* Overwrites len bytes at an offset of the database file. */
static void scribble(const char *dir, off_t at, size_t len)
{
	int fd = open(in_dir(dir, STORE_FILE), O_WRONLY);
	char *junk = malloc(len);

	memset(junk, 0xa7, len);
	assert_int_equal(pwrite(fd, junk, len, at), len);
	free(junk);
	close(fd);
}

static void store_with_leases(const char *dir)
{
	struct store *store = must_open(dir);

	for (unsigned i = 0; i < 300; i++)
		must_commit(store, lease_write(i));
	store_close(store);
}

static void a_file_that_is_no_database_is_refused_with_a_way_out(void **state)
{
	struct weft_err err = {0};

	store_with_leases(*state);
	scribble(*state, 0, 100);
	assert_int_equal(refusal(*state, &err), WEFT_E_STORE);
	assert_non_null(strstr(err.message, STORE_FILE));
	assert_non_null(strstr(err.message, "backup in its place"));
}

static void a_damaged_page_is_found_at_open_with_a_way_out(void **state)
{
	struct weft_err err = {0};
	struct stat st;

	store_with_leases(*state);
	assert_int_equal(stat(in_dir(*state, STORE_FILE), &st), 0);
	assert_true(st.st_size > 16 * PAGE_BYTES);
	scribble(*state, st.st_size - 4 * PAGE_BYTES, 4 * PAGE_BYTES);
	assert_int_equal(refusal(*state, &err), WEFT_E_STORE);
	assert_non_null(strstr(err.message, "damaged"));
	assert_non_null(strstr(err.message, "backup in its place"));
}

static void a_truncated_database_is_found_at_open(void **state)
{
	struct weft_err err = {0};

	store_with_leases(*state);
	assert_int_equal(truncate(in_dir(*state, STORE_FILE), 5 * PAGE_BYTES), 0);
	assert_int_equal(refusal(*state, &err), WEFT_E_STORE);
	assert_non_null(strstr(err.message, "backup in its place"));
}

/* Ends a process that has the store open, as kill -9 does. */
static void leave_open(const char *dir)
{
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		must_commit(must_open(dir), lease_write(1));
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(access(in_dir(dir, STORE_FILE "-wal"), F_OK), 0);
}

static void a_missing_log_is_refused_with_a_way_out(void **state)
{
	struct weft_err err = {0};

	for (int old = 0; old < 2; old++) {
		char kept[256];

		leave_open(*state);
		snprintf(kept, sizeof(kept), "%s", in_dir(*state, "kept"));
		assert_int_equal(rename(in_dir(*state, STORE_FILE "-wal"), kept), 0);
		assert_int_equal(refusal(*state, &err), WEFT_E_STORE);
		assert_non_null(strstr(err.message, STORE_FILE "-wal is missing"));
		assert_non_null(strstr(err.message, "backup"));
		/* refused again, and as it was once it is back */
		assert_int_equal(refusal(*state, &err), WEFT_E_STORE);
		assert_int_equal(rename(kept, in_dir(*state, STORE_FILE "-wal")), 0);
		store_close(must_open(*state));
	}
}

static void a_missing_or_emptied_database_is_not_made_anew(void **state)
{
	struct weft_err err = {0};
	char kept[256];
	struct store *store;

	leave_open(*state);
	snprintf(kept, sizeof(kept), "%s", in_dir(*state, "kept"));
	assert_int_equal(rename(in_dir(*state, STORE_FILE), kept), 0);
	assert_int_equal(refusal(*state, &err), WEFT_E_STORE);
	assert_non_null(strstr(err.message, STORE_FILE " is missing or empty"));
	assert_int_equal(access(in_dir(*state, STORE_FILE), F_OK), -1);
	assert_int_equal(access(in_dir(*state, STORE_FILE "-wal"), F_OK), 0);
	close(open(in_dir(*state, STORE_FILE), O_WRONLY | O_CREAT, 0600));
	assert_int_equal(refusal(*state, &err), WEFT_E_STORE);
	assert_int_equal(rename(kept, in_dir(*state, STORE_FILE)), 0);
	store = must_open(*state);
	assert_int_equal(state_count(store, WRITE_LEASE), 1);
	store_close(store);
}

/* The mark of being open may be gone with the log: an old database without it is refused by what
 * it holds. */
static void a_database_that_is_nothing_without_its_log_is_refused(void **state)
{
	struct weft_err err = {0};
	sqlite3 *db;

	assert_int_equal(sqlite3_open(in_dir(*state, STORE_FILE), &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL),
			 SQLITE_OK);
	sqlite3_close(db);
	assert_int_equal(refusal(*state, &err), WEFT_E_STORE);
	assert_non_null(strstr(err.message, "write-ahead log is missing"));
	assert_non_null(strstr(err.message, "backup in its place"));
}

static void somebody_elses_database_is_left_alone(void **state)
{
	struct weft_err err = {0};
	sqlite3 *db;
	struct stat before, after;

	assert_int_equal(sqlite3_open(in_dir(*state, STORE_FILE), &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "CREATE TABLE t (x)", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	assert_int_equal(stat(in_dir(*state, STORE_FILE), &before), 0);
	assert_int_equal(refusal(*state, &err), WEFT_E_STORE);
	assert_non_null(strstr(err.message, "not one of weft's"));
	assert_int_equal(stat(in_dir(*state, STORE_FILE), &after), 0);
	assert_memory_equal(&before.st_mtim, &after.st_mtim, sizeof(before.st_mtim));
}

static void a_missing_parent_and_a_file_in_the_way_are_named(void **state)
{
	struct weft_err err = {0};
	int fd;

	assert_int_equal(refusal(in_dir(*state, "a/b"), &err), WEFT_E_STORE);
	assert_non_null(strstr(err.message, "a/b"));
	fd = open(in_dir(*state, "file"), O_WRONLY | O_CREAT, 0600);
	close(fd);
	assert_int_equal(refusal(in_dir(*state, "file"), &err), WEFT_E_STORE);
	assert_non_null(strstr(err.message, "not a directory"));
}

static void a_symbolic_link_is_not_followed(void **state)
{
	struct weft_err err = {0};

	assert_int_equal(symlink("/tmp/weft-store-elsewhere", in_dir(*state, STORE_FILE)), 0);
	assert_int_equal(refusal(*state, &err), WEFT_E_STORE);
	assert_int_equal(access("/tmp/weft-store-elsewhere", F_OK), -1);
}

static void a_directory_that_cannot_be_written_is_named(void **state)
{
	int status;
	pid_t child;

	assert_int_equal(chmod(*state, 0555), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct store_config cfg = {.state_dir = *state};
		struct weft_err err = {0};
		struct store *store;

		if (geteuid() == 0 && setuid(65534) < 0)
			_exit(2);
		if (store_open(&cfg, &store, &err) != WEFT_E_STORE)
			_exit(3);
		_exit(strstr(err.message, strerror(EACCES)) && strstr(err.message, *state) ? 0 : 4);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_true(WIFEXITED(status));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(a_new_directory_and_its_files_are_for_the_owner_only,
					    dir_setup, dir_teardown),
	    cmocka_unit_test_setup_teardown(a_database_that_others_could_read_is_tightened,
					    dir_setup, dir_teardown),
	    cmocka_unit_test_setup_teardown(a_directory_that_others_may_write_is_refused, dir_setup,
					    dir_teardown),
	    cmocka_unit_test_setup_teardown(the_settings_are_those_that_were_decided, dir_setup,
					    dir_teardown),
	    cmocka_unit_test_setup_teardown(a_second_open_is_refused_and_names_the_process,
					    dir_setup, dir_teardown),
	    cmocka_unit_test_setup_teardown(a_database_open_in_another_program_is_refused,
					    dir_setup, dir_teardown),
	    cmocka_unit_test_setup_teardown(a_file_that_is_no_database_is_refused_with_a_way_out,
					    dir_setup, dir_teardown),
	    cmocka_unit_test_setup_teardown(a_damaged_page_is_found_at_open_with_a_way_out,
					    dir_setup, dir_teardown),
	    cmocka_unit_test_setup_teardown(a_truncated_database_is_found_at_open, dir_setup,
					    dir_teardown),
	    cmocka_unit_test_setup_teardown(a_missing_log_is_refused_with_a_way_out, dir_setup,
					    dir_teardown),
	    cmocka_unit_test_setup_teardown(a_missing_or_emptied_database_is_not_made_anew,
					    dir_setup, dir_teardown),
	    cmocka_unit_test_setup_teardown(a_database_that_is_nothing_without_its_log_is_refused,
					    dir_setup, dir_teardown),
	    cmocka_unit_test_setup_teardown(somebody_elses_database_is_left_alone, dir_setup,
					    dir_teardown),
	    cmocka_unit_test_setup_teardown(a_missing_parent_and_a_file_in_the_way_are_named,
					    dir_setup, dir_teardown),
	    cmocka_unit_test_setup_teardown(a_symbolic_link_is_not_followed, dir_setup,
					    dir_teardown),
	    cmocka_unit_test_setup_teardown(a_directory_that_cannot_be_written_is_named, dir_setup,
					    dir_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
