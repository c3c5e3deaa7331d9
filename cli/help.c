/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/* Help, from the table of the API. */
#include <string.h>

#include "cli/cli.h"
#include "cli/table.h"
#include "gossip/base/drop.h"
#include "gossip/base/metrics.h"

void help_synopsis(const struct api_method *method, char *out, size_t cap)
{
	size_t len = (size_t)snprintf(out, cap, "%s", method->command);

	for (size_t i = 0; i < method->field_count && len < cap; i++) {
		const struct api_field *field = &method->fields[i];
		const char *many = field->type == API_TEXTS ? "..." : "";

		if (!field->option)
			len += (size_t)snprintf(out + len, cap - len,
						field->required ? " %s%s" : " [%s%s]", field->arg,
						many);
		else if (field->required && field->option[0])
			len += (size_t)snprintf(out + len, cap - len, " %s %s", field->option,
						field->arg);
	}
}

static void add_command(struct table *table, const struct api_method *method)
{
	char text[256];
	char line[264];

	help_synopsis(method, text, sizeof(text));
	snprintf(line, sizeof(line), "  %s", text);
	table_add(table, line, COLOUR_NONE);
	table_add(table, method->help, COLOUR_NONE);
}

/* Text, a line each, that goes on below where the terminal is narrower. */
static void print_lines(const char *const *lines, size_t count, FILE *out)
{
	struct table table;

	table_init(&table, 1);
	for (size_t i = 0; i < count; i++)
		table_add(&table, lines[i], COLOUR_NONE);
	table_print(&table, false, out);
	table_close(&table);
}

void help_all(FILE *out)
{
	static const char *const before[] = {
	    "usage: weft [--socket PATH] [--json] COMMAND [ARGUMENT]...",
	    "",
	    "weft gives containers, VMs and processes on many hosts one private network.",
	    "It talks to the weftd of this host.",
	    "",
	};
	static const char *const behind[] = {
	    "",
	    "weft help COMMAND says more, weft help metrics lists the metrics.",
	    "--json prints one JSON document.",
	    "Names may be ids or the unique beginning of an id.",
	    "Exit codes: 0 done, 1 failed, 2 usage, 3 not found, 4 conflict,",
	    "5 weftd unreachable, 6 try again.",
	};
	struct table table;

	print_lines(before, sizeof(before) / sizeof(before[0]), out);
	table_init(&table, 2);
	for (int i = 0; i < API_METHOD_COUNT; i++) {
		if (api_method((enum api_id)i)->command)
			add_command(&table, api_method((enum api_id)i));
	}
	table_print(&table, false, out);
	table_close(&table);
	print_lines(behind, sizeof(behind) / sizeof(behind[0]), out);
}

size_t help_group(const char *word, FILE *out)
{
	struct table table;
	size_t count = 0;

	table_init(&table, 2);
	for (int i = 0; i < API_METHOD_COUNT; i++) {
		const struct api_method *method = api_method((enum api_id)i);
		size_t len = strlen(word);

		if (!method->command || strncmp(method->command, word, len) != 0 ||
		    method->command[len] != ' ')
			continue;
		add_command(&table, method);
		count++;
	}
	table_print(&table, false, out);
	table_close(&table);
	return count;
}

static void drop_reasons(FILE *out)
{
	struct table table;

	fprintf(out, "\nReasons of %s:\n\n", metric_info(METRIC_gossip_dropped)->name);
	table_init(&table, 2);
	table.titled = true;
	table_add(&table, "REASON", COLOUR_NONE);
	table_add(&table, "WHAT WAS NOT USED, OR WHY", COLOUR_NONE);
	for (int reason = DROP_NONE + 1; reason < DROP_END_; reason++) {
		table_add(&table, drop_name((enum drop_reason)reason), COLOUR_NONE);
		table_add(&table, drop_help((enum drop_reason)reason), COLOUR_NONE);
	}
	table_print(&table, false, out);
	table_close(&table);
}

void help_metrics(FILE *out)
{
	static const char *const before[] = {
	    "What GET /metrics tells, as Prometheus text",
	    "(curl --unix-socket SOCKET http://weft/metrics; over TCP at weftd --metrics-listen):",
	    "",
	};
	struct table table;

	print_lines(before, sizeof(before) / sizeof(before[0]), out);
	table_init(&table, 4);
	table.titled = true;
	for (size_t c = 0; c < 4; c++)
		table_add(&table, (const char *const[]){"NAME", "TYPE", "LABELS", "WHAT"}[c],
			  COLOUR_NONE);
	for (int i = 0; i < METRIC_COUNT; i++) {
		const struct metric_info *info = metric_info((enum metric_id)i);

		table_add(&table, info->name, COLOUR_NONE);
		table_add(&table, metric_type_name(info->type), COLOUR_NONE);
		table_add(&table, info->label ? info->label : "-", COLOUR_NONE);
		table_add(&table, info->help, COLOUR_NONE);
	}
	table_print(&table, false, out);
	table_close(&table);
	drop_reasons(out);
}

void help_field(const struct api_field *field, char *out, size_t cap)
{
	bool is_list = field->type == API_TEXTS || field->type == API_LABELS;

	snprintf(out, cap, "%s%s", field->help,
		 field->option && is_list ? "; may be repeated" : "");
}

static void add_field(struct table *table, const struct api_field *field)
{
	char left[96], right[HELP_FIELD_BYTES];

	if (field->option && !field->option[0])
		return;
	if (!field->option)
		snprintf(left, sizeof(left), "  %s", field->arg);
	else
		snprintf(left, sizeof(left), "  %s%s%s", field->option, field->arg ? " " : "",
			 field->arg ? field->arg : "");
	table_add(table, left, COLOUR_NONE);
	help_field(field, right, sizeof(right));
	table_add(table, right, COLOUR_NONE);
}

void help_method(const struct api_method *method, FILE *out)
{
	struct table table;
	char text[256], usage[288];
	size_t count;
	const struct common_option *common = common_options(&count);

	help_synopsis(method, text, sizeof(text));
	snprintf(usage, sizeof(usage), "usage: weft %s%s", text,
		 method->field_count ? " [OPTION]..." : "");
	print_lines((const char *const[]){usage, "", method->help, ""}, 4, out);
	table_init(&table, 2);
	for (size_t i = 0; i < method->field_count; i++)
		add_field(&table, &method->fields[i]);
	for (size_t i = 0; i < count; i++) {
		if (common_is_behind(&common[i], method))
			add_field(&table, &common[i].field);
	}
	table_print(&table, false, out);
	table_close(&table);
	fprintf(out, "\nAPI: %s %s\n", method->verb, method->path);
}
