/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <string.h>

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "daemon/channel.h"
#include "daemon/daemon.h"
#include "daemon/store_thread.h"
#include "test/base/cmocka_all.h"

struct world {
	char dir[64], socket[80];
	struct store_thread *st;
	uint64_t last;
	size_t good, bad;
};

static _Atomic int64_t clock_ms_more;

struct mono __real_daemon_now(void);
struct mono __wrap_daemon_now(void);

struct mono __wrap_daemon_now(void)
{
	return mono_add_ms(__real_daemon_now(), atomic_load(&clock_ms_more));
}

static void on_done(void *ctx, const struct store_done *done)
{
	struct world *w = ctx;

	assert_true(done->token > w->last);
	w->last = done->token;
	*(done->code == 0 ? &w->good : &w->bad) += 1;
	assert_int_equal(done->code == 0, done->err == NULL);
}

static int marker_visit(void *ctx, const struct write *write)
{
	if (write->kind == WRITE_META && write->meta == META_MARKER)
		memcpy(ctx, write->bytes, ID_BYTES);
	return 0;
}

/* Opens what the directory holds; *matches as marker_open says. */
static void open_all(struct world *w, bool *matches)
{
	struct store_config config = {.state_dir = w->dir};
	struct weft_err err = {0};
	struct store *store = NULL;
	struct marker marker;
	struct id stored = {{0}};

	assert_int_equal(store_open(&config, &store, &err), 0);
	assert_int_equal(store_load(store, marker_visit, &stored, &err), 0);
	assert_int_equal(marker_open(&marker, w->socket, &stored, matches, &err), 0);
	w->st = store_thread_new(store, &marker, &err);
	assert_non_null(w->st);
	w->last = 0;
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	snprintf(w->dir, sizeof(w->dir), "/tmp/weft-storethread-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->socket, sizeof(w->socket), "%s/sock", w->dir);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	static const char *const names[] = {"weft.db",     "weft.db-wal", "weft.db-shm",
					    "sock.marker", "reserve",     "lock"};
	struct world *w = *state;
	char path[160];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", w->dir, names[i]);
		unlink(path);
	}
	rmdir(w->dir);
	free(w);
	return 0;
}

static void drain(struct world *w, size_t wanted)
{
	while (w->good + w->bad < wanted) {
		struct pollfd wait = {.fd = store_thread_fd(w->st), .events = POLLIN};

		assert_int_equal(poll(&wait, 1, 60000), 1);
		store_thread_drain(w->st, w, on_done);
	}
}

static void commit_name(struct world *w, uint64_t token)
{
	uint8_t byte = (uint8_t)token;
	struct write write = {.kind = WRITE_META, .meta = META_NODE_NAME, .bytes = &byte, .len = 1};

	store_thread_commit(w->st, token, &write, 1);
}

/* A commit that keeps the thread busy while others line up, however the two threads take turns. */
static void commit_much(struct world *w, uint64_t token)
{
	static struct write writes[20000];
	const uint8_t byte = 1;

	for (size_t i = 0; i < sizeof(writes) / sizeof(writes[0]); i++)
		writes[i] = (struct write){
		    .kind = WRITE_META, .meta = META_NODE_NAME, .bytes = &byte, .len = 1};
	store_thread_commit(w->st, token, writes, sizeof(writes) / sizeof(writes[0]));
}

static void batches_come_back_in_order_and_share_commits(void **state)
{
	struct world *w = *state;
	struct store_stats stats;
	bool matches;

	open_all(w, &matches);
	assert_false(matches);
	commit_much(w, 1);
	for (uint64_t token = 2; token <= 501; token++)
		commit_name(w, token);
	drain(w, 501);
	assert_int_equal(w->good, 501);
	store_thread_stats(w->st, &stats);
	assert_true(stats.commits < 250);
	store_thread_free(w->st);
}

/* As the daemon asks before each request and datagram. */
static void a_producer_that_asks_never_leaves_more_than_the_bound(void **state)
{
	struct world *w = *state;
	uint64_t token = 0;
	size_t most = 0;
	bool matches;

	open_all(w, &matches);
	while (token < 3 * CHANNEL_HIGH) {
		size_t waiting = store_thread_waiting(w->st);

		most = waiting > most ? waiting : most;
		if (!store_thread_is_behind(w->st))
			commit_name(w, ++token);
		else
			drain(w, w->good + 1);
	}
	drain(w, token);
	assert_int_equal(w->good, token);
	assert_true(most <= CHANNEL_HIGH);
	store_thread_free(w->st);
}

static void a_bad_batch_fails_alone_and_says_why(void **state)
{
	struct world *w = *state;
	struct write bad = {.kind = WRITE_OWN_ROW, .bytes = (const uint8_t *)"no row", .len = 6};
	bool matches;

	open_all(w, &matches);
	commit_name(w, 1);
	store_thread_commit(w->st, 2, &bad, 1);
	commit_name(w, 3);
	drain(w, 3);
	assert_int_equal(w->good, 2);
	assert_int_equal(w->bad, 1);
	store_thread_free(w->st);
}

static void what_was_given_is_durable_after_the_end_and_the_marker_fits(void **state)
{
	struct world *w = *state;
	bool matches;

	open_all(w, &matches);
	store_thread_trust(w->st);
	for (uint64_t token = 1; token <= 20; token++)
		commit_name(w, token);
	store_thread_free(w->st);
	open_all(w, &matches);
	assert_true(matches);
	store_thread_free(w->st);
}

static int count_answers(void *ctx, const struct write *write)
{
	*(size_t *)ctx += write->kind == WRITE_ANSWER;
	return 0;
}

/* How many are on the disk; the thread has ended. */
static size_t answers(const struct world *w)
{
	struct store_config config = {.state_dir = w->dir};
	struct weft_err err = {0};
	struct store *store;
	size_t count = 0;

	assert_int_equal(store_open(&config, &store, &err), 0);
	assert_int_equal(store_load(store, count_answers, &count, &err), 0);
	store_close(store);
	return count;
}

static void old_answers_go_each_hour_also_where_there_is_no_pause(void **state)
{
	struct world *w = *state;
	const uint8_t nil = 0xc0;
	struct write answer = {
	    .kind = WRITE_ANSWER, .answer = {.request = "x"}, .bytes = &nil, .len = 1};
	bool matches;

	for (int hours = 0; hours < 2; hours++) {
		open_all(w, &matches);
		store_thread_commit(w->st, 1, &answer, 1);
		atomic_fetch_add(&clock_ms_more, hours * INT64_C(3600000));
		commit_name(w, 2);
		store_thread_free(w->st);
		assert_int_equal(answers(w), 1 - hours);
	}
}

static void on_any(void *ctx, const struct store_done *done)
{
	struct world *w = ctx;

	w->last = done->token;
	*(done->code == 0 ? &w->good : &w->bad) += 1;
	if (done->code != 0)
		assert_int_equal(done->err->code, done->code);
}

/* Files, as the store would make them: see CMakeLists. */
static atomic_int files;
static _Atomic(struct store_thread *) slow; /* its first file takes until the end waits behind it */

int __wrap_store_backup(struct store *store, const char *path, struct weft_err *err);

int __wrap_store_backup(struct store *store, const char *path, struct weft_err *err)
{
	(void)store;
	(void)path;
	(void)err;
	atomic_fetch_add(&files, 1);
	while (store_thread_waiting(atomic_load(&slow)) < 2)
		sched_yield();
	return 0;
}

static void a_file_that_waits_at_the_end_is_not_made(void **state)
{
	struct world *w = *state;
	bool matches;

	open_all(w, &matches);
	atomic_store(&files, 0);
	atomic_store(&slow, w->st);
	store_thread_file(w->st, 1, STORE_FILE_BACKUP, "/nonexistent/one");
	while (atomic_load(&files) == 0)
		sched_yield();
	store_thread_file(w->st, 2, STORE_FILE_BACKUP, "/nonexistent/two");
	store_thread_free(w->st);
	assert_int_equal(atomic_load(&files), 1);
}

/* A backup on its way to whoever asked holds the same secrets. */
static void what_is_wiped_is_wiped_with_backups_that_never_arrived(void **state)
{
	struct world *w = *state;
	struct options options = {0};
	struct weft_err err = {0};
	char path[160];
	bool matches;
	FILE *file;

	open_all(w, &matches);
	store_thread_free(w->st);
	snprintf(path, sizeof(path), "%s/" API_CARRIED "1", w->dir);
	file = fopen(path, "w");
	assert_non_null(file);
	fclose(file);
	snprintf(options.state_dir, sizeof(options.state_dir), "%s", w->dir);
	assert_int_equal(daemon_wipe(&options, &err), 0);
	assert_int_not_equal(access(path, F_OK), 0);
}

/* Waits for the next result. */
static void next_result(struct world *w)
{
	struct pollfd wait = {.fd = store_thread_fd(w->st), .events = POLLIN};

	assert_int_equal(poll(&wait, 1, 60000), 1);
	store_thread_drain(w->st, w, on_any);
}

static void a_disk_that_takes_commits_again_is_noticed_without_one(void **state)
{
	struct world *w = *state;
	struct rlimit old, none;
	struct store_stats stats;
	bool matches;

	open_all(w, &matches);
	store_thread_trust(w->st);
	commit_name(w, 1);
	drain(w, 1);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	none = (struct rlimit){0, old.rlim_max};
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &none);
	commit_name(w, 2);
	next_result(w);
	setrlimit(RLIMIT_FSIZE, &old);
	assert_int_equal(w->bad, 1);
	assert_int_equal(w->last, 2);
	next_result(w);
	assert_int_equal(w->bad, 1);
	assert_int_equal(w->last, 0);
	store_thread_stats(w->st, &stats);
	assert_true(stats.failures >= 2); /* the batch and its marker */
	commit_name(w, 3);
	next_result(w);
	assert_int_equal(w->good, 3);
	store_thread_free(w->st);
	/* What was refused is not there, and the marker is the last good one. */
	open_all(w, &matches);
	assert_true(matches);
	store_thread_free(w->st);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(a_file_that_waits_at_the_end_is_not_made, setup,
					    teardown),
	    cmocka_unit_test_setup_teardown(what_is_wiped_is_wiped_with_backups_that_never_arrived,
					    setup, teardown),
	    cmocka_unit_test_setup_teardown(batches_come_back_in_order_and_share_commits, setup,
					    teardown),
	    cmocka_unit_test_setup_teardown(a_producer_that_asks_never_leaves_more_than_the_bound,
					    setup, teardown),
	    cmocka_unit_test_setup_teardown(a_bad_batch_fails_alone_and_says_why, setup, teardown),
	    cmocka_unit_test_setup_teardown(old_answers_go_each_hour_also_where_there_is_no_pause,
					    setup, teardown),
	    cmocka_unit_test_setup_teardown(a_disk_that_takes_commits_again_is_noticed_without_one,
					    setup, teardown),
	    cmocka_unit_test_setup_teardown(
		what_was_given_is_durable_after_the_end_and_the_marker_fits, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
