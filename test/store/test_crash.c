/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Processes that die and disks that fill: what was told is there, and nothing is there in part. */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define BATCH 20
#define ROUNDS 6
#define LIMIT_BYTES 262144
#define BALLAST_BYTES 204800

/* Commits batches of BATCH leases for ever, and tells each number once it is durable. The last
 * write of a batch is its number. Runs in a child of its own. */
static void commit_until_killed(const char *dir, int tell, unsigned from)
{
	struct store *store = must_open(dir);

	for (unsigned n = from;; n++) {
		struct write writes[BATCH + 1];

		for (unsigned i = 0; i < BATCH; i++)
			writes[i] = lease_write(n * BATCH + i);
		writes[BATCH] = meta_write(META_LEASE_SEQUENCE, &n, sizeof(n));
		if (commit_writes(store, writes, BATCH + 1, NULL) < 0)
			_exit(1);
		if (write(tell, &n, sizeof(n)) != sizeof(n))
			_exit(2);
	}
}

static int last_number(void *ctx, const struct write *write)
{
	if (write->kind == WRITE_META)
		memcpy(ctx, write->bytes, sizeof(unsigned));
	return 0;
}

static void nothing_told_is_lost_and_no_batch_is_torn_by_kill_9(void **state)
{
	const char *dir = *state;
	unsigned told = 0;

	for (unsigned round = 0; round < ROUNDS; round++) {
		unsigned found = 0, from = round ? told + 1 : 1, heard = 0;
		struct store *store;
		int pipe_fds[2], status;
		pid_t child;

		assert_int_equal(pipe(pipe_fds), 0);
		child = fork();
		assert_true(child >= 0);
		if (child == 0) {
			close(pipe_fds[0]);
			commit_until_killed(dir, pipe_fds[1], from);
		}
		close(pipe_fds[1]);
		/* kill at another place each time, while the next commit is under way */
		while (heard < 3 + 7 * round &&
		       read(pipe_fds[0], &told, sizeof(told)) == sizeof(told))
			heard++;
		assert_int_equal(heard, 3 + 7 * round);
		assert_int_equal(kill(child, SIGKILL), 0);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status));
		while (read(pipe_fds[0], &told, sizeof(told)) == sizeof(told))
			continue;
		close(pipe_fds[0]);

		store = must_open(dir); /* the lock died with its holder */
		assert_int_equal(store_load(store, last_number, &found, NULL), 0);
		assert_in_range(found, told, told + 1);
		assert_int_equal(state_count(store, WRITE_LEASE), (size_t)found * BATCH);
		store_close(store);
		told = found;
	}
}

/* Commits leases until the disk has no room: how many were told durable. */
static unsigned commit_until_full(struct store *store, unsigned from, struct weft_err *err)
{
	for (unsigned n = from; n < from + 2000; n++) {
		struct write writes[BATCH];
		int code;

		for (unsigned i = 0; i < BATCH; i++)
			writes[i] = lease_write(n * BATCH + i);
		code = commit_writes(store, writes, BATCH, err);
		if (code < 0) {
			assert_true(code == WEFT_E_STORE || code == WEFT_E_STORE_FULL);
			return n - from;
		}
	}
	fail_msg("the disk never filled");
	return 0;
}

/* Runs a part of a test in a child, which fails by its exit status. */
static void in_child(void (*run)(const char *dir), const char *dir)
{
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		run(dir);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void check(int holds, int line)
{
	if (!holds) {
		fprintf(stderr, "test_crash.c:%d does not hold\n", line);
		_exit(1);
	}
}
#define CHECK(expr) check((expr) != 0, __LINE__)

static void fill_limited_file(const char *dir)
{
	struct rlimit limit = {LIMIT_BYTES, RLIM_INFINITY};
	struct weft_err err = {0};
	struct store *store = must_open(dir);
	unsigned durable;

	signal(SIGXFSZ, SIG_IGN);
	CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
	durable = commit_until_full(store, 0, &err);
	CHECK(durable > 0);
	CHECK(err.message[0] != '\0');
	CHECK(state_count(store, WRITE_LEASE) == (size_t)durable * BATCH);
	limit.rlim_cur = RLIM_INFINITY;
	CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
	must_commit(store, lease_write(1000000)); /* works again without a restart */
	CHECK(state_count(store, WRITE_LEASE) == (size_t)durable * BATCH + 1);
	store_close(store);
}

static void a_file_that_may_not_grow_fails_whole_batches_and_recovers(void **state)
{
	const char *dir = *state;
	struct store *store;

	in_child(fill_limited_file, dir);
	store = must_open(dir);
	assert_int_equal(state_count(store, WRITE_LEASE) % BATCH, 1);
	store_close(store);
}

#define HUGE_LEASES 6000 /* more than the limit below has room for */

static void commit_group_with_a_huge_batch(const char *dir)
{
	static struct write huge[HUGE_LEASES];
	struct rlimit limit = {LIMIT_BYTES, RLIM_INFINITY};
	struct store *store = must_open(dir);
	struct write first = lease_write(900001), last = lease_write(900002);
	const struct write_batch *batches[3];
	int results[3];

	for (unsigned i = 0; i < HUGE_LEASES; i++)
		huge[i] = lease_write(i);
	batches[0] = write_batch_new(&first, 1);
	batches[1] = write_batch_new(huge, HUGE_LEASES);
	batches[2] = write_batch_new(&last, 1);
	signal(SIGXFSZ, SIG_IGN);
	CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
	CHECK(store_commit(store, batches, 3, results, NULL) < 0);
	CHECK(results[0] == 0 && results[1] < 0 && results[2] == 0);
	CHECK(state_count(store, WRITE_LEASE) == 2);
	store_close(store);
	for (int i = 0; i < 3; i++)
		write_batch_free((struct write_batch *)batches[i]);
}

static void a_batch_too_big_for_the_disk_does_not_hold_small_ones_back(void **state)
{
	const char *dir = *state;
	struct store *store;

	in_child(commit_group_with_a_huge_batch, dir);
	store = must_open(dir);
	assert_int_equal(state_count(store, WRITE_LEASE), 2);
	store_close(store);
}

static void fill_tmpfs(const char *dir)
{
	struct weft_err err = {0};
	struct store *store;
	unsigned durable;
	char *before, *after;
	static char ballast[BALLAST_BYTES];
	int fd;

	CHECK(unshare(CLONE_NEWNS) == 0);
	CHECK(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	CHECK(mount("tmpfs", dir, "tmpfs", 0, "size=1m,mode=0700") == 0);
	fd = open(in_dir(dir, "ballast"), O_WRONLY | O_CREAT, 0600);
	CHECK(write(fd, ballast, sizeof(ballast)) == sizeof(ballast));
	store = must_open(dir);
	durable = commit_until_full(store, 0, &err);
	CHECK(durable > 0);
	CHECK(err.code == WEFT_E_STORE_FULL && strstr(err.message, "store full") != NULL);
	CHECK(strstr(err.message, dir) != NULL);
	before = state_text(store);
	store_close(store);

	CHECK(ftruncate(fd, 0) == 0);
	close(fd);
	store = must_open(dir);
	after = state_text(store);
	CHECK(strcmp(before, after) == 0);
	must_commit(store, lease_write(1000000));
	CHECK(state_count(store, WRITE_LEASE) == (size_t)durable * BATCH + 1);
	store_close(store);
	free(before);
	free(after);
}

static void a_full_disk_loses_nothing_that_was_told(void **state)
{
	if (geteuid() != 0) {
		print_message("needs root for a small tmpfs\n");
		skip();
	}
	in_child(fill_tmpfs, *state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		a_batch_too_big_for_the_disk_does_not_hold_small_ones_back, dir_setup,
		dir_teardown),
	    cmocka_unit_test_setup_teardown(nothing_told_is_lost_and_no_batch_is_torn_by_kill_9,
					    dir_setup, dir_teardown),
	    cmocka_unit_test_setup_teardown(
		a_file_that_may_not_grow_fails_whole_batches_and_recovers, dir_setup, dir_teardown),
	    cmocka_unit_test_setup_teardown(a_full_disk_loses_nothing_that_was_told, dir_setup,
					    dir_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
