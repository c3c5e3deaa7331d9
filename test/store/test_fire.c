/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Every operation of the disk fails in turn, in every way, while a small life of a store goes on:
 * made, batches with a checkpoint among them, closed, opened again. Whatever failed, the next start
 * finds each batch that was acknowledged, none in part, and takes new ones.
 *
 * So it does while a backup is made and restored: what is there then is what was told last or what
 * the backup has, whole.
 *
 * A batch whose sync failed may stand on the disk all the same. The next commit overwrites it; when
 * there is none (the disk stays bad, the power goes) it may come back, whole, at the next start.
 */
#include "fixture.h"

#include <stdlib.h>
#include <unistd.h>

#include "faulty.h"
#include "store/schema.h"
#include "store/sql.h"

#define BATCHES 6u
#define LIVES 2u /* opens of the store */
#define COPY "copy"
#define IN_COPY (BATCHES / 2) /* batches that the backup has */

/* What the store told: by batch. */
struct told {
	bool durable[LIVES * BATCHES], failed[LIVES * BATCHES];
};

/* A directory in memory: the real disk has no part in this. */
static int memory_setup(void **state)
{
	char *dir = strdup("/dev/shm/weft-fire-XXXXXX");

	if (mkdtemp(dir)) {
		*state = dir;
		return 0;
	}
	free(dir);
	return dir_setup(state);
}

/* A batch is three writes of different tables. */
static int commit_batch(struct store *store, unsigned n)
{
	struct write writes[3] = {lease_write(n), endpoint_write(n),
				  meta_write(META_LEASE_SEQUENCE, &n, sizeof(n))};

	return commit_writes(store, writes, 3, NULL);
}

static void live(const char *dir, struct told *told)
{
	struct store_config cfg = {.state_dir = dir};

	for (unsigned life = 0; life < LIVES; life++) {
		struct weft_err err = {0};
		struct store *store;

		if (store_open(&cfg, &store, &err) < 0) {
			assert_non_null(strstr(err.message, dir));
			continue;
		}
		for (unsigned i = 0; i < BATCHES; i++) {
			unsigned n = life * BATCHES + i;
			int code = commit_batch(store, n);

			told->durable[n] = code == 0;
			told->failed[n] = code != 0;
			if (i == BATCHES / 2)
				sqlite3_wal_checkpoint_v2(store->db, NULL,
							  SQLITE_CHECKPOINT_RESTART, NULL, NULL);
		}
		store_close(store);
	}
}

struct found {
	bool lease[LIVES * BATCHES], endpoint[LIVES * BATCHES];
	unsigned last;
};

static int find(void *ctx, const struct write *write)
{
	struct found *found = ctx;

	if (write->kind == WRITE_LEASE)
		found->lease[write->lease.sequence - 1] = true;
	if (write->kind == WRITE_ENDPOINT)
		found->endpoint[UINT64_MAX - write->endpoint.netns_inode] = true;
	if (write->kind == WRITE_META)
		memcpy(&found->last, write->bytes, sizeof(found->last));
	return 0;
}

/* Looks at the store with a disk that works; refused says whether what failed may not be there. */
static void judge(const char *dir, const struct told *told, bool refused, unsigned at)
{
	struct store *store = must_open(dir);
	struct found found = {.last = 0};
	unsigned last = 0;

	assert_int_equal(store_load(store, find, &found, NULL), 0);
	for (unsigned n = 0; n < LIVES * BATCHES; n++) {
		if (found.lease[n] != found.endpoint[n])
			fail_msg("operation %u: batch %u is there in part", at, n);
		if (told->durable[n] && !found.lease[n])
			fail_msg("operation %u: batch %u is lost", at, n);
		if (refused && told->failed[n] && found.lease[n])
			fail_msg("operation %u: batch %u was refused and is there", at, n);
		last = found.lease[n] ? n : last;
	}
	assert_int_equal(found.last, last);
	must_commit(store, lease_write(100));
	store_close(store);
}

static void state_clear(const char *dir)
{
	static const char *const names[] = {
	    STORE_FILE,
	    STORE_FILE "-wal",
	    STORE_FILE "-journal",
	    STORE_FILE ".before",
	    STORE_FILE ".before-wal",
	    STORE_FILE ".restore",
	    STORE_FILE ".restore.partial",
	    STORE_FILE ".restore.partial-journal",
	    "reserve",
	    "open",
	    "lock",
	    COPY,
	    COPY "-journal",
	    COPY "-wal",
	    STORE_FILE ".restore.partial-wal",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlink(in_dir(dir, names[i]));
}

/* One life for each operation; how many there were. */
static unsigned each_operation(const char *dir, enum fault fault, bool lasting)
{
	unsigned total;
	struct told calm = {{false}, {false}};

	state_clear(dir);
	faulty_power_on(0);
	live(dir, &calm);
	total = faulty_count();
	judge(dir, &calm, true, 0);
	assert_true(total > 60);
	for (unsigned at = 1; at <= total; at++) {
		struct told told = {{false}, {false}};

		state_clear(dir);
		faulty_power_on(at);
		faulty_plan(fault, at, lasting);
		live(dir, &told);
		if (fault == FAULT_CUT)
			faulty_power_on(at * UINT64_C(0x9e3779b97f4a7c15));
		faulty_plan(FAULT_NONE, 0, false);
		judge(dir, &told, !lasting, at);
	}
	return total;
}

static void one_error_anywhere_loses_nothing_that_was_told(void **state)
{
	each_operation(*state, FAULT_IOERR, false);
}

static void a_disk_that_fails_from_some_moment_on_loses_nothing_that_was_told(void **state)
{
	each_operation(*state, FAULT_IOERR, true);
}

static void a_disk_that_is_full_from_some_moment_on_loses_nothing_that_was_told(void **state)
{
	each_operation(*state, FAULT_FULL, true);
	each_operation(*state, FAULT_FULL, false);
}

static void a_short_write_anywhere_is_no_batch_in_part(void **state)
{
	each_operation(*state, FAULT_SHORT, false);
}

static void a_power_cut_anywhere_keeps_what_was_told(void **state)
{
	each_operation(*state, FAULT_CUT, true);
}

/* ---- a backup and the way back ---- */

struct way {
	struct told told;
	int backup, restore; /* their answers */
};

static void go_back(const char *dir, struct way *way)
{
	struct store_config cfg = {.state_dir = dir};
	struct store *store;

	*way = (struct way){.backup = WEFT_E_STORE};
	if (store_open(&cfg, &store, NULL) == 0) {
		for (unsigned n = 0; n < BATCHES; n++) {
			if (n == IN_COPY)
				way->backup = store_backup(store, in_dir(dir, COPY), NULL);
			way->told.durable[n] = commit_batch(store, n) == 0;
		}
		store_close(store);
	}
	way->restore = store_restore(&cfg, in_dir(dir, COPY), NULL);
}

/* How many batches are there: all that were told before the restore, or those of the backup. */
static unsigned batches_found(const char *dir, const struct way *way, unsigned at)
{
	struct store *store = must_open(dir);
	struct found found = {.last = 0};
	unsigned end = 0, last = 0;

	assert_int_equal(store_load(store, find, &found, NULL), 0);
	store_close(store);
	for (unsigned n = 0; n < BATCHES; n++) {
		if (found.lease[n] != found.endpoint[n])
			fail_msg("operation %u: batch %u is there in part", at, n);
		end = found.lease[n] && n >= IN_COPY ? BATCHES : end;
		last = found.lease[n] ? n : last;
	}
	assert_int_equal(found.last, last);
	end = end > 0 ? end : IN_COPY;
	for (unsigned n = 0; n < end; n++)
		if (way->told.durable[n] && !found.lease[n])
			fail_msg("operation %u: batch %u is lost", at, n);
	return end;
}

static bool is_there(const char *dir, const char *name)
{
	return access(in_dir(dir, name), F_OK) == 0;
}

/* Looks at what a backup and a restore left, with a disk that works; and does the latter again. */
static void judge_way(const char *dir, const struct way *way, bool cut, unsigned at)
{
	struct store_config cfg = {.state_dir = dir};
	bool told_more = false;
	unsigned end = batches_found(dir, way, at);

	for (unsigned n = IN_COPY; n < BATCHES; n++)
		told_more |= way->told.durable[n];
	if (way->restore == 0 && end != IN_COPY)
		fail_msg("operation %u: it was not restored", at);
	/* Once it is decided the next start does it; what was there is put aside. */
	if (end == IN_COPY && told_more && !is_there(dir, STORE_FILE ".before"))
		fail_msg("operation %u: what was told last is lost", at);
	if (way->backup != 0 && !cut && is_there(dir, COPY))
		fail_msg("operation %u: something is left of the backup", at);
	if (way->backup != 0)
		return;
	assert_int_equal(store_backup_check(in_dir(dir, COPY), NULL, NULL), 0);
	assert_int_equal(store_restore(&cfg, in_dir(dir, COPY), NULL), 0);
	assert_int_equal(batches_found(dir, way, at), IN_COPY);
	assert_false(is_there(dir, STORE_FILE ".restore"));
}

static void each_operation_of_a_way_back(const char *dir, enum fault fault, bool lasting)
{
	unsigned total = UINT32_MAX;

	for (unsigned at = 0; at <= total; at++) { /* 0: nothing fails, they are counted */
		struct way way;

		state_clear(dir);
		faulty_power_on(at);
		faulty_plan(at > 0 ? fault : FAULT_NONE, at, lasting);
		go_back(dir, &way);
		if (at == 0)
			total = faulty_count();
		if (fault == FAULT_CUT)
			faulty_power_on(at * UINT64_C(0x9e3779b97f4a7c15));
		faulty_plan(FAULT_NONE, 0, false);
		assert_true(at > 0 || (way.backup == 0 && way.restore == 0));
		judge_way(dir, &way, fault == FAULT_CUT, at);
	}
	assert_true(total > 100);
}

static void a_restore_with_one_error_anywhere_is_whole_or_not_at_all(void **state)
{
	each_operation_of_a_way_back(*state, FAULT_IOERR, false);
	each_operation_of_a_way_back(*state, FAULT_SHORT, false);
}

static void a_restore_on_a_disk_that_fails_from_some_moment_on_is_whole_or_not_at_all(void **state)
{
	each_operation_of_a_way_back(*state, FAULT_IOERR, true);
	each_operation_of_a_way_back(*state, FAULT_FULL, true);
}

static void a_restore_that_a_power_cut_ends_anywhere_is_whole_or_not_at_all(void **state)
{
	each_operation_of_a_way_back(*state, FAULT_CUT, true);
}

/* ---- upgrades ---- */

/* The real steps, then two of an imaginary later weft. */
static size_t later_steps(struct schema_step steps[16])
{
	assert_true(schema_step_count < 14);
	memcpy(steps, schema_steps, schema_step_count * sizeof(steps[0]));
	steps[schema_step_count] = (struct schema_step){
	    "column", "ALTER TABLE leases ADD COLUMN note TEXT NOT NULL DEFAULT '-';"
		      "UPDATE leases SET note = name;"};
	steps[schema_step_count + 1] = (struct schema_step){
	    "table", "CREATE TABLE notes (text TEXT) STRICT;"
		     "INSERT INTO notes SELECT note FROM leases; DELETE FROM answers;"};
	return schema_step_count + 2;
}

static int number(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *stmt;
	int value = -1;

	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
	if (sqlite3_step(stmt) == SQLITE_ROW)
		value = sqlite3_column_int(stmt, 0);
	sqlite3_finalize(stmt);
	return value;
}

/* Opens as the store does and takes all steps; the version, or -1. */
static int upgrade(const char *dir)
{
	struct schema_step steps[16];
	size_t count = later_steps(steps);
	struct weft_err err = {0};
	sqlite3 *db;
	int version = -1;

	if (sqlite3_open(in_dir(dir, STORE_FILE), &db) == SQLITE_OK &&
	    sqlite3_exec(db, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL", NULL,
			 NULL, NULL) == SQLITE_OK)
		version = schema_upgrade(db, steps, count, &err);
	sqlite3_close(db);
	return version;
}

/* Whatever version it has now, it is that one whole, with all that was stored. */
static void judge_version(const char *dir)
{
	sqlite3 *db;
	size_t version;

	assert_int_equal(sqlite3_open(in_dir(dir, STORE_FILE), &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "PRAGMA locking_mode = EXCLUSIVE", NULL, NULL, NULL),
			 SQLITE_OK);
	version = (size_t)number(db, "PRAGMA user_version");
	assert_in_range(version, schema_step_count, schema_step_count + 2);
	assert_int_equal(number(db, "SELECT count(*) FROM leases"), BATCHES);
	assert_int_equal(number(db, "SELECT count(*) FROM pragma_table_info('leases') "
				    "WHERE name = 'note'"),
			 version > schema_step_count);
	assert_int_equal(number(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'notes'"),
			 version > schema_step_count + 1);
	sqlite3_close(db);
}

static void an_upgrade_that_is_cut_off_anywhere_is_one_version_whole(void **state)
{
	unsigned total = UINT32_MAX;

	for (unsigned at = 0; at <= total;
	     at++) { /* 0: nothing fails, the operations are counted */
		struct store *store;

		state_clear(*state);
		faulty_power_on(at);
		store = must_open(*state);
		for (unsigned n = 0; n < BATCHES; n++)
			assert_int_equal(commit_batch(store, n), 0);
		store_close(store);
		faulty_plan(at > 0 ? FAULT_CUT : FAULT_NONE, at, true);
		upgrade(*state);
		if (at == 0)
			total = faulty_count();
		else
			faulty_power_on(at * UINT64_C(0x9e3779b97f4a7c15));
		faulty_plan(FAULT_NONE, 0, false);
		judge_version(*state);
		assert_int_equal(upgrade(*state), schema_step_count + 2);
		judge_version(*state);
	}
	assert_true(total > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(one_error_anywhere_loses_nothing_that_was_told,
					    memory_setup, dir_teardown),
	    cmocka_unit_test_setup_teardown(
		a_disk_that_fails_from_some_moment_on_loses_nothing_that_was_told, memory_setup,
		dir_teardown),
	    cmocka_unit_test_setup_teardown(
		a_disk_that_is_full_from_some_moment_on_loses_nothing_that_was_told, memory_setup,
		dir_teardown),
	    cmocka_unit_test_setup_teardown(a_short_write_anywhere_is_no_batch_in_part,
					    memory_setup, dir_teardown),
	    cmocka_unit_test_setup_teardown(
		a_restore_with_one_error_anywhere_is_whole_or_not_at_all, memory_setup,
		dir_teardown),
	    cmocka_unit_test_setup_teardown(
		a_restore_on_a_disk_that_fails_from_some_moment_on_is_whole_or_not_at_all,
		memory_setup, dir_teardown),
	    cmocka_unit_test_setup_teardown(
		a_restore_that_a_power_cut_ends_anywhere_is_whole_or_not_at_all, memory_setup,
		dir_teardown),
	    cmocka_unit_test_setup_teardown(
		an_upgrade_that_is_cut_off_anywhere_is_one_version_whole, memory_setup,
		dir_teardown),
	    cmocka_unit_test_setup_teardown(a_power_cut_anywhere_keeps_what_was_told, memory_setup,
					    dir_teardown),
	};

	faulty_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
