/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Who may read and who may change things over the socket, with callers that are other users: for
 * root, as nobody else can become them. */
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "http_kit.h"
#include "test/base/cmocka_all.h"

#define USER 64123 /* nobody's */
#define GROUP 64124
#define OTHER_GROUP 64200 /* and those that follow */
#define GROUPS_MANY 200
#define CANNOT_CONNECT 1 /* an HTTP status of a kind */
#define CALL_SECONDS 60

struct world {
	uv_loop_t loop;
	struct http *http;
	char path[64];
	size_t handled;
};

/* A user of another program. */
struct person {
	uid_t uid;
	gid_t gid;
	size_t group_count;
	gid_t groups[GROUPS_MANY];
};

static void handle(void *ctx, struct request *req)
{
	struct world *w = ctx;

	w->handled++;
	request_answer(req, json_object());
}

static struct world *world_new(gid_t change_gid, bool all_read)
{
	static int count;
	struct world *w = calloc(1, sizeof(*w));
	struct http_config config = {
	    .loop = &w->loop, .change_gid = change_gid, .ctx = w, .handle = handle};
	struct weft_err err = {0};

	snprintf(w->path, sizeof(w->path), "/tmp/weft-caller-%d-%d", (int)getpid(), count++);
	uv_loop_init(&w->loop);
	config.listen_fd = http_listen(w->path, change_gid, all_read, &err);
	assert_true(config.listen_fd >= 0);
	w->http = http_new(&config, &err);
	assert_non_null(w->http);
	return w;
}

static void world_free(struct world *w)
{
	http_kit_close(&w->loop, w->http);
	unlink(w->path);
	free(w);
}

/* In the child: the status of the answer, 0 where something else went wrong. */
static int ask(int fd, const char *path, const struct person *person, const char *text)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	char answer[512] = "";
	size_t len = 0;
	ssize_t n;

	if (setgroups(person->group_count, person->groups) != 0 || setgid(person->gid) != 0 ||
	    setuid(person->uid) != 0)
		return 0;
	memcpy(addr.sun_path, path, strlen(path) + 1);
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0)
		return errno == EACCES ? CANNOT_CONNECT : 0;
	if (send(fd, text, strlen(text), MSG_NOSIGNAL) != (ssize_t)strlen(text))
		return 0;
	while (len + 1 < sizeof(answer) &&
	       (n = recv(fd, answer + len, sizeof(answer) - 1 - len, 0)) > 0)
		len += (size_t)n;
	return strncmp(answer, "HTTP/1.1 ", 9) == 0 ? (int)strtol(answer + 9, NULL, 10) : 0;
}

static int status_for(struct world *w, const struct person *person, const char *text)
{
	uint64_t until = uv_hrtime() + CALL_SECONDS * UINT64_C(1000000000);
	int pipes[2], status = 0, how = 0;
	pid_t child;

	assert_int_equal(pipe(pipes), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		alarm(CALL_SECONDS);
		status = ask(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), w->path, person, text);
		_exit(write(pipes[1], &status, sizeof(status)) == sizeof(status) ? 0 : 1);
	}
	close(pipes[1]);
	while (waitpid(child, &how, WNOHANG) == 0) {
		assert_true(uv_hrtime() < until);
		uv_run(&w->loop, UV_RUN_NOWAIT);
	}
	assert_true(WIFEXITED(how) && WEXITSTATUS(how) == 0);
	assert_int_equal(read(pipes[0], &status, sizeof(status)), sizeof(status));
	close(pipes[0]);
	return status;
}

static int reads(struct world *w, const struct person *person)
{
	return status_for(w, person,
			  "GET /v1/status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
}

/* What came of an attempt to change something: refused, or done by the handler. */
static int changes(struct world *w, const struct person *person)
{
	size_t before = w->handled;
	int status = status_for(w, person,
				"POST /v1/cluster/leave HTTP/1.1\r\nHost: x\r\n"
				"Connection: close\r\nContent-Length: 2\r\n\r\n{}");

	assert_int_equal(w->handled - before, status == 200);
	return status;
}

/* In many groups, of which the last may be the one. */
static struct person member_of(gid_t primary, size_t group_count, gid_t last)
{
	struct person person = {USER, primary, group_count, {0}};

	for (size_t i = 0; i < group_count; i++)
		person.groups[i] = (gid_t)(OTHER_GROUP + i);
	if (group_count > 0)
		person.groups[group_count - 1] = last;
	return person;
}

static void a_stranger_gets_no_connection(void **state)
{
	struct world *w = world_new(GROUP, false);
	struct person stranger = member_of(USER, 3, USER);

	(void)state;
	assert_int_equal(reads(w, &stranger), CANNOT_CONNECT);
	assert_int_equal(changes(w, &stranger), CANNOT_CONNECT);
	world_free(w);
}

static void a_stranger_reads_where_all_may_and_changes_nothing(void **state)
{
	struct world *w = world_new(GROUP, true);
	struct person stranger = member_of(USER, 3, USER);
	struct person in_many = member_of(USER, GROUPS_MANY, USER);

	(void)state;
	assert_int_equal(reads(w, &stranger), 200);
	assert_int_equal(changes(w, &stranger), 403);
	assert_int_equal(changes(w, &in_many), 403);
	world_free(w);
}

static void a_member_of_the_group_changes_things(void **state)
{
	struct person primary = member_of(GROUP, 0, 0);
	struct person supplementary = member_of(USER, 1, GROUP);
	struct person in_many = member_of(USER, GROUPS_MANY, GROUP);

	(void)state;
	for (int all_read = 0; all_read < 2; all_read++) {
		struct world *w = world_new(GROUP, all_read);

		assert_int_equal(changes(w, &primary), 200);
		assert_int_equal(changes(w, &supplementary), 200);
		assert_int_equal(changes(w, &in_many), 200);
		assert_int_equal(reads(w, &in_many), 200);
		world_free(w);
	}
}

static void root_changes_things_and_where_there_is_no_group_nobody_else(void **state)
{
	struct person root = {0, USER, 0, {0}}, member = member_of(GROUP, 1, GROUP);
	struct person root_group = member_of(0, 1, 0); /* whose the socket then is */
	struct world *w = world_new(GROUP, false);

	(void)state;
	assert_int_equal(changes(w, &root), 200);
	world_free(w);
	w = world_new((gid_t)-1, false);
	assert_int_equal(changes(w, &root), 200);
	assert_int_equal(changes(w, &member), CANNOT_CONNECT);
	assert_int_equal(changes(w, &root_group), 403);
	world_free(w);
	w = world_new((gid_t)-1, true);
	assert_int_equal(reads(w, &member), 200);
	assert_int_equal(changes(w, &member), 403);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_stranger_gets_no_connection),
	    cmocka_unit_test(a_stranger_reads_where_all_may_and_changes_nothing),
	    cmocka_unit_test(a_member_of_the_group_changes_things),
	    cmocka_unit_test(root_changes_things_and_where_there_is_no_group_nobody_else),
	};

	if (geteuid() != 0) {
		fputs("skipped: only root can become other users (sudo make test)\n", stderr);
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
