/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <ctype.h>

#include "cli/cli.h"
#include "daemon/options.h"
#include "packaging/pages/pages.h"

/* Text as troff is to show it: a hyphen is a minus, which can be copied into a shell; no line
 * begins with what troff takes for a request. */
static void text(FILE *out, const char *words)
{
	if (words[0] == '.' || words[0] == '\'')
		fputs("\\&", out);
	for (; *words; words++) {
		if (*words == '-')
			fputs("\\-", out);
		else if (*words == '\\')
			fputs("\\e", out);
		else
			fputc(*words, out);
	}
}

/* ".TP", "--option ARG", "what it does". */
static void term(FILE *out, const char *option, const char *arg, const char *help)
{
	fputs(".TP\n\\fB", out);
	text(out, option ? option : "");
	fputs("\\fR", out);
	if (arg) {
		fputs(option ? " \\fI" : "\\fI", out);
		text(out, arg);
		fputs("\\fR", out);
	}
	fputc('\n', out);
	text(out, help);
	fputc('\n', out);
}

static void command(FILE *out, const struct api_method *method)
{
	char synopsis[256];
	size_t count;
	const struct common_option *common = common_options(&count);

	help_synopsis(method, synopsis, sizeof(synopsis));
	fputs(".SS weft ", out);
	text(out, synopsis);
	fputc('\n', out);
	fputc(toupper((unsigned char)method->help[0]), out);
	text(out, method->help + 1);
	fputs(".\n", out);
	for (size_t i = 0; i < method->field_count; i++) {
		const struct api_field *field = &method->fields[i];

		/* The command itself finds the value of one with an empty option. */
		if (!field->option || field->option[0])
			term(out, field->option, field->arg, field->help);
	}
	for (size_t i = 0; i < count; i++) {
		if (common[i].places == COMMON_CHANGES && common_is_behind(&common[i], method))
			term(out, common[i].field.option, common[i].field.arg,
			     common[i].field.help);
	}
	fputs(".P\nAPI: ", out);
	text(out, method->verb);
	fputc(' ', out);
	text(out, method->path);
	fputc('\n', out);
}

void man_commands(FILE *out)
{
	for (int i = 0; i < API_METHOD_COUNT; i++) {
		if (api_method((enum api_id)i)->command)
			command(out, api_method((enum api_id)i));
	}
}

void man_common(FILE *out)
{
	size_t count;
	const struct common_option *common = common_options(&count);

	for (size_t i = 0; i < count; i++) {
		if (common[i].places != COMMON_CHANGES)
			term(out, common[i].field.option, common[i].field.arg,
			     common[i].field.help);
	}
}

void man_errors(FILE *out)
{
	for (int code = WEFT_E_FIRST_ + 1; code < WEFT_E_END_; code++) {
		const struct weft_code_info *info = weft_code_info(code);

		fputs(".TP\n\\fB", out);
		text(out, info->name);
		if (info->http_status)
			fprintf(out, "\\fR (exit code %d, HTTP status %d%s)\n", info->exit_code,
				info->http_status, info->retryable ? ", retryable" : "");
		else
			fprintf(out, "\\fR (exit code %d%s)\n", info->exit_code,
				info->retryable ? ", retryable" : "");
		fputc(toupper((unsigned char)info->help[0]), out);
		text(out, info->help + 1);
		fputs(".\n.br\nRemedy: ", out);
		text(out, info->remedy);
		fputs(".\n", out);
	}
}

static void option(FILE *out, const struct option_info *info, const char *dashes)
{
	char name[80], help[256];

	snprintf(name, sizeof(name), "%s%s%s", dashes, info->name, dashes[0] ? "" : ":");
	if (info->preset)
		snprintf(help, sizeof(help), "%s (default: %s)", info->help, info->preset);
	else
		snprintf(help, sizeof(help), "%s", info->help);
	term(out, name, info->arg, help);
}

void man_flags(FILE *out)
{
	size_t count;
	const struct option_info *extra = options_extra(&count);

	for (size_t i = 0; i < OPTION_COUNT; i++)
		option(out, option_info((enum option_id)i), "--");
	for (size_t i = 0; i < count; i++)
		option(out, &extra[i], "--");
}

void man_keys(FILE *out)
{
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		char name[OPTION_ENV_BYTES];

		option(out, option_info((enum option_id)i), "");
		option_env_name(option_info((enum option_id)i)->name, name);
		fprintf(out, ".br\nVariable: %s\n", name);
	}
}
