/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* weft diag without weftd, beside a weft-hostcheck that says what the test wants. */
#include "cli/host.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/bundle.h"
#include "cli/cli.h"
#include "test/base/cmocka_all.h"

#define TEXT_BYTES 8192

struct scene {
	char dir[64], checker[128], output[128];
	struct cli_options options;
	struct call call;
};

static int set_up(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));

	*state = scene;
	snprintf(scene->dir, sizeof(scene->dir), "/tmp/weft-diag-XXXXXX");
	assert_non_null(mkdtemp(scene->dir));
	snprintf(scene->checker, sizeof(scene->checker), "%s/weft-hostcheck", scene->dir);
	snprintf(scene->output, sizeof(scene->output), "%s/out", scene->dir);
	scene->options.socket = "/nonexistent/weft.sock";
	scene->call.method = api_method(API_DIAG);
	scene->call.local = json_object();
	scene->call.deadline_ms = 1000;
	snprintf(scene->call.path, sizeof(scene->call.path), "%s", scene->call.method->path);
	assert_int_equal(setenv("PATH", scene->dir, 1), 0);
	return 0;
}

static int tear_down(void **state)
{
	struct scene *scene = *state;

	unlink(scene->checker);
	unlink(scene->output);
	rmdir(scene->dir);
	json_decref(scene->call.local);
	free(scene);
	return 0;
}

/* From now on the checker prints this, a line of JSON, and the words that it was given behind it.
 */
static void checker_says(const struct scene *scene, const char *json)
{
	FILE *file = fopen(scene->checker, "we");

	assert_non_null(file);
	fprintf(file, "#!/bin/sh\necho '%s'\n", json);
	fclose(file);
	assert_int_equal(chmod(scene->checker, 0755), 0);
}

/* Runs weft diag; what it printed, and its exit code. */
static char *diag(struct scene *scene, int *code)
{
	char *text = calloc(1, TEXT_BYTES);
	int kept = dup(STDOUT_FILENO);
	int fd = open(scene->output, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(text != NULL && kept >= 0 && fd >= 0);
	fflush(stdout);
	dup2(fd, STDOUT_FILENO);
	*code = run_diag(&scene->options, &scene->call);
	fflush(stdout);
	dup2(kept, STDOUT_FILENO);
	assert_true(pread(fd, text, TEXT_BYTES - 1, 0) >= 0);
	close(fd);
	close(kept);
	return text;
}

static void without_weftd_the_host_is_checked_and_the_code_says_so(void **state)
{
	struct scene *scene = *state;
	int code;
	char *text;

	checker_says(scene,
		     "[{\"check\":\"disk\",\"peer\":null,\"verdict\":\"ok\",\"measured\":\"much "
		     "left\",\"remedy\":null},{\"check\":\"forward\",\"peer\":null,\"verdict\":"
		     "\"warn\",\"measured\":\"drops\",\"remedy\":\"let it\"}]");
	text = diag(scene, &code);
	assert_int_equal(code, 5);
	assert_non_null(strstr(text, "fail  weftd: weftd does not answer on /nonexistent"));
	assert_non_null(strstr(text, "ok    disk: much left\n"));
	assert_non_null(strstr(text, "warn  forward: drops -> let it\n"));
	assert_non_null(strstr(text, "3 checks: 1 failed, 1 warned"));
	free(text);
}

static void as_json_it_is_one_document_with_the_worst_verdict(void **state)
{
	struct scene *scene = *state;
	int code;
	char *text;
	json_t *json;

	checker_says(scene, "[]");
	scene->options.json = true;
	text = diag(scene, &code);
	json = json_loads(text, 0, NULL);
	assert_non_null(json);
	assert_string_equal(json_string_value(json_object_get(json, "verdict")), "fail");
	assert_int_equal(json_array_size(json_object_get(json, "checks")), 1);
	json_decref(json);
	free(text);
}

static void a_checker_that_is_missing_or_broken_is_a_check_of_its_own(void **state)
{
	struct scene *scene = *state;
	int code;
	char *text = diag(scene, &code);

	assert_int_equal(code, 5);
	assert_non_null(strstr(text, "warn  host: weft-hostcheck does not work"));
	free(text);
	checker_says(scene, "no JSON");
	text = diag(scene, &code);
	assert_non_null(strstr(text, "its answer is no list of checks -> install weft whole"));
	free(text);
}

static void the_checker_is_told_what_the_daemon_says(void **state)
{
	struct scene *scene = *state;
	json_t *facts =
	    json_pack("{s:s,s:[i,i],s:[s],s:i,s:i}", "state_dir", "/there", "vxlan_ports", 4789,
		      4790, "subnets", "10.0.0.0/8", "neighbours", 7, "networks", 2);
	struct weft_err err = {0};
	json_t *checks;
	FILE *file = fopen(scene->checker, "we");

	fprintf(file, "#!/bin/sh\necho \"[\\\"$*\\\"]\"\n");
	fclose(file);
	assert_int_equal(chmod(scene->checker, 0755), 0);
	checks = host_checks(facts, &err);
	assert_non_null(checks);
	assert_string_equal(
	    json_string_value(json_array_get(checks, 0)),
	    "--state-dir /there --neighbours 7 --networks 2 --port 4789 --port 4790 "
	    "--subnet 10.0.0.0/8");
	json_decref(checks);
	json_decref(facts);
}

/* ---- programs that do not end ---- */

static int64_t clock_factor = 1;    /* how much quicker time goes by */
static const char *clock_waits_for; /* a file: time stands until it is there */
static int64_t clock_began;

int64_t __real_clock_ms(void);
int64_t __wrap_clock_ms(void);

int64_t __wrap_clock_ms(void)
{
	int64_t now = __real_clock_ms() * clock_factor;

	if (clock_began == 0 && clock_waits_for && access(clock_waits_for, F_OK) != 0)
		return 0;
	if (clock_began == 0)
		clock_began = now;
	return now - clock_began;
}

/* Runs these words of a shell, behind some that tell which process it is, until they are ended. */
static void expect_ended(struct scene *scene, const char *words)
{
	char script[512];
	const char *argv[] = {"/bin/sh", "-c", script, NULL};
	int code = 0;
	char *text;
	pid_t pid;

	snprintf(script, sizeof(script), "echo $$; : >%s; %s", scene->output, words);
	clock_began = 0;
	clock_waits_for = scene->output;
	text = host_output(argv, "", 200, 64, &code);
	clock_waits_for = NULL;
	assert_non_null(text);
	assert_int_equal(code, HOST_TOO_LONG);
	pid = (pid_t)strtol(text, NULL, 10);
	assert_true(pid > 1);
	assert_int_equal(kill(pid, 0), -1);
	free(text);
	unlink(scene->output);
}

static void a_program_that_does_not_end_is_ended(void **state)
{
	const char *quick[] = {"/bin/sh", "-c", "echo here; exit 7", NULL};
	int code = 0;
	char *text;

	expect_ended(*state, "trap '' TERM; exec /bin/sleep 1000");
	expect_ended(*state, "exec >&-; exec /bin/sleep 1000");
	expect_ended(*state, "while :; do echo more; done");
	for (int ignored = 0; ignored < 2; ignored++) { /* by whoever started weft */
		assert_true(signal(SIGCHLD, ignored ? SIG_IGN : SIG_DFL) != SIG_ERR);
		text = host_output(quick, "", 60000, 64, &code);
		assert_string_equal(text, "here\n");
		assert_int_equal(code, 7);
		free(text);
	}
}

static void a_checker_that_hangs_is_told_with_what_to_do(void **state)
{
	struct scene *scene = *state;
	FILE *file = fopen(scene->checker, "we");
	int code;
	char *text;

	assert_non_null(file);
	fprintf(file, "#!/bin/sh\nexec /bin/sleep 1000\n");
	fclose(file);
	assert_int_equal(chmod(scene->checker, 0755), 0);
	clock_factor = 100;
	text = diag(scene, &code);
	clock_factor = 1;
	assert_int_equal(code, 5);
	assert_non_null(strstr(text, "warn  host: weft-hostcheck was ended, as it had no answer "
				     "after 60 s"));
	assert_non_null(strstr(text, " -> run weft diag again when the host is calm"));
	free(text);
}

/* ---- bundle ---- */

static bool pages_break; /* members come as a first page, and the next is refused */

json_t *__real_call_ask(const struct cli_options *options, const struct call *call,
			const char *path, struct weft_err *err);
json_t *__wrap_call_ask(const struct cli_options *options, const struct call *call,
			const char *path, struct weft_err *err);

json_t *__wrap_call_ask(const struct cli_options *options, const struct call *call,
			const char *path, struct weft_err *err)
{
	if (!pages_break || call->method->id != API_MEMBERS)
		return __real_call_ask(options, call, path, err);
	if (strcmp(path, call->method->path) == 0)
		return json_pack("{s:[s],s:s}", "members", "first", "next", "cursor");
	weft_err_set(err, WEFT_E_UNREACHABLE, "went away");
	return NULL;
}

static void a_list_that_is_cut_short_is_counted_as_a_gap(void **state)
{
	struct scene *scene = *state;
	json_t *checks = json_array();
	struct weft_err err = {0};
	size_t gaps = 0;
	json_t *bundle;
	const json_t *members;

	pages_break = true;
	assert_int_equal(bundle_write(&scene->options, scene->output, checks, NULL, &gaps, &err),
			 0);
	pages_break = false;
	bundle = json_load_file(scene->output, 0, NULL);
	members = json_object_get(json_object_get(bundle, "api"), "members");
	assert_int_equal(json_array_size(json_object_get(members, "members")), 1);
	assert_string_equal(json_string_value(json_object_get(members, "error")), "went away");
	assert_int_equal(gaps, 1 + 8 + 1 + json_object_size(json_object_get(bundle, "kernel")));
	json_decref(bundle);
	json_decref(checks);
}

static void a_bundle_is_a_new_file_for_its_owner(void **state)
{
	struct scene *scene = *state;
	json_t *checks = json_array();
	struct weft_err err = {0};
	struct stat file;
	json_t *bundle;
	const json_t *kernel;
	size_t gaps = 0;

	assert_int_equal(bundle_write(&scene->options, scene->output, checks, NULL, &gaps, &err),
			 0);
	assert_int_equal(stat(scene->output, &file), 0);
	assert_int_equal(file.st_mode & 0777, 0600);
	bundle = json_load_file(scene->output, 0, NULL);
	assert_true(json_is_array(json_object_get(bundle, "checks")));
	assert_non_null(json_object_get(json_object_get(bundle, "host"), "kernel"));
	/* No weftd, and no tools in the PATH: each part says so, and they are counted. */
	kernel = json_object_get(bundle, "kernel");
	assert_string_equal(
	    json_string_value(json_object_get(json_object_get(kernel, "links"), "error")),
	    "ip cannot be run");
	assert_non_null(json_object_get(json_object_get(bundle, "weftd"), "error"));
	assert_non_null(json_object_get(json_object_get(bundle, "metrics"), "error"));
	assert_int_equal(gaps, json_integer_value(json_object_get(bundle, "absent")));
	assert_int_equal(gaps, 1 + 8 + 1 + json_object_size(kernel));
	json_decref(bundle);
	assert_int_equal(bundle_write(&scene->options, scene->output, checks, NULL, &gaps, &err),
			 WEFT_E_EXISTS);
	json_decref(checks);
}

int main(void)
{
#define SCENE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    SCENE(without_weftd_the_host_is_checked_and_the_code_says_so),
	    SCENE(as_json_it_is_one_document_with_the_worst_verdict),
	    SCENE(a_checker_that_is_missing_or_broken_is_a_check_of_its_own),
	    SCENE(the_checker_is_told_what_the_daemon_says),
	    SCENE(a_program_that_does_not_end_is_ended),
	    SCENE(a_checker_that_hangs_is_told_with_what_to_do),
	    SCENE(a_bundle_is_a_new_file_for_its_owner),
	    SCENE(a_list_that_is_cut_short_is_counted_as_a_gap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
