/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* weft: the command line of weftd. */
#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

/* Reads options in front of the command; the index of its first word, or negative with err. */
static int read_front(int argc, char *const *argv, struct cli_options *options,
		      struct weft_err *err)
{
	int at = 1;

	for (; at < argc && argv[at][0] == '-'; at++) {
		const char *next = at + 1 < argc ? argv[at + 1] : NULL;
		bool used_next;
		enum common_taken taken =
		    common_take(argv[at], COMMON_FRONT, next, options, &used_next);

		if (taken != COMMON_TAKEN)
			return weft_err_set(err, WEFT_E_INVALID, "%s \"%.64s\"; see weft help",
					    common_fault(taken), argv[at]);
		at += used_next;
	}
	return at;
}

/* Second words of the commands that begin with this one: how many there are. */
static size_t words_behind(const char *word, char *out, size_t cap)
{
	size_t len = strlen(word), count = 0, at = 0;

	for (int i = 0; i < API_METHOD_COUNT; i++) {
		const char *command = api_method((enum api_id)i)->command;

		if (!command || strncmp(command, word, len) != 0 || command[len] != ' ' ||
		    at >= cap)
			continue;
		at += (size_t)snprintf(out + at, cap - at, "%s%s", count ? ", " : "",
				       command + len + 1);
		count++;
	}
	return count;
}

static int unknown(const char *word)
{
	struct weft_err err = {0};
	char list[256];

	if (words_behind(word, list, sizeof(list)) > 0)
		weft_err_set(&err, WEFT_E_INVALID, "%.64s needs one of: %s; see weft help %.64s",
			     word, list, word);
	else
		weft_err_set(&err, WEFT_E_INVALID, "unknown command \"%.64s\"; see weft help",
			     word);
	return complain(&err);
}

static int help(int argc, char *const *argv)
{
	size_t used;
	const struct api_method *method =
	    api_find_command((const char *const *)argv, (size_t)argc, &used);

	if (argc == 0) {
		help_all(stdout);
		return 0;
	}
	if (method) {
		help_method(method, stdout);
		return 0;
	}
	if (strcmp(argv[0], "metrics") == 0) {
		help_metrics(stdout);
		return 0;
	}
	return help_group(argv[0], stdout) > 0 ? 0 : unknown(argv[0]);
}

static int run(int argc, char *const *argv, struct cli_options *options)
{
	struct weft_err err = {0};
	struct call call;
	size_t used;
	const struct api_method *method =
	    api_find_command((const char *const *)argv, (size_t)argc, &used);
	int rc;

	if (!method)
		return unknown(argv[0]);
	rc = call_parse(method, argc - (int)used, argv + used, options, &call, &err);
	if (options->help) {
		help_method(method, stdout);
		rc = 0;
	} else {
		rc = rc == 0 ? run_call(options, &call) : complain(&err);
	}
	call_close(&call);
	return rc;
}

/* Whatever the command did, an answer that did not get out is not success. */
static int end(int code)
{
	struct weft_err err = {0};

	errno = 0;
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	/* A write before may have found it out, and its reason is gone. */
	weft_err_set(&err, WEFT_E_INTERNAL,
		     "standard output does not take the answer%s%s; see where it goes",
		     errno ? ": " : "", errno ? strerror(errno) : "");
	(void)complain(&err);
	return code ? code : weft_code_info(err.code)->exit_code;
}

int main(int argc, char **argv)
{
	const char *socket = getenv("WEFT_SOCKET");
	const char *no_colour = getenv("NO_COLOR");
	struct cli_options options = {
	    .socket = socket && socket[0] ? socket : SOCKET_PRESET,
	    .colour = isatty(STDOUT_FILENO) && !(no_colour && no_colour[0]),
	};
	struct weft_err err = {0};
	int at;

	setlocale(LC_CTYPE, "");
	at = read_front(argc, argv, &options, &err);
	if (at < 0)
		return complain(&err);
	if (options.version) {
		puts("weft " WEFT_VERSION);
		return end(0);
	}
	if (at == argc && !options.help) {
		help_all(stderr);
		return 2;
	}
	if (at < argc && strcmp(argv[at], "help") == 0)
		return end(help(argc - at - 1, argv + at + 1));
	if (options.help)
		return end(help(argc - at, argv + at));
	return end(run(argc - at, argv + at, &options));
}
