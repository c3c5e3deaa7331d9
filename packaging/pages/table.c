/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
#include <stdlib.h>

#include "cli/cli.h"
#include "daemon/options.h"
#include "packaging/pages/pages.h"

/* "O	network create	--subnet	CIDR	a pool"; "-" where a flag takes no value. */
static void option_line(FILE *out, const char *command, const struct api_field *field)
{
	fprintf(out, "O\t%s\t%s\t%s\t%s\n", command, field->option, field->arg ? field->arg : "-",
		field->help);
}

static void command_lines(FILE *out, const struct api_method *method)
{
	size_t count;
	const struct common_option *common = common_options(&count);

	fprintf(out, "C\t%s\t%s\n", method->command, method->help);
	for (size_t i = 0; i < method->field_count; i++) {
		const struct api_field *field = &method->fields[i];

		if (!field->option)
			fprintf(out, "A\t%s\t%s\t%s\n", method->command, field->arg,
				field->type == API_TEXTS ? "more" : "one");
		else if (field->option[0])
			option_line(out, method->command, field);
	}
	for (size_t i = 0; i < count; i++) {
		if (common_is_behind(&common[i], method))
			option_line(out, method->command, &common[i].field);
	}
}

void completion_table(FILE *out)
{
	size_t count;
	const struct common_option *common = common_options(&count);

	for (size_t i = 0; i < count; i++) {
		if (common[i].places & COMMON_FRONT)
			option_line(out, "-", &common[i].field);
	}
	for (int i = 0; i < API_METHOD_COUNT; i++) {
		if (api_method((enum api_id)i)->command)
			command_lines(out, api_method((enum api_id)i));
	}
}

void completion_table_quoted(FILE *out)
{
	char *text = NULL;
	size_t len = 0;
	FILE *lines = open_memstream(&text, &len);

	if (!lines)
		return;
	completion_table(lines);
	fclose(lines);
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\'' || text[i] == '\\')
			fputc('\\', out);
		fputc(text[i], out);
	}
	free(text);
}

void yaml_keys(FILE *out)
{
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		const struct option_info *info = option_info((enum option_id)i);

		fprintf(out, "\n# %s\n# %s: %s\n", info->help, info->name,
			info->preset ? info->preset : info->arg);
	}
}
