/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "cli/host.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/clock.h"
#include "cli/progress.h"
#include "gossip/base/check.h"

#define CHECKER_NAME "weft-hostcheck"
#define CHECKER_BYTES 512
#define CHECKS_BYTES_MAX (1u << 20)
#define CHECKS_MS_MAX 60000 /* a firewall with large sets has taken half of it on a busy host */
#define LOOK_EVERY_MS 100
#define END_EVERY_MS 5
#define END_FOR_MS 1000

/* What a program writes until it ends: what does not fit is read and dropped. */
struct reading {
	int fd;
	char *out;
	size_t len, cap;
};

/* Reads once; false at the end. */
static bool read_some(struct reading *reading)
{
	char rest[4096];
	size_t room = reading->cap - 1 - reading->len;
	ssize_t n = read(reading->fd, room > 0 ? reading->out + reading->len : rest,
			 room > 0 ? room : sizeof(rest));

	if (n > 0 && room > 0)
		reading->len += (size_t)n;
	return n > 0 || (n < 0 && errno == EINTR);
}

/* True when it has ended before this instant, with its status. It may have closed its output before
 * that. */
static bool wait_for(struct reading *reading, pid_t pid, int64_t until, const char *words,
		     int *status)
{
	struct pollfd wait = {.fd = reading->fd, .events = POLLIN};
	struct progress progress;
	bool ended = false;

	progress_begin(&progress, words, PROGRESS_EVERY_MS, progress_terminal());
	while (!ended && clock_ms() < until) {
		if (wait.fd >= 0 && poll(&wait, 1, LOOK_EVERY_MS) > 0 && !read_some(reading))
			wait.fd = -1;
		if (wait.fd < 0) {
			ended = waitpid(pid, status, WNOHANG) == pid;
			if (!ended)
				(void)poll(NULL, 0, END_EVERY_MS);
		}
		progress_tick(&progress);
	}
	progress_end(&progress);
	return ended;
}

/* Ends a program; one that hangs in the kernel ends when that lets it, and is not waited for. */
static void end_it(pid_t pid)
{
	int64_t until = clock_ms() + END_FOR_MS;
	int status;

	(void)kill(pid, SIGKILL);
	while (waitpid(pid, &status, WNOHANG) == 0 && clock_ms() < until)
		(void)poll(NULL, 0, END_EVERY_MS);
}

static int spawn(const char *const *argv, int out, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	int rc;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	rc = posix_spawnp(pid, argv[0], &actions, NULL, (char *const *)(uintptr_t)argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	return rc;
}

char *host_output(const char *const *argv, const char *words, int64_t for_ms, size_t cap, int *code)
{
	struct reading reading = {.out = malloc(cap), .cap = cap};
	int pipe_fds[2], status = 0;
	pid_t pid;

	WEFT_ASSERT(reading.out != NULL && cap > 0);
	if (pipe2(pipe_fds, O_CLOEXEC) != 0) {
		free(reading.out);
		return NULL;
	}
	reading.fd = pipe_fds[0];
	(void)signal(SIGCHLD, SIG_DFL); /* ignored by who started weft, nobody hears of an end */
	if (spawn(argv, pipe_fds[1], &pid) != 0) {
		close(pipe_fds[1]);
		close(pipe_fds[0]);
		free(reading.out);
		return NULL;
	}
	close(pipe_fds[1]);
	if (!wait_for(&reading, pid, clock_ms() + for_ms, words, &status)) {
		end_it(pid);
		*code = HOST_TOO_LONG;
	} else {
		*code = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
	}
	close(pipe_fds[0]);
	reading.out[reading.len] = '\0';
	return reading.out;
}

/* Beside weft in a build tree, after an installation, or by the PATH. */
static void find_checker(char out[CHECKER_BYTES])
{
	static const char *const places[] = {"../libexec/" CHECKER_NAME,
					     "../libexec/weft/" CHECKER_NAME};
	char self[CHECKER_BYTES - 64] = "";
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[n > 0 ? n : 0] = '\0';
	*(strrchr(self, '/') ? strrchr(self, '/') : self) = '\0';
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(out, CHECKER_BYTES, "%s/%s", self, places[i]);
		if (access(out, X_OK) == 0)
			return;
	}
	snprintf(out, CHECKER_BYTES, CHECKER_NAME);
}

/* Words for the checker: an array of texts, each with the option before it. */
static void add(json_t *words, const char *name, const json_t *value)
{
	char number[24];

	if (json_is_integer(value)) {
		snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(value));
		json_array_append_new(words, json_string(name));
		json_array_append_new(words, json_string(number));
	} else if (json_is_string(value)) {
		json_array_append_new(words, json_string(name));
		json_array_append(words, (json_t *)(uintptr_t)value);
	}
}

static void add_facts(json_t *words, const json_t *facts)
{
	size_t i;
	json_t *item;

	add(words, "--state-dir", json_object_get(facts, "state_dir"));
	add(words, "--neighbours", json_object_get(facts, "neighbours"));
	add(words, "--networks", json_object_get(facts, "networks"));
	json_array_foreach(json_object_get(facts, "vxlan_ports"), i, item)
	    add(words, "--port", item);
	json_array_foreach(json_object_get(facts, "subnets"), i, item) add(words, "--subnet", item);
}

/* Without weftd its environment may be the one here; else the checker looks at the usual place. */
static void add_environment(json_t *words)
{
	const char *state_dir = getenv("WEFT_STATE_DIR");
	json_t *dir = state_dir && state_dir[0] ? json_string(state_dir) : NULL;

	add(words, "--state-dir", dir);
	json_decref(dir);
}

/* Runs the checker with these words; its output, or NULL. */
static char *run_checker(const char *checker, const json_t *words, int *code)
{
	size_t count = json_array_size(words);
	const char **argv = calloc(count + 2, sizeof(*argv));
	char *text;

	WEFT_ASSERT(argv != NULL);
	argv[0] = checker;
	for (size_t i = 0; i < count; i++)
		argv[i + 1] = json_string_value(json_array_get(words, i));
	text = host_output(argv, "checking this host", CHECKS_MS_MAX, CHECKS_BYTES_MAX, code);
	free(argv);
	return text;
}

json_t *host_checks(const json_t *facts, struct weft_err *err)
{
	json_t *words = json_array();
	char checker[CHECKER_BYTES];
	char *text;
	json_t *checks = NULL;
	int code = 0;

	find_checker(checker);
	if (facts)
		add_facts(words, facts);
	else
		add_environment(words);
	text = run_checker(checker, words, &code);
	json_decref(words);
	if (text && code == 0)
		checks = json_loads(text, 0, NULL);
	free(text);
	if (text && code == HOST_TOO_LONG) {
		weft_err_set(err, WEFT_E_TIMEOUT,
			     "%s was ended, as it had no answer after %d s: a disk or the kernel "
			     "does not answer it, or the firewall has very many rules",
			     checker, CHECKS_MS_MAX / 1000);
		return NULL;
	}
	if (!json_is_array(checks)) {
		json_decref(checks);
		weft_err_set(err, WEFT_E_INTERNAL, "%s does not work: %s", checker,
			     text ? "its answer is no list of checks" : "it cannot be run");
		return NULL;
	}
	return checks;
}
