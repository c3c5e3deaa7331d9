/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "cli/host.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gossip/base/check.h"

#define CHECKER_NAME "weft-hostcheck"
#define CHECKER_BYTES 512
#define CHECKS_BYTES_MAX (1u << 20)
#define STATE_DIR_PRESET "/var/lib/weft"

extern char **environ;

/* Reads until the end; what does not fit is read and dropped, so that the writer ends. */
static size_t read_all(int fd, char *out, size_t cap)
{
	char rest[4096];
	size_t len = 0;

	for (;;) {
		size_t room = cap - 1 - len;
		ssize_t n = read(fd, room > 0 ? out + len : rest, room > 0 ? room : sizeof(rest));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return len;
		if (room > 0)
			len += (size_t)n;
	}
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

char *host_output(const char *const *argv, size_t cap, int *code)
{
	char *text = malloc(cap);
	int pipe_fds[2], status = 0;
	pid_t pid;
	int rc;

	WEFT_ASSERT(text != NULL && cap > 0);
	if (pipe2(pipe_fds, O_CLOEXEC) != 0) {
		free(text);
		return NULL;
	}
	rc = spawn(argv, pipe_fds[1], &pid);
	close(pipe_fds[1]);
	if (rc == 0) {
		text[read_all(pipe_fds[0], text, cap)] = '\0';
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		*code = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
	} else {
		free(text);
		text = NULL;
	}
	close(pipe_fds[0]);
	return text;
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

struct args {
	size_t count;
	const char *words[HOST_ARGS_MAX];
	char numbers[HOST_ARGS_MAX][24];
};

static void add(struct args *args, const char *name, const char *value)
{
	if (args->count + 3 > HOST_ARGS_MAX || !value)
		return;
	args->words[args->count++] = name;
	args->words[args->count++] = value;
}

static void add_number(struct args *args, const char *name, const json_t *value)
{
	char *text = args->numbers[args->count];

	snprintf(text, sizeof(args->numbers[0]), "%lld", (long long)json_integer_value(value));
	add(args, name, text);
}

static void add_facts(struct args *args, const json_t *facts)
{
	size_t i;
	json_t *item;

	add(args, "--state-dir", json_string_value(json_object_get(facts, "state_dir")));
	add_number(args, "--neighbours", json_object_get(facts, "neighbours"));
	add_number(args, "--networks", json_object_get(facts, "networks"));
	json_array_foreach(json_object_get(facts, "vxlan_ports"), i, item)
	    add_number(args, "--port", item);
	json_array_foreach(json_object_get(facts, "subnets"), i, item)
	    add(args, "--subnet", json_string_value(item));
}

json_t *host_checks(const json_t *facts, struct weft_err *err)
{
	const char *state_dir = getenv("WEFT_STATE_DIR");
	struct args args = {.count = 0};
	char checker[CHECKER_BYTES];
	char *text;
	json_t *checks = NULL;
	int code = 0;

	find_checker(checker);
	args.words[args.count++] = checker;
	if (facts)
		add_facts(&args, facts);
	else
		add(&args, "--state-dir", state_dir && state_dir[0] ? state_dir : STATE_DIR_PRESET);
	args.words[args.count] = NULL;
	text = host_output(args.words, CHECKS_BYTES_MAX, &code);
	if (text && code == 0)
		checks = json_loads(text, 0, NULL);
	free(text);
	if (!json_is_array(checks)) {
		json_decref(checks);
		weft_err_set(err, WEFT_E_INTERNAL, "%s does not work: %s", checker,
			     text ? "its answer is no list of checks" : "it cannot be run");
		return NULL;
	}
	return checks;
}
