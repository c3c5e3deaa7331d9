/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include "cli/cli.h"
#include "daemon/options.h"
#include "gossip/base/drop.h"
#include "packaging/pages/pages.h"
#include "packaging/pages/troff.h"

static void command(FILE *out, const struct api_method *method)
{
	char synopsis[256], help[HELP_FIELD_BYTES];
	size_t count;
	const struct common_option *common = common_options(&count);

	help_synopsis(method, synopsis, sizeof(synopsis));
	fputs(".SS weft ", out);
	troff_text(out, synopsis);
	fputc('\n', out);
	troff_sentence(out, method->help);
	for (size_t i = 0; i < method->field_count; i++) {
		const struct api_field *field = &method->fields[i];

		/* The command itself finds the value of one with an empty option. */
		if (field->option && !field->option[0])
			continue;
		help_field(field, help, sizeof(help));
		troff_term(out, field->option, field->arg, help);
	}
	for (size_t i = 0; i < count; i++) {
		if (common[i].places == COMMON_CHANGES && common_is_behind(&common[i], method))
			troff_term(out, common[i].field.option, common[i].field.arg,
				   common[i].field.help);
	}
	fputs(".P\nAPI: ", out);
	troff_text(out, method->verb);
	fputc(' ', out);
	troff_text(out, method->path);
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
			troff_term(out, common[i].field.option, common[i].field.arg,
				   common[i].field.help);
	}
}

void man_errors(FILE *out)
{
	for (int code = WEFT_E_FIRST_ + 1; code < WEFT_E_END_; code++) {
		const struct weft_code_info *info = weft_code_info(code);

		fputs(".TP\n\\fB", out);
		troff_text(out, info->name);
		if (info->http_status)
			fprintf(out, "\\fR (exit code %d, HTTP status %d%s)\n", info->exit_code,
				info->http_status, info->retryable ? ", retryable" : "");
		else
			fprintf(out, "\\fR (exit code %d%s)\n", info->exit_code,
				info->retryable ? ", retryable" : "");
		troff_sentence(out, info->help);
		fputs(".br\nRemedy: ", out);
		troff_text(out, info->remedy);
		fputs(".\n", out);
	}
}

void man_drops(FILE *out)
{
	for (int reason = DROP_NONE + 1; reason < DROP_END_; reason++) {
		fputs(".TP\n\\fB", out);
		troff_text(out, drop_name((enum drop_reason)reason));
		fputs("\\fR\n", out);
		troff_sentence(out, drop_help((enum drop_reason)reason));
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
	troff_term(out, name, info->arg, help);
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
