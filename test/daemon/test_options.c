/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <string.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/options.h"
#include "test/base/cmocka_all.h"

/* A command line, an environment and a file, and what they must give. */
struct row {
	const char *flags[6];
	const char *env[4];
	const char *yaml;
	const char *bind;  /* text of the option that wins; NULL: an error */
	const char *error; /* a part of its line */
};

static int read_row(const struct row *row, struct option_texts *texts, struct options *options,
		    struct weft_err *err)
{
	char *argv[8] = {(char *)(uintptr_t) "weftd"};
	char *env[5] = {NULL};
	enum options_want want;
	int argc = 1, rc;

	memset(texts, 0, sizeof(*texts));
	for (; argc < 7 && row->flags[argc - 1]; argc++)
		argv[argc] = (char *)(uintptr_t)row->flags[argc - 1];
	for (size_t i = 0; i < 4; i++)
		env[i] = (char *)(uintptr_t)row->env[i];
	rc = options_flags(texts, argc, argv, &want, err);
	if (rc == 0)
		rc = options_env(texts, env, err);
	if (rc == 0 && row->yaml)
		rc = options_yaml(texts, row->yaml, strlen(row->yaml), "weft.yaml", err);
	return rc == 0 ? options_judge(texts, options, err) : rc;
}

static void a_flag_wins_over_the_environment_and_that_over_the_file(void **state)
{
	static const struct row rows[] = {
	    {{NULL}, {NULL}, NULL, "0.0.0.0:7947", NULL},
	    {{NULL}, {NULL}, "bind: 10.0.0.1:1\n", "10.0.0.1:1", NULL},
	    {{NULL}, {"WEFT_BIND=10.0.0.2:2"}, "bind: 10.0.0.1:1\n", "10.0.0.2:2", NULL},
	    {{"--bind", "10.0.0.3:3"},
	     {"WEFT_BIND=10.0.0.2:2"},
	     "bind: 10.0.0.1:1\n",
	     "10.0.0.3:3",
	     NULL},
	    {{"--bind=10.0.0.4"}, {NULL}, NULL, "10.0.0.4", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct option_texts texts;
		struct options options;
		struct weft_err err = {0};
		struct hostport wanted;

		assert_int_equal(read_row(&rows[i], &texts, &options, &err), 0);
		assert_string_equal(texts.text[OPTION_BIND], rows[i].bind);
		assert_int_equal(hostport_parse(rows[i].bind, GOSSIP_PORT, &wanted), 0);
		assert_true(hostport_eq(&options.bind, &wanted));
	}
}

static void a_wrong_value_is_named_with_its_option_and_its_source(void **state)
{
	static const struct row rows[] = {
	    {{"--bind", "nonsense"},
	     {NULL},
	     NULL,
	     NULL,
	     "bind (from the command line): \"nonsense\""},
	    {{NULL}, {"WEFT_ADVERTISE=0.0.0.0"}, NULL, NULL, "advertise (from the environment)"},
	    {{"--advertise", "127.0.0.1:7"}, {NULL}, NULL, NULL, "reach this one; write one"},
	    {{"--advertise", "::1"}, {NULL}, NULL, NULL, "reach this one; write one"},
	    {{"--advertise", "::"}, {NULL}, NULL, NULL, "reach this one; write one"},
	    {{"--advertise", "127.0.0.1", "--bind", "10.0.0.1"},
	     {NULL},
	     NULL,
	     NULL,
	     "reach this one; write one"},
	    {{NULL},
	     {NULL},
	     "log-level: loud\n",
	     NULL,
	     "log-level (from the file): \"loud\" is none of"},
	    {{"--state-dir", "rel"}, {NULL}, NULL, NULL, "is not an absolute path"},
	    {{"--sync-wait", "soon"}, {NULL}, NULL, NULL, "is not a duration"},
	    {{"--vxlan-port", "70000"}, {NULL}, NULL, NULL, "is not a port"},
	    {{"--readers", "root"}, {NULL}, NULL, NULL, "\"root\" is none of group|all"},
	    {{"--metrics-listen", "10.0.0.1"}, {NULL}, NULL, NULL, "write ADDR:PORT or [ADDR]"},
	    {{"--metrics-listen", "::1"}, {NULL}, NULL, NULL, "is not an address with a port"},
	    {{"--metrics-listen", "host:1"}, {NULL}, NULL, NULL, "is not an address with a port"},
	    {{"--name", "a b"}, {NULL}, NULL, NULL, "is not a name"},
	    {{"--wat"}, {NULL}, NULL, NULL, "unknown argument \"--wat\""},
	    {{"--bind"}, {NULL}, NULL, NULL, "--bind needs a value"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct option_texts texts;
		struct options options;
		struct weft_err err = {0};

		assert_int_equal(read_row(&rows[i], &texts, &options, &err), WEFT_E_INVALID);
		assert_non_null(strstr(err.message, rows[i].error));
		assert_null(strchr(err.message, '\n'));
	}
}

static void nodes_bound_to_loopback_may_advertise_it(void **state)
{
	static const struct row rows[] = {
	    {{"--advertise", "127.0.0.2", "--bind", "127.0.0.1"},
	     {NULL},
	     NULL,
	     "127.0.0.1:7947",
	     NULL},
	    {{"--advertise", "::1", "--bind", "[::1]:7947"}, {NULL}, NULL, "[::1]:7947", NULL},
	    {{"--advertise", "192.0.2.1", "--bind", "0.0.0.0"}, {NULL}, NULL, "0.0.0.0:7947", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct option_texts texts;
		struct options options;
		struct weft_err err = {0};

		assert_int_equal(read_row(&rows[i], &texts, &options, &err), 0);
		assert_true(options.has_advertise);
	}
}

static void reading_is_opened_only_where_it_is_asked_for(void **state)
{
	static const struct row closed = {.yaml = "group: people\n"};
	static const struct row opened = {.yaml = "readers: all\n"};
	struct option_texts texts;
	struct options options;
	struct weft_err err = {0};

	(void)state;
	assert_int_equal(read_row(&closed, &texts, &options, &err), 0);
	assert_false(options.all_read);
	assert_int_equal(read_row(&opened, &texts, &options, &err), 0);
	assert_true(options.all_read);
}

static void a_configuration_file_that_was_named_must_exist(void **state)
{
	struct option_texts texts = {.config_given = true, .config = "/nonexistent/weft.yaml"};
	struct weft_err err = {0};

	(void)state;
	assert_int_equal(options_file(&texts, &err), WEFT_E_INVALID);
	assert_non_null(strstr(err.message, "/nonexistent/weft.yaml"));
}

static void a_service_whose_output_is_the_journals_logs_in_its_format(void **state)
{
	char stream[80];
	struct row row = {.env = {stream}};
	struct option_texts texts;
	struct options options;
	struct weft_err err = {0};
	struct stat stat;

	(void)state;
	assert_int_equal(fstat(STDERR_FILENO, &stat), 0);
	snprintf(stream, sizeof(stream), "JOURNAL_STREAM=%llu:%llu",
		 (unsigned long long)stat.st_dev, (unsigned long long)stat.st_ino);
	assert_int_equal(read_row(&row, &texts, &options, &err), 0);
	assert_int_equal(options.log_format, LOG_JOURNAL);
	/* The administrator's word counts more. */
	row.yaml = "log-format: json\n";
	assert_int_equal(read_row(&row, &texts, &options, &err), 0);
	assert_int_equal(options.log_format, LOG_JSON);
	/* Handed down to a process that writes elsewhere it says nothing. */
	row.yaml = NULL;
	snprintf(stream, sizeof(stream), "JOURNAL_STREAM=%llu:%llu",
		 (unsigned long long)stat.st_dev, (unsigned long long)stat.st_ino + 1);
	assert_int_equal(read_row(&row, &texts, &options, &err), 0);
	assert_int_equal(options.log_format, LOG_TEXT);
}

static void who_may_not_enter_namespaces_asks_for_a_helper_at_its_socket(void **state)
{
	struct option_texts texts;
	struct options options;
	struct weft_err err = {0};
	uid_t uid = geteuid();

	(void)state;
	if (uid == 0)
		assert_int_equal(seteuid(65534), 0);
	assert_int_equal(read_row(&(struct row){.flags = {NULL}}, &texts, &options, &err), 0);
	assert_string_equal(options.helper, OPTIONS_HELPER_SOCKET);
	/* What the file says holds all the same. */
	assert_int_equal(
	    read_row(&(struct row){.yaml = "helper: /srv/helper\n"}, &texts, &options, &err), 0);
	assert_string_equal(options.helper, "/srv/helper");
	assert_int_equal(seteuid(uid), 0);
	if (uid != 0)
		return;
	assert_int_equal(read_row(&(struct row){.flags = {NULL}}, &texts, &options, &err), 0);
	assert_non_null(strstr(options.helper, "/weft-netns"));
	assert_string_not_equal(options.helper, OPTIONS_HELPER_SOCKET);
}

/* One blank for each line's end and the blanks behind it; no line is wider than a terminal. */
static void join_lines(char *text)
{
	char *out = text, *start = text;

	for (char *at = text; *at; at++) {
		if (*at == '\n') {
			assert_in_range(at - start, 0, 80);
			start = at + 1;
		}
		if (*at == '\n')
			*at = ' ';
		if (*at != ' ' || out == text || out[-1] != ' ')
			*out++ = *at;
	}
	*out = '\0';
}

static void the_help_names_every_option(void **state)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	(void)state;
	options_help(out);
	fclose(out);
	join_lines(text);
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		assert_non_null(strstr(text, option_info((enum option_id)i)->name));
		assert_non_null(strstr(text, option_info((enum option_id)i)->help));
	}
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_flag_wins_over_the_environment_and_that_over_the_file),
	    cmocka_unit_test(a_wrong_value_is_named_with_its_option_and_its_source),
	    cmocka_unit_test(nodes_bound_to_loopback_may_advertise_it),
	    cmocka_unit_test(reading_is_opened_only_where_it_is_asked_for),
	    cmocka_unit_test(a_configuration_file_that_was_named_must_exist),
	    cmocka_unit_test(a_service_whose_output_is_the_journals_logs_in_its_format),
	    cmocka_unit_test(who_may_not_enter_namespaces_asks_for_a_helper_at_its_socket),
	    cmocka_unit_test(the_help_names_every_option),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
