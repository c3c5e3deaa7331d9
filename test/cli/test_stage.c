/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* weft as root, beside a weftd of another user: a process that says where its state lies. */
#include "cli/stage.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test/base/cmocka_all.h"

#define NOBODY 65534

struct scene {
	char dir[64], state[96], socket[96], file[96];
	pid_t weftd;
	struct cli_options options;
	struct call call;
};

/* Answers whatever is asked. */
static void be_weftd(const struct scene *scene, int fd)
{
	char request[4096], answer[512], body[256];

	snprintf(body, sizeof(body), "{\"state_dir\":\"%s\"}", scene->state);
	snprintf(answer, sizeof(answer), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s",
		 strlen(body), body);
	for (;;) {
		int peer = accept(fd, NULL, NULL);

		if (peer < 0)
			_exit(1);
		if (read(peer, request, sizeof(request)) > 0 &&
		    write(peer, answer, strlen(answer)) < 0)
			_exit(1);
		close(peer);
	}
}

/* The socket is there when this returns; whom it belongs to is who listens. */
static void start_weftd(struct scene *scene)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int ready[2], fd;
	char byte;

	assert_int_equal(pipe(ready), 0);
	scene->weftd = fork();
	assert_true(scene->weftd >= 0);
	if (scene->weftd > 0) {
		close(ready[1]);
		assert_int_equal(read(ready[0], &byte, 1), 1);
		close(ready[0]);
		return;
	}
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", scene->socket);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (fd < 0 || setuid(NOBODY) != 0 ||
	    bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) != 0 || listen(fd, 8) != 0 ||
	    write(ready[1], "x", 1) != 1)
		_exit(1);
	be_weftd(scene, fd);
}

static int set_up(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));

	*state = scene;
	snprintf(scene->dir, sizeof(scene->dir), "/tmp/weft-stage-XXXXXX");
	assert_non_null(mkdtemp(scene->dir));
	snprintf(scene->state, sizeof(scene->state), "%s/state", scene->dir);
	snprintf(scene->socket, sizeof(scene->socket), "%s/state/sock", scene->dir);
	snprintf(scene->file, sizeof(scene->file), "%s/file", scene->dir);
	assert_int_equal(chmod(scene->dir, 0755), 0);
	assert_int_equal(mkdir(scene->state, 0700), 0);
	assert_int_equal(chown(scene->state, NOBODY, NOBODY), 0);
	start_weftd(scene);
	scene->options.socket = scene->socket;
	scene->call.body = json_pack("{s:s}", "file", scene->file);
	scene->call.method = api_method(API_BACKUP);
	return 0;
}

static int tear_down(void **state)
{
	struct scene *scene = *state;
	char command[128];

	kill(scene->weftd, SIGKILL);
	waitpid(scene->weftd, NULL, 0);
	snprintf(command, sizeof(command), "rm -rf %s", scene->dir);
	assert_int_equal(system(command), 0);
	json_decref(scene->call.body);
	free(scene);
	return 0;
}

/* How many files there are that begin with "carried.". */
static int carried(const struct scene *scene)
{
	char command[160];
	int status;

	snprintf(command, sizeof(command), "exit $(ls %s | grep -c ^carried)", scene->state);
	status = system(command);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static const char *told_file(const struct scene *scene)
{
	return json_string_value(json_object_get(scene->call.body, "file"));
}

static void a_backup_is_carried_to_where_it_was_wanted(void **state)
{
	struct scene *scene = *state;
	json_t *answer = json_object();
	struct weft_err err = {0};
	struct stage stage;
	struct stat stat_now;

	assert_int_equal(stage_begin(&stage, &scene->options, &scene->call, &err), 0);
	assert_int_equal(strncmp(told_file(scene), scene->state, strlen(scene->state)), 0);
	write_file(told_file(scene), "secrets");
	assert_int_equal(stage_end(&stage, API_BACKUP, answer, &err), 0);
	stage_close(&stage);
	assert_string_equal(json_string_value(json_object_get(answer, "file")), scene->file);
	assert_int_equal(stat(scene->file, &stat_now), 0);
	assert_int_equal(stat_now.st_mode & 0777, 0600);
	assert_int_equal(stat_now.st_size, 7);
	assert_int_equal(carried(scene), 0);
	json_decref(answer);
}

static void a_weft_that_is_killed_leaves_nothing(void **state)
{
	struct scene *scene = *state;
	struct weft_err err = {0};
	struct stage stage;
	int ends[2];
	pid_t weft;
	char byte;

	assert_int_equal(pipe(ends), 0);
	weft = fork();
	assert_true(weft >= 0);
	if (weft == 0) {
		if (stage_begin(&stage, &scene->options, &scene->call, &err) != 0)
			_exit(1);
		write_file(told_file(scene), "secrets");
		if (write(ends[1], "x", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	close(ends[1]);
	assert_int_equal(read(ends[0], &byte, 1), 1);
	assert_int_equal(carried(scene), 1);
	kill(weft, SIGKILL);
	/* The pipe ends when all that weft started have ended. */
	assert_int_equal(read(ends[0], &byte, 1), 0);
	close(ends[0]);
	waitpid(weft, NULL, 0);
	assert_int_equal(carried(scene), 0);
}

static void what_former_runs_left_is_removed_and_what_is_under_way_is_not(void **state)
{
	static const struct timespec old[2] = {{.tv_sec = 1000000}, {.tv_sec = 1000000}};
	struct scene *scene = *state;
	struct weft_err err = {0};
	struct stage stage;
	char path[128];

	snprintf(path, sizeof(path), "%s/carried.old", scene->state);
	write_file(path, "secrets");
	assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
	snprintf(path, sizeof(path), "%s/carried.new", scene->state);
	write_file(path, "secrets");
	assert_int_equal(stage_begin(&stage, &scene->options, &scene->call, &err), 0);
	stage_close(&stage);
	assert_int_equal(carried(scene), 1);
	assert_int_equal(access(path, F_OK), 0);
}

static void root_makes_no_file_in_a_directory_that_is_not_weftds(void **state)
{
	struct scene *scene = *state;
	struct weft_err err = {0};
	struct stage stage;

	assert_int_equal(chown(scene->state, 0, 0), 0);
	assert_int_equal(stage_begin(&stage, &scene->options, &scene->call, &err), WEFT_E_DENIED);
	stage_close(&stage);
	assert_int_equal(carried(scene), 0);
}

static void a_backup_may_be_named_by_a_link(void **state)
{
	struct scene *scene = *state;
	struct weft_err err = {0};
	struct stage stage;
	struct stat stat_now;
	char link[128];

	scene->call.method = api_method(API_RESTORE);
	write_file(scene->file, "secrets");
	snprintf(link, sizeof(link), "%s/link", scene->dir);
	assert_int_equal(symlink(scene->file, link), 0);
	json_object_set_new(scene->call.body, "file", json_string(link));
	assert_int_equal(stage_begin(&stage, &scene->options, &scene->call, &err), 0);
	assert_int_equal(stat(told_file(scene), &stat_now), 0);
	assert_int_equal(stat_now.st_uid, NOBODY);
	assert_int_equal(stat_now.st_size, 7);
	stage_close(&stage);
	assert_int_equal(carried(scene), 0);
}

int main(void)
{
#define SCENE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    SCENE(a_backup_is_carried_to_where_it_was_wanted),
	    SCENE(a_weft_that_is_killed_leaves_nothing),
	    SCENE(what_former_runs_left_is_removed_and_what_is_under_way_is_not),
	    SCENE(root_makes_no_file_in_a_directory_that_is_not_weftds),
	    SCENE(a_backup_may_be_named_by_a_link),
	};

	if (geteuid() != 0)
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
