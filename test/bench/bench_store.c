/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * How much of SQLite's own rate is left through the store: leases made durable by store_commit in
 * batches of 100, against bare prepared inserts, 100 a transaction, with the same durability (WAL,
 * synchronous=FULL). Both run in turns in one process on one file system, so that a busy machine
 * hurts both. Two peers: a plain table keyed like the leases, and the store's own schema with its
 * unique index.
 *
 *   bench_store [DIRECTORY [ROUNDS]]
 *
 * Prints a table, then one JSON object. It never fails by a figure.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "store/schema.h"
#include "store/store.h"

#define BATCH 100
#define BATCHES_A_ROUND 100
#define ROUNDS 12
#define COLUMNS "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"

static const char plain_schema[] =
    "CREATE TABLE leases (network BLOB, address BLOB, endpoint BLOB, mac BLOB, name TEXT, boot "
    "BLOB,"
    " since_ms INTEGER, sequence INTEGER, cooling INTEGER, reserved INTEGER, cool_until_ms INTEGER,"
    " PRIMARY KEY (network, address)) WITHOUT ROWID;";

struct bare {
	sqlite3 *db;
	sqlite3_stmt *insert, *begin, *commit;
};

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "bench_store: %s\n", what);
	exit(1);
}

static void must(sqlite3 *db, int rc, int expected)
{
	if (rc != expected)
		die(db ? sqlite3_errmsg(db) : sqlite3_errstr(rc));
}

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* The n-th lease: addresses in order, endpoints all over the place, as their ids are random. */
static void lease_make(unsigned n, struct lease *lease)
{
	uint64_t mixed = (n + 1) * UINT64_C(0x9e3779b97f4a7c15);

	memset(lease, 0, sizeof(*lease));
	memset(lease->network.b, 0x11, ID_BYTES);
	lease->address = inet_from_v4(0x0a000000u + n);
	memcpy(lease->endpoint.b, &mixed, sizeof(mixed));
	memcpy(lease->endpoint.b + 8, &n, sizeof(n));
	memcpy(lease->mac.b, &n, sizeof(n));
	snprintf(lease->name, sizeof(lease->name), "box-%u", n);
	memset(lease->boot.b, 0x22, ID_BYTES);
	lease->since.ms = 1700000000000 + n;
	lease->sequence = n;
}

static double store_round(struct store *store, unsigned from)
{
	double start = seconds();

	for (unsigned b = 0; b < BATCHES_A_ROUND; b++) {
		static struct write writes[BATCH];
		struct write_batch *batch;
		struct weft_err err = {0};
		int result;

		for (unsigned i = 0; i < BATCH; i++) {
			memset(&writes[i], 0, sizeof(writes[i]));
			writes[i].kind = WRITE_LEASE;
			lease_make(from + b * BATCH + i, &writes[i].lease);
		}
		batch = write_batch_new(writes, BATCH);
		if (store_commit(store, (const struct write_batch *const[]){batch}, 1, &result,
				 &err) < 0)
			die(err.message);
		write_batch_free(batch);
	}
	return BATCH * BATCHES_A_ROUND / (seconds() - start);
}

static void bare_open(struct bare *bare, const char *path, const char *schema)
{
	must(NULL, sqlite3_open(path, &bare->db), SQLITE_OK);
	must(bare->db,
	     sqlite3_exec(bare->db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL", NULL,
			  NULL, NULL),
	     SQLITE_OK);
	must(bare->db, sqlite3_exec(bare->db, schema, NULL, NULL, NULL), SQLITE_OK);
	must(bare->db,
	     sqlite3_prepare_v2(bare->db, "INSERT INTO leases VALUES " COLUMNS, -1, &bare->insert,
				NULL),
	     SQLITE_OK);
	must(bare->db, sqlite3_prepare_v2(bare->db, "BEGIN", -1, &bare->begin, NULL), SQLITE_OK);
	must(bare->db, sqlite3_prepare_v2(bare->db, "COMMIT", -1, &bare->commit, NULL), SQLITE_OK);
}

static void bare_close(struct bare *bare)
{
	sqlite3_finalize(bare->insert);
	sqlite3_finalize(bare->begin);
	sqlite3_finalize(bare->commit);
	sqlite3_close(bare->db);
}

static void bare_run(struct bare *bare, sqlite3_stmt *stmt)
{
	must(bare->db, sqlite3_step(stmt), SQLITE_DONE);
	sqlite3_reset(stmt);
}

static double bare_round(struct bare *bare, unsigned from)
{
	sqlite3_stmt *s = bare->insert;
	double start = seconds();

	for (unsigned b = 0; b < BATCHES_A_ROUND; b++) {
		bare_run(bare, bare->begin);
		for (unsigned i = 0; i < BATCH; i++) {
			struct lease lease;

			lease_make(from + b * BATCH + i, &lease);
			sqlite3_bind_blob(s, 1, lease.network.b, ID_BYTES, SQLITE_STATIC);
			sqlite3_bind_blob(s, 2, lease.address.b, 16, SQLITE_STATIC);
			sqlite3_bind_blob(s, 3, lease.endpoint.b, ID_BYTES, SQLITE_STATIC);
			sqlite3_bind_blob(s, 4, lease.mac.b, 6, SQLITE_STATIC);
			sqlite3_bind_text(s, 5, lease.name, -1, SQLITE_STATIC);
			sqlite3_bind_blob(s, 6, lease.boot.b, ID_BYTES, SQLITE_STATIC);
			sqlite3_bind_int64(s, 7, lease.since.ms);
			sqlite3_bind_int64(s, 8, (int64_t)lease.sequence);
			sqlite3_bind_int64(s, 9, 0);
			sqlite3_bind_int64(s, 10, 0);
			sqlite3_bind_int64(s, 11, 0);
			bare_run(bare, s);
		}
		bare_run(bare, bare->commit);
	}
	return BATCH * BATCHES_A_ROUND / (seconds() - start);
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, unsigned count)
{
	qsort(values, count, sizeof(values[0]), ascending);
	return values[count / 2];
}

static void rates_print(const double *values, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		printf("%s%.1f", i == 0 ? "[" : ", ", values[i]);
	printf("]");
}

static void files_remove(const char *dir)
{
	static const char *const names[] = {"state/weft.db", "state/lock", "state/reserve",
					    "plain.db", "same.db"};
	char path[512];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	snprintf(path, sizeof(path), "%s/state", dir);
	rmdir(path);
	rmdir(dir);
}

int main(int argc, char **argv)
{
	unsigned rounds = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : ROUNDS;
	char dir[256], path[512], state[512];
	double *rates[3], rate[3];
	struct bare plain, same;
	struct weft_err err = {0};
	struct store *store;

	snprintf(dir, sizeof(dir), "%s/weft-bench-XXXXXX", argc > 1 ? argv[1] : "/var/tmp");
	if (rounds == 0 || !mkdtemp(dir))
		die("usage: bench_store [DIRECTORY [ROUNDS]]");
	snprintf(state, sizeof(state), "%s/state", dir);
	if (store_open(&(struct store_config){.state_dir = state}, &store, &err) < 0)
		die(err.message);
	snprintf(path, sizeof(path), "%s/plain.db", dir);
	bare_open(&plain, path, plain_schema);
	snprintf(path, sizeof(path), "%s/same.db", dir);
	bare_open(&same, path, schema_steps[0].sql);
	for (int i = 0; i < 3; i++)
		rates[i] = calloc(rounds, sizeof(double));
	for (unsigned r = 0; r < rounds; r++) {
		unsigned from = r * BATCH * BATCHES_A_ROUND;

		rates[0][r] = store_round(store, from);
		rates[1][r] = bare_round(&plain, from);
		rates[2][r] = bare_round(&same, from);
	}
	for (int i = 0; i < 3; i++) {
		rate[i] = median(rates[i], rounds);
	}
	store_close(store);
	bare_close(&plain);
	bare_close(&same);
	files_remove(dir);
	printf("%-44s %10s %8s\n", "leases made durable, 100 a transaction", "rate/s", "ratio");
	printf("%-44s %10.0f\n", "store_commit", rate[0]);
	printf("%-44s %10.0f %8.2f\n", "bare SQLite, plain table", rate[1], rate[0] / rate[1]);
	printf("%-44s %10.0f %8.2f\n", "bare SQLite, the store's table and index", rate[2],
	       rate[0] / rate[2]);
	printf("{\"batch\": %d, \"store\": ", BATCH);
	rates_print(rates[0], rounds);
	printf(", \"plain\": ");
	rates_print(rates[1], rounds);
	printf(", \"same\": ");
	rates_print(rates[2], rounds);
	printf("}\n");
	for (int i = 0; i < 3; i++)
		free(rates[i]);
	return 0;
}
