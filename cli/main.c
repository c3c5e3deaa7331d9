/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* weft: the command line of weftd. */
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

		if (!common_take(argv[at], COMMON_FRONT, next, options, &used_next))
			return weft_err_set(err, WEFT_E_INVALID,
					    "unknown option \"%.64s\"; see weft help", argv[at]);
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
		return 0;
	}
	if (at == argc || strcmp(argv[at], "help") == 0)
		return at == argc && !options.help
			   ? (help_all(stderr), 2)
			   : help(argc - at - (at < argc), argv + at + (at < argc));
	if (options.help)
		return help(argc - at, argv + at);
	return run(argc - at, argv + at, &options);
}
