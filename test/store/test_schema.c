/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Schema versions: upgrades from every one there was, and none from the future. */
#include "fixture.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "store/schema.h"

/* Steps of an imaginary later weft: the real ones, then two more. */
static const char step_column[] = "ALTER TABLE leases ADD COLUMN note TEXT NOT NULL DEFAULT '-';";
static const char step_table[] = "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT) STRICT;"
				 "INSERT INTO notes SELECT rowid, name FROM names;";
static const char step_names[] = "CREATE TABLE names (name TEXT); INSERT INTO names VALUES ('a');";

static sqlite3 *db_open(const char *dir)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(in_dir(dir, STORE_FILE), &db), SQLITE_OK);
	return db;
}

static int number(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *stmt;
	int value;

	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	value = sqlite3_column_int(stmt, 0);
	sqlite3_finalize(stmt);
	return value;
}

static void a_new_database_has_the_newest_version_and_is_marked_as_wefts(void **state)
{
	struct store *store = must_open(*state);
	struct store_stats stats;
	sqlite3 *db;

	store_stats_get(store, &stats);
	assert_int_equal(stats.schema, schema_step_count);
	store_close(store);
	db = db_open(*state);
	assert_int_equal(number(db, "PRAGMA user_version"), schema_step_count);
	assert_int_equal(number(db, "PRAGMA application_id"), SCHEMA_APPLICATION_ID);
	sqlite3_close(db);
}

/* The text of the whole schema, owned by the caller. */
static char *schema_text(sqlite3 *db)
{
	sqlite3_stmt *stmt;
	char *text;

	assert_int_equal(
	    sqlite3_prepare_v2(db,
			       "SELECT group_concat(type || name || coalesce(sql, ''), ';') FROM "
			       "(SELECT * FROM sqlite_schema ORDER BY type, name)",
			       -1, &stmt, NULL),
	    SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	text = strdup((const char *)sqlite3_column_text(stmt, 0));
	sqlite3_finalize(stmt);
	return text;
}

static void every_old_version_is_upgraded_to_what_a_new_one_has(void **state)
{
	char *expected = NULL;

	for (size_t old = 0; old <= schema_step_count; old++) {
		struct weft_err err = {0};
		sqlite3 *db;
		char *text;

		remove(in_dir(*state, STORE_FILE));
		db = db_open(*state);
		assert_int_equal(schema_upgrade(db, schema_steps, old, &err), old);
		sqlite3_close(db);
		store_close(must_open(*state));
		db = db_open(*state);
		assert_int_equal(number(db, "PRAGMA user_version"), schema_step_count);
		text = schema_text(db);
		sqlite3_close(db);
		if (expected)
			assert_string_equal(text, expected);
		else
			expected = strdup(text);
		free(text);
	}
	free(expected);
}

static void an_upgrade_keeps_what_is_stored(void **state)
{
	struct schema_step steps[16];
	struct store *store = must_open(*state);
	struct weft_err err = {0};
	sqlite3 *db;

	assert_true(schema_step_count < 15);
	memcpy(steps, schema_steps, schema_step_count * sizeof(steps[0]));
	steps[schema_step_count] = (struct schema_step){"column", step_column};
	must_commit(store, lease_write(1));
	must_commit(store, lease_write(2));
	store_close(store);
	db = db_open(*state);
	assert_int_equal(schema_upgrade(db, steps, schema_step_count + 1, &err),
			 schema_step_count + 1);
	assert_int_equal(number(db, "SELECT count(*) FROM leases WHERE note = '-'"), 2);
	/* taking the same steps again does nothing */
	assert_int_equal(schema_upgrade(db, steps, schema_step_count + 1, &err),
			 schema_step_count + 1);
	sqlite3_close(db);
}

static void a_newer_schema_is_refused_and_left_as_it_is(void **state)
{
	struct store_config cfg = {.state_dir = *state};
	struct weft_err err = {0};
	struct stat before, after;
	struct store *store;
	char text[32];
	sqlite3 *db;

	store_close(must_open(*state));
	db = db_open(*state);
	snprintf(text, sizeof(text), "PRAGMA user_version = %zu", schema_step_count + 1);
	assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	assert_int_equal(stat(in_dir(*state, STORE_FILE), &before), 0);
	assert_int_equal(store_open(&cfg, &store, &err), WEFT_E_UNSUPPORTED);
	assert_null(store);
	snprintf(text, sizeof(text), "schema %zu", schema_step_count + 1);
	assert_non_null(strstr(err.message, text));
	assert_non_null(strstr(err.message, "newer weft"));
	assert_int_equal(stat(in_dir(*state, STORE_FILE), &after), 0);
	assert_memory_equal(&before.st_mtim, &after.st_mtim, sizeof(before.st_mtim));
}

static void a_step_that_fails_leaves_the_version_before_it(void **state)
{
	struct schema_step steps[] = {{"1", step_names}, {"2", step_table}, {"3", "CREATE TABEL"}};
	struct weft_err err = {0};
	sqlite3 *db = db_open(*state);

	assert_int_equal(schema_upgrade(db, steps, 3, &err), WEFT_E_STORE);
	assert_non_null(strstr(err.message, "schema 3"));
	assert_int_equal(number(db, "PRAGMA user_version"), 2);
	assert_int_equal(number(db, "SELECT count(*) FROM notes"), 1);
	steps[2].sql = "DROP TABLE names;";
	assert_int_equal(schema_upgrade(db, steps, 3, &err), 3);
	assert_int_equal(number(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'names'"), 0);
	sqlite3_close(db);
}

static void a_step_that_fails_half_way_leaves_nothing_of_itself(void **state)
{
	struct schema_step steps[] = {
	    {"1", step_names}, {"2", "CREATE TABLE half (x); INSERT INTO nowhere VALUES (1);"}};
	struct weft_err err = {0};
	sqlite3 *db = db_open(*state);

	assert_int_equal(schema_upgrade(db, steps, 2, &err), WEFT_E_STORE);
	assert_int_equal(number(db, "PRAGMA user_version"), 1);
	assert_int_equal(number(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'half'"), 0);
	sqlite3_close(db);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		a_new_database_has_the_newest_version_and_is_marked_as_wefts, dir_setup,
		dir_teardown),
	    cmocka_unit_test_setup_teardown(every_old_version_is_upgraded_to_what_a_new_one_has,
					    dir_setup, dir_teardown),
	    cmocka_unit_test_setup_teardown(an_upgrade_keeps_what_is_stored, dir_setup,
					    dir_teardown),
	    cmocka_unit_test_setup_teardown(a_newer_schema_is_refused_and_left_as_it_is, dir_setup,
					    dir_teardown),
	    cmocka_unit_test_setup_teardown(a_step_that_fails_leaves_the_version_before_it,
					    dir_setup, dir_teardown),
	    cmocka_unit_test_setup_teardown(a_step_that_fails_half_way_leaves_nothing_of_itself,
					    dir_setup, dir_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
