/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "daemon/options.h"

#include <ctype.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gossip/base/check.h"

#define HELP_COLUMNS 80
#define HELP_INDENT 32

static const struct option_info infos[OPTION_COUNT] = {
#define OPTION_ROW_(sym, name, arg, def, help) {name, arg, def, help},
    OPTIONS(OPTION_ROW_)
#undef OPTION_ROW_
};

static const struct option_info extras[] = {
    {"config", "FILE", OPTIONS_CONFIG_DEFAULT, "configuration file"},
    {"check", NULL, NULL, "validate the configuration, print it and exit"},
    {"version", NULL, NULL, "print the version"},
    {"help", NULL, NULL, "print this"},
};

const struct option_info *options_extra(size_t *count)
{
	*count = sizeof(extras) / sizeof(extras[0]);
	return extras;
}

const struct option_info *option_info(enum option_id id)
{
	WEFT_ASSERT(id < OPTION_COUNT);
	return &infos[id];
}

int options_set(struct option_texts *texts, enum option_id id, enum option_source source,
		const char *value, struct weft_err *err)
{
	WEFT_ASSERT(id < OPTION_COUNT);
	WEFT_ASSERT(source != FROM_NOWHERE);
	if (source < texts->source[id])
		return 0;
	if (strlen(value) >= OPTION_TEXT_BYTES)
		return weft_err_set(err, WEFT_E_INVALID,
				    "%s: the value is longer than %d bytes; use a shorter one",
				    infos[id].name, OPTION_TEXT_BYTES - 1);
	texts->source[id] = source;
	snprintf(texts->text[id], OPTION_TEXT_BYTES, "%s", value);
	return 0;
}

static bool flag_is(const char *arg, const char *name, const char **value)
{
	size_t len = strlen(name);

	if (strncmp(arg, "--", 2) != 0 || strncmp(arg + 2, name, len) != 0)
		return false;
	*value = arg[len + 2] == '=' ? arg + len + 3 : NULL;
	return arg[len + 2] == '=' || arg[len + 2] == '\0';
}

static int flag_take(struct option_texts *texts, const char *name, const char *value,
		     struct weft_err *err)
{
	if (strcmp(name, "config") == 0) {
		if (strlen(value) >= sizeof(texts->config))
			return weft_err_set(err, WEFT_E_INVALID,
					    "--config: the path is too long; use a shorter one");
		snprintf(texts->config, sizeof(texts->config), "%s", value);
		texts->config_given = true;
		return 0;
	}
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		if (strcmp(infos[i].name, name) == 0)
			return options_set(texts, (enum option_id)i, FROM_FLAG, value, err);
	}
	return weft_err_set(err, WEFT_E_INTERNAL, "--%s is in no table", name);
}

/* The name of the option that a flag names, or NULL. */
static const char *flag_name(const char *arg, const char **value)
{
	if (flag_is(arg, "config", value))
		return "config";
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		if (flag_is(arg, infos[i].name, value))
			return infos[i].name;
	}
	return NULL;
}

int options_flags(struct option_texts *texts, int argc, char *const *argv, enum options_want *want,
		  struct weft_err *err)
{
	*want = WANT_RUN;
	for (int i = 1; i < argc; i++) {
		const char *value = NULL;
		const char *name = flag_name(argv[i], &value);

		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			*want = WANT_HELP;
			return 0;
		}
		if (strcmp(argv[i], "--version") == 0) {
			*want = WANT_VERSION;
			return 0;
		}
		if (strcmp(argv[i], "--check") == 0) {
			*want = WANT_CHECK;
			continue;
		}
		if (!name)
			return weft_err_set(
			    err, WEFT_E_INVALID,
			    "unknown argument \"%s\"; weftd --help lists the options", argv[i]);
		if (!value && i + 1 == argc)
			return weft_err_set(err, WEFT_E_INVALID,
					    "%s needs a value; weftd --help says which", argv[i]);
		if (!value)
			value = argv[++i];

		int rc = flag_take(texts, name, value, err);

		if (rc != 0)
			return rc;
	}
	return 0;
}

void option_env_name(const char *name, char out[OPTION_ENV_BYTES])
{
	size_t n = (size_t)snprintf(out, OPTION_ENV_BYTES, "WEFT_%s", name);

	WEFT_ASSERT(n < OPTION_ENV_BYTES);
	for (size_t i = 5; i < n; i++)
		out[i] = (char)(out[i] == '-' ? '_' : toupper((unsigned char)out[i]));
}

static const char *env_find(char *const *list, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; list[i]; i++) {
		if (strncmp(list[i], name, len) == 0 && list[i][len] == '=')
			return list[i] + len + 1;
	}
	return NULL;
}

/* Is what this process writes to standard error the journal's? The variable names the device and
 * inode of the stream, as it is handed down to processes whose output goes elsewhere. */
static bool logs_to_journal(const char *stream)
{
	unsigned long long dev, inode;
	struct stat stat;

	return stream && sscanf(stream, "%llu:%llu", &dev, &inode) == 2 &&
	       fstat(STDERR_FILENO, &stat) == 0 && stat.st_dev == dev && stat.st_ino == inode;
}

int options_env(struct option_texts *texts, char *const *environ_list, struct weft_err *err)
{
	const char *config = env_find(environ_list, "WEFT_CONFIG");

	if (config && !texts->config_given) {
		if (strlen(config) >= sizeof(texts->config))
			return weft_err_set(err, WEFT_E_INVALID,
					    "WEFT_CONFIG: the path is too long; use a shorter one");
		snprintf(texts->config, sizeof(texts->config), "%s", config);
		texts->config_given = true;
	}
	if (logs_to_journal(env_find(environ_list, "JOURNAL_STREAM"))) {
		int rc = options_set(texts, OPTION_LOG_FORMAT, FROM_DEFAULT, "journal", err);

		if (rc != 0)
			return rc;
	}
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		char name[OPTION_ENV_BYTES];

		option_env_name(infos[i].name, name);

		const char *value = env_find(environ_list, name);
		int rc = value ? options_set(texts, (enum option_id)i, FROM_ENV, value, err) : 0;

		if (rc != 0)
			return rc;
	}
	return 0;
}

void options_print(const struct option_texts *texts, FILE *out)
{
	static const char *const sources[] = {"unset", "default", "file", "environment", "flag"};

	for (size_t i = 0; i < OPTION_COUNT; i++)
		fprintf(out, "%-14s %-32s (%s)\n", infos[i].name, texts->text[i],
			sources[texts->source[i]]);
}

/* Text in lines that fit a terminal; each but the first begins behind indent blanks. */
static void wrap(const char *text, int indent, FILE *out)
{
	int at = indent;

	while (*text) {
		int len = (int)strcspn(text, " ");

		if (at > indent && at + 1 + len > HELP_COLUMNS) {
			fprintf(out, "\n%*s", indent, "");
			at = indent;
		} else if (at > indent) {
			at += fprintf(out, " ");
		}
		at += fprintf(out, "%.*s", len, text);
		text += len;
		text += strspn(text, " ");
	}
	fputc('\n', out);
}

static void help_line(const struct option_info *info, FILE *out)
{
	char text[2 * OPTION_TEXT_BYTES];
	int at = fprintf(out, "  --%s %s", info->name, info->arg ? info->arg : "");

	if (at < HELP_INDENT)
		fprintf(out, "%*s", HELP_INDENT - at, "");
	else
		fprintf(out, "\n%*s", HELP_INDENT, "");
	snprintf(text, sizeof(text), "%s%s%s%s", info->help, info->preset ? " (" : "",
		 info->preset ? info->preset : "", info->preset ? ")" : "");
	wrap(text, HELP_INDENT, out);
}

void options_help(FILE *out)
{
	size_t count;
	const struct option_info *extra = options_extra(&count);

	fprintf(out,
		"usage: weftd [OPTION]...\n\n"
		"weftd gives containers, VMs and processes on many hosts one private network.\n"
		"It runs in the foreground; `weft init` or `weft join` gives it a cluster.\n\n");
	for (size_t i = 0; i < OPTION_COUNT; i++)
		help_line(&infos[i], out);
	for (size_t i = 0; i < count; i++)
		help_line(&extra[i], out);
	fputc('\n', out);
	wrap("Every option but the last four is also a key of the configuration file (state-dir: "
	     "/x) and an environment variable (WEFT_STATE_DIR), and WEFT_CONFIG is --config; a "
	     "flag wins over the environment, the environment over the file.",
	     0, out);
}
